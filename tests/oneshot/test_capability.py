"""What each algorithm can decide is checked when it is bound, never in a forward pass."""

from typing import ClassVar

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import BindError, InputChoice, LayerChoice, Sampler, ValueChoice, supernet
from pliant.oneshot.capability import CAPABILITIES, DECISION_KINDS, find_decision_kinds
from pliant.values.errors import FieldTypeError, SpaceError

torch.set_num_threads(1)
Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))


class Only(Sampler):
    """A sampler with the capabilities of its constructor."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"choice"})

    def _bind(self):
        self.started = True

    def before_weights(self, step):
        self.supernet.activate(self.supernet.space.sample(self.random))

    def decisions(self):
        return self.supernet.decisions


class Inputs(Only):
    capabilities: ClassVar[frozenset[str]] = frozenset({"choice", "input"})


def test_kinds_of_decisions_with_their_paths():
    inputs = pg.symbolize(InputChoice)(chosen=pg.manyof(2, range(3)))

    class Join(nn.Module):
        def __init__(self, join):
            super().__init__()
            self.join = join

        def forward(self, x):
            return self.join([x, x, x])

    width = pg.intv(2, 4, name="width")
    net = supernet(
        Sequential(
            pg.symbolize(Join)(inputs),
            Linear(3, width),
            pg.oneof([ReLU(), Linear(width, width)]),
            Linear(width, pg.oneof([1, 2])),
        )
    )
    assert sorted(set(find_decision_kinds(net))) == [
        ("choice", "args[2]"),
        ("elastic", "args[3].out_features"),
        ("input", "args[0].join.chosen"),
        ("number", "args[1].out_features"),
    ]


def test_what_can_be_decided_is_bound():
    sampler = Only()
    sampler.bind(supernet(Sequential(pg.oneof([ReLU(), Tanh()]))))
    assert sampler.started


@pytest.mark.parametrize(
    "program, message",
    [
        (
            Sequential(pg.oneof([ReLU(), Tanh()]), Linear(2, pg.oneof([2, 3])), Linear(2, pg.oneof([2, 3]))),
            (
                r"Only cannot decide the size of a module at 'args\[1\].out_features' \(and 1 more\). "
                r"It decides a choice between modules. Use SPOS or .*TuNAS.*, or replace these holes"
            ),
        ),
        (Linear(2, pg.intv(2, 3)), "cannot decide a number in a range at 'out_features'"),
    ],
)
def test_what_cannot_is_refused_with_path_and_who_can(program, message):
    sampler = Only()
    with pytest.raises(SpaceError, match=message):
        sampler.bind(supernet(program))
    with pytest.raises(BindError, match="this Only is not bound to a super-network"):
        sampler.supernet  # noqa: B018 - what is tested


def test_handwritten_kinds():
    with pytest.raises(SpaceError, match=r"Only cannot decide a choice of inputs at 'k'.*DARTS"):
        Only().bind(supernet(nn.Sequential(InputChoice(2, 1, key="k"))))
    Inputs().bind(supernet(nn.Sequential(InputChoice(2, 1, key="k"), LayerChoice([nn.ReLU()], key="l"))))
    with pytest.raises(SpaceError, match=r"a choice between values at 'v'. .* Use SPOS or TuNAS"):
        Inputs().bind(supernet(nn.Sequential(ValueChoice([1, 2], key="v"))))


def test_bound_once_to_a_supernet():
    sampler, net = Only(), supernet(Sequential(pg.oneof([ReLU(), Tanh()])))
    with pytest.raises(FieldTypeError, match="bind takes a super-network; got Linear"):
        sampler.bind(nn.Linear(1, 1))
    sampler.bind(net)
    with pytest.raises(BindError, match="this Only is bound to another super-network"):
        sampler.bind(net)


def test_state_holds_the_random_numbers():
    one, other = Only(), Only()
    net = supernet(Sequential(*[pg.oneof([ReLU(), Tanh()]) for _ in range(8)]))
    one.bind(net, seed=1)
    other.bind(net, seed=2)

    def draw(sampler):
        sampler.before_weights(None)
        return net.decisions

    draw(one)
    other.restore(one.state())
    assert [draw(one) for _ in range(5)] == [draw(other) for _ in range(5)]


def test_table_speaks_of_kinds_that_there_are():
    assert all(can <= set(DECISION_KINDS) for can in CAPABILITIES.values())
    assert any(can == set(DECISION_KINDS) for can in CAPABILITIES.values())
