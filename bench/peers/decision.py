"""HopSkipJump in ART and Foolbox on the digits model, where they can be imported. Prints one JSON line per measurement.

Usage: python decision.py MODEL.onnx SAMPLES.npz SAMPLES ITERATIONS REPETITIONS
The network is built in PyTorch with the weights of the file; the same samples, probes and batches as ours.
"""

import json
import statistics
import sys
import time

import numpy
import onnx
import torch
from onnx import numpy_helper
from torch import nn

path, archive = sys.argv[1:3]
samples, iterations, repetitions = (int(argument) for argument in sys.argv[3:6])

torch.manual_seed(0)
numpy.random.seed(0)
torch.set_num_threads(2)


class Network(nn.Module):
    """Counts rows, and takes the doubles that ART makes of its points under NumPy 2 back to single precision."""

    queries = 0

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, 2, 2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 5, 2, 2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1568, 100),
            nn.ReLU(),
            nn.Linear(100, 10),
        )

    def forward(self, x):
        Network.queries += len(x)
        return self.layers(x.float())


model = Network().eval()
weights = {each.name: torch.from_numpy(numpy_helper.to_array(each).copy()) for each in onnx.load(path).graph.initializer}
model.layers.load_state_dict(weights)

with numpy.load(archive) as data:
    x = data["x"][:samples].reshape(samples, 1, 28, 28).astype(numpy.float32) / 255
    labels = data["y"][:samples].astype(numpy.int64)

def measure(name, attack):
    costs, medians = [], []
    for _ in range(repetitions):
        Network.queries = 0
        start = time.perf_counter()
        adversarial = attack()
        costs.append((time.perf_counter() - start) / Network.queries)
        used = Network.queries
        with torch.no_grad():
            broken = model(torch.from_numpy(adversarial)).argmax(1).numpy() != labels
        distances = numpy.linalg.norm((adversarial - x).reshape(samples, -1), axis=1)
        medians.append(float(numpy.median(numpy.where(broken, distances, numpy.inf))))
    row = {"name": name, "secondsPerQuery": statistics.median(costs), "queries": used, "distance": statistics.median(medians)}
    print(json.dumps(row), flush=True)


try:
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), input_shape=(1, 28, 28), nb_classes=10, clip_values=(0, 1), device_type="cpu"
    )
    hop = HopSkipJump(classifier, norm=2, max_iter=iterations, batch_size=64, verbose=False)
    measure("art", lambda: hop.generate(x, labels))
except ImportError as error:
    print(json.dumps({"name": "art", "missing": str(error)}), flush=True)

try:
    import foolbox

    foolbox_model = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.HopSkipJumpAttack(steps=iterations, constraint="l2")
    inputs, classes = torch.from_numpy(x), torch.from_numpy(labels)
    measure("foolbox", lambda: attack.run(foolbox_model, inputs, classes).numpy())
except ImportError as error:
    print(json.dumps({"name": "foolbox", "missing": str(error)}), flush=True)
