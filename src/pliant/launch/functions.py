"""Function names that another process can import: ``"module:qualname"``, without pickle.

A function of the main file is named by that file (``"path/train.py:qualname"``).  The other process imports the file
under another module name, so that code under ``if __name__ == "__main__":`` does not run.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pliant.values.errors import LaunchError, quote, quote_typed, suggest
from pliant.values.scripts import find_script

_FORM = "a function is named 'module:qualname', such as 'tasks.digits:train'"
_files: dict[str, ModuleType] = {}
_loading: list[str] = []


def name_of(function: str | Callable[..., Any]) -> str:
    """Returns the name by which another process imports a function; a given name is checked if its module is loaded.

    >>> name_of(name_of)
    'pliant.launch.functions:name_of'
    >>> name_of("json:dumps")
    'json:dumps'

    Raises:
      LaunchError: a lambda, an inner function, a function of an interactive session, a function that its own name
        does not lead to, or an invalid name.
    """
    if isinstance(function, str):
        module, qualname = _split(function)
        if module in sys.modules:
            _member(sys.modules[module], qualname, function)
        return function
    qualname = getattr(function, "__qualname__", "")
    module = getattr(function, "__module__", "") or ""
    if not qualname:
        raise LaunchError(
            f"a call takes a function or its name; got {quote_typed(function)}. "
            f"{_FORM[0].upper()}{_FORM[1:]}. Replace a partial with a function that calls it."
        )
    if "<" in qualname:
        kind = "a lambda" if qualname.endswith("<lambda>") else "defined inside another function"
        raise LaunchError(
            f"{qualname!r} of {module!r} is {kind}, so other processes cannot import it. Define it at the top level of "
            "a module, and pass its data as arguments."
        )
    found = sys.modules.get(module)
    if found is None or _reach(found, qualname)[0] is not function:
        raise LaunchError(
            f"'{module}:{qualname}' is not the function that was given (a decorator, bound method or changed name?). Use "
            "a function that its module has under its own name."
        )
    return f"{_importable(found, qualname)}:{qualname}"


def resolve(name: str) -> Callable[..., Any]:
    """Returns the function of a name, importing its module.

    >>> resolve("json:dumps")([1])
    '[1]'

    Raises:
      LaunchError: the module, file or function does not exist; the message suggests the nearest name.
    """
    module, qualname = _split(name)
    return _member(_load_file(module) if module.endswith(".py") else _load(module, name), qualname, name)


def loading() -> str | None:
    """Returns the file that is being imported for one of its functions, where no search may start; None otherwise."""
    return _loading[-1] if _loading else None


def _split(name: str) -> tuple[str, str]:
    module, _, qualname = name.rpartition(":")
    dotted = module if not module.endswith(".py") else "file"
    if not all(part.isidentifier() for text in (dotted, qualname) for part in text.split(".")):
        raise LaunchError(f"{quote(name, 200)} is not the name of a function: {_FORM}.")
    return module, qualname


def _importable(module: ModuleType, qualname: str) -> str:
    """Returns the name by which another process imports a module."""
    if module.__name__ != "__main__":
        return module.__name__
    spec = getattr(module, "__spec__", None)
    if spec is not None:  # python -m
        return str(spec.name)
    file = getattr(module, "__file__", None)
    if file and file.endswith(".py") and Path(file).is_file():
        return str(Path(file).resolve())
    raise LaunchError(
        f"{qualname!r} was defined in an interactive session, so other processes cannot import it. In a notebook, put "
        f"`%%writefile tasks.py` on the first line of its cell, with its imports below, and run `from tasks import {qualname}` in the "
        "next cell; elsewhere move it to a file."
    )


def _load(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if module != missing and not module.startswith(f"{missing}."):
            raise  # the module exists, but one of its imports fails
        raise LaunchError(
            f"cannot import {module!r} of {name!r}: the module {missing!r} does not exist"
            f"{suggest(module, sys.modules)}. {_FORM[0].upper()}{_FORM[1:]}, and its folder is on PYTHONPATH."
        ) from None


def _load_file(path: str) -> ModuleType:
    if path in _files:
        return _files[path]
    spec = find_script("__pliant_main__", path)
    if spec.loader is None or not Path(path).is_file():
        raise LaunchError(f"the file {path!r}, which has a function to call, does not exist.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["__pliant_main__"] = module
    _loading.append(path)
    try:
        spec.loader.exec_module(module)
    finally:
        _loading.pop()
    _files[path] = module
    return module


def _member(module: ModuleType, qualname: str, name: str) -> Callable[..., Any]:
    found, owner, part = _reach(module, qualname)
    if found is None:
        near = suggest(part, [n for n in vars(owner) if not n.startswith("__")] if owner else [])
        raise LaunchError(f"{name!r} does not exist: {module.__name__!r} has no {part!r}{near}")
    if not callable(found):
        raise LaunchError(f"{name!r} is not a function, but of type {type(found).__name__}.")
    return found  # type: ignore[no-any-return]  # checked with callable


def _reach(module: ModuleType, qualname: str) -> tuple[Any, Any, str]:
    """Returns the value at a qualified name (None if missing), the owner of its last part, and that part."""
    owner: Any = None
    found: Any = module
    part = ""
    for part in qualname.split("."):
        owner, found = found, getattr(found, part, None)
        if found is None:
            break
    return found, owner, part
