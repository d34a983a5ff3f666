"""Which proxy tasks to try: what a function of the user's returns, checked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pliant.values.errors import suggest

from ...target import load_target
from ..fault import NasError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")
_FORM = 'such as {"name": "half_data", "docker_args_map": {**flags, "data": "0.5"}}'


class Candidate(NamedTuple):
    """A proxy task to try.

    Attributes:
      name: of it.
      flags: of the trainer.
    """

    name: str
    flags: dict[str, str]


def generate(text: str, folder: str, flags: Mapping[str, str]) -> Iterator[Candidate]:
    """Yields the proxy tasks that a function returns for the flags of full training.

    Args:
      text: ``package.module.function``, ``module:function`` or ``FILE.py:function``.
      folder: where modules are imported from first.
      flags: of full training, which it is called with.

    Raises:
      NasError: it names no function, or what it returns are no proxy tasks.
      TargetError: the module does not import.
    """
    found = _load(text, Path(folder))
    try:
        proposed = iter(found(dict(flags)))
    except Exception as error:
        raise NasError(
            f"{text} is called with the flags of full training as a dict, and returns proxy tasks; it failed: "
            f"{type(error).__name__}: {error}"
        ) from error
    names: set[str] = set()
    while True:
        try:
            given = next(proposed)
        except StopIteration:
            return
        except Exception as error:
            raise NasError(f"{text} failed: {type(error).__name__}: {error}") from error
        candidate = _read(given, text)
        if candidate.name in names:
            raise NasError(f"{text} gives the name {candidate.name!r} twice; each proxy task has its own.")
        names.add(candidate.name)
        yield candidate


def _load(text: str, folder: Path) -> Any:
    place, _, function = text.rpartition(":" if ":" in text else ".")
    if not place or not function.isidentifier():
        raise NasError(
            f"--proxy_task_config_generator_module names a module and a function in it, such as proxies.candidates; got {text!r:.120}."
        )
    for path in (str(Path.cwd()), str(folder)):
        if path in sys.path:
            sys.path.remove(path)
        sys.path.insert(0, path)
    if place.endswith(".py"):
        place = str(folder / place)
    target = load_target(f"{place}:{function}")
    found = getattr(target.module, function, None)
    if not callable(found):
        raise NasError(
            f"{target.label} defines no function {function!r}{suggest(function, vars(target.module)) or '.'}"
        )
    return found


def _read(given: Any, text: str) -> Candidate:
    if isinstance(given, Mapping):
        name, flags = given.get("name"), given.get("docker_args_map")
    else:
        name, flags = getattr(given, "name", None), getattr(given, "docker_args_map", None)
    if not isinstance(name, str) or not isinstance(flags, Mapping):
        raise NasError(
            f"a proxy task has a name and a docker_args_map, {_FORM}; {text} gave {given!r:.120} of type {type(given).__name__}."
        )
    if not _NAME.fullmatch(name):
        raise NasError(
            f"a proxy task's name is letters, digits, '_', '-' and '.', at most 64; {text} gave {name!r:.80}."
        )
    return Candidate(name, {str(key): str(value) for key, value in flags.items()})
