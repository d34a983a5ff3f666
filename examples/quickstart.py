"""The example of the README: a space of 400 networks, searched in three ways: `python examples/quickstart.py`."""

import torch
from torch import nn

import pliant as pg
from pliant import oneshot

# Classes of PyTorch become symbolic: each argument may be a hole.
Linear, Sequential, Tanh, ReLU, Sigmoid, Identity = map(
    pg.symbolize, (nn.Linear, nn.Sequential, nn.Tanh, nn.ReLU, nn.Sigmoid, nn.Identity)
)
width1, width2 = (pg.oneof([4, 8, 16, 32, 64], name=name) for name in ("width1", "width2"))
activation1, activation2 = (
    pg.oneof([Tanh(), ReLU(), Sigmoid(), Identity()], name=name) for name in ("act1", "act2")
)
space = Sequential(Linear(2, width1), activation1, Linear(width1, width2), activation2, Linear(width2, 2))

x = 7 * torch.rand(800, 2, generator=torch.Generator().manual_seed(0)) - 3.5
y = (x.sin().prod(1) > 0).long()
train, valid = [(x[i : i + 100], y[i : i + 100]) for i in range(0, 400, 100)], [(x[400:], y[400:])]


def score(network):
    """Returns the accuracy of a network on validation data."""
    return (network(valid[0][0]).argmax(1) == valid[0][1]).double().mean().item()


def evaluate(network):
    """Trains a network, and returns its accuracy on validation data."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for inputs, labels in 12 * train:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
    return score(network)


def search_by_default():
    search = pg.sample(space, trials=40)
    for network, feedback in search:
        feedback(evaluate(network))
    return search.best_program  # with the weights that its trial trained


def search_by_evolution():
    search = pg.sample(space, pg.algorithms.RegularizedEvolution(10, 4), trials=40)
    for network, feedback in search:
        feedback(evaluate(network))
    return search.best_program  # with the weights that its trial trained


def search_by_weight_sharing():
    trainer = oneshot.Trainer(space, oneshot.SPOS(evaluations=40, batches=1), train, valid, epochs=80)
    trainer.fit()
    winner = trainer.network()  # with its shared weights
    evaluate(winner)  # trains them further
    return winner


if __name__ == "__main__":
    for search in (search_by_default, search_by_evolution, search_by_weight_sharing):
        network = search()
        print(f"{search.__name__}: {network}\n{score(network):.1%} of the validation data\n")
