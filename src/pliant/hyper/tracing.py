"""Define-by-run: search spaces of functions, whose holes are found by running them (paper, appendix B.4).

The first run collects: each hole function records its hole and returns its first candidate.  Later runs, in the
context of an example, return the decided values.  A candidate that is a function without arguments is called for its
value; holes that are met in the call are below that candidate, to any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FunctionType
from typing import Any, final

from pliant.symbolic.objects.containers import Dict, List
from pliant.symbolic.read.compare import equal
from pliant.symbolic.tree.leaf import bare
from pliant.symbolic.tree.node import Node, children
from pliant.values.errors import SpaceError, quote, quote_typed
from pliant.values.slips import check_names

from .compile import fresh_copy
from .context import Recorder, Traced, current
from .hole import DerivedHole, Floatv, Hole, Intv, ManyOf, OneOf
from .partition import Where
from .template import template_of

# By key: a hole of the first run, and what each candidate met.
Met = dict[str, tuple[Any, list["Met"]]]

_COMPARED = (bool, int, float, complex, str, bytes, type, Enum)
_STARS = (
    0x04 | 0x08
)  # flags of code objects with *args or **fields; `inspect`, which names them, is slow to import


@final
class Trace(Traced):
    """A traced program: a function whose holes are decided while it runs; made by ``pg.trace``.

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

    __slots__ = ("_met", "function", "where")

    def __init__(self, function: Callable[[], Any], where: Where | None = None) -> None:
        if not callable(function):
            raise SpaceError(f"trace needs a function without arguments; got {quote_typed(function)}.")
        self.function = function
        self.where = where
        self.space, self._met = _collect(function, where)

    @contextmanager
    def apply(self, decisions: object) -> Iterator[None]:
        """Returns a context in which the program runs with these decisions (in any format).

        Raises:
          SpaceError: at its end, if the program did not use all of them.
        """
        with self.run(template_of(self.space).materialize(decisions)):
            yield

    @contextmanager
    def run(self, child: object) -> Iterator[None]:
        """Returns a context in which the program runs as ``child``, a program built from ``space``."""
        applier = _Applier(child, self._met, where=self.where, outer=current.get())
        token = current.set(applier)
        try:
            yield
        finally:
            current.reset(token)
        applier.finish()


@check_names({})
def trace(function: Callable[[], Any], where: Where | None = None) -> Trace:
    """Runs ``function`` once to find its holes, and returns it as a search space.

    Args:
      function: a function without arguments that calls ``pg.oneof`` and other hole functions.
      where: which holes are open; an enclosing trace decides the others, or they stay holes.

    Raises:
      SpaceError: ``function`` cannot be called, or two different holes have one name.

    >>> import pliant as pg
    >>> def train():
    ...     return pg.oneof([1, 2], name="depth") * pg.floatv(0.5, 1.0)
    >>> for example, feedback in pg.sample(pg.trace(train), pg.generators.Random(seed=1), 2):
    ...     with example():
    ...         feedback(train())
    """
    return Trace(function, where)


def _collect(function: Callable[[], Any], where: Where | None) -> tuple[Any, Met]:
    """Returns the holes that a program meets: as a ``Dict`` in that order, and with what their candidates met."""
    collector = _Collector(where, current.get())
    token = current.set(collector)
    try:
        function()
    finally:
        current.reset(token)
    return Dict(collector.found), collector.met


class _Collector:
    """The first run: records holes and returns first candidates."""

    def __init__(self, where: Where | None, outer: Recorder | None) -> None:
        self.found: dict[str, Any] = {}
        self.met: Met = {}
        self.where = where
        self.outer = outer

    def decide(self, hole: object) -> Any:
        """Records a hole; returns its first value."""
        if self.where is not None and not self.where(hole):
            return hole if self.outer is None else self.outer.decide(hole)
        opened, value, below = self.first(hole)
        key = self.key(hole, opened)
        self.found.setdefault(key, opened)
        self.met.setdefault(key, (hole, below))
        return value

    def key(self, hole: Any, opened: Any) -> str:
        """Returns the key of a hole in the space: its name, or its number."""
        if hole.name is None:
            number = len(self.found)
            while f"decision_{number}" in self.found:
                number += 1
            return f"decision_{number}"
        before = self.found.get(hole.name)
        if before is not None and (before.name is None or not equal(before, opened)):
            raise SpaceError(
                f"the program met two holes with the name {hole.name!r} that differ: {quote(before, 200)} and {quote(opened, 200)}. Holes with one "
                "name share a decision: make them equal, or use two names ('decision_0' and so on are taken by unnamed holes)."
            )
        return str(hole.name)

    def first(self, hole: Any) -> tuple[Any, Any, list[Met]]:
        """Returns the hole for the space, its value in the first run, and the holes that its candidates met."""
        if isinstance(hole, (Floatv, Intv)):
            return hole, hole.min_value, []
        if isinstance(hole, DerivedHole):
            template = template_of(hole)
            return hole, template.materialize(template.space.sample(0)), []
        met: list[Met] = []
        if not any(is_lazy(c) for c in hole.candidates):
            opened = list(hole.candidates._sym_values())
            values = [bare(fresh_copy(c)) for c in opened]
        else:
            opened, values = [], []
            for i, candidate in children(hole.candidates) or ():
                found, value = self.below(candidate)
                opened.append(Dict(pick=i, below=found.found))
                met.append(found.met)
                values.append(value)
        arguments = {**hole.sym_init_args, "candidates": opened}
        return type(hole)(**arguments), values[0] if isinstance(hole, OneOf) else values_of(hole, values), met

    def below(self, candidate: Any) -> tuple[_Collector, Any]:
        """Returns the collector of the holes below a candidate, and the candidate's value."""
        inner = _Collector(self.where, self.outer)
        if not is_lazy(candidate):
            return inner, bare(fresh_copy(candidate))
        token = current.set(inner)
        try:
            value = candidate()
        finally:
            current.reset(token)
        return inner, value


