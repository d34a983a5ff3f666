"""Whether candidates fit where they stand: each is run once on an example, before anything is trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pliant.space import Choice, Space
from pliant.values.errors import FieldValueError

from .mutables import LayerChoice
from .selection import Selection


def check_candidates(
    network: nn.Module, space: Space, selection: Selection, example: tuple[Any, ...]
) -> None:
    """Runs all candidates of all choices of a network, each on what comes in with the first ones selected.

    Candidates may return different shapes where the network can go on with each.

    Raises:
      FieldValueError: a candidate does not run, or the network does not go on with what it returns.
    """
    seen: dict[LayerChoice, tuple[Any, Any]] = {}

    def note(choice: nn.Module, args: Any, fields: Any, output: Any) -> None:
        if isinstance(choice, LayerChoice) and not choice.return_mask:
            seen.setdefault(choice, (args, fields))

    choices = [module for module in network.modules() if isinstance(module, LayerChoice)]
    for point in space.points:  # those too that are not active
        selection.values.setdefault(point.path, 0 if isinstance(point, Choice) else point.min_value)
    hooks = [choice.register_forward_hook(note, with_kwargs=True) for choice in choices]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            network(*example)
            for hook in hooks:
                hook.remove()
            for choice, (args, fields) in seen.items():
                _check_choice(choice, args, fields, lambda: network(*example))
    finally:
        for hook in hooks:
            hook.remove()


def _check_choice(choice: LayerChoice, args: Any, fields: Any, run: Any) -> None:
    before = choice.selection.values[choice.key]
    shapes: dict[Any, int] = {}
    for index, candidate in enumerate(choice):
        try:
            output = candidate(*args, **fields)
        except Exception as error:
            raise FieldValueError(
                f"the candidate {index} at {choice.key!r}, {_name(candidate)}, does not run on what comes in there, of the shape "
                f"{_shape(args[0]) if args else '()'}: {error}"
            ) from error
        shapes.setdefault(_shape(output), index)
    if len(shapes) == 1:
        return
    try:
        for index in shapes.values():
            choice.selection.values[choice.key] = index
            run()
    except Exception as error:
        told = ", ".join(f"{shape} (candidate {i}, {_name(choice[i])})" for shape, i in shapes.items())
        raise FieldValueError(
            f"the candidates at {choice.key!r} return different shapes, and what comes after takes only one of them: {told}. Make "
            f"their outputs alike (channels, stride, padding). {error}"
        ) from error
    finally:
        choice.selection.values[choice.key] = before


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    if isinstance(value, (tuple, list)):
        return tuple(map(_shape, value))
    return type(value).__name__


def _name(module: nn.Module) -> str:
    text = " ".join(repr(module).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
