"""Algorithms by name: ``"tpe"``, ``"re(population_size=50)"``, ``"asha(algorithm=tpe)"``; ``to_algorithm`` reads them.

Reads names and literals only; no text is run as code.
"""

from __future__ import annotations

import ast
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, quote_typed
from pliant.values.signature import read_signature

from .base import Algorithm
from .generators import NAMES, SAMPLERS, find, find_name, make, point_to_sampler

DEFAULT = "auto"
"""The algorithm of a search for which none is given."""

INNER = "algorithm"  # the option of an algorithm around another one


def to_algorithm(value: Any = None, *, seed: int | None = None) -> Algorithm:
    """Returns the algorithm that ``value`` gives: an algorithm itself, its name with or without options, or the default.

    >>> to_algorithm("re(population_size=50, seed=3)").population_size
    50
    >>> to_algorithm("asha(algorithm=tpe(startup=5))").algorithm.startup
    5
    >>> type(to_algorithm()).__name__
    'Auto'

    Args:
      value: an algorithm, or an object whose method ``as_algorithm()`` returns one, such as those of other libraries; text such as
        ``"tpe"`` or ``"re(population_size=50)"``, which makes a new one; or None, for the default, ``auto``.
      seed: of an algorithm that is made here, unless the text gives one.

    Raises:
      FieldTypeError: ``value`` is none of these: a class, a sampler of ``pliant.oneshot``, or something else.
      FieldValueError: the name is unknown, or the text is not a name with options.
      UnknownFieldError: the algorithm has no such option.
    """
    if value is None:
        value = DEFAULT
    if isinstance(value, str):
        name, options = read_call(value)
        if isinstance(options.get(INNER), str):
            options[INNER] = to_algorithm(options[INNER])
        if seed is not None:
            options.setdefault("seed", seed)
        return make(name, **options)
    if not isinstance(value, Algorithm) and hasattr(type(value), "as_algorithm"):
        value = value.as_algorithm()
    if not isinstance(value, Algorithm):
        raise FieldTypeError(_explain_type(value))
    return value


def read_call(text: str) -> tuple[str, dict[str, Any]]:
    """Returns the name and the options in ``name`` or ``name(option=value, ...)``.

    The option ``algorithm`` may be written as an algorithm itself; it is returned as text.

    >>> read_call("re(population_size=50, tournament_size=10)")
    ('re', {'population_size': 50, 'tournament_size': 10})
    >>> read_call("local-search")
    ('local-search', {})
    >>> read_call("asha(algorithm=tpe(startup=5))")
    ('asha', {'algorithm': 'tpe(startup=5)'})

    Raises:
      FieldValueError: it is neither, or the name is unknown.
    """
    head, bracket, _ = text.partition("(")
    name = head.strip()
    find_name(name)
    if not bracket:
        return name, {}
    try:
        call = ast.parse(f"_{text[len(head) :].rstrip()}", mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _refuse(text, _explain_syntax(text[len(head) :], error)) from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise _refuse(text, "there is more than one pair of brackets with options")
    if call.args:
        raise _refuse(text, _explain_order(name, ast.unparse(call.args[0])))
    return name, {_read_name(text, option): _read_value(text, option) for option in call.keywords}


def _read_name(text: str, option: ast.keyword) -> str:
    if option.arg is None:
        raise _refuse(text, f"write each option as name=value instead of '**{ast.unparse(option.value)}'")
    return option.arg


def _read_value(text: str, option: ast.keyword) -> Any:
    value = ast.unparse(option.value)
    if option.arg == INNER and isinstance(option.value, (ast.Name, ast.Call)):
        return value
    try:
        return ast.literal_eval(option.value)
    except (ValueError, TypeError, SyntaxError) as error:
        quoted = f"; for text, write {option.arg}={quote(value)}" if value.isidentifier() else ""
        raise _refuse(
            text,
            f"{option.arg}={value} is not a literal: write a number, text, True, False, None or a list of these{quoted}",
        ) from error


def _explain_syntax(brackets: str, error: Exception) -> str:
    reason = getattr(error, "msg", None) or str(error)
    opened, closed = brackets.count("("), brackets.count(")")
    if opened > closed:
        return f"a bracket is not closed ({reason})"
    return f"a bracket is closed that was not opened ({reason})" if closed > opened else reason


def _explain_order(name: str, value: str) -> str:
    """Returns what is wrong with an option without a name, and the name that was probably meant."""
    known = list(read_signature(find(NAMES[find_name(name)])).parameters)
    inner = INNER in known and (value[0] in "'\"" or value in NAMES)
    likely = [INNER] if inner else [option for option in known if option not in ("seed", INNER)]
    text = repr(value) if value.isidentifier() and value not in ("True", "False", "None") else value
    meant = f"write {name}({likely[0]}={value if likely[:1] == [INNER] else text}); " if likely else ""
    return f"{value} is not given by keyword: {meant}{name!r} takes {listing(known, limit=len(known))}"


def _explain_type(value: object) -> str:
    """Returns what is wrong with a value that gives no algorithm."""
    allowed = "an algorithm is given as an object, such as pg.algorithms.TPE(), as its name, such as 'tpe', or as None for the default"
    given = f"got {quote_typed(value)}"
    kinds = value.__mro__ if isinstance(value, type) else type(value).__mro__
    sampler = next((kind.__name__ for kind in kinds if kind.__name__ in SAMPLERS), None)
    if sampler is not None:
        return f"{allowed}; {given}. {point_to_sampler(sampler)}"
    name = getattr(value, "__name__", "")
    ours = callable(value) and getattr(value, "__module__", "").startswith(f"{__package__}.")
    if ours or (isinstance(value, type) and issubclass(value, Algorithm)):
        return f"{allowed}; got {name} itself. Call it: {name}()."
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{allowed}; {given}. For the number of trials, write trials={quote(value)}."
    return f"{allowed}; {given}."


def _refuse(text: str, why: str) -> FieldValueError:
    return FieldValueError(
        f"an algorithm is a name, or a name with options such as 're(population_size=50)'; got {text!r}: {why}."
    )