class _Applier:
    """A later run: returns the decided value of each hole, in the order of the first run."""

    def __init__(self, child: Any, met: Met, *, where: Where | None, outer: Recorder | None) -> None:
        self.items = list(zip(child, child._sym_values()))
        self.met = met
        self.next = 0
        self.named: dict[str, Any] = {}
        self.where = where
        self.outer = outer

    def decide(self, hole: Any) -> Any:
        """Returns the decided value of a hole."""
        if self.where is not None and not self.where(hole):
            return hole if self.outer is None else self.outer.decide(hole)
        if hole.name is not None and hole.name in self.named:
            return self.value(hole, self.named[hole.name], hole.name)
        if self.next >= len(self.items):
            raise SpaceError(
                f"the program asked for {quote(hole, 200)}, which its first run did not meet. A hole behind an `if` must be a "
                "candidate: write `pg.oneof([lambda: ..., ...])` instead of branching on an earlier choice."
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
        return self.value(hole, decided, key)

    def value(self, hole: Any, decided: Any, key: str) -> Any:
        """Returns a decided value; calls the chosen candidate if it is a function."""
        met, below = self.met[key]
        if not is_same_hole(met, hole):
            raise SpaceError(
                f"the program asked for {quote(hole, 200)}, but its first run met {quote(met, 200)} at this point; a traced program "
                "must meet the same holes in the same order in every run. Where a hole depends on an earlier choice, "
                "make it a candidate: write `pg.oneof([lambda: ..., ...])` instead of branching."
            )
        if not below:
            return bare(fresh_copy(decided))  # holes with one name get a copy each
        if isinstance(hole, ManyOf):
            return List([self.run_choice(hole, d, below) for d in decided])
        return self.run_choice(hole, decided, below)

    def run_choice(self, hole: Any, decided: Any, met: list[Met]) -> Any:
        """Returns the value of one pick among candidates some of which are functions."""
        index = decided["pick"]
        candidate = hole.candidates._sym_child(index)
        if not is_lazy(candidate):
            return bare(fresh_copy(candidate))
        inner = _Applier(decided["below"], met[index], where=self.where, outer=self.outer)
        token = current.set(inner)
        try:
            value = candidate()
        finally:
            current.reset(token)
        inner.finish()
        return value

    def finish(self) -> None:
        """Raises SpaceError if some decisions were not used."""
        if self.next < len(self.items):
            raise SpaceError(
                f"the program ended without asking for {self.items[self.next][0]!r}, which its first run met; a traced "
                "program must meet the same holes in every run."
            )


def is_same_hole(met: Any, value: Any) -> bool:
    """Returns whether a hole equals the one of the first run: same kind, name, range and candidates.

    Candidates that are functions without arguments are equal; the holes they meet are compared when they run.
    Objects of unknown classes are compared by class.

    >>> from .functions import oneof
    >>> is_same_hole(oneof([1, lambda: 2]), oneof([1, lambda: 2])), is_same_hole(oneof([1, 2]), oneof([1, 3]))
    (True, False)
    """
    if met is value:
        return True
    if type(met) is not type(value):
        return False
    if isinstance(met, dict):
        return met.keys() == value.keys() and all(
            is_same_hole(one, dict.__getitem__(value, key)) for key, one in dict.items(met)
        )
    if isinstance(met, list):  # bypasses the node: reading its items must not build them
        return len(met) == len(value) and all(map(is_same_hole, list.__iter__(met), list.__iter__(value)))
    if isinstance(met, tuple):
        return len(met) == len(value) and all(map(is_same_hole, met, value))
    if isinstance(met, Node):
        before, now = (dict(zip(node._sym_keys(), node._sym_values())) for node in (met, value))
        if isinstance(met, Hole):
            before["hints"] = now["hints"] = None
        return is_same_hole(before, now)
    if isinstance(met, FunctionType):
        return (is_lazy(met) and is_lazy(value)) or met.__code__ is value.__code__
    return not isinstance(met, _COMPARED) or equal(met, value)


def is_lazy(candidate: object) -> bool:
    """Returns whether a candidate is a function that is called for its value.

    That is a function without parameters, or a lambda whose parameters all have defaults (``lambda i=i: ...`` keeps
    the value of a loop variable).

    >>> is_lazy(lambda: 1), is_lazy(lambda i=1: i), is_lazy(lambda x: x), is_lazy(abs)
    (True, True, False, False)
    """
    if not isinstance(candidate, FunctionType):
        return False
    code = candidate.__code__
    if code.co_argcount + code.co_kwonlyargcount == 0:
        return not code.co_flags & _STARS
    defaults = len(candidate.__defaults__ or ()) + len(candidate.__kwdefaults__ or ())
    return candidate.__name__ == "<lambda>" and defaults == code.co_argcount + code.co_kwonlyargcount


def values_of(hole: Any, values: list[Any]) -> list[Any]:
    """Returns the picks of a ``manyof`` in the first run."""
    return [values[i if hole.distinct else 0] for i in range(hole.num_choices)]
