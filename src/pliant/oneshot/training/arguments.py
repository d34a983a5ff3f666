"""Checks of what a trainer is given, before anything is trained.  Each error says what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from pliant.values.errors import FieldTypeError, FieldValueError, LoadError

from ..sampler import Sampler

MakeOptimizer = Callable[[list[nn.Parameter]], Optimizer]


def check_sampler(sampler: Any) -> None:
    """Checks that this is a sampler, and not its class or a black-box algorithm."""
    if isinstance(sampler, type) and issubclass(sampler, Sampler):
        raise FieldTypeError(
            f"Trainer takes a sampler, and got the class {sampler.__name__}. Make one: {sampler.__name__}()."
        )
    if not isinstance(sampler, Sampler):
        raise FieldTypeError(
            f"Trainer takes a sampler, such as TuNAS() or DARTS(); got {sampler!r:.80} of type {type(sampler).__name__}. "
            "A black-box algorithm, such as pg.generators.Random(), searches networks that are trained alone: `search_alone`."
        )


def check_counts(**counts: Any) -> None:
    """Checks that these are whole numbers from 1."""
    for name, value in counts.items():
        if value.__class__ is not int or value < 1:
            raise FieldValueError(f"Trainer({name}=...) is a whole number from 1; got {value!r}.")


def check_clip(clip: Any) -> float | None:
    """Returns the largest norm of the gradients, or None."""
    if clip is None:
        return None
    if isinstance(clip, bool) or not isinstance(clip, (int, float)):
        raise FieldTypeError(
            f"clip is the largest norm of all gradients, a number above 0, or None for none; got {clip!r:.80} of type "
            f"{type(clip).__name__}."
        )
    if not clip > 0:
        raise FieldValueError(
            f"clip is the largest norm of all gradients, a number above 0; got {clip!r}: with 0 nothing is trained, and below it "
            "the loss is climbed. For no clipping: clip=None."
        )
    return float(clip)


def check_device(device: Any) -> torch.device:
    """Returns a device on which tensors can be made."""
    try:
        found = torch.device(device)
        torch.zeros(1, device=found).cpu()
    except (AssertionError, RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        there = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        there += ["mps"] if torch.backends.mps.is_available() else []
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise FieldValueError(
            f"Trainer(device=...) cannot train on {device!r:.80}: {reason:.200}. Devices here: {', '.join(there)}."
        ) from error
    return found


def check_autocast(autocast: Any) -> torch.dtype | None:
    """Returns the type that autocast computes in, or None."""
    if autocast is None or autocast in (torch.bfloat16, torch.float16):
        return autocast  # type: ignore[no-any-return]  # one of the two, or None
    raise FieldTypeError(
        f"Trainer(autocast=...) is the type to compute in, torch.bfloat16 or torch.float16, or None for no autocast; got "
        f"{autocast!r:.80} of type {type(autocast).__name__}."
    )


def check_checkpoint(checkpoint: Any) -> Path | None:
    """Returns the path of a file in a folder that is there, or None."""
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    if path.is_dir():
        raise LoadError(
            f"the checkpoint {str(path)!r} is a folder. Name a file in it: {str(path / 'search.pt')!r}."
        )
    if not path.parent.is_dir():
        raise LoadError(
            f"the checkpoint {str(path)!r} cannot be written: there is no folder {str(path.parent)!r}. Make it, or name another."
        )
    return path


def make_optimizer(make: Any, weights: list[nn.Parameter]) -> Optimizer:
    """Returns the optimizer that ``make`` makes of the weights."""
    lesson = (
        "Trainer(optimizer=...) takes a function from weights to their optimizer, such as `lambda weights: torch.optim.Adam(weights, "
        "lr=1e-3)`, as the super-network is made here"
    )
    if isinstance(make, Optimizer) or not callable(make):
        raise FieldTypeError(f"{lesson}; got a {type(make).__name__} itself.")
    made: Any = make(weights)
    if not isinstance(made, Optimizer):
        raise FieldTypeError(f"{lesson}; the one that was given returned {made!r:.80}.")
    return made
