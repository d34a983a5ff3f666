"""Makes the drawings of the page about drawings: `python docs/use/drawings/make.py` writes the SVG files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

import pliant as pg
from pliant.zoo import nasbench201
from pliant.zoo.backbones import mobilenet_v3

HERE = Path(__file__).parent

Linear, Sequential, Tanh, ReLU, Sigmoid, Identity, LayerNorm, Attention, GELU = map(
    pg.symbolize,
    (
        nn.Linear, nn.Sequential, nn.Tanh, nn.ReLU, nn.Sigmoid, nn.Identity,
        nn.LayerNorm, nn.MultiheadAttention, nn.GELU,
    ),
)  # fmt: skip


@pg.symbolize
class Residual(nn.Module):
    """Adds what its layers make of the input to the input."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


def make_space() -> Any:
    """Returns the space of the README."""
    width1, width2 = (pg.oneof([4, 8, 16, 32, 64], name=name) for name in ("width1", "width2"))
    act1, act2 = (pg.oneof([Tanh(), ReLU(), Sigmoid(), Identity()], name=name) for name in ("act1", "act2"))
    return Sequential(Linear(2, width1), act1, Linear(width1, width2), act2, Linear(width2, 2))


def make_transformer(blocks: int = 24) -> Any:
    """Returns a transformer as its blocks."""
    return Sequential(
        Linear(64, 512),
        *(
            Sequential(
                Residual(LayerNorm(512), Attention(512, 8, dropout=0.1)),
                Residual(LayerNorm(512), Linear(512, 2048), GELU(), Linear(2048, 512)),
            )
            for _ in range(blocks)
        ),
        LayerNorm(512),
        Linear(512, 10),
    )


def draw_difference() -> pg.drawing.Drawing:
    """Returns the difference of two networks."""
    one = Sequential(Linear(2, 8), ReLU(), Linear(8, 16), ReLU(), Linear(16, 2))
    other = Sequential(Linear(2, 16), ReLU(), Linear(16, 16), Tanh(), Linear(16, 16), ReLU(), Linear(16, 2))
    return pg.draw(one, other)


CELL = nasbench201.make_space()
DRAWINGS = {
    "space": lambda: pg.draw(make_space()),
    "chosen": lambda: pg.draw(make_space(), {"width1": 3, "act1": 1, "width2": 4, "act2": 0}),
    "transformer": lambda: pg.draw(make_transformer()),
    "cell": lambda: pg.draw(CELL, [3, 1, 0, 2, 4, 3]),
    "mobile": lambda: pg.draw(mobilenet_v3.make_space()),
    "difference": draw_difference,
}

if __name__ == "__main__":
    for name, make in DRAWINGS.items():
        make().save(HERE / f"{name}.svg")
