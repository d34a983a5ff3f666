"""Checks of arguments that ``pg.sample`` and ``pg.search`` share; names of other libraries, and what they are called here."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from pliant.algorithms.options import check_count
from pliant.hyper.hole import Hole
from pliant.hyper.template import Template, open_program
from pliant.symbolic.tree.node import ATOMS, Node, children
from pliant.values.errors import FieldTypeError, FieldValueError, SpaceError, quote, quote_typed
from pliant.values.numbers import to_real, to_whole
from pliant.values.path import step_text

if TYPE_CHECKING:
    from .watchers import Watchers

_ALGORITHM = "algorithm='tpe', or an algorithm such as pg.algorithms.TPE()"
_WORDS = {  # what to write: names in other libraries
    "maximize=False to minimize, maximize=True to maximize": "direction directions mode minimize",
    "trials=N": "n_trials num_trials max_trials max_evals num_samples n_iter n_iterations",
    "timeout_seconds=N, the wall-clock limit in seconds": "timeout time_limit max_time",
    "callbacks=[function]": "callback",
    "stop='no_improvement(trials=50)', or another rule": "terminator early_stopping patience",
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
        "catch": "`with feedback.catch(ValueError): ...` around the body of the loop",
    },
    "search": {
        **ARGUMENTS,
        **dict.fromkeys(_WORKERS, "workers=N"),
        **dict.fromkeys(("objective", "objective_fn", "func", "fn"), _FUNCTION),
    },
}


def check_holes(template: Template, space: Any) -> None:
    """Raises SpaceError where a space has no holes, or holes in attributes of ordinary objects."""
    hidden = next(_find_hidden(template.program), None)
    if hidden is not None:
        at, name = hidden
        raise SpaceError(
            f"the hole at {at!r} is in an attribute of an ordinary {name}, which a search does not look into. "
            f"Make the class symbolic with pg.symbolize({name}), and make the object with the class that it returns."
        )
    if not template.space.points:
        raise SpaceError(
            f"there is nothing to search: this {type(space).__name__} has no hole. Put one in, such as pg.oneof([...])."
        )


def _find_hidden(
    value: Any, at: str = "", owner: str = "", depth: int = 6, seen: set[int] | None = None
) -> Iterator[tuple[str, str]]:
    """Finds holes in attributes of ordinary objects: returns the path of each, and the class of the object."""
    if isinstance(value, Hole) and owner:
        yield at, owner
    if value.__class__ in ATOMS or not depth or (owner and isinstance(value, Node)):
        return
    items, less = children(value), depth - bool(owner)
    if items is not None:
        for key, one in items[:100] if owner else items:
            yield from _find_hidden(one, at + step_text(key, first=not at), owner, less, seen)
    elif open_program(value) is not value:
        yield at, type(value).__name__
    elif not isinstance(value, (type, ModuleType, FunctionType)) and hasattr(value, "__dict__"):
        seen = set() if seen is None else seen
        if id(value) not in seen:
            seen.add(id(value))
            for name, one in list(vars(value).items()):
                key = f"{at}.{name}" if at else name
                yield from _find_hidden(one, key, type(value).__name__, less, seen)


def check_trials(trials: Any) -> int | None:
    """Returns a number of trials, or None for no limit."""
    number = to_whole(trials)
    if trials is None or (number is not None and number >= 1):
        return number
    raise FieldValueError(f"trials is a whole number from 1, or None for no limit; got {quote(trials)}.")


def check_timeout(seconds: Any) -> float | None:
    """Returns a time limit in seconds, or None for no limit."""
    if seconds is None:
        return None
    number = to_real(seconds)
    if number is not None and 0 < number < math.inf:
        return number
    raise FieldValueError(f"timeout_seconds is a number above 0, or None for no limit; got {quote(seconds)}.")


def check_ends(timeout: object, stop: object, owner: str, **counts: object) -> dict[str, Any]:
    """Returns what ends a search and its trials: a time limit, a rule, and counts, each None for no limit."""
    found = {name: None if one is None else check_count(one, name, owner) for name, one in counts.items()}
    if stop is not None:
        from .stopping import to_rule

        stop = to_rule(stop)
    return {"timeout_seconds": check_timeout(timeout), "stop": stop, **found}


def check_callbacks(callbacks: object) -> tuple[Any, ...]:
    """Returns callbacks as a tuple: functions, and objects of ``Callback``."""
    if callable(callbacks) or is_watcher(callbacks):
        name = getattr(
            callbacks, "__name__", f"{type(callbacks).__name__}(...)" if is_watcher(callbacks) else "function"
        )
        raise FieldTypeError(f"callbacks takes a list of functions; write callbacks=[{name}].")
    found = tuple(callbacks) if isinstance(callbacks, Iterable) else (callbacks,)
    for one in found:
        if not callable(one) and not is_watcher(one):
            raise FieldTypeError(
                f"callbacks takes a list of functions, each called with a trial that ended; got {quote_typed(one)}."
            )
        if is_watcher(one) is None:
            raise FieldTypeError(
                f"callbacks takes functions and objects, and got the class {one.__name__}. Write {one.__name__}(...)."
            )
    return found


def is_watcher(one: object) -> bool | None:
    """Returns whether something is a ``Callback``, None for a class of them; does not import it, as that brings SQLAlchemy."""
    module: Any = sys.modules.get("pliant.study.callbacks.base")
    if module is not None and isinstance(one, type) and issubclass(one, module.Callback):
        return None
    return module is not None and isinstance(one, module.Callback)


def split_callbacks(
    callbacks: tuple[Any, ...],
) -> tuple[tuple[Callable[[Any], object], ...], Watchers | None]:
    """Returns the callbacks that are functions, and what calls those that are objects; None without."""
    objects = [one for one in callbacks if is_watcher(one)]
    if not objects:
        return callbacks, None
    from .watchers import Watchers

    return tuple(one for one in callbacks if not is_watcher(one)), Watchers(objects)
