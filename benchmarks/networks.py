"""The networks of ``oneshot.py``, written once as plain PyTorch: MobileNetV2-like blocks, and the cells of DARTS.

As spaces they are these classes, symbolized, with holes in them; alone they are these classes, called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import pliant as pg
from pliant.oneshot import LayerChoice

KERNELS, EXPANSIONS = (3, 5, 7), (3, 6)
# (channels, repeats, first stride) of MobileNetV2's stages behind the first block, for images of 32 x 32.
STAGES = ((24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
EDGES = 14  # of a DARTS cell: 2 + 3 + 4 + 5


class Inverted(nn.Module):
    """Sandler et al., "MobileNetV2", CVPR 2018: expand, filter each channel, project."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, kernel: int, expand: int) -> None:
        super().__init__()
        hidden = inputs * expand
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return x + found if self.is_residual else found


class MobileNet(nn.Module):
    """A stem, a fixed first block, the blocks that it is given, and a head."""

    def __init__(self, blocks: Sequence[nn.Module], classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())
        self.first = Inverted(32, 16, stride=1, kernel=3, expand=1)
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Sequential(nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6())
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.classifier(self.head(x).mean((2, 3)))  # type: ignore[no-any-return]


def _blocks(make: Callable[..., Any]) -> list[Any]:
    found, inputs = [], 16
    for outputs, repeats, first in STAGES:
        for stride in (first, *[1] * (repeats - 1)):
            found.append(make(inputs, outputs, stride=stride))
            inputs = outputs
    return found


def mobile_space() -> Any:
    """Returns the space: 16 blocks, each with 3 kernels and 2 expansions, and a skip where shapes allow it."""
    network, inverted, identity = map(pg.symbolize, (MobileNet, Inverted, nn.Identity))

    def block(inputs: int, outputs: int, *, stride: int) -> Any:
        searched = inverted(
            inputs, outputs, stride=stride, kernel=pg.oneof(KERNELS), expand=pg.oneof(EXPANSIONS)
        )
        return pg.oneof([searched, identity()]) if stride == 1 and inputs == outputs else searched

    return network(_blocks(block))


def mobile_alone(decisions: Sequence[int]) -> MobileNet:
    """Returns the network of a vector of decisions, as its author would write it."""
    left = list(decisions)

    def block(inputs: int, outputs: int, *, stride: int) -> nn.Module:
        if stride == 1 and inputs == outputs and left.pop(0):
            return nn.Identity()
        kernel, expand = KERNELS[left.pop(0)], EXPANSIONS[left.pop(0)]
        return Inverted(inputs, outputs, stride=stride, kernel=kernel, expand=expand)

    return MobileNet(_blocks(block))


def mobile_largest() -> MobileNet:
    """Returns the largest network of the space, alone."""
    return MobileNet(
        _blocks(
            lambda i, o, *, stride: Inverted(i, o, stride=stride, kernel=KERNELS[-1], expand=EXPANSIONS[-1])
        )
    )


# ------------------------------------------------------------------ DARTS


class Zero(nn.Module):
    """Nothing, as the published code computes it."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride].mul(0.0)


class FactorizedReduce(nn.Module):
    """Half the resolution: two convolutions, one a pixel off."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.two = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        return self.norm(torch.cat([self.one(x), self.two(x[:, :, 1:, 1:])], dim=1))  # type: ignore[no-any-return]


