"""The same work in PyTorch, Foolbox and ART, where they can be imported. Prints one JSON line per measurement.

Usage: python peers.py WIDTH BATCH STEPS REPETITIONS
The network is a ResNet-18 in CIFAR shape (3x32x32, ten classes) with random weights and frozen batch normalisation; with width 0
the small CNN of the digits example (1x28x28), with random weights too.
"""

import json
import statistics
import sys
import time

import torch
from torch import nn

width, batch, steps, repetitions = (int(argument) for argument in sys.argv[1:5])


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.short = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.short(x))


def resnet18():
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage, stride in enumerate((1, 2, 2, 2)):
        outputs = width * 2**stage
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10)).eval()


def digits_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, 2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, 2, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1568, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    ).eval()


torch.manual_seed(0)
torch.set_num_threads(2)
model = resnet18() if width > 0 else digits_cnn()
shape = (3, 32, 32) if width > 0 else (1, 28, 28)
x = torch.rand(batch, *shape)
labels = torch.randint(0, 10, (batch,))
epsilon = 8 / 255


def measure(name, work):
    work()
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"name": name, "seconds": statistics.median(seconds)}), flush=True)


def forward():
    with torch.no_grad():
        model(x)


def gradient():
    leaf = x.clone().requires_grad_(True)
    loss = nn.functional.cross_entropy(model(leaf), labels, reduction="sum")
    torch.autograd.grad(loss, leaf)


def gradient_with_backward():
    leaf = x.clone().requires_grad_(True)
    nn.functional.cross_entropy(model(leaf), labels, reduction="sum").backward()


measure("pytorch forward", forward)
measure("pytorch gradient of the input", gradient)
measure("pytorch loss.backward()", gradient_with_backward)

try:
    import foolbox

    foolbox_model = foolbox.PyTorchModel(model, bounds=(0, 1))
    pgd = foolbox.attacks.LinfPGD(steps=steps, rel_stepsize=0.25)
    measure("foolbox pgd", lambda: pgd(foolbox_model, x, labels, epsilons=[epsilon]))
except ImportError as error:
    print(json.dumps({"name": "foolbox pgd", "missing": str(error)}), flush=True)

try:
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), input_shape=shape, nb_classes=10, clip_values=(0, 1), device_type="cpu"
    )
    attack = ProjectedGradientDescent(
        classifier, eps=epsilon, eps_step=epsilon / 4, max_iter=steps, num_random_init=1, batch_size=batch, verbose=False
    )
    one_hot = nn.functional.one_hot(labels, 10).numpy()
    measure("art pgd", lambda: attack.generate(x.numpy(), one_hot))
except ImportError as error:
    print(json.dumps({"name": "art pgd", "missing": str(error)}), flush=True)
