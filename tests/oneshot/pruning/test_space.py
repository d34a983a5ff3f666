"""``space_of``: widths, kernels and blocks of an existing network."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from pliant import oneshot
from pliant.hyper.template import Template
from pliant.oneshot.pruning.decisions import largest, make_child, smallest
from pliant.oneshot.pruning.widths import find_sizes
from pliant.values.errors import FieldTypeError, FieldValueError

from .conftest import KINDS, Residual, make


@pytest.mark.parametrize("kind", KINDS)
def test_largest_network_is_the_given_one(kind):
    network, x = make(kind)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = oneshot.space_of(network, x)
    space = Template(found.space).space
    assert found.groups
    whole, small = make_child(found.space, largest(space)), make_child(found.space, smallest(space))
    with torch.no_grad():
        assert torch.equal(whole(x), network(x))
        assert small(x).shape == network(x).shape
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_added_outputs_are_one_decision():
    network, x = make("residual")
    found = oneshot.space_of(network, x, widths=(0.5, 1.0))
    by_name = {group.name: group for group in found.groups}
    assert sorted(by_name) == [
        "width of blocks.0.conv1", "width of blocks.1.conv1", "width of stem",
    ]  # fmt: skip
    tied = {carrier.path for carrier in by_name["width of stem"].carriers}
    assert tied == {
        "stem", "bn", "blocks.0.conv1", "blocks.0.conv2", "blocks.0.bn2", "blocks.1.conv1", "blocks.1.conv2", "blocks.1.bn2", "head",
    }  # fmt: skip
    assert found.blocks == ("blocks.0", "blocks.1")
    assert dict(found.left_out) == {"head": "it computes the output of the network"}
    assert Template(found.space).space.size == 2 * 3 * 3
    assert "width of stem: 8, 16 (9 layers)" in str(found)
    assert "can be left out: 'blocks.0', 'blocks.1'" in str(found)
    assert "not searched: head: it computes the output of the network" in str(found)


def test_options():
    network, x = make("residual")
    found = oneshot.space_of(network, x, keep=["blocks.1*"], depth=False, kernels=[1, 3], divisor=4)
    assert found.blocks == ()
    assert found.kernels == ("stem", "blocks.0.conv1", "blocks.0.conv2")
    assert {group.name: group.sizes for group in found.groups} == {
        "width of blocks.0.conv1": (4, 8),
    }
    assert "which is kept" in found.left_out["stem"]  # its output is added to one that is kept
    assert found.left_out["blocks.1.conv1"] == "kept, as asked"
    assert find_sizes(10, [0.3, 0.55]) == [3, 6, 10]
    assert oneshot.space_of(network, x, keep=["blocks.0"]).blocks == ("blocks.1",)


class Fixed(nn.Module):
    """Adds a tensor of a fixed width."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 16), nn.Linear(16, 2)
        self.shift = nn.Parameter(torch.ones(8))

    def forward(self, x):
        return self.c(torch.relu(self.b(torch.relu(self.a(x) + self.shift))))


def test_width_that_cannot_be_followed_stays():
    found = oneshot.space_of(Fixed(), torch.randn(2, 4))
    assert [group.name for group in found.groups] == ["width of b"]
    assert "that no symbolic layer returns" in found.left_out["a"]


def test_tied_weights_stay():
    network = nn.Sequential(
        nn.Embedding(10, 8), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 10)
    )
    network[5].weight = network[0].weight
    found = oneshot.space_of(network, torch.tensor([[1, 2]]))
    assert found.left_out["0"] == found.left_out["5"] == "its weight is also that of another layer"
    assert [group.name for group in found.groups] == ["width of 1"]


def test_nothing_to_search():
    with pytest.raises(
        FieldValueError, match=r"nothing can be searched in this Sequential. 0: it computes the output"
    ):
        oneshot.space_of(nn.Sequential(nn.Linear(4, 8)), torch.ones(1, 4))


ARGUMENTS = {
    "no example": ({"example": None}, FieldTypeError, "an example is an input of the network, a tensor with the batch first"),
    "a shape": ({"example": (1, 3, 8, 8)}, FieldTypeError, "an example is an input of the network"),
    "wrong shape": ({"example": torch.ones(1, 5, 8, 8)}, FieldValueError, r"fails on the example \(torch.float32 \(1, 5, 8, 8\)\).*Give an input"),
    "wrong type": ({"example": torch.ones(1, 3, 8, 8).long()}, FieldValueError, r"fails on the example \(torch.int64"),
    "pattern": ({"keep": ["blokcs.0"]}, FieldValueError, re.escape("has the pattern 'blokcs.0', which fits the path of no module; did you mean 'blocks.0'")),
    "one pattern": ({"keep": "blocks.0"}, FieldTypeError, "keep"),
    "shares": ({"widths": (0.5, 1.5)}, FieldValueError, "takes shares of the widths of layers, above 0 and up to 1"),
    "no shares": ({"widths": ()}, FieldValueError, "takes shares of the widths of layers"),
    "even kernels": ({"kernels": [2]}, FieldValueError, "are odd numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "error", "message"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_wrong_arguments(given, error, message):
    given = {"example": torch.ones(1, 3, 8, 8), **given}
    with pytest.raises(error, match=message):
        oneshot.space_of(Residual(), **given)


class Tupled(nn.Module):
    """Returns a tuple, and has an attribute that the network reads."""

    def __init__(self):
        super().__init__()
        self.attention_type, self.body = "full", nn.Linear(8, 8)

    def forward(self, hidden, mask):
        return torch.relu(self.body(hidden)) + hidden, None


class Chosen(nn.Module):
    """Calls its blocks by what their attributes say."""

    def __init__(self):
        super().__init__()
        self.first, self.layers = nn.Linear(4, 8), nn.ModuleList([Tupled(), Tupled()])
        self.last = nn.Linear(8, 2)

    def forward(self, x):
        hidden = self.first(x)
        for layer in self.layers:
            hidden = layer(hidden, {"full": None}[layer.attention_type])[0]
        return self.last(hidden)


def test_blocks_that_return_tuples(tmp_path):
    torch.manual_seed(0)
    network, x = Chosen().eval(), torch.randn(3, 4)
    found = oneshot.space_of(network, x, widths=(0.5, 1.0))
    assert found.blocks == ("layers.0", "layers.1")
    small = make_child(found.space, smallest(Template(found.space).space))
    assert small(x).shape == (3, 2)
    result = oneshot.shrink(network, x, [x], "parameters <= 0.4x", widths=(1.0,))
    assert result.changes == {"layers.0": {"left_out": 2}, "layers.1": {"left_out": 2}}
    assert "blocks left out: layers.0, layers.1" in str(result)
    again = oneshot.load_shrunk(Chosen(), result.save(tmp_path / "small.pt")).eval()
    assert torch.equal(again(x), network.last(network.first(x)))


class Versioned(nn.Sequential):
    """Reads only states that have a version."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *more):
        if local_metadata.get("version") != 2:
            raise ValueError("version should be 2")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *more)


def test_network_that_reads_the_version_of_a_state():
    network = Versioned(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    net = oneshot.supernet(oneshot.space_of(network, torch.ones(1, 4), widths=(0.5, 1.0)).space)
    assert net.materialize(net.space.sample(0))(torch.ones(1, 4)).shape == (1, 2)
