"""Searches a network for handwritten digits: `pliant search examples/digits.py --trials 40 --seed 0`."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import pliant as pg

torch.set_num_threads(1)  # the quickest for networks as small as these
pixels, digits = load_digits(return_X_y=True)
images, labels = torch.tensor(pixels / 16).float().view(-1, 1, 8, 8), torch.tensor(digits)
rest, TEST = train_test_split(range(1797), test_size=797, stratify=digits, random_state=0)
TRAIN, VALIDATION = train_test_split(rest, test_size=700, stratify=digits[rest], random_state=0)

# Classes and functions of others become searchable as they are ...
MaxPool2d, Identity = pg.symbolize(nn.MaxPool2d), pg.symbolize(nn.Identity)
SGD, AdamW = pg.functor(torch.optim.SGD), pg.functor(torch.optim.AdamW)


@pg.symbolize  # ... and so does ordinary PyTorch code of your own.
class Conv(nn.Sequential):
    def __init__(self, filters, kernel, activation):
        super().__init__(nn.LazyConv2d(filters, kernel, padding="same"), nn.LazyBatchNorm2d(), activation())


@pg.symbolize
class Dense(nn.Sequential):
    def __init__(self, width, activation, dropout):
        super().__init__(nn.Flatten(), nn.LazyLinear(width), activation(), nn.Dropout(dropout))


class Experiment(pg.Object):
    layers: list[nn.Module]
    optimizer: pg.Functor
    batch_size: int
    epochs: int = 10


def search_space():
    activation = pg.oneof([nn.ReLU, nn.GELU, nn.Tanh])
    dense = Dense(pg.oneof([16, 32, 64, 128]), activation, dropout=pg.oneof([0.0, 0.2, 0.4]))
    conv = Conv(pg.oneof([8, 16, 32]), pg.oneof([3, 5]), activation)
    perceptron = pg.manyof(3, [dense, Identity()], distinct=False)
    convolutional = pg.manyof(4, [conv, MaxPool2d(2, ceil_mode=True), Identity()], distinct=False)
    sgd = SGD(lr=pg.floatv(1e-3, 1.0, scale="log"), momentum=0.9)
    adam = AdamW(lr=pg.floatv(1e-4, 1e-1, scale="log"))
    return Experiment(
        layers=pg.oneof([perceptron, convolutional]),
        optimizer=pg.oneof([sgd, adam]),
        batch_size=pg.oneof([16, 32, 64]),
    )


def handmade():
    layers = [Conv(16, 3, nn.ReLU), MaxPool2d(2), Conv(32, 3, nn.ReLU), MaxPool2d(2)]
    return Experiment(layers, AdamW(), batch_size=32)  # as in textbooks; not tuned


def accuracy(program, split):
    torch.manual_seed(0)
    network = nn.Sequential(*program.layers, nn.Flatten(), nn.LazyLinear(10))
    program.network = network  # of a loop's winner: search.best_program.network, trained
    network(images[:2])  # lazy layers learn their sizes
    optimizer = program.optimizer(network.parameters())
    for _ in range(program.epochs):
        for batch in torch.tensor(TRAIN)[torch.randperm(300)].split(program.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
    return (network.eval()(images[split]).argmax(1) == labels[split]).double().mean().item()


def evaluate(program):
    return accuracy(program, VALIDATION)


def test(program):
    return accuracy(program, TEST)
