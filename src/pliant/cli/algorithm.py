"""An algorithm as it is named on a command line: ``re``, ``re(population_size=50)``, ``asha(algorithm='tpe')``.

Only names and literals are read: nothing that was typed is run.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

from pliant.values.errors import FieldValueError, listing, suggest

INNER = "algorithm"  # the option of an algorithm around another one


def make_algorithm(text: str) -> Any:
    """Returns the algorithm that ``text`` names; what its option ``algorithm`` names is made, too.

    Raises:
      FieldValueError: it names none, or is no name with options.
      UnknownFieldError: the algorithm has no such option.
    """
    from pliant.algorithms.generators import make

    name, options = read_call(text)
    if isinstance(options.get(INNER), str):
        options[INNER] = make_algorithm(options[INNER])
    return make(name, **options)


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
      FieldValueError: it is neither, or there is no algorithm of that name.
    """
    head, bracket, _ = text.partition("(")
    name = head.strip()
    _check_name(name)
    if not bracket:
        return name, {}
    try:
        call = ast.parse(f"_{text[len(head) :].rstrip()}", mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _no_call(text, _explain_syntax(text, error)) from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise _no_call(text, "there is more than one bracket with options")
    if call.args:
        raise _no_call(text, _explain_order(name, ast.unparse(call.args[0])))
    return name, {_read_name(text, option): _read_value(text, option) for option in call.keywords}


def find_budget(algorithm: Any) -> str | None:
    """Returns the budget that an algorithm decides itself, or the one in it does; None where none does.

    >>> find_budget(make_algorithm("median_stopping(algorithm='asha')")), find_budget(make_algorithm("re"))
    ('budget', None)
    """
    while algorithm is not None:
        if hasattr(type(algorithm), "budgets"):
            return str(algorithm.budget)
        algorithm = getattr(algorithm, INNER, None)
    return None


def _check_name(name: str) -> None:
    from pliant.algorithms.generators import NAMES

    if name.lower().replace("-", "_") not in NAMES:
        raise FieldValueError(
            f"there is no algorithm named {name!r}{suggest(name, NAMES) or '.'} "
            f"Known, as `pliant bench list` shows: {listing(NAMES, limit=len(NAMES))}."
        )


def _read_name(text: str, option: ast.keyword) -> str:
    if option.arg is None:
        raise _no_call(
            text, f"options go by name, one by one, and '**{ast.unparse(option.value)}' names none"
        )
    return option.arg


def _read_value(text: str, option: ast.keyword) -> Any:
    value = ast.unparse(option.value)
    if option.arg == INNER and isinstance(option.value, (ast.Name, ast.Call)):
        return value
    try:
        return ast.literal_eval(option.value)
    except (ValueError, TypeError, SyntaxError) as error:
        quoted = f", or, if text is meant, {option.arg}={value!r}" if value.isidentifier() else ""
        raise _no_call(
            text,
            f"{value} is no value for {option.arg!r}: write a number, True, False, None or a list of such{quoted}",
        ) from error


def _explain_syntax(text: str, error: Exception) -> str:
    said = getattr(error, "msg", None) or str(error)
    if "was never closed" in said:
        return f"a bracket is not closed: {said}"
    if "unmatched" in said:
        return f"a bracket is closed that was not opened: {said}"
    return f"it cannot be read: {said}"


def _explain_order(name: str, value: str) -> str:
    """Returns what is wrong with an option without a name, with the name that it may have been meant for."""
    from pliant.algorithms.generators import NAMES, find

    known = list(inspect.signature(find(NAMES[name.lower().replace("-", "_")])).parameters)
    inner = INNER in known and value[0] in "'\""
    likely = [INNER] if inner else [option for option in known if option not in ("seed", INNER)]
    meant = f"write {name}({likely[0]}={value}); " if likely else ""
    return f"options go by keyword, and {value} has none: {meant}{name!r} takes {listing(known, limit=len(known))}"


def _no_call(text: str, why: str) -> FieldValueError:
    return FieldValueError(
        f"an algorithm is a name, or a name with options such as 're(population_size=50)'; got {text!r}: {why}."
    )
