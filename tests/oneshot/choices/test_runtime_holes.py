"""Holes created in constructors and in ``forward``: which errors they cause."""

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.hyper.hole import OneOf
from pliant.oneshot import supernet
from pliant.oneshot.choices.runtime_holes import explain_runtime_hole
from pliant.values.errors import SpaceError

Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))
ADVICE = r"Put it into the arguments of a symbolized class.*Block\(pg.oneof\(\[2, 3\]\)\)"


@pg.symbolize
class Argument(nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.layer = nn.Linear(4, pg.oneof([2, 3]), bias=bias)


@pg.symbolize
class Inside(nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.layers = nn.Sequential(Linear(4, pg.oneof([2, 3]), bias=bias))


@pg.symbolize
class Attribute(nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.act = pg.oneof([ReLU(), Tanh()])


def symbolize_forward(run):
    class Running(nn.Module):
        def forward(self, x):
            return run(x)

    return pg.symbolize(Running)()


@pytest.mark.parametrize("bias", [True, pg.oneof([True, False])])
@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Argument, r"code that runs at 'args\[1\]' uses a hole as a value: (?s:.*(OneOf|got \(tuple,).*)"),
        (Inside, r"the constructor of the Sequential created a Linear with holes at 'args\[1\].layers.0'"),
        (Attribute, r"the constructor of the Attribute created a OneOf at 'args\[1\].act'"),
    ],
)
def test_in_a_constructor(cls, message, bias):
    with pytest.raises(SpaceError, match=f"{message}.*{ADVICE}"):
        supernet(Sequential(pg.oneof([ReLU(), Tanh()]), cls(pg.clone(bias) if bias is not True else bias)))


@pytest.mark.parametrize(
    "run",
    [
        lambda x: x * pg.oneof([1.0, 2.0]),
        lambda x: pg.floatv(0.0, 1.0) * x,
        lambda x: pg.oneof([ReLU(), Tanh()])(x),
        lambda x: torch.flatten(x, pg.intv(0, 1)),
        lambda x: Linear(1, pg.oneof([1, 2]))(x),
    ],
)
def test_in_forward(run):
    space = Sequential(symbolize_forward(run), pg.oneof([ReLU(), Tanh()]))
    with pytest.raises(SpaceError, match=f"uses a hole as a value.*{ADVICE}"):
        supernet(space)(torch.zeros(1, 1))
    with pytest.raises(SpaceError, match=f"uses a hole as a value.*{ADVICE}"):
        supernet(space, example=torch.zeros(1, 1))


def test_other_errors_stay_as_they_are():
    with pytest.raises(TypeError, match="unsupported operand"):
        supernet(Sequential(symbolize_forward(lambda x: x + "a"), pg.oneof([ReLU(), Tanh()])))(torch.zeros(1))
    assert explain_runtime_hole(TypeError("got a OneOf")) is None
    assert explain_runtime_hole(RuntimeError("OneOf")) is None


WIDTH = pg.intv(2, 4)


@pytest.mark.parametrize(
    "fail",
    [
        lambda: int(WIDTH),
        lambda: (lambda width: range(width))(WIDTH),
        lambda: pg.oneof([1, 2]).bit_count(),
        lambda: [0] * OneOf([1, 2]),
    ],
    ids=["a global", "an argument", "an attribute", "a class"],
)
def test_the_cause_is_found_in_the_frames(fail):
    with pytest.raises((TypeError, AttributeError), match=r"needs a value, but .* is a hole") as caught:
        fail()
    assert "uses a hole as a value" in str(explain_runtime_hole(caught.value, "here"))
    assert explain_runtime_hole(type(caught.value)(str(caught.value))) is None  # the same text, and no frames
