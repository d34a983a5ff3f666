"""Costs in the inspector, and of parts of networks: exact where they stand, whatever is known."""

import pytest
import torch
from torch import nn

import pliant as pg
from pliant import zoo
from pliant.cost import NetworkCosts, count, count_part
from pliant.cost.memo import MEMO
from pliant.values.errors import FieldTypeError

Sequential, Conv2d, Linear, Identity, ReLU = map(
    pg.symbolize, (nn.Sequential, nn.Conv2d, nn.Linear, nn.Identity, nn.ReLU)
)
X = torch.zeros(1, 3, 16, 16)


@pg.symbolize
class Twice(nn.Module):
    def __init__(self, part, other=None):
        super().__init__()
        self.part, self.other = part, other

    def forward(self, x):
        return self.part(self.part(x))


def test_parts_add_up_to_the_network():
    program = Sequential(Conv2d(3, 8, 3, padding=1), Sequential(ReLU(), Conv2d(8, 4, 1)), Conv2d(4, 2, 3))
    MEMO.clear()
    for _ in range(2):  # unknown and known
        parts = [count_part(program, f"args[{i}]", X) for i in range(3)]
        assert sum(p.multiply_adds for p in parts) == count(program, X).multiply_adds
        assert sum(p.parameters for p in parts) == count(program, X).parameters
        assert count_part(program, "args[1].args[1]", X) == count_part(program, "args[1].args[1]", X)
        assert (
            count_part(program, "args[1].args[1]", X).multiply_adds == parts[1].multiply_adds == 16 * 16 * 32
        )
    assert parts[0].peak_bytes == 8 * 16 * 16 * 4
    assert not pg.is_realized(program)


def test_a_part_that_runs_twice_or_never():
    program = Twice(Conv2d(3, 3, 1), Linear(7, 2))
    for _ in range(2):
        found = count_part(program, "part", X)
        assert (found.multiply_adds, found.parameters) == (2 * 9 * 256, 12)
        assert count_part(program, "other", X).multiply_adds == 0
        assert count_part(program, "other", X).parameters == 16


def test_parts_of_a_mobile_network_are_those_of_its_layers():
    entry = zoo.get("mobilenet_v2/s3")
    program = pg.random_sample(entry.make_space(), seed=1)
    x = torch.zeros(1, 3, 64, 64)
    total = count(program, x).multiply_adds
    blocks = sum(count_part(program, f"blocks[{i}]", x).multiply_adds for i in range(7))
    stem = 32 * 32 * program.filters * 27
    assert stem + blocks + count_part(program, "head", x).multiply_adds == total


@pytest.mark.parametrize(
    ("network", "path"),
    [
        (lambda: nn.Sequential(nn.Linear(2, 2)), "0"),
        (lambda: Sequential(Linear(2, 2)), "args[3]"),
        (lambda: Sequential(Linear(2, 2)), "args[0].in_features"),
        (lambda: 3, "args"),
    ],
    ids=["ordinary", "no such path", "a number", "no network"],
)
def test_refused_parts(network, path):
    with pytest.raises(FieldTypeError, match=r"the path of a module in it.*`pg\.cost\.count\(network, x\)`"):
        count_part(network(), path, torch.zeros(1, 2))


def test_refused_examples():
    with pytest.raises(FieldTypeError, match=r"takes an example input.*got none"):
        NetworkCosts()
    with pytest.raises(FieldTypeError, match=r"NetworkCosts takes tensors.*`torch\.zeros\(1, 3, 16, 16\)`"):
        NetworkCosts((1, 3, 16, 16))
    NetworkCosts(torch.zeros(1, 3, 16, 16))


def test_the_inspector_compares_candidates_where_they_stand():
    width = pg.oneof([8, 16], name="width")
    op = pg.oneof([Conv2d(width, 8, 7, padding=3), Conv2d(width, 8, 1), Identity()])
    good = pg.oneof([Conv2d(8, 8, 3, padding=1), Conv2d(8, 8, 1)])
    space = Sequential(Conv2d(3, width, 3), op, Conv2d(8, 8, 1), good)
    found = pg.inspect(space, cost=NetworkCosts(X))
    assert found.programs.cost_name == "multiply-adds"
    assert found.programs.others[0][0] == "parameters"
    assert found.programs.invalid == 2  # without the second layer 16 channels meet a layer that takes 8
    rows = {d.path: d for d in found.decisions}
    assert rows["args[1]"].costs[1] == 49 * rows["args[1]"].costs[0]
    assert [c.cost for c in rows["args[3]"].candidates] == [14 * 14 * 64 * 9, 14 * 14 * 64]
    (advice,) = [a for a in found.advice if a.rule == "unequal_costs"]
    assert advice.text.startswith("args[1]: the multiply-adds of the candidates differ by up to 49 times")


def test_quantiles_are_those_of_the_networks():
    space = Sequential(Conv2d(3, pg.oneof([4, 8, 16]), 1), ReLU())
    found = pg.inspect(space, cost=NetworkCosts(X)).programs
    assert (found.quantiles[0], found.quantiles[-1]) == (3 * 4 * 256, 3 * 16 * 256)
    assert found.others[0][1][0] == 16
    large = pg.inspect(
        Sequential(*(Linear(16, 16, pg.oneof([True, False])) for _ in range(9))), cost=NetworkCosts(X)
    )
    assert (large.programs.drawn, large.programs.costed) == (512, 100)


class Frozen(nn.Module):
    """Decides itself in which mode its parts are, as networks of transformers do."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout())

    def train(self, mode=True):
        super().train(mode)
        self.inner[1].eval()
        return self

    def forward(self, x):
        return self.inner(x)


def test_networks_that_set_the_mode_of_their_parts():
    network = Frozen().train()
    assert (
        count(network, torch.zeros(2, 3)).multiply_adds
        == count(network.inner, torch.zeros(2, 3)).multiply_adds
    )
    assert network.training
    assert not network.inner[1].training
