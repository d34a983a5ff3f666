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


SAMPLERS = {  # the line that chooses the algorithm; nothing else changes
    "SPOS": lambda: oneshot.SPOS(evaluations=40, batches=2),
    "TuNAS": lambda: oneshot.TuNAS(learning_rate=0.05),
    "DARTS": lambda: oneshot.DARTS(learning_rate=0.01),
}


def optimizer(weights):
    return torch.optim.AdamW(weights, lr=3e-3)


def batches(split, size):
    order = torch.tensor(split)[torch.randperm(len(split), generator=torch.Generator().manual_seed(0))]
    return [(images[batch], labels[batch]) for batch in order.split(size)]


def search(name, epochs=10, seed=0):
    """Trains a super-network of all 625 networks; returns the report, the best network with its weights, and a new copy."""
    data = batches(TRAIN, 20), batches(VALIDATION, 100)
    options = {"epochs": epochs, "optimizer": optimizer, "seed": seed}
    trainer = oneshot.Trainer(search_space(), SAMPLERS[name](), *data, **options)
    return trainer.fit(), trainer.network(), trainer.network(inherit=False)


def train_alone(network, epochs=10, seed=0):
    """Trains one network from scratch, and returns its accuracy on test images."""
    torch.manual_seed(seed)
    steps = optimizer(network.parameters())
    for _ in range(epochs):
        for x, y in batches(TRAIN, 20):
            steps.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            steps.step()
    return test(network)


def test(network):
    """Returns the accuracy on images that the search did not use."""
    return (network.eval()(images[TEST]).argmax(1) == labels[TEST]).double().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)  # the fastest for networks of this size
    report, trained, new = search(sys.argv[1] if len(sys.argv) > 1 else "SPOS")
    print(report)
    print(f"with its shared weights: {test(trained):.1%} of the test images")
    print(f"trained from scratch: {train_alone(new):.1%} of the test images")
    others = [train_alone(pg.random_sample(search_space(), seed)) for seed in range(3)]
    print(f"three random networks: {', '.join(f'{accuracy:.1%}' for accuracy in others)}")
