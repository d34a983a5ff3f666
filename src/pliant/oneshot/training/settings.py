"""What a search was asked for, as text by name: a checkpoint keeps it, so that a search goes on as it was begun.

Options are compared by what they say, never by where they are in memory: functions by name, objects by what their
constructors were given, as far as they keep it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.values.errors import FieldValueError

from ..sampler import Sampler

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
