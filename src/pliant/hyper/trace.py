"""Define-by-run: a running program whose holes are found by running it (paper, appendix B.4).

The first run collects: each hole function notes its hole and returns its first candidate.  Later runs, in
the context of an example, return what was decided.  A candidate given as a function without arguments is
run for its value; the holes met while it runs lie below that candidate, to any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, final

from pliant.symbolic.compare import equal
from pliant.symbolic.containers import Dict, List
from pliant.values.errors import SpaceError

from .compile import fresh_copy
from .hole import DerivedHole, Floatv, Intv, ManyOf, OneOf
from .partition import Where
from .running import Recorder, current
from .template import template_of

CO_VARARGS, CO_VARKEYWORDS = (
    0x04,
    0x08,
)  # flags of code objects; `inspect`, which names them, is slow to import


@final
class Trace:
    """A function whose holes are decided while it runs; made by ``pg.trace``, searched by ``pg.sample``.

    >>> import pliant as pg
    >>> def program():
    ...     return pg.oneof([lambda: pg.oneof([1, 2]) * 10, 5]) + pg.intv(0, 1, name="n")
    >>> traced = pg.trace(program)
    >>> pg.abstract_search_space(traced.space).size
    6
    >>> with traced.apply([0, 1, 1]):
    ...     program()
    21
    """

    __slots__ = ("function", "space", "where")

    def __init__(self, function: Callable[[], Any], where: Where | None = None) -> None:
        if not callable(function):
            raise SpaceError(
                f"trace takes a function without arguments; got {function!r} of type {type(function).__name__}."
            )
        self.function = function
        self.where = where
        self.space = _collect(function, where)

    @contextmanager
    def apply(self, decisions: Any) -> Iterator[None]:
        """Returns a context in which the program runs with these decisions (any face of them).

        Raises:
          SpaceError: at its end, when the program did not ask for all of them.
        """
        with self.run(template_of(self.space).materialize(decisions)):
            yield

    @contextmanager
    def run(self, child: Any) -> Iterator[None]:
        """Returns a context in which the program runs as ``child``, a program made of ``space``."""
        applier = _Applier(list(dict.items(child)), self.where, current.get())
        token = current.set(applier)
        try:
            yield
        finally:
            current.reset(token)
        applier.finish()


def trace(function: Callable[[], Any], where: Where | None = None, **options: Any) -> Trace:
    """Runs ``function`` once to find its holes, and returns it as a search space.

    Args:
      function: a program without arguments that calls ``pg.oneof`` and its like while it runs.
      where: which holes are open; the others are left to an enclosing trace, or stay holes.
      **options: accepted for programs written for PyGlove, and ignored.

    Raises:
      SpaceError: no function; or a name that stands for two different holes.

    >>> import pliant as pg
    >>> def train():
    ...     return pg.oneof([1, 2], name="depth") * pg.floatv(0.5, 1.0)
    >>> for example, feedback in pg.sample(pg.trace(train), pg.generators.Random(seed=1), 2):
    ...     with example():
    ...         feedback(train())
    """
    return Trace(function, where)


def _collect(function: Callable[[], Any], where: Where | None) -> Any:
    """Returns the holes that a program meets, as a ``Dict`` in the order in which it meets them."""
    collector = _Collector(where, current.get())
    token = current.set(collector)
    try:
        function()
    finally:
        current.reset(token)
    return Dict(collector.found)


class _Collector:
    """The first run: notes holes, and answers with first candidates."""

    def __init__(self, where: Where | None, outer: Recorder | None) -> None:
        self.found: dict[str, Any] = {}
        self.where = where
        self.outer = outer

    def decide(self, hole: Any) -> Any:
        """Notes a hole; returns the first value that it could have."""
        if self.where is not None and not self.where(hole):
            return hole if self.outer is None else self.outer.decide(hole)
        opened, value = self.first(hole)
        key = self.key(hole, opened)
        self.found.setdefault(key, opened)
        return value

    def key(self, hole: Any, opened: Any) -> str:
        """Returns the key of a hole in the space: its name, or its number of meeting."""
        if hole.name is None:
            number = len(self.found)
            while f"decision_{number}" in self.found:
                number += 1
            return f"decision_{number}"
        before = self.found.get(hole.name)
        if before is not None and (before.name is None or not equal(before, opened)):
            raise SpaceError(
                f"the program met two holes with the name {hole.name!r} that differ: {before!r} and {opened!r}. One name is "
                "one decision: make them equal, or name them apart (names such as 'decision_0' are those of holes without one)."
            )
        return str(hole.name)

    def first(self, hole: Any) -> tuple[Any, Any]:
        """Returns the hole as the space will hold it, and its value in the first run."""
        if isinstance(hole, (Floatv, Intv)):
            return hole, hole.min_value
        if isinstance(hole, DerivedHole):
            template = template_of(hole)
            return hole, template.materialize(template.space.sample(0))
        if not any(is_lazy(c) for c in hole.candidates):
            opened, values = list(hole.candidates), [fresh_copy(c) for c in hole.candidates]
        else:
            opened, values = [], []
            for i, candidate in enumerate(hole.candidates):
                below, value = self.below(candidate)
                opened.append(Dict(pick=i, below=below))
                values.append(value)
        arguments = {**hole.sym_init_args, "candidates": opened}
        return type(hole)(**arguments), values[0] if isinstance(hole, OneOf) else values_of(hole, values)

    def below(self, candidate: Any) -> tuple[Any, Any]:
        """Returns the holes below a candidate, and its value."""
        if not is_lazy(candidate):
            return Dict(), fresh_copy(candidate)
        inner = _Collector(self.where, self.outer)
        token = current.set(inner)
        try:
            value = candidate()
        finally:
            current.reset(token)
        return Dict(inner.found), value


class _Applier:
    """A later run: answers each hole with what was decided for it, in the order of the first run."""

    def __init__(self, items: list[tuple[Any, Any]], where: Where | None, outer: Recorder | None) -> None:
        self.items = items
        self.next = 0
        self.named: dict[str, Any] = {}
        self.where = where
        self.outer = outer

    def decide(self, hole: Any) -> Any:
        """Returns the value that was decided for a hole."""
        if self.where is not None and not self.where(hole):
            return hole if self.outer is None else self.outer.decide(hole)
        if hole.name is not None and hole.name in self.named:
            return self.value(hole, self.named[hole.name])
        if self.next >= len(self.items):
            raise SpaceError(
                f"the program asked for {hole!r}, which its first run did not meet. Holes behind an `if` are found only as "
                "candidates: write `pg.oneof([lambda: ..., ...])` instead of branching on an earlier choice."
            )
        key, decided = self.items[self.next]
        self.next += 1
        if hole.name is not None:
            if key != hole.name:
                raise SpaceError(
                    f"the program asked for the hole {hole.name!r}, but its first run met {key!r} at this point; a traced "
                    "program must meet its holes in the same order in every run."
                )
            self.named[hole.name] = decided
        return self.value(hole, decided)

    def value(self, hole: Any, decided: Any) -> Any:
        """Returns a decided value; runs the candidate that was chosen, when it is a function."""
        if isinstance(hole, (OneOf, ManyOf)):
            lazy = [is_lazy(c) for c in hole.candidates]
            if any(lazy):
                if isinstance(hole, ManyOf):
                    return List([self.run_choice(hole, d) for d in decided])
                return self.run_choice(hole, decided)
        return fresh_copy(decided)  # of one name, each place its own

    def run_choice(self, hole: Any, decided: Any) -> Any:
        """Returns the value of one pick among candidates of which some are functions."""
        index, below = decided["pick"], decided["below"]
        candidate = hole.candidates[index]
        if not is_lazy(candidate):
            return fresh_copy(candidate)
        inner = _Applier(list(dict.items(below)), self.where, self.outer)
        token = current.set(inner)
        try:
            return candidate()
        finally:
            current.reset(token)

    def finish(self) -> None:
        """Raises SpaceError when some decisions were not asked for."""
        if self.next < len(self.items):
            raise SpaceError(
                f"the program ended without asking for {self.items[self.next][0]!r}, which its first run met; a traced "
                "program must meet the same holes in every run."
            )


def is_lazy(candidate: Any) -> bool:
    """Returns whether a candidate is a function that is to be run for its value.

    That is one without parameters; of a lambda, defaults count as none (``lambda i=i: ...``, which keeps
    the value of a loop's variable).

    >>> is_lazy(lambda: 1), is_lazy(lambda i=1: i), is_lazy(lambda x: x), is_lazy(abs)
    (True, True, False, False)
    """
    if not isinstance(candidate, FunctionType):
        return False
    code = candidate.__code__
    if code.co_argcount + code.co_kwonlyargcount == 0:
        return not code.co_flags & (CO_VARARGS | CO_VARKEYWORDS)
    defaults = len(candidate.__defaults__ or ()) + len(candidate.__kwdefaults__ or ())
    return candidate.__name__ == "<lambda>" and defaults == code.co_argcount + code.co_kwonlyargcount


def values_of(hole: Any, values: list[Any]) -> list[Any]:
    """Returns the picks of a ``manyof`` in the first run."""
    return [values[i if hole.distinct else 0] for i in range(hole.num_choices)]
