"""Which decisions are looked at: enough of them to have seen every size, also of what is in candidates."""

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import measure_differences, supernet
from pliant.oneshot.elastic.coverage import MAX_ENUMERATED, cover_sizes
from pliant.space import choice, flatten, integer

one = pg.oneof
Conv2d, Sequential, ReLU, LazyConv2d, LazyBatchNorm2d, Identity = map(
    pg.symbolize, (nn.Conv2d, nn.Sequential, nn.ReLU, nn.LazyConv2d, nn.LazyBatchNorm2d, nn.Identity)
)

FILL = [choice(f"fill{i}", 6) for i in range(4)]  # so that a space is not enumerated


def seen(space, measure=lambda decisions: sum(decisions.values)):
    found = list(cover_sizes(space, measure))
    assert all(space.parse(list(decisions.values)) == decisions for decisions in found)
    assert len({decisions.values for decisions in found}) == len(found)
    return [decisions.to_dict() for decisions in found]


def test_small_spaces_are_enumerated():
    space = flatten([choice("a", 32), choice("b", 32)])
    assert len(seen(space)) == space.size == MAX_ENUMERATED


def test_what_is_in_candidates():
    """Whatever makes a network large: every value in every candidate, at any depth."""
    deep = choice("op", [None, choice("", [integer("k", 1, 9), None]), integer("n", 2, 4)])
    space = flatten([deep, *FILL])
    for measure in (lambda d: -sum(d.values), lambda d: sum(d.values), lambda d: 0):
        found = seen(space, measure)
        assert {d.get("op[=1/3][=0/2].k") for d in found} >= {1, 9}
        assert {d.get("op[=1/3]") for d in found} >= {0, 1}
        assert {d.get("op[=2/3].n") for d in found} >= {2, 4}
        assert len(found) < 100


def test_the_others_are_at_their_largest_there():
    """The best is elsewhere: in a candidate, the largest of all values together is met nevertheless."""
    space = flatten([integer("a", 1, 50), choice("op", [None, integer("n", 1, 50)]), integer("b", 1, 50)])
    found = seen(space, lambda d: 1000 * (d["op"] == 0) + sum(d.values))
    assert {"a": 50, "op": 1, "op[=1/2].n": 50, "b": 50} in found


@pytest.mark.parametrize("distinct", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
def test_picks(distinct, ordered):
    below = [integer("n", 1, 3) if i % 7 == 0 else None for i in range(30)]
    space = flatten([choice("op", below, picks=3, distinct=distinct, sorted=ordered)])
    found = seen(space)
    least = 2 if distinct and ordered else 0  # that the last of three picks can be
    assert {d["op[2]"] for d in found} == set(range(least, 30))
    assert {d["op[0]"] for d in found} == set(range(30 - least))
    assert {d.get("op[2][=28/30].n") for d in found} >= {1, 3}


def test_lazy_layers_in_nested_choices():
    """They are in no network that is met by changing one decision of the largest."""

    def block(width):
        wide = Sequential(Conv2d(3, width, 1), LazyConv2d(3, 1))
        lazy = Sequential(LazyConv2d(one([2, 4]), 1), one([LazyBatchNorm2d(), ReLU()]), LazyConv2d(3, 1))
        return one([wide, one([Identity(), lazy])])

    torch.manual_seed(0)
    image = torch.randn(2, 3, 4, 4)
    net = supernet(Sequential(*[block(width) for width in (16, 32, 64, 128)]), example=image).double()
    assert net.space.size > MAX_ENUMERATED
    for seed in range(30):
        decisions = net.space.sample(seed)
        found = measure_differences(net, image.double(), decisions=decisions)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_sizes_in_nested_choices():
    """An elastic module whose parts come in sizes in candidates that make it small."""

    @pg.symbolize
    class Deep(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(size, 4, bias=False) for size in sizes])

        def forward(self, x):
            return sum(layer(x[:, : layer.in_features]) for layer in self.layers)

    def sizes():
        return one([8, one([pg.intv(1, 6), 3])])

    torch.manual_seed(0)
    net = supernet(Deep([sizes() for _ in range(4)])).double()
    assert net.space.size > MAX_ENUMERATED
    x = torch.randn(3, 8).double()
    for seed in range(20):
        assert measure_differences(net, x, decisions=net.space.sample(seed)).largest < 1e-10


class Late(nn.Module):
    """Has a second layer for one combination of three choices only."""

    def __init__(self, a, b, c):
        super().__init__()
        self.first = nn.Linear(4, 4)
        if (a, b, c) == (1, 1, 1):
            self.second = nn.Linear(4, 4)

    def forward(self, x):
        return self.second(self.first(x)) if hasattr(self, "second") else self.first(x)


def test_a_layer_that_few_combinations_have(monkeypatch):
    space = pg.symbolize(Late)(*(pg.oneof(list(range(16))) for _ in range(3)))
    net = supernet(space)
    net.activate([2, 2, 2])
    net(torch.ones(1, 4))
    net.activate([1, 1, 1])
    with pytest.raises(
        ValueError,
        match=r"the Linear at 'second' has weight for a combination of decisions that was not tried",
    ):
        net(torch.ones(1, 4))
    few = pg.symbolize(Late)(*(pg.oneof(list(range(3))) for _ in range(3)))  # as the message advises
    net = supernet(few)
    net.activate([1, 1, 1])
    assert net(torch.ones(1, 4)).shape == (1, 4)
