"""Decisions of a space of smaller networks: its largest and smallest network, and changes of single decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pliant.hyper.template import Template
from pliant.space import Choice, Decisions, Point, Space, walk_points
from pliant.symbolic.tree.realize import realize

from .opening import run_once


def make_child(program: Any, decisions: Decisions) -> nn.Module:
    """Returns the network of some decisions, with the parts of the weights that it has."""
    child: Any = Template(program).materialize(decisions)
    with torch.random.fork_rng(devices=[]):
        realize(child)
    return child  # type: ignore[no-any-return]  # a module


def smallest(space: Space) -> Decisions:
    """Returns the decisions for the smallest sizes, without blocks."""
    return compose(space, lambda point: 0 if point.values else point.count - 1)


def largest(space: Space) -> Decisions:
    """Returns the decisions for the network that was given."""
    return compose(space, lambda point: point.count - 1 if point.values else 0)


def compose(space: Space, choose: Any) -> Decisions:
    """Returns the decisions that a function makes for each active choice."""

    def decide(_: int, point: Point) -> Any:
        assert isinstance(point, Choice)
        return choose(point)

    return Decisions(space, walk_points(space, decide))


def change(space: Space, values: Mapping[str, int], path: str, index: int) -> Decisions:
    """Returns decisions by path with another candidate for one; decisions that become active are for the largest size."""

    def choose(point: Choice) -> int:
        return index if point.path == path else values.get(point.path, point.count - 1 if point.values else 0)

    return compose(space, choose)


def check_outputs(program: Any, inputs: tuple[Any, ...], outputs: list[Tensor]) -> str:
    """Returns why the smallest network of a space does not stand for the given one; empty if it does."""
    made = make_child(program, smallest(Template(program).space))
    found = run_once(made, inputs)
    if [x.shape for x in found] != [x.shape for x in outputs]:
        return "with another width, the output of the network has another shape"
    return ""
