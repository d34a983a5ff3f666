"""Decisions of a space of smaller networks: its largest and smallest network, and changes of single decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def check_outputs(
    program: Any,
    inputs: tuple[Any, ...],
    outputs: list[Tensor],
    detours: Sequence[tuple[Any, list[Tensor]]] = (),
) -> str:
    """Returns why the smallest network of a space does not stand for the given one; empty if it does.

    Args:
      program: the space.
      inputs: of the network.
      outputs: of the given network.
      detours: see ``find_detours``.
    """
    space = Template(program).space
    made = make_child(program, smallest(space))
    found = run_once(made, inputs)
    if [x.shape for x in found] != [x.shape for x in outputs]:
        return "with another width, the output of the network has another shape"
    if not detours:
        return ""
    full: dict[str, Any] = largest(space).to_dict()
    alone = [
        change(space, full, path, 0) for path in full
    ]  # two layers with one reader agree if both are small
    for child in [made, *(make_child(program, decisions) for decisions in alone)]:
        if reason := _check_detours(child, detours):
            return reason
    return ""


def _check_detours(child: nn.Module, detours: Sequence[tuple[Any, list[Tensor]]]) -> str:
    for other, wanted in detours:
        lesson = "which layers run depends on the values of the input (control flow that depends on data), and on other values the "
        try:
            found = run_once(child, other)
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            return f"{lesson}smaller network fails: {error}"
        if [x.shape for x in found] != [x.shape for x in wanted]:
            return f"{lesson}output has another shape"
    return ""
