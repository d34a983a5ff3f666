"""Loads a user's file for a command, and finds its functions by their names.

A file defines ``search_space`` and ``evaluate``, and optionally ``test`` and ``handmade``.  It subclasses and registers nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pliant.values.errors import PliantError, suggest
from pliant.values.exceptions import describe
from pliant.values.scripts import find_script
from pliant.values.signature import read_signature

DEFAULT = "search_space"
NAMES = {
    "search_space": "search_space() -> a program with holes, or a network with LayerChoice or InputChoice modules",
    "evaluate": "evaluate(program) -> its reward: a number, or several in a tuple",
    "test": "test(program) -> its score on test data that the search does not use (optional)",
    "handmade": "handmade() -> a program to compare with (optional)",
}


class TargetError(PliantError, ValueError):
    """A file that cannot be searched: it is missing, does not run, or lacks a function."""


@dataclass(frozen=True, slots=True)
class Target:
    """A loaded file or module."""

    label: str  # as it was typed
    name: str  # of the file or module, short, and of the space if it is another; it names the study
    module: ModuleType  # what was loaded
    space_name: str = DEFAULT  # which function of it makes the space

    def make_space(self) -> Any:
        """Returns what the file defines as its space, such as a program with holes; what a function or a class makes is new.

        Raises:
          TargetError: there is none, or the function fails.
        """
        found = self._find(self.space_name)
        is_made = not (inspect.isroutine(found) or inspect.isclass(found))
        return found if is_made else self._call(self.space_name, found)

    def make_handmade(self) -> Any:
        """Returns the program to compare with, new; None when the file defines none; raises TargetError if it fails."""
        found = getattr(self.module, "handmade", None)
        return None if found is None else self._call("handmade", found)

    def function(self, name: str) -> Callable[[Any], Any]:
        """Returns a function that takes a program; raises TargetError if there is none, or it takes something else."""
        found: Callable[[Any], Any] = self._find(name)
        if not callable(found):
            raise TargetError(
                f"{name} in {self.label} is a {type(found).__name__}, not a function. {_convention()}"
            )
        try:
            read_signature(found).bind(None)
        except TypeError:
            raise TargetError(
                f"{name} in {self.label} is called with one argument, the program: `def {name}(program)`; "
                f"its signature is {name}{read_signature(found)}. Give other arguments defaults, such as feedback=None."
            ) from None
        except ValueError:  # a builtin without a signature
            pass
        return found

    def has(self, name: str) -> bool:
        """Returns whether the file defines this name."""
        return hasattr(self.module, name)

    def _find(self, name: str) -> Any:
        found = getattr(self.module, name, None)
        if found is None:
            own = [n for n in vars(self.module) if not n.startswith("_")]
            raise TargetError(f"{self.label} defines no {name!r}{suggest(name, own) or '.'} {_convention()}")
        return found

    def _call(self, name: str, function: Callable[[], Any]) -> Any:
        try:
            made = function()
        except (Exception, SystemExit) as error:
            raise TargetError(f"{name}() of {self.label} failed: {explain(error)}") from error
        if made is None:
            raise TargetError(f"{name}() of {self.label} returned None; does it lack a `return`?")
        return made


def load_target(text: str) -> Target:
    """Returns the file or module that ``text`` names: ``FILE.py`` or ``package.module``, then maybe ``:function``.

    The folder of a file (and, for a module, the current one) is searched for what it imports, as when
    Python runs it.

    Raises:
      TargetError: it is not there, or its own code fails.
    """
    place, colon, function = text.rpartition(":")
    if not (colon and function.isidentifier()):
        place, function = text, DEFAULT
    if place.endswith(".py") or os.sep in place or Path(place).exists():
        path = _find_file(place)
        name, module = path.stem, _run(place, lambda: _load_file(path), path.parent)
    else:
        name, module = place.rpartition(".")[2], _run(place, lambda: _load_module(place), Path.cwd())
    return Target(place, name if function == DEFAULT else f"{name}.{function}", module, function)


def explain(error: BaseException) -> str:
    """Returns an error as a line: its type, its message, and the line of the user's code."""
    text = describe(error)
    frames = traceback.extract_tb(error.__traceback__)
    others = ("<", str(Path(__file__).parents[1]), *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")))
    own = [frame for frame in frames if not frame.filename.startswith(others)]
    return f"{text} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else text


def _find_file(place: str) -> Path:
    path = Path(place)
    if path.is_dir():
        raise TargetError(
            f"{place!r} is a folder; name a Python file in it{find_nearest(path.glob('*.py'), place)}"
        )
    if not path.exists():
        others = path.parent.glob("*.py") if path.parent.is_dir() else ()
        raise TargetError(f"the file {place!r} does not exist{find_nearest(others, place)} {_convention()}")
    if path.suffix == ".json":
        raise TargetError(
            f"{place!r} is a search-space file, which has no evaluate function. Give the Python file that has one, and this one with --space: "
            f"`pliant search FILE --space {place}`."
        )
    if path.suffix != ".py":
        raise TargetError(f"{place!r} is not a Python file; its name should end in '.py'.")
    return path.resolve()


def find_nearest(files: Iterable[Path], place: str) -> str:
    """Returns the end of a message about a missing file: the nearest file name, or a full stop."""
    return suggest(place, sorted(str(file) for file in files)) or "."


def _load_file(path: Path) -> ModuleType:
    # Under its own name where that is free, so that classes keep it when they are stored.
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_searched"
    spec = find_script(name, path)
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise TargetError(
                f"the module {name!r} does not exist{find_nearest(Path().glob('*.py'), name + '.py')} "
                "Give a file, such as digits.py, or a module that Python finds, such as package.digits."
            ) from None
        raise


def _run(place: str, load: Callable[[], ModuleType], folder: Path) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return load()
    except PliantError as error:
        if isinstance(error, TargetError):
            raise
        raise TargetError(f"{place} cannot be loaded: {explain(error)}") from error
    except SyntaxError as error:
        where = f"{Path(error.filename or place).name}:{error.lineno}"
        raise TargetError(f"{place} is not valid Python: {error.msg} ({where}).") from error
    except (Exception, SystemExit) as error:
        raise TargetError(f"{place} cannot be loaded: {explain(error)}") from error


def _convention() -> str:
    return "A file to search defines:\n" + "\n".join(f"  {line}" for line in NAMES.values())
