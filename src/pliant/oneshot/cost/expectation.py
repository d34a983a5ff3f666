"""The expected cost of independent decisions: a sum of terms, each over the few decisions that a line depends on.

A layer's cost depends on its own decisions and on those that determine the shapes of its inputs; so only combinations of
these are enumerated, not whole networks.  The terms are found once.  Given weights, each term is a differentiable product
of a table with them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from .compiled import CompiledChoice, CompiledCost, CompiledModule, DecisionTable
from .graph import DecisionReader, Operation

Candidates = Callable[[str], list[Any]]
"""From the key of a decision to its values, in the order of its weights."""

Values = Mapping[str, Any]
"""Decisions by key."""

Option = tuple[dict[str, Any], Any]
"""Decisions, and the branch that they select."""


class TooManyError(Exception):
    """A line depends on too many combinations of decisions; its arguments are their keys."""


@final
@dataclass(frozen=True, slots=True)
class ValueTable:
    """The shape of a slot as a function of decisions.

    Attributes:
      keys: the decisions that it depends on, sorted.
      table: by their values; None for values that have never run.
    """

    keys: tuple[str, ...]
    table: dict[tuple[Any, ...], Any]

    def at(self, values: Values) -> Any:
        """Returns the shape for some decisions."""
        return self.table[tuple([values[key] for key in self.keys])]


@final
class Terms:
    """The terms of the expected cost of one graph.

    Args:
      compiled: the graph.
      slots: to run it with; negative for unknown shapes.
      candidates: the values of decisions.
      most: the largest number of combinations for one line.

    Attributes:
      missing: decisions, by key, that have never run; the terms are incomplete while there are any.

    Raises:
      TooManyError: a line depends on more combinations.
    """

    def __init__(
        self, compiled: CompiledCost, slots: Sequence[int], candidates: Candidates, most: int
    ) -> None:
        self._candidates, self._most = candidates, most
        self._costs: dict[tuple[str, ...], dict[tuple[Any, ...], float]] = {}
        self._tables: list[tuple[tuple[str, ...], Tensor]] | None = None
        self.missing: list[dict[str, Any]] = []
        env = {slot: ValueTable((), {(): shape}) for slot, shape in enumerate(slots) if shape >= 0}
        self._block(compiled, env, {})

    def expect(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Returns the expected cost, a differentiable scalar.

        Args:
          weights: by key, one for each value of a decision.
        """
        if self._tables is None:
            self._tables = [self._make_table(keys) for keys in self._costs]
        total: Any = 0.0
        for keys, table in self._tables:
            found = table
            for key in keys:
                row = weights[key]
                found = torch.tensordot(row, found.to(row), 1)
            total = total + (found if keys else found.item())
        if isinstance(total, Tensor):
            return total
        like = next(iter(weights.values()), torch.zeros((), dtype=torch.float64))
        return like.new_tensor(total)

    def _make_table(self, keys: tuple[str, ...]) -> tuple[tuple[str, ...], Tensor]:
        """Returns costs as a tensor, with one dimension per decision that they depend on."""
        costs = self._costs[keys]
        known = {values: costs.get(values, 0.0) for values in map(tuple, self._combine(keys))}
        found = self._reduce(ValueTable(keys, known))
        numbers = [found.table[values] for values in map(tuple, self._combine(found.keys))]
        shape = [len(self._candidates(key)) for key in found.keys]
        return found.keys, torch.tensor(numbers, dtype=torch.float64).reshape(shape)

    # ------------------------------------------------------------------ lines

    def _block(self, compiled: CompiledCost, env: dict[int, ValueTable], fixed: dict[str, Any]) -> None:
        """Adds the costs of a block under fixed decisions, and sets its slots in ``env``."""
        if compiled.constant:
            self._add(compiled.constant, fixed)
        for table in compiled.tables:
            self._table(table, fixed)
        for step in compiled.steps:
            if isinstance(step, CompiledModule):
                self._block(step.inner, env, fixed)
            elif isinstance(step, CompiledChoice):
                options = [(own, step.branches.get(key)) for key, own in self._options(step.reader, fixed)]
                self._branch(options, step.reader.keys, env, fixed)
            else:
                self._operate(step, env, fixed)
        for slot, source in compiled.copies:
            env[slot] = env[source] if source >= 0 else ValueTable((), {(): ~source})
        if compiled.read is not None:
            keys = _free(env[compiled.read].keys, fixed)
            options = []
            for values in self._combine(keys):
                own = dict(zip(keys, values))
                shape = env[compiled.read].at({**fixed, **own})
                if shape is not None:  # otherwise it is already missing
                    options.append((own, compiled.rest.get(shape)))
            self._branch(options, keys, env, fixed)

    def _branch(
        self, options: list[Option], keys: Sequence[str], env: dict[int, ValueTable], fixed: dict[str, Any]
    ) -> None:
        """Adds the costs of branches, and sets the slots that later lines read."""
        ends: list[tuple[dict[str, Any], dict[int, ValueTable]]] = []
        outputs: set[int] = set()
        for own, branch in options:
            known = {**fixed, **own}
            if branch is None:
                self.missing.append(known)
                continue
            inner = dict(env)
            self._block(branch, inner, known)
            ends.append((known, inner))
            outputs.update(_find_outputs(branch))
        for slot in outputs:
            env[slot] = self._merge([(known, inner.get(slot)) for known, inner in ends], keys, fixed)

    def _merge(
        self, ends: list[tuple[dict[str, Any], ValueTable | None]], keys: Sequence[str], fixed: dict[str, Any]
    ) -> ValueTable:
        """Returns the shapes of a slot after one of several branches."""
        inner = {key for _, spread in ends if spread is not None for key in spread.keys}
        free = _free({*keys, *inner}, fixed)
        table: dict[tuple[Any, ...], Any] = dict.fromkeys(map(tuple, self._combine(free)))
        for known, spread in ends:
            if spread is None:
                continue
            for values in self._combine(free, known):
                table[values] = spread.at({**known, **dict(zip(free, values))})
        return self._reduce(ValueTable(free, table))

    def _operate(self, step: Operation, env: dict[int, ValueTable], fixed: dict[str, Any]) -> None:
        """Adds the costs of a layer or an operation, and sets its output slots."""
        keys = _free({key for slot in step.inputs for key in env[slot].keys}, fixed)
        if step.picks is not None and step.picks not in fixed and self._differ(step, keys, env, fixed):
            keys = _free({*keys, step.picks}, fixed)
        tables: list[dict[tuple[Any, ...], Any]] = [{} for _ in step.outputs]
        costs: dict[tuple[Any, ...], float] = {}
        for values in self._combine(keys):
            known = {**fixed, **dict(zip(keys, values))}
            shapes = {slot: env[slot].at(known) for slot in step.inputs}
            entry = None
            if None not in shapes.values():
                entry = step.table.get(step.key(shapes, known))
                if entry is None:
                    self.missing.append(known)
            costs[values] = 0.0 if entry is None else entry[0]
            for table, shape in zip(tables, itertools.repeat(None) if entry is None else entry[1]):
                table[values] = shape
        for values, cost in costs.items():
            if cost:
                self._add(cost, {**fixed, **dict(zip(keys, values))})
        for slot, table in zip(step.outputs, tables):
            env[slot] = self._reduce(ValueTable(keys, table))

    def _differ(
        self, step: Operation, keys: tuple[str, ...], env: dict[int, ValueTable], fixed: dict[str, Any]
    ) -> bool:
        """Returns whether picks can have an effect: whether the shapes of the inputs differ."""
        for values in self._combine(keys):
            known = {**fixed, **dict(zip(keys, values))}
            if len({env[slot].at(known) for slot in step.inputs} - {None}) > 1:
                return True
        return step.is_picked

    def _table(self, table: DecisionTable, fixed: dict[str, Any]) -> None:
        """Adds costs that depend on decisions alone."""
        for key, own in self._options(table.reader, fixed):
            cost = table.costs.get(key)
            if cost is None:
                self.missing.append({**fixed, **own})
            self._add(cost or 0.0, {**fixed, **own}, table.reader.keys)

    # ------------------------------------------------------------------ combinations

    def _options(self, reader: DecisionReader, fixed: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yields the values that a reader can return, each with those of its decisions that are not fixed."""
        if reader.elastic is not None:
            found = [
                (decisions.values, {reader.keys[i]: v for i, v in zip(decisions.active, decisions.values)})
                for decisions in reader.elastic.space.iterate()
            ]
        else:
            made = [[fixed[key]] if key in fixed else self._candidates(key) for key in reader.keys]
            found = []
            for values in itertools.product(*made):
                own = dict(zip(reader.keys, values))
                found.append((reader.read(own), own))
        for key, own in found:
            if all(fixed.get(name, value) == value for name, value in own.items()):
                yield key, {name: value for name, value in own.items() if name not in fixed}

    def _combine(self, keys: Sequence[str], known: Values | None = None) -> Iterator[tuple[Any, ...]]:
        """Yields all combinations of values; a known decision has its known value."""
        rows = [[known[key]] if known is not None and key in known else self._candidates(key) for key in keys]
        if math.prod(map(len, rows)) > self._most:
            raise TooManyError(*keys)
        return itertools.product(*rows)

    def _add(self, cost: float, values: dict[str, Any], keys: Sequence[str] = ()) -> None:
        """Adds the cost under some decisions to the term of these and of ``keys``."""
        term = tuple(sorted({*values, *keys}))
        costs = self._costs.setdefault(term, {})
        for place in self._combine(term, values):
            costs[place] = costs.get(place, 0.0) + cost

    def _reduce(self, spread: ValueTable) -> ValueTable:
        """Removes decisions without an effect; values that have never run agree with all others."""
        keys, table = spread.keys, spread.table
        for key in spread.keys:
            at, kept = keys.index(key), dict[tuple[Any, ...], Any]()
            for values, found in table.items():
                short = values[:at] + values[at + 1 :]
                other = kept.get(short)
                if other is not None and found is not None and other != found:
                    break
                kept[short] = found if other is None else other
            else:
                keys, table = keys[:at] + keys[at + 1 :], kept
        return ValueTable(keys, table)


def _free(keys: Any, fixed: Values) -> tuple[str, ...]:
    """Returns the decisions that are not fixed, sorted."""
    return tuple(sorted(key for key in keys if key not in fixed))


def _find_outputs(compiled: CompiledCost) -> Iterator[int]:
    """Yields the slots that lines after a block read."""
    for slot, _ in compiled.copies:
        yield slot
    for rest in compiled.rest.values():
        yield from _find_outputs(rest)
