"""What a search was asked for, as text by name: a checkpoint keeps it, so that a search goes on as it was begun.

Options are compared by what they say, never by where they are in memory: functions by name, objects by what their
constructors were given, as far as they keep it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
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


DEEPEST: Final = 5  # parts of parts of an option; what is deeper is told by its type


def describe_settings(sampler: Sampler, others: Mapping[str, Any]) -> dict[str, str]:
    """Returns the options of a sampler and other settings as text, by name.

    >>> from pliant.oneshot import SPOS, Recalibrated
    >>> found = describe_settings(SPOS(normalization=Recalibrated(10)), {"seed": 3})
    >>> found["SPOS(normalization)"], found["seed"]
    ('Recalibrated(images=10)', '3')
    """
    options = {
        f"{type(sampler).__name__}({name})": describe(value) for name, value in sampler.options.items()
    }
    return options | {name: describe(value) for name, value in others.items()}


def describe(value: Any, depth: int = 0) -> str:
    """Returns a value as text that is the same in every process.

    >>> describe({"a": (1, None), "b": describe})
    "{'a': (1, None), 'b': describe}"
    """
    if isinstance(value, float):
        return repr(float(value))
    if value is None or isinstance(value, (bool, int, str, torch.dtype, torch.device)):
        return repr(value)
    if isinstance(value, Optimizer):
        return f"{type(value).__name__}({_join(value.defaults, depth + 1)})"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, type) or inspect.isroutine(value):
        return str(value.__name__)
    if depth >= DEEPEST or isinstance(value, nn.Module):
        return type(value).__name__
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{describe(k, depth + 1)}: {describe(v, depth + 1)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(describe(part, depth + 1) for part in value)
        return f"({inside})"
    try:
        names = inspect.signature(type(value)).parameters
    except (TypeError, ValueError):
        return type(value).__name__
    kept = {name: found for name in names if (found := _read(value, name)) is not _NOTHING}
    return f"{type(value).__name__}({_join(kept, depth + 1)})"


def check_settings(asked: Mapping[str, str], kept: Mapping[str, str], path: str) -> None:
    """Checks that a search is asked for as it was when its checkpoint was written.

    Raises:
      FieldValueError: something differs; the message says what.
    """
    names = [name for name in {**kept, **asked} if kept.get(name) != asked.get(name)]
    if names:
        lines = [
            f"  {name}: {kept.get(name, 'not there'):.200} there, {asked.get(name, 'not here'):.200} here"
            for name in names
        ]
        raise FieldValueError(
            f"the checkpoint {path!r} is of a search that was asked for otherwise:\n"
            + "\n".join(lines)
            + "\nGo on with what it was begun with (another number of epochs is fine), or name another file to start anew."
        )


def _join(options: Mapping[str, Any], depth: int) -> str:
    return ", ".join(f"{name}={describe(value, depth)}" for name, value in options.items())


_NOTHING: Final = object()


def _read(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except Exception:  # noqa: BLE001  # a property of somebody else's class may raise anything
        return _NOTHING
