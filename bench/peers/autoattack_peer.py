"""The authors' AutoAttack (https://github.com/fra31/auto-attack) on a digit model in PyTorch with the weights of its ONNX file.

Usage: python autoattack_peer.py MODEL.onnx DIGITS.npz EPSILON COUNT THREADS
Prints one JSON line per stage, each run on what the one before it left standing, a total, and the versions.
"""

import json
import sys
import time

import autoattack
import numpy
import onnx
import torch
from onnx import numpy_helper
from torch import nn

path, digits, epsilon, count, threads = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
torch.set_num_threads(threads)

model = nn.Sequential(
    nn.Conv2d(1, 16, 5, 2, 2),
    nn.ReLU(),
    nn.Conv2d(16, 32, 5, 2, 2),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(1568, 100),
    nn.ReLU(),
    nn.Linear(100, 10),
).eval()
weights = {each.name: torch.tensor(numpy_helper.to_array(each).copy()) for each in onnx.load(path).graph.initializer}
model.load_state_dict(weights)
data = numpy.load(digits)
x = torch.tensor(data["x"][:count]).float().reshape(-1, 1, 28, 28) / 255
y = torch.tensor(data["y"][:count]).long()


def standing(points, labels):
    with torch.no_grad():
        return model(points).argmax(1) == labels


attack = autoattack.AutoAttack(model, norm="Linf", eps=epsilon, version="standard", device="cpu", seed=0, verbose=False)
stages = {"apgd-ce": "APGD-CE", "apgd-t": "APGD-T", "fab-t": "FAB-T", "square": "Square"}
attack.version = "custom"
right = standing(x, y)
x, y = x[right], y[right]
total = 0.0
for key, name in stages.items():
    attack.attacks_to_run = [key]
    start = time.perf_counter()
    if len(x) > 0:
        adversarial = attack.run_standard_evaluation(x, y, bs=250)
        stands = standing(adversarial, y)
        x, y = x[stands], y[stands]
    seconds = time.perf_counter() - start
    total += seconds
    print(json.dumps({"stage": name, "robust": len(x), "seconds": seconds}), flush=True)
print(json.dumps({"stage": "total", "robust": len(x), "seconds": total}), flush=True)
print(json.dumps({"version": f"PyTorch {torch.__version__}, AutoAttack of the authors, {threads} threads"}), flush=True)
