"""Searches the published ResNet-20 of the package pytorchcv for a network with half of its multiply-adds:
`python examples/foreign.py SPOS` (or TuNAS)."""

import sys

import torch
from pytorchcv.models.resnet import ResUnit
from pytorchcv.models.resnet_cifar import resnet20_cifar10
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import pliant as pg
from pliant import oneshot

pixels, digits = load_digits(return_X_y=True)
images, labels = torch.tensor(pixels / 16).float().view(-1, 1, 8, 8), torch.tensor(digits)
rest, TEST = train_test_split(range(1797), test_size=597, stratify=digits, random_state=0)
TRAIN, VALIDATION = train_test_split(rest, test_size=400, stratify=digits[rest], random_state=0)


def published_network():
    """He et al.'s ResNet-20 for small images, from its package; digits are 8 x 8, so its last pooling is over 2 x 2."""
    network = resnet20_cifar10(in_channels=1)
    return oneshot.open_network(network).rebind({"features.final_pool.kernel_size": 2})


def search_space():
    """Kernels and widths of its residual units, widths of whole stages, and the number of units of each stage."""

    def resize(path, value, parent):
        if not isinstance(value, nn.Conv2d) or "body" not in path.keys:
            return value
        width = value.out_channels
        layer = oneshot.open_kernel(value, [1, 3], name=f"kernel of {path}")
        return layer.rebind(out_channels=pg.oneof([width // 2, width]))

    def shorten(path, value, parent):
        can_go = isinstance(value, ResUnit) and path.key != "unit1"  # a stage's first unit changes the size
        return pg.oneof([value, nn.Identity()]) if can_go else value

    # Outputs that are added have equal widths (tie), and the next layer takes that width as input.
    space = oneshot.follow(published_network().rebind(resize), images[:1], tie=True)
    return space.rebind(shorten)


PER_BATCH = oneshot.BatchStatistics()  # faster than recalibrating 200 networks
SAMPLERS = {  # the line that chooses the algorithm; nothing else changes
    "SPOS": lambda cost, aim: oneshot.SPOS(
        evaluations=200, batches=2, normalization=PER_BATCH, cost=cost, limit=aim
    ),
    "TuNAS": lambda cost, aim: oneshot.TuNAS(learning_rate=0.06, cost=cost, target=aim, exponent=-0.5),
}


def optimizer(weights):
    return torch.optim.AdamW(weights, lr=3e-3)


def batches(split, size):
    order = torch.tensor(split)[torch.randperm(len(split), generator=torch.Generator().manual_seed(0))]
    return [(images[batch], labels[batch]) for batch in order.split(size)]


def count(network):
    return oneshot.count_multiply_adds(network, images[:1])


def search(name, epochs=20, seed=0):
    """Trains the super-network of the space; returns the report, and the best network with half of the cost."""
    torch.manual_seed(seed)  # of the first weights of the published network
    net = oneshot.supernet(search_space())
    sampler = SAMPLERS[name](oneshot.MultiplyAdds(net, images[:1]), count(published_network()) / 2)
    train, valid = batches(TRAIN, 40), batches(VALIDATION, 100)
    options = {"epochs": epochs, "optimizer": optimizer, "seed": seed}
    trainer = oneshot.Trainer(net, sampler, train, valid, **options)
    return trainer.fit(), trainer.network(inherit=False)


def train_alone(network, epochs=20, seed=0):
    """Trains a network from scratch, in place, and returns its accuracy on images that the search did not use."""
    torch.manual_seed(seed)
    steps = optimizer(network.parameters())
    for _ in range(epochs):
        for x, y in batches(TRAIN, 40):
            steps.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            steps.step()
    return (network.eval()(images[TEST]).argmax(1) == labels[TEST]).double().mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)  # the fastest for networks of this size
    report, found = search(
        sys.argv[1] if len(sys.argv) > 1 else "SPOS"
    )  # without weights, which the loop below trains
    print(report)
    for name, network in {"found": found, "published": published_network()}.items():
        print(f"{name:10} {count(network):,} multiply-adds, trained from scratch: {train_alone(network):.1%}")