class Pointwise(nn.Sequential):
    """ReLU, 1 x 1 convolution, normalization: what the inputs of a cell go through."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs, affine=False)
        )


class Pool(nn.Sequential):
    """Pooling, normalized."""

    def __init__(self, channels: int, stride: int, *, average: bool) -> None:
        pool = nn.AvgPool2d(3, stride, 1, count_include_pad=False) if average else nn.MaxPool2d(3, stride, 1)
        super().__init__(pool, nn.BatchNorm2d(channels, affine=False))


class Separable(nn.Sequential):
    """Separable convolutions: two at dilation 1, one at dilation 2."""

    def __init__(self, channels: int, stride: int, *, kernel: int, dilation: int) -> None:
        layers: list[nn.Module] = []
        for step in (stride, 1) if dilation == 1 else (stride,):
            padding = dilation * (kernel // 2)
            layers += [
                nn.ReLU(),
                nn.Conv2d(channels, channels, kernel, step, padding, dilation, groups=channels, bias=False),
                nn.Conv2d(channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels, affine=False),
            ]
        super().__init__(*layers)


def candidates(channels: int, stride: int) -> list[nn.Module]:
    """Returns the 8 operations of an edge, in the order of the published code."""
    return [
        Zero(stride),
        Pool(channels, stride, average=False),
        Pool(channels, stride, average=True),
        nn.Identity() if stride == 1 else FactorizedReduce(channels, channels),
        *(Separable(channels, stride, kernel=k, dilation=d) for d in (1, 2) for k in (3, 5)),
    ]


class Cell(nn.Module):
    """Liu et al., "DARTS", ICLR 2019: 4 nodes, 14 edges."""

    def __init__(self, first: nn.Module, second: nn.Module, edges: Sequence[nn.Module]) -> None:
        super().__init__()
        self.first, self.second, self.edges = first, second, nn.ModuleList(edges)

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        states, edges = [self.first(before), self.second(last)], iter(self.edges)
        for _ in range(4):
            states.append(sum(next(edges)(state) for state in list(states)))  # type: ignore[arg-type]
        return torch.cat(states[2:], dim=1)


class Darts(nn.Module):
    """A stem, cells, and a classifier."""

    def __init__(self, cells: Sequence[nn.Module], channels: int, outputs: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels)
        )
        self.cells, self.classifier = nn.ModuleList(cells), nn.Linear(outputs, 10)

    def forward(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.classifier(last.mean((2, 3)))  # type: ignore[no-any-return]


def build_darts(cells: int, channels: int, make_edge: Callable[[str, int, int, int], nn.Module]) -> Darts:
    """Returns a network of cells, two of which halve the resolution.

    Args:
      cells: how many.
      channels: in the first of them.
      make_edge: from the kind of cell, the number of the edge, channels and stride to what runs there.
    """
    made, two_before, one_before, width, halved = [], 3 * channels, 3 * channels, channels, False
    for i in range(cells):
        halves = i in (cells // 3, 2 * cells // 3)
        width *= 2 if halves else 1
        first = (FactorizedReduce if halved else Pointwise)(two_before, width)
        second = Pointwise(one_before, width)
        starts = [start for node in range(4) for start in range(2 + node)]
        kind = "reduce" if halves else "normal"
        edges = [
            make_edge(kind, e, width, 2 if halves and start < 2 else 1) for e, start in enumerate(starts)
        ]
        made.append(Cell(first, second, edges))
        two_before, one_before, halved = one_before, 4 * width, halves
    return Darts(made, channels, one_before)


def darts_network(cells: int, channels: int, *, tied: bool = True) -> nn.Module:
    """Returns the network of DARTS with a choice on each edge: all cells of a kind alike, unless ``tied`` is off.

    The choices are written by hand, by key: as holes of one name they would have to be equal, and here the
    candidates of one decision differ in width from cell to cell.
    """
    count = iter(range(cells * EDGES))

    def edge(kind: str, number: int, width: int, stride: int) -> nn.Module:
        key = f"{kind}_{number}" if tied else f"edge_{next(count)}"
        return LayerChoice(candidates(width, stride), key=key)

    return build_darts(cells, channels, edge)


class MixedOp(nn.Module):
    """The plain implementation: every operation runs, and the products are added up."""

    def __init__(self, channels: int, stride: int, weights: Callable[[], Tensor]) -> None:
        super().__init__()
        self.operations, self.weights = nn.ModuleList(candidates(channels, stride)), weights

    def forward(self, x: Tensor) -> Tensor:
        return sum(w * op(x) for w, op in zip(self.weights(), self.operations))  # type: ignore[return-value]


class PlainDarts(nn.Module):
    """The super-network of DARTS as the published code has it (quark0/darts, cnn/model_search.py), rewritten from its text."""

    def __init__(self, cells: int, channels: int) -> None:
        super().__init__()
        self.alphas = {kind: (1e-3 * torch.randn(EDGES, 8)).requires_grad_() for kind in ("normal", "reduce")}
        self.rows: dict[str, Tensor] = {}
        self.network = build_darts(
            cells,
            channels,
            lambda kind, number, width, stride: MixedOp(width, stride, lambda: self.rows[kind][number]),
        )

    def forward(self, x: Tensor) -> Tensor:
        self.rows = {kind: alpha.softmax(-1) for kind, alpha in self.alphas.items()}
        return self.network(x)  # type: ignore[no-any-return]
