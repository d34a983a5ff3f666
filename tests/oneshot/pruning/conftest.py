"""Small networks of several kinds, with weights and statistics that differ by channel."""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    """A residual block."""

    def __init__(self, width, inner):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, inner, 3, padding=1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class Residual(nn.Module):
    """A residual network with two blocks."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn = nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(Block(16, 8), Block(16, 16))
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.blocks(torch.relu(self.bn(self.stem(x)))).mean((2, 3)))


class Dense(nn.Module):
    """Concatenates the outputs of two branches."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Conv2d(16, 4, 1)

    def forward(self, x):
        return self.last(torch.relu(torch.cat([self.a(x), self.b(x)], 1)))


def make(kind):
    """Returns a network and an input."""
    torch.manual_seed(0)
    image = torch.randn(2, 3, 8, 8)
    network, x = {
        "residual": lambda: (Residual(), image),
        "concatenation": lambda: (Dense(), image),
        "depthwise": lambda: (
            nn.Sequential(
                nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 3, groups=16), nn.PReLU(16), nn.Conv2d(16, 2, 1)
            ),
            image,
        ),
        "flattened": lambda: (
            nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4)),
            image,
        ),
        "transposed": lambda: (
            nn.Sequential(
                nn.Conv2d(3, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 16, 3), nn.ReLU(), nn.Conv2d(16, 2, 1)
            ),
            image,
        ),
        "perceptron": lambda: (
            nn.Sequential(
                nn.Linear(4, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
            ),
            torch.randn(5, 4),
        ),
    }[kind]()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 1.5)
    return network.eval(), x


KINDS = ["residual", "concatenation", "depthwise", "flattened", "transposed", "perceptron"]
