"""Functions that make holes: ``oneof``, ``manyof``, ``permute``, ``floatv``, ``intv``.

Inside a running traced program they return a value instead of a hole; see ``trace``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Never, ParamSpec

from pliant.space.points import check_range
from pliant.values.errors import FieldTypeError, SpaceError, quote, quote_typed
from pliant.values.numbers import to_whole
from pliant.values.registry import register_type
from pliant.values.slips import HOLES, check_names

from .context import decide
from .hole import Floatv, Intv, ManyOf, OneOf, check_candidates

P = ParamSpec("P")


def _checked(function: Callable[P, Any]) -> Callable[P, Any]:
    """Makes a function of holes explain a name that is given first, and arguments of other libraries."""
    verb, inner = function.__name__, check_names(HOLES)(function)

    @wraps(function)
    def make(*args: P.args, **options: P.kwargs) -> Any:
        if len(args) > 1 and isinstance(args[0], str):
            is_list = isinstance(args[1], (list, tuple))
            if is_list if verb in ("oneof", "permute") else not isinstance(args[1], str):
                given = f"{', '.join(map(quote, args[1:])):.200}, name={quote(args[0])}"
                raise FieldTypeError(
                    f"the name of a hole is not its first argument. Write pg.{verb}({given})."
                )
        return inner(*args, **options)

    return make


@_checked
def oneof(candidates: Iterable[Any], *_others: Never, name: str | None = None, hints: Any = None) -> Any:
    """Returns a hole that becomes one of the candidates.

    Classes and functions among the candidates are registered, so that stored programs can name them.

    Args:
      candidates: values of any kind; they may contain holes (a conditional space). In a traced program, a
        function without arguments stands for the candidate that it returns.
      name: a second key for the decision; holes with the same name share one decision. Their candidates must be
        equal, or objects of the same classes, of which each place has its own.
      hints: any value; partitions select holes by it.

    Raises:
      SpaceError: ``candidates`` is empty.

    >>> oneof([3, 5])
    OneOf(candidates=[3, 5])
    """
    if _others:
        given = ", ".join(map(quote, (candidates, *_others)))
        raise FieldTypeError(f"oneof takes one list of candidates. Write pg.oneof([{given:.200}]).")
    return decide(OneOf(candidates=_candidates(candidates, "oneof"), name=name, hints=hints))


@_checked
def manyof(
    k: int,
    candidates: Iterable[Any],
    distinct: bool = True,
    sorted: bool = False,
    *,
    name: str | None = None,
    hints: object = None,
    choices_distinct: bool | None = None,
    choices_sorted: bool | None = None,
) -> Any:
    """Returns a hole that becomes a list of ``k`` of the candidates.

    Args:
      k: the number of picks.
      candidates: the values to pick from; they may contain holes.
      distinct: whether each candidate is picked at most once.
      sorted: whether picks keep the order of the candidates.
      name: as for ``oneof``.
      hints: as for ``oneof``.
      choices_distinct: another name of ``distinct``.
      choices_sorted: another name of ``sorted``.

    Raises:
      SpaceError: ``candidates`` is empty, or has fewer than ``k`` values when picks are distinct.

    >>> import pliant as pg
    >>> pg.abstract_search_space(manyof(2, ["a", "b", "c"], sorted=True)).size
    3
    """
    found = _candidates(candidates, "manyof")
    distinct = distinct if choices_distinct is None else choices_distinct
    ordered = sorted if choices_sorted is None else choices_sorted
    picks = to_whole(k)
    if picks is None or picks < 1:
        raise SpaceError(f"manyof: k must be a whole number, 1 or more; got {quote_typed(k)}.")
    if distinct and picks > len(found):
        raise SpaceError(
            f"manyof cannot pick {k} distinct of {len(found)} candidates; lower k, or pass distinct=False."
        )
    return decide(ManyOf(picks, found, bool(distinct), bool(ordered), name=name, hints=hints))


@_checked
def permute(candidates: Iterable[Any], name: str | None = None, hints: Any = None) -> Any:
    """Returns a hole that becomes a list of all candidates in some order.

    >>> import pliant as pg
    >>> pg.abstract_search_space(permute(["conv", "norm", "relu"])).size
    6
    """
    found = _candidates(candidates, "permute")
    return decide(ManyOf(len(found), found, True, False, name=name, hints=hints))


@_checked
def floatv(
    min_value: float,
    max_value: float,
    scale: str | None = None,
    *,
    name: str | None = None,
    hints: Any = None,
) -> Any:
    """Returns a hole that becomes a number from ``min_value`` to ``max_value``, both included.

    Args:
      min_value: the smallest value.
      max_value: the largest value.
      scale: how algorithms sample it: ``'linear'`` (the default), ``'log'`` (uniform in the logarithm; the range
        must be above 0), or ``'rlog'`` (as ``'log'``, from the upper end).
      name: as for ``oneof``.
      hints: as for ``oneof``.

    Raises:
      SpaceError: the range is empty, not finite, or not above 0 in a log scale.

    >>> floatv(1e-4, 1e-1, "log")
    Floatv(min_value=0.0001, max_value=0.1, scale='log')
    """
    scale = "linear" if scale is None else scale
    low, high, _ = check_range("floatv", min_value, max_value, scale, whole=False)
    return decide(Floatv(float(low), float(high), scale, name=name, hints=hints))


@_checked
def intv(
    min_value: int,
    max_value: int,
    scale: str | None = None,
    *,
    step: int = 1,
    name: str | None = None,
    hints: Any = None,
) -> Any:
    """Returns a hole that becomes a whole number from ``min_value`` to ``max_value``, both included.

    Args:
      min_value: the smallest value.
      max_value: the upper bound; the steps may not reach it.
      scale: as for ``floatv``.
      step: the distance between neighbouring values.
      name: as for ``oneof``.
      hints: as for ``oneof``.

    Raises:
      SpaceError: the range is empty, not of whole numbers, or not above 0 in a log scale.

    >>> import pliant as pg
    >>> [p["n"] for p in pg.iter(pg.Dict(n=intv(2, 8, step=3)))]
    [2, 5, 8]
    """
    scale = "linear" if scale is None else scale
    low, high, step = check_range("intv", min_value, max_value, scale, whole=True, step=step)
    return decide(Intv(low, high, scale, step, name=name, hints=hints))


def _candidates(candidates: Any, verb: str) -> list[Any]:
    """Returns candidates as a list; registers the classes and functions among them."""
    found = check_candidates(candidates, verb)
    for candidate in found:
        register_type(candidate)
    return found


one_of = oneof
sublist_of = manyof
permutate = permute
