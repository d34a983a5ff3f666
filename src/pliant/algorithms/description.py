"""Describes an algorithm as JSON: its name and options, with nested algorithms; compares descriptions; rebuilds algorithms.

A study stores a description to recognize its algorithm when it is opened again.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from hashlib import sha256
from importlib import import_module
from typing import Any

from pliant.values.errors import LoadError, PliantError
from pliant.values.numbers import to_real, to_whole
from pliant.values.signature import read_signature

from .base import Algorithm

Description = dict[str, Any]
"""``{"name": ..., "options": {...}}``; the values of options are JSON, nested parts are descriptions themselves."""

_PLACES = ("generators", "evolution", "policy", "predictor")  # modules of pliant.algorithms with public parts


def describe(algorithm: Algorithm) -> Description:
    """Returns the name of an algorithm and the options of its constructor, as JSON.

    A class of Pliant has its bare name; any other class has its import name, such as ``mine:Coin``.

    >>> from pliant.algorithms import Deduplicate, Sweep
    >>> describe(Deduplicate(Sweep(), attempts=5))
    {'name': 'Deduplicate', 'options': {'algorithm': {'name': 'Sweep', 'options': {'seed': 0}}, 'attempts': 5}}
    """
    found: Description = _describe(algorithm)
    return found


def rebuild(description: Description) -> Algorithm:
    """Returns a new algorithm from its description.  Only classes of Pliant are called; nothing else is imported.

    >>> rebuild({"name": "Deduplicate", "options": {"algorithm": {"name": "Sweep", "options": {}}}}).attempts
    100

    Raises:
      LoadError: the description has parts that are not of Pliant, or options that the algorithm does not take.
    """
    try:
        found = _rebuild(description)
    except (PliantError, ImportError, AttributeError, TypeError, ValueError) as error:
        raise LoadError(f"the algorithm {to_text(description)} cannot be made: {error}") from error
    if not isinstance(found, Algorithm):
        raise LoadError(f"{to_text(description)} is not an algorithm, but of type {type(found).__name__}.")
    return found


def to_text(description: object) -> str:
    """Returns a description, or a value in it, as one line.

    >>> from pliant.algorithms import RegularizedEvolution
    >>> to_text(describe(RegularizedEvolution(4, 2))["options"]["reproduce"])
    'Tournament(size=2, count=1) >> Mutate(times=1)'
    """
    if isinstance(description, list):
        return f"[{', '.join(map(to_text, description))}]"
    if not isinstance(description, dict):
        return repr(description)
    if "name" not in description:
        ((kind, content),) = description.items()
        if kind == "dict":
            return f"{{{', '.join(f'{key!r}: {to_text(value)}' for key, value in content.items())}}}"
        return str(content).rpartition(":")[2] if kind == "import" else str(content)
    name, options = description["name"].rpartition(":")[2], description["options"]
    if name == "Chain":
        return " >> ".join(map(to_text, options["steps"]))
    return f"{name}({', '.join(f'{key}={to_text(value)}' for key, value in options.items())})"


def differences(recorded: Description, given: Description) -> list[str]:
    """Returns how two descriptions differ, one line per option; options that only one of them has are left out.

    Such options come and go as the code of an algorithm grows; their defaults keep the earlier behaviour.

    >>> from pliant.algorithms import Random
    >>> differences(describe(Random(seed=1)), describe(Random(seed=2)))
    ['seed=1 against 2']
    """
    before, now = recorded["name"], given["name"]
    may_be_same = (":" in before) == (":" in now) or before.startswith("?:")  # the module ``?`` is unknown
    if not may_be_same or before.rpartition(":")[2] != now.rpartition(":")[2]:  # a user's class may move
        return [f"{before} against {now}"]
    old, new = recorded["options"], given["options"]
    return [
        f"{name}={to_text(old[name])} against {to_text(new[name])}"
        for name in old
        if name in new and not _same(old[name], new[name])
    ]


def is_known(name: str) -> bool:
    """Returns whether a name is that of a public class of Pliant, which ``rebuild`` can make."""
    try:
        return _find(name) is not None
    except LoadError:
        return False


def _describe(value: object) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if (whole := to_whole(value)) is not None:
        return whole
    if (real := to_real(value)) is not None:
        return real if math.isfinite(real) else {"text": repr(real)}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [_describe(one) for one in value]
    if isinstance(value, Mapping):
        return {"dict": {str(key): _describe(one) for key, one in value.items()}}
    if isinstance(value, type) or inspect.isroutine(value):
        return {"import": _import_name(value)}
    kind: Any = type(value)
    if callable(getattr(value, "tolist", None)):  # an array or tensor
        items = repr(value.tolist())  # type: ignore[attr-defined]  # as above
        return {
            "text": f"{kind.__name__} {items if len(items) < 200 else sha256(items.encode()).hexdigest()}"
        }
    options = _read_options(value)
    is_part = _is_ours(kind) or isinstance(value, Algorithm)
    if not (options or is_part or kind.__repr__ is object.__repr__):
        return {"text": repr(value)}
    name = kind.__name__ if _is_ours(kind) else _import_name(kind)
    return {"name": name, "options": {key: _describe(one) for key, one in options.items()}}


def _read_options(value: object) -> dict[str, Any]:
    """Returns the arguments of a constructor: as the object keeps them, or, of a user's algorithm, as they were given."""
    kind = type(value)
    try:
        signature = read_signature(kind)
    except (TypeError, ValueError):
        return {}
    kept = {}
    for name in signature.parameters:
        place = name if hasattr(value, name) or _is_ours(kind) else f"_{name}"
        if hasattr(value, place):
            kept[name] = getattr(value, place)
    arguments = value.__dict__.get("_arguments") if isinstance(value, Algorithm) else None
    if arguments is None or _is_ours(kind):
        return kept
    bound = signature.bind(*arguments[0], **arguments[1])
    bound.apply_defaults()
    seed = {"seed": kept["seed"]} if "seed" in kept else {}  # `setup` may have replaced it
    return {**bound.arguments, **seed}


def _import_name(value: Any) -> str:
    return f"{value.__module__}:{getattr(value, '__qualname__', value.__name__)}"


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        if "name" in old and "name" in new:
            return not differences(old, new)
        if old.keys() == new.keys() == {"dict"}:
            old, new = old["dict"], new["dict"]
            return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, dict) and "text" in old:
        return bool(old["text"] == to_text(new))
    return json.dumps(old) == json.dumps(new)


def _rebuild(value: object) -> Any:
    if isinstance(value, list):
        return tuple([_rebuild(one) for one in value])
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {key: _rebuild(one) for key, one in value["dict"].items()}
    if "name" not in value:
        raise LoadError(f"{to_text(value)} is known by its text only")
    options = {name: _rebuild(one) for name, one in value["options"].items()}
    return _find(value["name"])(**options)


def _find(name: str) -> type:
    """Returns the public class of Pliant with a name."""
    for place in _PLACES:
        module = import_module(f"pliant.algorithms.{place}")
        found = getattr(module, name, None) if name in module.__all__ else None
        if isinstance(found, type):
            return found
    raise LoadError(f"{name!r} is not a class of Pliant")
