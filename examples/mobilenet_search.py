"""Three search spaces and three algorithms for a small MobileNetV2 on Fashion-MNIST, each a few lines from the one before.

The case study of the PyGlove paper (Peng et al., NeurIPS 2020, table 3): `python examples/mobilenet_search.py 4` runs row 4.
"""

import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import pliant as pg
from pliant import oneshot
from pliant.algorithms import Bayesian, Random, Reject
from pliant.oneshot import TuNAS
from pliant.zoo.mobilenet_v2 import InvertedBottleneck, Layer, make_network, scale_filters
from pliant.zoo.operations import Zero

# The static network, and how it is trained: nothing here prepares a search.
# Its blocks: expansion ratio, filters, layers, first stride.
BLOCKS = ((1, 8, 1, 2), (6, 16, 2, 2), (6, 24, 3, 1))
network = make_network(10, blocks=BLOCKS, filters=(8, 64))

file = Path(os.environ.get("PLIANT_DATA", "../shared/data")) / "fashion_mnist_prefix.npz"  # of 28 x 28 pixels
data = {name: torch.tensor(array) for name, array in np.load(file).items()}


def batches(name, start, stop):
    images = nn.functional.pad(data[f"x_{name}"][start:stop, None] / 255, (2, 2, 2, 2)).expand(-1, 3, -1, -1)
    images = images.contiguous(memory_format=torch.channels_last)  # faster
    return list(zip(images.split(64), data[f"y_{name}"][start:stop].long().split(64)))


TRAIN, VALID, TEST = batches("train", 0, 6208), batches("train", 6208, 8192), batches("test", 0, 6978)
IMAGE = TRAIN[0][0][:1]


def optimizer(weights):
    return torch.optim.AdamW(weights, lr=4e-3, weight_decay=0.02)


def train(model, epochs, seed=0):
    """Trains a network from scratch, and returns it."""
    torch.manual_seed(seed)
    steps = optimizer(model.parameters())
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(steps, epochs * len(TRAIN))
    for _ in range(epochs):
        for x, y in TRAIN:
            steps.zero_grad()
            nn.functional.cross_entropy(model.train()(x), y).backward()
            steps.step()
            schedule.step()
    return model


@torch.no_grad()
def test(model, split):
    """Returns the accuracy of a network."""
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in split) / sum(len(y) for _, y in split)


def count(model):
    return oneshot.count_multiply_adds(model, IMAGE)


LIMIT = count(network.clone())


# The search: with a sampler, the networks of a space share their weights; with another algorithm, each is trained alone.
def search(relax, make_algorithm, seed=0, epochs=4, trials=12):
    """Returns the network found, without weights."""
    torch.manual_seed(seed)  # of the super-network's weights
    space = network.clone().rebind(relax)
    net = oneshot.supernet(space)
    algorithm = make_algorithm(oneshot.MultiplyAdds(net, IMAGE))
    if isinstance(algorithm, oneshot.Sampler):
        trainer = oneshot.Trainer(
            net, algorithm, TRAIN, VALID, epochs=epochs // 2 * len(relax), optimizer=optimizer, seed=seed
        )
        for _ in range(trainer.epochs):  # as trainer.fit(), without its report
            trainer.run_epoch()
        return pg.materialize(space, algorithm.decisions())
    loop = pg.sample(space, algorithm, trials=trials, seed=seed, progress=False)
    for model, feedback in loop:
        accuracy = test(train(model, epochs // 4, seed), VALID)
        feedback(accuracy - 0.1 * abs(count(model) / LIMIT - 1))  # the absolute reward of TuNAS
    return pg.materialize(space, loop.best_decisions)


# S1: searches operations.
def relax_ops(path, value, parent):
    """Opens the kernel size and expansion ratio of each layer, and its removal if it is not the first of its block."""
    if not isinstance(value, InvertedBottleneck) or path.key != "op":
        return value
    ratios = [1] if value.expansion_ratio == 1 else [3, 6]
    sizes = [(k, e) for k in [3, 5, 7] for e in ratios]
    ops = [value.clone().rebind(kernel_size=k, expansion_ratio=e) for k, e in sizes]
    return pg.oneof(ops if parent.is_first else [*ops, Zero(value.filters)])


# S2: searches filters.
def relax_filters(path, value, parent):
    """Opens the filters of each layer, which are also the input filters of the next one."""
    if not isinstance(value, int) or path.key not in ("filters", "filters_in"):
        return value
    layers = list(network.query(lambda part: isinstance(part, Layer)))
    found = [i for i, place in enumerate(layers) if str(path).startswith(str(place))]
    number = (found or [len(layers)])[0] - (path.key == "filters_in")
    widths = {scale_filters(value, m) for m in [0.5, 0.625, 0.75, 1, 1.25, 1.5, 2]}
    hole = pg.oneof(sorted(widths), name=f"filters of layer {number}")
    return hole if 0 <= number < len(layers) else value


# The rows of the table: another space or another algorithm is another line.
def within(share):
    return {"low": (1 - share) * LIMIT, "high": (1 + share) * LIMIT}


POLICY = {"target": LIMIT, "learning_rate": 0.05, "warm_up": 0.1}
ROWS = {
    2: ([relax_ops], lambda cost: Reject(Random(), cost, **within(0.02))),
    3: ([relax_ops], lambda cost: Reject(Bayesian(), cost, **within(0.1), tell=True)),
    4: ([relax_ops], lambda cost: TuNAS(cost=cost, **POLICY)),
    5: ([relax_filters], lambda cost: TuNAS(cost=cost, **POLICY)),
    6: ([relax_filters, relax_ops], lambda cost: TuNAS(cost=cost, **POLICY)),
}


if __name__ == "__main__":
    torch.set_num_threads(1)  # the fastest for networks of this size
    found = search(*ROWS[int(sys.argv[1])]) if len(sys.argv) > 1 else network
    print(f"{found}\n{count(found.clone()):,} multiply-adds; the static network has {LIMIT:,}")
    print(f"trained from scratch: {test(train(found, 4), TEST):.1%} of the test images")
