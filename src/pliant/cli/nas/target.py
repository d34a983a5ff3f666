"""What is searched: a function of the user's that returns a program with holes, or a published space."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from pliant.values.errors import listing, suggest

from ..target import Target, TargetError, load_target
from .fault import NasError

PREBUILT = ("darts", "mobilenet_v2", "nasbench101", "nasbench201", "nasbench_macro", "transformer")


def load_program(module: str | None, prebuilt: str | None, folder: str) -> Any:
    """Returns the program with holes that ``--search_space_module`` or ``--prebuilt_search_space`` names.

    Args:
      module: ``package.module.function``, or ``FILE.py:function``.
      prebuilt: the name of a published space.
      folder: where modules are imported from first, and files are found.

    Raises:
      NasError: both are given or none, or what is named is no search space.
      TargetError: the module does not import, or its function fails.
    """
    if bool(module) == bool(prebuilt):
        given = "both were" if module else "none was"
        raise NasError(
            f"one search space is searched, and {given} given of --search_space_module=package.module.function and "
            "--prebuilt_search_space=NAME."
        )
    if prebuilt:
        return _load_prebuilt(prebuilt)
    assert module is not None
    for place in (str(Path.cwd()), folder):
        if place in sys.path:
            sys.path.remove(place)
        sys.path.insert(0, place)
    return _call(module, Path(folder))


def make_space(program: Any, name: str) -> Any:
    """Returns the abstract space of a program with holes.

    Raises:
      NasError: there is no hole in it.
    """
    from pliant.tune import sample
    from pliant.values.errors import PliantError

    try:
        return sample(program).space
    except PliantError as error:
        raise NasError(
            f"the search space {name} returned a {type(program).__name__} that cannot be searched: {error}"
        ) from error


def _load_prebuilt(name: str) -> Any:
    if name not in PREBUILT:
        raise NasError(
            f"there is no published space {name!r:.60}{suggest(name, PREBUILT) or '.'} "
            f"Known: {listing(PREBUILT)}. A space of your own: --search_space_module=package.module.function."
        )
    return import_module(f"pliant.zoo.{name}").make_space()


def _call(text: str, folder: Path) -> Any:
    """Returns what the function makes that ``package.module.function`` or ``FILE.py:function`` names."""
    place, _, function = text.rpartition(":" if ":" in text else ".")
    if not place or not function.isidentifier():
        raise NasError(
            "--search_space_module names a module and a function in it that returns a program with holes, such as "
            f"tutorial.search_spaces.basic_one_of_search_space; got {text!r:.120}."
        )
    if place.endswith(".py"):
        place = str(folder / place)
    target = load_target(f"{place}:{function}")
    found = getattr(target.module, function, None)
    if found is None:
        raise _no_function(target, function)
    if not callable(found):
        raise NasError(
            f"{function} of {place} is a {type(found).__name__}, and no function that returns the search space. "
            f"Write `def {function}(): return ...`."
        )
    try:
        inspect.signature(found).bind()
    except TypeError:
        raise NasError(
            f"{function} of {place} is called without arguments, and its signature is "
            f"{function}{inspect.signature(found)}. Give them defaults, or name a function that passes them."
        ) from None
    except ValueError:  # a builtin without a signature
        pass
    return target.make_space()


def _no_function(target: Target, function: str) -> TargetError:
    own = [
        name for name, value in vars(target.module).items() if callable(value) and not name.startswith("_")
    ]
    return TargetError(
        f"{target.label} defines no function {function!r}{suggest(function, own) or '.'} It has: {listing(own)}."
    )
