"""Queries: finds values in a tree by a regular expression for paths, by a predicate, or by a path.

Queries accept nodes and plain containers, change nothing, and realize no lazy object (a predicate may).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    PathError,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Path, at_path, step_text
from pliant.values.signature import positional_names

from ..tree.node import ATOMS, Node, children
from .compare import equal, node_class

_PATH_NAMES = ("k", "key", "key_path", "path")
_Test = Callable[[str, Any, Any, Any], Any]  # of path text, keys (or None), value, parent


def query(
    x: object,
    path_regex: str | re.Pattern[str] | Callable[..., Any] | None = None,
    where: Callable[..., Any] | None = None,
    *,
    enter_selected: bool = False,
    custom_selector: Callable[..., Any] | None = None,
) -> dict[str, Any]:
    """Returns the values in a tree that match all conditions, by their paths relative to ``x``.

    ``x`` itself is included, under the path ``''``.

    Args:
      x: a node or a plain container.
      path_regex: a regular expression for the path, used with ``re.match``; or a predicate, in place of
        ``where``.
      where: a predicate of ``(value)``, ``(value, parent)`` or ``(k, value, parent)``; of ``(k, value)``
        if its first argument is named k, key, key_path or path.  ``k`` is a ``Path``.
      enter_selected: whether values below a selected one are searched.
      custom_selector: a predicate of ``(k, value)`` or ``(k, value, parent)``.

    Raises:
      FieldValueError: ``path_regex`` is not a regular expression.
      FieldTypeError: an argument is neither text nor a function, or a function takes too many arguments.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> model = Dict(a=Dict(filters=8), b=[Dict(filters=16), Dict(units=4)])
    >>> query(model, ".*filters")
    {'a.filters': 8, 'b[0].filters': 16}
    >>> query(model, lambda v: v == 4)
    {'b[1].units': 4}
    """
    if path_regex is not None and callable(path_regex):
        if where is not None:
            raise FieldTypeError("query has two predicates; pass one of them, as `where=`.")
        path_regex, where = None, path_regex
    match = None if path_regex is None else compile_pattern(path_regex).match
    found: dict[str, Any] = {}
    arguments = None if where is None else _arguments_of(where)
    if match is None and custom_selector is None and where is not None and arguments == "v":
        _find_values(x, "", where, enter_selected, found, {})
        return found
    tests = [] if where is None else [_adapt(where, arguments or "")]
    if custom_selector is not None:
        count = len(_required_names(custom_selector))
        tests.append(_adapt(custom_selector, "kv" if count == 2 else "kvp"))
    test = None if not tests else tests[0] if len(tests) == 1 else _both(*tests)
    if (match is None or match("")) and (test is None or test("", (), x, None)):
        found[""] = x
        if not enter_selected:
            return found
    if x.__class__ not in ATOMS:
        _find(x, "", None if test is None else (), match, test, (enter_selected, found, {}))
    return found


def compile_pattern(path_regex: object) -> re.Pattern[str]:
    """Returns the compiled regular expression for keys or paths.

    Raises:
      FieldValueError, FieldTypeError: it is not a regular expression, or not text.
    """
    if not isinstance(path_regex, (str, re.Pattern)):
        raise FieldTypeError(
            f"query needs a regular expression for paths, such as '.*filters', or a predicate of values; "
            f"got {quote_typed(path_regex)}."
        )
    try:
        return re.compile(path_regex)
    except re.error as error:
        raise FieldValueError(
            f"{quote(path_regex)} is not a regular expression: {error}. Write brackets and dots of paths as '\\[' and '\\.'."
        ) from error


def _required_names(fn: Callable[..., Any]) -> list[str]:
    """Returns the names of the required arguments of a predicate."""
    if not callable(fn):
        raise FieldTypeError(f"a predicate must be a function; got {quote_typed(fn)}.")
    names = positional_names(fn, 3)
    return names[: max(1, len(names) - len(getattr(fn, "__defaults__", None) or ()))]


def _arguments_of(where: Callable[..., Any]) -> str:
    """Returns the arguments of a predicate: ``v``, ``vp``, ``kv`` or ``kvp``."""
    names = _required_names(where)
    if len(names) > 3:
        raise FieldTypeError(
            f"a predicate must take (value), (value, parent), (k, value) or (k, value, parent); "
            f"{quote(getattr(where, '__name__', where))} takes {len(names)} arguments: {', '.join(names)}."
        )
    if len(names) == 2:
        return "kv" if names[0] in _PATH_NAMES else "vp"
    return "v" if len(names) < 2 else "kvp"


def _adapt(fn: Callable[..., Any], arguments: str) -> _Test:
    """Returns a predicate in the form that ``_find`` calls."""
    if arguments == "v":
        return lambda text, keys, value, parent: fn(value)
    if arguments == "vp":
        return lambda text, keys, value, parent: fn(value, parent)
    if arguments == "kv":
        return lambda text, keys, value, parent: fn(Path(keys), value)
    return lambda text, keys, value, parent: fn(Path(keys), value, parent)


def _both(first: _Test, second: _Test) -> _Test:
    return lambda *given: first(*given) and second(*given)


def _find_values(
    value: object,
    text: str,
    where: Callable[..., Any],
    enter: bool,
    found: dict[str, Any],
    steps: dict[Any, str],
) -> None:
    """Adds the values at and below a value that ``where`` selects; formats paths of selected values and nodes only."""
    if text == "" and where(value):
        found[""] = value
        if not enter:
            return
    for key, child in _pairs(value):
        if child is MISSING_VALUE:
            continue
        chosen = where(child)
        if not chosen and child.__class__ in ATOMS:
            continue
        here = (
            f"{text}[{key}]"
            if key.__class__ is int
            else text + ((text and steps.get(key)) or _step(key, text, steps))
        )
        if chosen:
            found[here] = child
        if (enter or not chosen) and child.__class__ not in ATOMS:
            _find_values(child, here, where, enter, found, steps)


def _pairs(value: object) -> Iterable[tuple[Any, Any]]:
    """Returns the children of a value by key; those of a node include MISSING_VALUE."""
    return zip(value._sym_keys(), value._sym_values()) if isinstance(value, Node) else children(value) or ()


def _step(key: Any, text: str, steps: dict[Any, str]) -> str:
    """Returns the text of a key after ``text``; caches it in ``steps`` unless ``text`` is empty."""
    step = step_text(key, first=not text)
    if text:
        steps[key] = step
    return step


def _find(
    value: Any,
    text: str,
    keys: Any,
    match: Any,
    test: _Test | None,
    rest: tuple[bool, dict[str, Any], dict[Any, str]],
) -> None:
    """Adds the matching values below a value; ``keys`` is None if only the text of paths is needed."""
    enter, found, steps = rest
    for key, child in _pairs(value):
        if child is MISSING_VALUE:
            continue
        here = (
            f"{text}[{key}]"
            if key.__class__ is int
            else text + ((text and steps.get(key)) or _step(key, text, steps))
        )
        below = None if keys is None else (*keys, key)
        if (match is None or match(here)) and (test is None or test(here, below, child, value)):
            found[here] = child
            if not enter:
                continue
        if child.__class__ not in ATOMS:
            _find(child, here, below, match, test, rest)


def get(x: object, path: str | int | Path, default: object = MISSING_VALUE) -> Any:
    """Returns the value at a path.

    Args:
      x: a node or a plain container.
      path: the path relative to ``x``.
      default: the value to return if nothing is there; without it, that is an error.

    Raises:
      PathError: nothing is at the path; the message names similar keys.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> get(Dict(a=[1, 2]), "a[1]"), get(Dict(a=[1, 2]), "b", None)
    (2, None)
    """
    at = Path.parse(path)
    value = x
    for i, key in enumerate(at.keys):
        child = child_of(value, key)
        if child is MISSING_VALUE:
            if default is not MISSING_VALUE:
                return default
            names = [k for k, _ in children(value) or ()]
            raise PathError(
                f"nothing is at path {str(at)!r}: the {node_class(value).__name__} {at_path(Path(at.keys[:i]))} "
                f"has no {quote(key)}{suggest(key, names) or '.'} It has: {listing(names)}."
            )
        value = child
    return value


def child_of(value: Any, key: Any) -> Any:
    """Returns the child under a key, or MISSING_VALUE."""
    if isinstance(value, Node):
        return value._sym_child(key)
    return dict(children(value) or ()).get(key, MISSING_VALUE)


def has(x: object, path: str | int | Path) -> bool:
    """Returns whether a value is at a path.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> has(Dict(a=[1, 2]), "a[1]"), has(Dict(a=[1, 2]), "a[2]")
    (True, False)
    """
    absent = object()
    return get(x, path, absent) is not absent


def contains(x: object, value: object = MISSING_VALUE, type: type | tuple[type, ...] | None = None) -> bool:
    """Returns whether a value equal to ``value``, or one of type ``type``, is at or below ``x``.

    Raises:
      FieldTypeError: neither is given.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> contains(Dict(a=[1, 2]), 2), contains(Dict(a=[1, 2]), type=str)
    (True, False)
    """
    if value is MISSING_VALUE and type is None:
        raise FieldTypeError("contains needs a value or a type; pass `value=` or `type=`.")

    if type is not None:
        check_class(type, "contains(type=...)")

    def fits(at: object) -> bool:
        if type is not None and not isinstance(at, type):
            return False
        return value is MISSING_VALUE or equal(at, value)

    return _any(x, fits)


def _any(value: object, fits: Callable[[Any], bool]) -> bool:
    return fits(value) or any(_any(child, fits) for _, child in children(value) or ())


def check_class(cls: Any, argument: str) -> Any:
    """Returns a class, or a tuple of classes; raises FieldTypeError for other values."""
    try:
        isinstance(None, cls)
    except TypeError:
        raise FieldTypeError(
            f"{argument} takes a class, or a tuple of classes; got {quote_typed(cls)}."
        ) from None
    return cls
