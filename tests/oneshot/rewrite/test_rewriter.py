"""Tied holes and holes in holes: which decision each choice of the super-network reads, and that all are exact."""

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    DARTS,
    GDAS,
    CellRule,
    LayerChoice,
    MultiplyAdds,
    RandomMutator,
    Trainer,
    count_multiply_adds,
    supernet,
)
from pliant.oneshot.exactness import measure_differences
from pliant.zoo.operations import Convolution, FactorizedReduce, Pooling, Separable, Zero

one = pg.oneof
Linear, Sequential, ReLU, Tanh, Identity = map(
    pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh, nn.Identity)
)


@pg.symbolize
class Sum(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList([part for part in parts if part is not None])

    def forward(self, x):
        return x + sum(part(x) for part in self.parts)


@pg.symbolize
class Pair(nn.Module):
    def __init__(self, widths):
        super().__init__()
        first, second = widths
        self.layers = nn.Sequential(nn.Linear(4, first), nn.Linear(first, second), nn.Linear(second, 4))

    def forward(self, x):
        return self.layers(x)


def check(space, *, share=False):
    """Checks all networks of a space, and returns its super-network."""
    torch.manual_seed(0)
    net, x = supernet(space, share=share).double(), torch.randn(3, 4).double()
    for decisions in net.space.iterate():
        found = measure_differences(net, x, decisions=decisions)
        assert found.largest < 1e-10, (decisions.to_dict(), found)
        net.activate(decisions)
        assert net.decisions == decisions
    return net


def modules_and_values(name=None):
    """A hole at no module's place: its candidates are a value, a module with a decision, a choice between modules."""
    return one([None, Linear(4, 4, bias=one([True, False])), one([Tanh(), Linear(4, 4)])], name=name)


def inner_width():
    width = one([2, 3], name="w")
    return Sequential(Linear(4, width), Linear(width, 4))


class TestOneName:
    def test_picks_with_holes_in_them(self):
        def picks():
            return pg.manyof(2, [Linear(4, 4, bias=one([True, False])), inner_width(), Tanh()], name="ops")

        net = check(Sequential(Sum(picks()), Sum(picks())))
        assert net.space.size == pg.abstract_search_space(picks()).size
        choices = [m.key for m in net.modules() if isinstance(m, LayerChoice)]
        assert choices == ["args[0].parts[0]", "args[0].parts[1]"] * 2

    def test_picks_among_values(self):
        def picks():
            return pg.manyof(2, [1, 2, 3], name="widths")

        net = check(Sequential(Pair(picks()), Pair(picks())))
        net.activate([2, 0])
        assert [layer.out_features for layer in net.materialize()[1].layers] == [3, 1, 4]

    def test_choices_with_holes_in_them(self):
        def choice():
            return one([Linear(4, 4, bias=one([True, False])), one([Tanh(), ReLU()]), Identity()], name="n")

        assert check(Sequential(choice(), ReLU(), choice(), one([choice(), Tanh()]))).space.size == 10

    def test_one_name_twice_in_a_candidate(self):
        def choice():
            return one([Tanh(), Linear(4, 4)], name="n")

        space = one([choice(), Sequential(choice(), choice()), Sequential(choice(), Linear(4, 4), choice())])
        assert check(Sequential(space)).space.size == 6

    @pytest.mark.parametrize("share", [False, True])
    def test_numbers_with_holes_in_them(self, share):
        def width():
            return one([one([2, 3]), 5], name="w")

        check(Sequential(Linear(4, width()), Linear(width(), 4)), share=share)

    def test_modules_among_values(self):
        check(Sequential(Sum([Tanh(), modules_and_values("n")]), Sum([Tanh(), modules_and_values("n")])))
        check(Sum([Tanh(), modules_and_values("n"), modules_and_values("n")]))


@pytest.mark.parametrize("distinct", [True, False])
def test_picks_among_modules_and_values(distinct):
    """What is in a candidate is decided for each pick, though the program has one place for it."""
    candidates = [None, Linear(4, 4, bias=one([True, False])), one([Tanh(), Linear(4, 4)])]
    picks = pg.manyof(2, candidates, distinct, name="n")
    check(Sequential(Pick(picks), Pick(picks)))


@pg.symbolize
class Pick(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList([nn.Identity() if part is None else part for part in parts])

    def forward(self, x):
        return self.parts[0](x) - 2 * self.parts[1](x)


# ---------------------------------------------------------------------- cells of several widths


SOURCES = (0, 1, 0, 1, 2)  # from which node each edge of a cell starts


def make_edge(place, width, kind, kernel):
    """The operations of one edge, of which all cells of a kind have the same."""
    stride = 2 if kind == "r" and SOURCES[place] < 2 else 1
    skip = Identity() if stride == 1 else FactorizedReduce(width, width, affine=False)
    candidates = [
        Zero(stride=stride),
        skip,
        Pooling("avg", width, stride=stride, normalized=True),
        Separable(width, kernel, stride=stride, repeats=2, affine=False),
    ]
    return one(candidates, name=f"{kind} {place}")


@pg.symbolize
class Cell(nn.Module):
    """Two nodes, the second of which gets the first as well."""

    def __init__(self, older, newer, edges):
        super().__init__()
        self.older, self.newer = older, newer
        self.edges = nn.ModuleList(edges)

    def forward(self, older, newer):
        nodes, edges = [self.older(older), self.newer(newer)], iter(self.edges)
        for _ in range(2):
            nodes.append(sum(next(edges)(x) for x in list(nodes)))
        return torch.cat(nodes[2:], 1)


@pg.symbolize
class Network(nn.Module):
    def __init__(self, stem, cells, head):
        super().__init__()
        self.stem, self.cells, self.head = stem, nn.ModuleList(cells), head

    def forward(self, x):
        older = newer = self.stem(x)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        return self.head(newer.mean((2, 3)))


def darts(kinds="nrnr", kernel=3):
    """Normal and reduction cells, repeated at several widths."""
    width, older, newer, was_reduction, cells = 4, 4, 4, False, []
    for kind in kinds:
        width *= 2 if kind == "r" else 1
        first = (
            FactorizedReduce(older, width, affine=False)
            if was_reduction
            else Convolution(older, width, 1, affine=False)
        )
        edges = [make_edge(place, width, kind, kernel) for place in range(len(SOURCES))]
        cells.append(Cell(first, Convolution(newer, width, 1, affine=False), edges))
        older, newer, was_reduction = newer, 2 * width, kind == "r"
    return Network(pg.symbolize(nn.Conv2d)(3, 4, 3, padding=1), cells, Linear(newer, 3))


class TestCellsOfSeveralWidths:
    image = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.double)

    def test_the_space_is_that_of_one_cell_of_each_kind(self):
        assert pg.abstract_search_space(darts()).size == 4**10
        assert pg.abstract_search_space(darts("nnnrnnrn")).size == 4**10
        assert pg.abstract_search_space(darts(kernel=one([3, 5]))).size == 5**10

    def test_exact(self):
        torch.manual_seed(0)
        space = darts(kernel=one([3, 5]))
        net = supernet(space).double()
        for seed in range(4):
            decisions = net.space.sample(seed)
            found = measure_differences(net, self.image, decisions=decisions, training=seed % 2 == 0)
            assert found.largest < 1e-10, (decisions.to_dict(), found)
            child = net.materialize(decisions)
            assert pg.encode(space, child) == decisions
            assert child.state_dict().keys() == net.inherited(decisions).keys()
        widths = {m.candidates["2"][1].num_features for m in net.modules() if isinstance(m, LayerChoice)}
        assert widths == {4, 8, 16}

    def test_costs_are_exact(self):
        net = supernet(darts(kernel=one([3, 5]))).double()
        cost = MultiplyAdds(net, self.image[:1])
        for seed in range(5):
            decisions = net.space.sample(seed)
            assert cost(decisions) == count_multiply_adds(net.materialize(decisions), self.image[:1])

    @pytest.mark.parametrize("kind", [DARTS, GDAS])
    def test_one_row_of_architecture_weights_for_all_places(self, kind):
        torch.manual_seed(0)
        sampler = kind(derivation=CellRule([["cells[0].edges[0]", "cells[0].edges[1]"]]))
        data = [(self.image, torch.tensor([0, 1, 2, 0]))]
        trainer = Trainer(darts(), sampler, data, data, epochs=1)
        trainer.supernet.double()
        trainer.run_epoch()
        assert len(sampler.architecture.parameters) == 10
        choices = [m for m in trainer.supernet.modules() if isinstance(m, LayerChoice)]
        assert len(choices) == 20
        assert trainer.network().eval()(self.image).shape == (4, 3)

    def test_gradients_of_all_places_meet(self):
        """The gradient of one architecture weight is the sum of those it would have at each place."""
        torch.manual_seed(0)
        net = supernet(darts("nn")).double().eval()
        key = "cells[0].edges[0]"
        net.activate([1] * len(net.decisions.values))
        choices = [m for m in net.modules() if isinstance(m, LayerChoice) and m.key == key]
        whole = torch.full((4,), 0.25, dtype=torch.double, requires_grad=True)
        net.selection.weights[key] = whole
        (wanted,) = torch.autograd.grad(net(self.image).square().sum(), whole)
        parts = [whole.detach().clone().requires_grad_() for _ in choices]
        for choice, part in zip(choices, parts):
            choice.handler = lambda mutable, *args, part=part: (mutable.run(part, *args), part)
        found = torch.autograd.grad(net(self.image).square().sum(), parts)
        assert torch.allclose(sum(found), wanted)
        assert all(one.abs().sum() > 0 for one in found)


class TestBadInput:
    def test_one_name_and_other_candidates(self):
        with pytest.raises(
            ValueError, match=r"'n' but differ.*at 'args\[0\]'.*at 'args\[1\]'.*use two names"
        ):
            supernet(Sequential(one([Tanh(), Linear(4, 4)], name="n"), one([Linear(4, 4), Tanh()], name="n")))

    @pytest.mark.parametrize("odd", [3, "x", nn.Tanh, torch.tanh])
    def test_what_is_no_module(self, odd):
        within = one([Sequential(one([ReLU(), odd])), Tanh()])
        with pytest.raises(
            ValueError,
            match=r"(?s)'\[=0/2\]' cannot be built.*at '\[=0/2\]\.args\[0\]\[=1/2\]' is not a module",
        ):
            supernet(within)
        with pytest.raises(TypeError, match=r"a module is expected at '\[=1/2\]'"):
            supernet(one([ReLU(), odd]))


# --- a choice at the root ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r", None])
def test_a_choice_at_the_root(name):
    inner = Sequential(
        Linear(4, one([2, 3], name="w")), one([ReLU(), Tanh()]), Linear(one([2, 3], name="w"), 4)
    )
    net = check(one([Linear(4, 4), inner], name=name))
    assert net.space.size == 1 + 4
    mutator = RandomMutator(net)
    for _ in range(5):
        mutator.reset()
        assert net.space.parse(mutator.export()) is not None
    x = torch.zeros(1, 4)
    cost = MultiplyAdds(net.float(), x)
    assert [cost(d) for d in net.space.iterate()] == [
        count_multiply_adds(net.materialize(d), x) for d in net.space.iterate()
    ]
