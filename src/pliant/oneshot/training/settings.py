"""Settings of a trainer: checks before training, and their text in a checkpoint, so that a resumed search has the same ones.

The text names functions, and gives for objects the constructor arguments that they keep; it never contains addresses.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import torch
from torch import nn
from torch.optim import Optimizer

from pliant.algorithms.options import check_number
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, check_file, quote, quote_typed
from pliant.values.signature import read_signature

from ..sampler import Sampler

MakeOptimizer = Callable[[list[nn.Parameter]], Optimizer]


def check_sampler(sampler: object) -> None:
    """Checks that this is a sampler, not its class or a black-box algorithm."""
    if isinstance(sampler, type) and issubclass(sampler, Sampler):
        raise FieldTypeError(
            f"Trainer takes a sampler; got the class {sampler.__name__}. Write {sampler.__name__}()."
        )
    if not isinstance(sampler, Sampler):
        raise FieldTypeError(
            f"Trainer takes a sampler, such as TuNAS() or DARTS(); got {quote_typed(sampler)}. "
            "A black-box algorithm, such as pg.generators.Random(), searches networks that are trained alone: `search_alone`."
        )


def check_clip(clip: object, owner: str) -> float | None:
    """Returns the largest norm of the gradients, or None."""
    return None if clip is None else check_number(clip, "clip", owner, above=0.0)


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
            f"Trainer(device=...) cannot train on {quote(device)}: {reason:.200}. Devices here: {', '.join(there)}."
        ) from error
    return found


def check_autocast(autocast: object) -> torch.dtype | None:
    """Returns the type that autocast computes in, or None."""
    if autocast is None or autocast in (torch.bfloat16, torch.float16):
        return autocast
    raise FieldTypeError(
        f"Trainer(autocast=...) is the type to compute in, torch.bfloat16 or torch.float16, or None for no autocast; got "
        f"{quote_typed(autocast)}."
    )


def check_checkpoint(checkpoint: Any) -> Path | None:
    """Returns the path of a file in an existing folder, or None."""
    if checkpoint is None:
        return None
    path = Path(check_file(checkpoint, "Trainer(checkpoint=...)"))
    if path.is_dir():
        raise LoadError(
            f"the checkpoint {str(path)!r} is a folder. Name a file in it: {str(path / 'search.pt')!r}."
        )
    if not path.parent.is_dir():
        raise LoadError(
            f"the checkpoint {str(path)!r} cannot be written: the folder {str(path.parent)!r} does not exist. Make it, or name another."
        )
    return path


def make_optimizer(make: object, weights: list[nn.Parameter]) -> Optimizer:
    """Returns the optimizer that ``make`` returns for the weights."""
    expected = (
        "Trainer(optimizer=...) takes a function from weights to their optimizer, such as `lambda weights: torch.optim.Adam(weights, "
        "lr=1e-3)`, because the trainer makes the super-network"
    )
    if isinstance(make, Optimizer) or not callable(make):
        raise FieldTypeError(f"{expected}; got a {type(make).__name__} itself.")
    made: Any = make(weights)
    if not isinstance(made, Optimizer):
        raise FieldTypeError(f"{expected}; the given one returned {quote(made)}.")
    return made


DEEPEST: Final = 5  # levels of an option's parts; a deeper part is described by its type


def describe_settings(sampler: Sampler, others: Mapping[str, Any]) -> dict[str, str]:
    """Returns the options of a sampler and other settings as text, by name.

    >>> from pliant.oneshot import SPOS, Recalibrated
    >>> found = describe_settings(SPOS(normalization=Recalibrated(10)), {"seed": 3})
    >>> found["SPOS(normalization)"], found["seed"]
    ('Recalibrated(images=10)', '3')
    """
    kind = type(sampler).__name__
    options = {f"{kind}({name})": describe(value) for name, value in sampler.options.items()}
    return options | {name: describe(value) for name, value in others.items()}


def describe(value: object, depth: int = 0) -> str:
    """Returns a value as text that is the same in every process.

    >>> describe({"a": (1, None), "b": describe})
    "{'a': (1, None), 'b': describe}"
    """
    if isinstance(value, float):
        return repr(float(value))
    if value.__class__ is int and value.bit_length() > 4096:  # Python does not print much longer integers
        return hex(value)
    if value is None or isinstance(value, (bool, int, str, torch.dtype, torch.device)):
        return repr(value)
    if isinstance(value, Optimizer):
        return f"{type(value).__name__}({_join(value.defaults, depth + 1)})"
    if callable(getattr(value, "tolist", None)):  # a tensor or an array
        array: Any = value
        return f"{type(value).__name__} of shape {tuple(array.shape)}, checksum {crc32(repr(array.tolist()).encode()):08x}"
    if isinstance(value, type) or inspect.isroutine(value):
        return str(value.__name__)
    if depth >= DEEPEST or isinstance(value, nn.Module):
        return type(value).__name__
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{describe(k, depth + 1)}: {describe(v, depth + 1)}' for k, v in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(describe(part, depth + 1) for part in value)})"
    try:
        names = read_signature(type(value)).parameters
    except (TypeError, ValueError):
        return type(value).__name__
    kept = {name: found for name in names if (found := _read(value, name)) is not _NOTHING}
    return f"{type(value).__name__}({_join(kept, depth + 1)})"


def check_settings(asked: Mapping[str, str], kept: Mapping[str, str], path: str) -> None:
    """Checks that a search has the settings of its checkpoint.

    Raises:
      FieldValueError: settings differ; the message lists them.
    """
    names = [name for name in {**kept, **asked} if kept.get(name) != asked.get(name)]
    if names:
        lines = [
            f"  {name}: {kept.get(name, 'not set'):.200} in the checkpoint, {asked.get(name, 'not set'):.200} here"
            for name in names
        ]
        raise FieldValueError(
            f"the checkpoint {path!r} is of a search with other settings:\n"
            + "\n".join(lines)
            + "\nContinue with the settings of the checkpoint (the number of epochs may differ), or name another file to start a new "
            "search."
        )


def _join(options: Mapping[str, Any], depth: int) -> str:
    return ", ".join(f"{name}={describe(value, depth)}" for name, value in options.items())


_NOTHING: Final = object()


def _read(value: object, name: str) -> Any:
    try:
        return getattr(value, name) if hasattr(value, name) else getattr(value, f"_{name}")
    except Exception:  # noqa: BLE001  # a property of a user's class may raise anything
        return _NOTHING
