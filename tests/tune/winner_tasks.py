"""What test_winner.py searches, found by name in worker processes.  No tests here."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

import pliant as pg


class Model:
    """A model that has state after training."""

    def __init__(self, size, folder=""):
        self.size, self.folder, self.weights = size, folder, None

    def train(self):
        self.weights = [float(self.size)] * self.size
        return float(self.size)


SymbolicModel = pg.symbolize(Model)


def make_space(folder=""):
    return SymbolicModel(pg.intv(1, 5), folder)


def train(model):
    return model.train()


def train_and_save(model, feedback):
    reward = model.train()
    Path(model.folder, f"{feedback.id}.txt").write_text(repr(model.weights))
    return reward


Sequential, Conv2d, ReLU, Flatten, Linear = map(
    pg.symbolize, (nn.Sequential, nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear)
)


def make_networks():
    return Sequential(Conv2d(1, 4, pg.oneof([1, 3]), padding="same"), ReLU(), Flatten(), Linear(256, 10))


def digits():
    """Images of bars in ten places, with noise."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(10).repeat(20)
    images = 0.3 * torch.rand(200, 1, 8, 8, generator=random)
    for image, label in zip(images, labels, strict=True):
        image[0, label // 2, (label % 2) * 4 : (label % 2) * 4 + 4] += 1
    return images, labels


def score_network(network):
    images, labels = digits()
    return (network(images).argmax(1) == labels).double().mean().item()


def train_network(network):
    images, labels = digits()
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    return score_network(network)
