"""An algorithm as it is named on a command line: ``re``, or ``re(population_size=50)``."""

from __future__ import annotations

import ast
from typing import Any

from pliant.values.errors import FieldValueError


def make_algorithm(text: str) -> Any:
    """Returns the algorithm that ``text`` names.

    Raises:
      FieldValueError: it names none, or is no name with options.
      UnknownFieldError: the algorithm has no such option.
    """
    from pliant.algorithms.generators import make

    name, options = read_call(text)
    return make(name, **options)


def read_call(text: str) -> tuple[str, dict[str, Any]]:
    """Returns the name and the options in ``name`` or ``name(option=value, ...)``.

    >>> read_call("re(population_size=50, tournament_size=10)")
    ('re', {'population_size': 50, 'tournament_size': 10})
    >>> read_call("local-search")
    ('local-search', {})

    Raises:
      FieldValueError: it is neither.
    """
    name, bracket, _ = text.partition("(")
    if not bracket:
        return text.strip(), {}
    try:
        call = ast.parse(f"_{text[len(name) :]}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Name):
            raise ValueError("an option has no name")
        return name.strip(), {str(option.arg): ast.literal_eval(option.value) for option in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise FieldValueError(
            f"an algorithm is a name, or a name with options such as 're(population_size=50)'; got {text!r}."
        ) from error
