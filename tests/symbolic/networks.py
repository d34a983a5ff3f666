"""A plain network, and the same as symbolic networks of several kinds; for tests of what PyTorch's tools do to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import pliant as pg
from pliant import oneshot

X = torch.rand(3, 2, generator=torch.Generator().manual_seed(1))


class Block(nn.Module):
    """A user's module: a child from outside, an argument that is not stored, state that changes in ``forward``."""

    def __init__(self, width: int, act: nn.Module | None = None, scale: float = 2.0, **more: Any) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.act = nn.ReLU() if act is None else act
        self.factor = scale + len(more)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.size = x.shape[0]
        self.seen += 1
        return self.act(self.fc(x)) * self.factor


Linear, Sequential, Tanh, SymbolicBlock = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.Tanh, Block))


def plain_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), Block(4, nn.Tanh(), more=1), nn.Linear(4, 3))


def program(width: int = 4) -> Any:
    return Sequential(Linear(2, width), SymbolicBlock(width, Tanh(), more=1), Linear(width, 3))


def unrealized() -> Any:
    net = program()
    torch.manual_seed(0)
    return net


def realized() -> Any:
    net = unrealized()
    list(net.parameters())
    return net


def rebound() -> Any:
    net = program(5)
    net(X)
    net.rebind({"args[0].out_features": 4, "args[1].width": 4, "args[2].in_features": 4})
    torch.manual_seed(0)
    return net


def opened() -> Any:
    return oneshot.open_network(plain_network())


def inside_a_plain_one() -> nn.Module:
    net = nn.Sequential(*program().sym_init_args["args"])
    torch.manual_seed(0)
    list(net.parameters())
    return net


KINDS = [unrealized, realized, rebound, opened, inside_a_plain_one]


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            assert_same(one, other)
    elif isinstance(expected, dict):
        assert_same(list(found.items()), list(expected.items()))
    elif isinstance(expected, torch.Tensor):
        torch.testing.assert_close(found, expected)
    else:
        assert found == expected
