"""Checks of arguments that ``pg.sample`` and ``pg.search`` share; names of other libraries, and what they are called here."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pliant.hyper.template import Template
from pliant.values.errors import FieldTypeError, FieldValueError, SpaceError
from pliant.values.numbers import to_whole
from pliant.values.slips import explain_argument

P = ParamSpec("P")
R = TypeVar("R")

_ALGORITHM = "algorithm='tpe', or an algorithm such as pg.algorithms.TPE()"
_WORDS = {  # what to write: names in other libraries
    "maximize=False to minimize, maximize=True to maximize": "direction directions mode minimize",
    "trials=N": "n_trials num_trials max_trials max_evals num_samples n_iter n_iterations",
    "timeout_seconds=N, the wall-clock limit in seconds": "timeout time_limit max_time",
    "callbacks=[function]": "callback",
    _ALGORITHM: "sampler optimizer algo searcher",
    "algorithm='median_stopping', and report rewards on the way with feedback.report(reward, step=N)": "pruner scheduler",
    "study='search.db', a file that stores every trial": "storage study_name",
    "seed=N": "random_state random_seed",
    "progress=False to show nothing": "verbose show_progress_bar",
}
ARGUMENTS = {name: right for right, names in _WORDS.items() for name in names.split()}
_WORKERS = ("n_jobs", "num_workers", "max_workers", "n_workers", "max_concurrent")
_FUNCTION = "evaluate, the second argument: a function that returns the reward of a program"
REMEDIES: dict[str, dict[str, str]] = {
    "sample": {
        **ARGUMENTS,
        **dict.fromkeys(
            _WORKERS, "pg.search(space, evaluate, workers=N): this loop runs one trial at a time"
        ),
    },
    "search": {
        **ARGUMENTS,
        **dict.fromkeys(_WORKERS, "workers=N"),
        **dict.fromkeys(("objective", "objective_fn", "func", "fn"), _FUNCTION),
    },
}


def check_names(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function of ``pg`` point to the right argument, where it is called with one that it does not have."""
    known = list(inspect.signature(function).parameters)

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        for name in options:
            if name not in known:
                raise explain_argument(f"pg.{function.__name__}", name, REMEDIES[function.__name__], known)
        return function(*args, **options)

    return call


def check_holes(template: Template, space: Any) -> None:
    """Raises SpaceError where a space has no holes."""
    if not template.space.points:
        raise SpaceError(
            f"there is nothing to search: this {type(space).__name__} has no hole. Put one in, such as pg.oneof([...])."
        )


def check_trials(trials: Any) -> int | None:
    """Returns a number of trials, or None for no limit."""
    number = to_whole(trials)
    if trials is None or (number is not None and number >= 1):
        return number
    raise FieldValueError(f"trials is a whole number from 1, or None for no limit; got {trials!r}.")


def check_timeout(seconds: Any) -> float | None:
    """Returns a time limit in seconds, or None for no limit."""
    if seconds is None:
        return None
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if number and math.isfinite(seconds) and seconds > 0:
        return float(seconds)
    raise FieldValueError(f"timeout_seconds is a number above 0, or None for no limit; got {seconds!r:.80}.")


def check_callbacks(callbacks: Any) -> tuple[Callable[[Any], object], ...]:
    """Returns callbacks as a tuple."""
    if callable(callbacks):
        raise FieldTypeError(
            f"callbacks takes a list of functions; write callbacks=[{getattr(callbacks, '__name__', 'function')}]."
        )
    found = tuple(callbacks) if isinstance(callbacks, Iterable) else (callbacks,)
    for one in found:
        if not callable(one):
            raise FieldTypeError(
                f"callbacks takes a list of functions, each called with a trial that ended; got {one!r:.80} of type "
                f"{type(one).__name__}."
            )
    return found
