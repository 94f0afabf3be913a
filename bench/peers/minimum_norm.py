"""C&W in Foolbox and ART and DeepFool in Foolbox, where they can be imported. Prints one JSON line per measurement.

Usage: python minimum_norm.py NETWORK.npz cnn|mlp SEARCHES ITERATIONS REPETITIONS THREADS
The file holds samples x, labels y and the weights in the order of the layers.
"""

import json
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn

path, architecture = sys.argv[1:3]
searches, iterations, repetitions, threads = (int(argument) for argument in sys.argv[3:7])
file = np.load(path)
x = torch.tensor(file["x"])
labels = torch.tensor(file["y"])
weights = [torch.tensor(file[f"weight{index}"]) for index in range(len(file.files) - 2)]
torch.set_num_threads(threads)


def with_weights(layer, weight, bias):
    layer.weight = nn.Parameter(weight)
    layer.bias = nn.Parameter(bias)
    return layer


layers = []
for weight, bias in zip(weights[::2], weights[1::2]):
    if weight.ndim == 4:
        layers.append(with_weights(nn.Conv2d(weight.shape[1], weight.shape[0], 5, 2, 2), weight, bias))
    else:
        if layers and isinstance(layers[-2], nn.Conv2d):
            layers.append(nn.Flatten())
        matrix = weight if architecture == "cnn" else weight.T.contiguous()
        layers.append(with_weights(nn.Linear(matrix.shape[1], matrix.shape[0]), matrix, bias))
    layers.append(nn.ReLU())
model = nn.Sequential(*layers[:-1]).eval()
assert (model(x).argmax(1) == labels).all(), "the network is not the one that the labels are from"


def measure(name, attack, work):
    adversarial = torch.as_tensor(work())
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    broken = model(adversarial).argmax(1) != labels
    mean = (adversarial - x)[broken].flatten(1).norm(2, 1).mean().item()
    row = {"name": name, "attack": attack, "seconds": statistics.median(seconds), "mean": mean}
    print(json.dumps(row), flush=True)


def missing(name, attack, error):
    print(json.dumps({"name": name, "attack": attack, "missing": str(error)}), flush=True)


try:
    import foolbox

    foolbox_model = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    criterion = foolbox.criteria.Misclassification(labels)
    carlini = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=searches, steps=iterations, initial_const=1, abort_early=False
    )
    deep_fool = foolbox.attacks.L2DeepFoolAttack(steps=50)
    measure("foolbox", "C&W L2", lambda: carlini.run(foolbox_model, x, criterion))
    measure("foolbox", "DeepFool", lambda: deep_fool.run(foolbox_model, x, criterion))
except ImportError as error:
    missing("foolbox", "C&W L2", error)
    missing("foolbox", "DeepFool", error)

try:
    from art.attacks.evasion import CarliniL2Method
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), input_shape=tuple(x.shape[1:]), nb_classes=10, clip_values=(0, 1), device_type="cpu"
    )
    one_hot = nn.functional.one_hot(labels, 10).numpy()
    carlini = CarliniL2Method(
        classifier, binary_search_steps=searches, max_iter=iterations, initial_const=1, batch_size=len(x), verbose=False
    )
    measure("art", "C&W L2", lambda: carlini.generate(x.numpy(), one_hot))
except ImportError as error:
    missing("art", "C&W L2", error)
