"""One step of training in PyTorch's eager mode: plain, and with PGD-7. Prints the median seconds of each as JSON.

Usage: python training.py WIDTH BATCH REPETITIONS [THREADS]
With one thread it counts processor time.
The network is a ResNet-18 in CIFAR shape of that width, batch normalisation in training mode; with width 0 a CNN of LeNet's size.
"""

import json
import statistics
import sys
import time

import torch
from torch import nn

width, batch, repetitions, *threads = (int(argument) for argument in sys.argv[1:])
clock = time.process_time if threads == [1] else time.perf_counter
if threads:
    torch.set_num_threads(threads[0])


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.short = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.body(x) + self.short(x))


def network():
    if width == 0:
        return nn.Sequential(
            nn.Conv2d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 5, 2, 2), nn.ReLU(),
            nn.Flatten(), nn.Linear(1568, 100), nn.ReLU(), nn.Linear(100, 10),
        )  # fmt: skip
    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage, stride in enumerate((1, 2, 2, 2)):
        outputs = width * 2**stage
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


model = network().train()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
x = torch.rand(batch, *((1, 28, 28) if width == 0 else (3, 32, 32)))
y = torch.arange(batch) % 10
loss_of = nn.CrossEntropyLoss()
epsilon = 8 / 255


def step(inputs):
    optimizer.zero_grad()
    loss_of(model(inputs), y).backward()
    optimizer.step()


def adversarial():
    model.eval()
    z = (x + epsilon * (2 * torch.rand_like(x) - 1)).clamp(0, 1)
    for _ in range(7):
        z.requires_grad_(True)
        (slope,) = torch.autograd.grad(loss_of(model(z), y), z)
        z = (z.detach() + epsilon / 4 * slope.sign()).clamp(x - epsilon, x + epsilon).clamp(0, 1)
    model.train()
    step(z)


def measured(work):
    times = []
    for _ in range(repetitions + 1):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times[1:])


print(json.dumps({"plain": measured(lambda: step(x)), "adversarial": measured(adversarial)}))
