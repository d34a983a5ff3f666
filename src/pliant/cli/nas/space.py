"""Loads the user's functions by name: the search space, and the generator of proxy tasks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from pliant.nas.errors import NasError
from pliant.nas.settings import Settings
from pliant.space import Space
from pliant.values.errors import PliantError, listing, quote, suggest
from pliant.values.signature import read_signature

from ..target import Target, TargetError, load_target

PREBUILT = ("darts", "mobilenet_v2", "nasbench101", "nasbench201", "nasbench_macro", "transformer")


def load_space(settings: Settings) -> Space:
    """Returns the abstract space that ``--search_space_module`` or ``--prebuilt_search_space`` names.

    Raises:
      NasError: both are given, or neither; or the named one has nothing to search.
      TargetError: the module cannot be imported, or its function fails.
    """
    from pliant.tune import sample

    module, prebuilt = settings.space_module, settings.prebuilt
    if bool(module) == bool(prebuilt):
        raise NasError(
            "give one search space, --search_space_module=package.module.function or --prebuilt_search_space=NAME; "
            f"got {'both' if module else 'neither'}."
        )
    if prebuilt:
        if prebuilt not in PREBUILT:
            raise NasError(
                f"unknown published space {quote(prebuilt, 60)}{suggest(prebuilt, PREBUILT) or '.'} Available: "
                f"{listing(PREBUILT)}. For another space, give --search_space_module=package.module.function."
            )
        program = import_module(f"pliant.zoo.{prebuilt}").make_space()
    else:
        assert module is not None
        program = _call(module, settings.trainer.folder)
    try:
        return sample(program).space
    except PliantError as error:
        raise NasError(
            f"the search space {settings.space_name} returned a {type(program).__name__} that cannot be searched: {error}"
        ) from error


def load_function(text: str, folder: str, flag: str, example: str) -> tuple[Target, Callable[..., Any]]:
    """Returns the file or module that text names, and its function.

    Args:
      text: ``package.module.function``, ``module:function`` or ``FILE.py:function``.
      folder: where the job was started; files are found, and modules imported, from there and from the current folder.
      flag: of the command, for messages.
      example: of its value.

    Raises:
      NasError: the text does not have this form, or names something else than a function.
      TargetError: the module cannot be imported, or has no such name.
    """
    name = str(text)  # a damaged record of a job may contain a number
    place, _, function = name.rpartition(":" if ":" in name else ".")
    if not place or not function.isidentifier():
        raise NasError(
            f"--{flag} names a module and a function in it, such as {example}; got {quote(text, 120)}."
        )
    for path in (str(Path.cwd()), folder):
        if path in sys.path:
            sys.path.remove(path)
        sys.path.insert(0, path)
    target = load_target(f"{Path(folder, place) if place.endswith('.py') else place}:{function}")
    found = getattr(target.module, function, None)
    if found is None:
        known = vars(target.module).items()
        own = [name for name, value in known if callable(value) and not name.startswith("_")]
        raise TargetError(
            f"{target.label} defines no function {quote(function)}{suggest(function, own) or '.'} It has: {listing(own)}."
        )
    if not callable(found):
        raise NasError(
            f"{function} in {place} is a {type(found).__name__}, not a function. Write `def {function}(...): return ...`."
        )
    return target, found


def _call(text: str, folder: str) -> Any:
    target, function = load_function(
        text, folder, "search_space_module", "tutorial.search_spaces.basic_one_of_search_space"
    )
    try:
        signature = read_signature(function)
    except ValueError:  # a builtin without a signature
        return target.make_space()
    try:
        signature.bind()
    except TypeError:
        raise NasError(
            f"{text} is called without arguments, but its signature is {function.__name__}{signature}. Give its parameters "
            "defaults, or name a function that passes them."
        ) from None
    return target.make_space()
