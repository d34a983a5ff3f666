"""Searches a network for handwritten digits with shared weights: `python examples/supernet.py SPOS` (or TuNAS, or DARTS)."""

import sys

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import pliant as pg
from pliant import oneshot

pixels, digits = load_digits(return_X_y=True)
images, labels = torch.tensor(pixels / 16).float().view(-1, 1, 8, 8), torch.tensor(digits)
rest, TEST = train_test_split(range(1797), test_size=597, stratify=digits, random_state=0)
TRAIN, VALIDATION = train_test_split(rest, test_size=400, stratify=digits[rest], random_state=0)

Sequential, Identity, MaxPool, Flatten, Linear = map(
    pg.symbolize, (nn.Sequential, nn.Identity, nn.MaxPool2d, nn.Flatten, nn.Linear)
)


@pg.symbolize  # ordinary PyTorch code
class Conv(nn.Sequential):
    def __init__(self, inputs, filters, kernel):
        super().__init__(
            nn.Conv2d(inputs, filters, kernel, padding="same"), nn.BatchNorm2d(filters), nn.ReLU()
        )


@pg.symbolize
class Residual(nn.Module):
    def __init__(self, kernel):
        super().__init__()
        self.conv = Conv(16, 16, kernel)

    def forward(self, x):
        return x + self.conv(x)


def search_space():
    """4 layers of 5 candidates each: 625 networks."""

    def layer():
        return pg.oneof([Residual(1), Residual(3), Residual(5), MaxPool(3, 1, 1), Identity()])

    return Sequential(
        Conv(1, 16, 3), layer(), layer(), MaxPool(2), layer(), layer(), MaxPool(2), Flatten(), Linear(64, 10)
    )


PER_BATCH = oneshot.BatchStatistics()  # shared weights have no running statistics that fit all networks
SAMPLERS = {  # the line that says how to search; nothing else changes
    "SPOS": lambda: oneshot.SPOS(evaluations=40, batches=2, normalization=PER_BATCH),
    "TuNAS": lambda: oneshot.TuNAS(learning_rate=0.05),
    "DARTS": lambda: oneshot.DARTS(learning_rate=0.01),
}


def optimizer(weights):
    return torch.optim.AdamW(weights, lr=3e-3)


def batches(split, size):
    order = torch.tensor(split)[torch.randperm(len(split), generator=torch.Generator().manual_seed(0))]
    return [(images[batch], labels[batch]) for batch in order.split(size)]


def search(name, epochs=10, seed=0):
    """Trains one network that holds all 625, and returns the best of them with what is to be said about the search."""
    sampler = SAMPLERS[name]()
    train, valid = batches(TRAIN, 20), batches(VALIDATION, 100)
    options = {"epochs": epochs, "optimizer": optimizer, "normalization": PER_BATCH, "seed": seed}
    trainer = oneshot.Trainer(search_space(), sampler, train, valid, **options)
    return trainer.fit(), trainer.network(inherit=False)


def train_alone(network, epochs=10, seed=0):
    """Trains one network from scratch, and returns its accuracy on images that the search never saw."""
    torch.manual_seed(seed)
    steps = optimizer(network.parameters())
    for _ in range(epochs):
        for x, y in batches(TRAIN, 20):
            steps.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            steps.step()
    return (network.eval()(images[TEST]).argmax(1) == labels[TEST]).double().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)  # the quickest for networks as small as these
    report, network = search(sys.argv[1] if len(sys.argv) > 1 else "SPOS")
    print(report)
    print(f"trained from scratch: {train_alone(network):.1%} of the images for testing")
    others = [train_alone(pg.random_sample(search_space(), seed)) for seed in range(3)]
    print(f"three random networks: {', '.join(f'{accuracy:.1%}' for accuracy in others)}")
