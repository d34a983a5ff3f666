"""A ``Program`` made short: what the decisions cannot change is one number, what one decision changes is one table.

A slot in which only one shape was ever met is taken to be constant.  That is sound, because an architecture that
leads anywhere new finds no entry in some table, is run, and the program is folded again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor

from .program import Block, Branching, Operation, Program, Reader

REMEMBERED = 5  # a module that depends on so few decisions and shapes is one entry of a table

Candidates = Callable[[str], list[Any]]
"""From the key of a decision to its values, in the order of its weights."""


@final
@dataclass(slots=True, eq=False)
class Table:
    """A choice of which only the cost matters: from what is decided to it."""

    reader: Reader
    costs: dict[Any, float]


@final
@dataclass(slots=True, eq=False)
class Fork:
    """A choice of which more matters: from what is decided to its lines."""

    reader: Reader
    branches: dict[Any, Folded]
    is_shaping: bool  # whether it changes shapes that other lines see


@final
@dataclass(slots=True, eq=False)
class Scope:
    """The lines of a module; where they depend on little, from that to what they cost and fill.

    Attributes:
      inner: the lines.
      keys: the decisions that they depend on.
      inputs: the slots that they depend on.
      outputs: the slots that others see of them.
      table: by decisions and shapes, the cost and the shapes of the outputs; None where it would be too large.
    """

    inner: Folded
    keys: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: dict[Any, tuple[float, list[int]]] | None

    def run(self, slots: list[int], values: Mapping[str, Any]) -> float:
        """Returns the cost, and fills the outputs."""
        if self.table is None:
            return self.inner.run(slots, values)
        key = (*[values.get(k) for k in self.keys], *[slots[i] for i in self.inputs])
        found = self.table.get(key)
        if found is None:
            cost = self.inner.run(slots, values)
            self.table[key] = cost, [slots[i] for i in self.outputs]
            return cost
        for slot, shape in zip(self.outputs, found[1]):
            slots[slot] = shape
        return found[0]


@final
@dataclass(slots=True, eq=False)
class Folded:
    """A block.

    Attributes:
      constant: what costs the same for all architectures.
      tables: what depends on decisions alone.
      steps: what depends on shapes too: operations, choices, modules.
      read: the slot by whose shape the rest is found, in ``rest``; None at the end.
      copies: at the end, which slots are filled from which (``~shape``: with a shape).
    """

    constant: float = 0.0
    tables: list[Table] = field(default_factory=list)
    steps: list[Operation | Fork | Scope] = field(default_factory=list)
    read: int | None = None
    rest: dict[int, Folded] = field(default_factory=dict)
    copies: list[tuple[int, int]] = field(default_factory=list)
    _pairs: list[Any] | None = None

    def is_flat(self) -> bool:
        """Returns whether this is a number."""
        return not (self.tables or self.steps or self.copies) and self.read is None

    def run(self, slots: list[int], values: Mapping[str, Any]) -> float:
        """Returns the cost of one architecture.

        Raises:
          KeyError: something of it was never met.
        """
        total = self.constant
        if self._pairs is None:
            self._pairs = [(table.reader.read, table.costs) for table in self.tables]
        for read, costs in self._pairs:
            total += costs[read(values)]
        for step in self.steps:
            if step.__class__ is Operation:
                cost, shapes = step.table[step.key(slots, values)]
                for slot, shape in zip(step.outputs, shapes):
                    slots[slot] = shape
                total += cost
            elif step.__class__ is Scope:
                total += step.run(slots, values)
            else:
                total += step.branches[step.reader.read(values)].run(slots, values)  # type: ignore[union-attr]
        for slot, source in self.copies:
            slots[slot] = slots[source] if source >= 0 else ~source
        return total if self.read is None else total + self.rest[slots[self.read]].run(slots, values)


def fold(program: Program) -> tuple[Folded, list[int]]:
    """Returns a program made short, and slots to run it with (a copy of them)."""
    constants = [next(iter(seen)) if len(seen) == 1 else None for seen in program.seen]
    found = Folded()
    _fold(program.root, (), constants, found)
    return found, [-1 if shape is None else shape for shape in constants]


def _fold(block: Block, outputs: tuple[int, ...], constants: list[int | None], into: Folded) -> None:
    for line in block.lines:
        if isinstance(line, Operation):
            fixed = all(constants[i] is not None for i in line.inputs)
            if fixed and not line.is_picked:
                into.constant += next(iter(line.table.values()))[0]
            else:
                into.steps.append(line)
        else:
            _fold_branching(line, constants, into)
    if block.read is None:
        into.copies += [
            (slot, source) for slot, source in zip(outputs, block.outputs or ()) if constants[slot] is None
        ]
    elif constants[block.read] is not None:
        for branch in block.branches.values():
            _fold(branch, outputs, constants, into)
    else:
        into.read = block.read
        for shape, branch in block.branches.items():
            into.rest[shape] = Folded()
            _fold(branch, outputs, constants, into.rest[shape])


def _fold_branching(line: Branching, constants: list[int | None], into: Folded) -> None:
    outputs = line.outputs or ()
    found = {key: Folded() for key in line.branches}
    for key, branch in line.branches.items():
        _fold(branch, outputs, constants, found[key])
    if line.reader is not None:
        if all(one.is_flat() for one in found.values()):
            into.tables.append(Table(line.reader, {key: one.constant for key, one in found.items()}))
        else:
            shaping = any(constants[slot] is None for slot in outputs)
            into.steps.append(Fork(line.reader, found, shaping))
        return
    for one in found.values():
        into.constant += one.constant
        if one.steps or one.copies or one.read is not None:
            one.constant = 0.0
            into.steps.append(_make_scope(one, outputs, constants))
        else:
            into.tables += one.tables


def _make_scope(inner: Folded, outputs: tuple[int, ...], constants: list[int | None]) -> Scope:
    keys: set[str] = set()
    reads: set[int] = set()
    writes: set[int] = set()
    _find_uses(inner, keys, reads, writes)
    inputs = tuple(sorted(i for i in reads - writes if constants[i] is None))
    visible = tuple(i for i in outputs if constants[i] is None)
    is_small = len(keys) + len(inputs) <= REMEMBERED
    return Scope(inner, tuple(sorted(keys)), inputs, visible, {} if is_small else None)


def _find_uses(folded: Folded, keys: set[str], reads: set[int], writes: set[int]) -> None:
    """Finds the decisions and slots that lines depend on, and the slots that they fill."""
    for table in folded.tables:
        keys.update(table.reader.keys)
    for step in folded.steps:
        if isinstance(step, Operation):
            reads.update(step.inputs)
            writes.update(step.outputs)
            if step.picks is not None:
                keys.add(step.picks)
        elif isinstance(step, Scope):
            _find_uses(step.inner, keys, reads, writes)
        else:
            keys.update(step.reader.keys)
            for branch in step.branches.values():
                _find_uses(branch, keys, reads, writes)
    for slot, source in folded.copies:
        writes.add(slot)
        if source >= 0:
            reads.add(source)
    if folded.read is not None:
        reads.add(folded.read)
    for branch in folded.rest.values():
        _find_uses(branch, keys, reads, writes)


# ------------------------------------------------------------------ expectation


@final
class Expectation:
    """The expected cost, for independent choices.

    Decisions that change shapes which other lines see are gone through in all combinations; each of the others adds
    its own expectation.

    Args:
      folded: the program.
      slots: to run it with.
      weights: by key, of the values of each decision.
      candidates: the values.

    Attributes:
      missing: the decisions, by key, of what was never met; while there are any, the result is not what it says.
    """

    def __init__(
        self, folded: Folded, slots: list[int], weights: Mapping[str, Tensor], candidates: Candidates
    ) -> None:
        self._folded, self._slots, self._weights, self._candidates = folded, slots, weights, candidates
        self.shaping = sorted(set(_find_shaping(folded)))
        self.missing: list[dict[str, Any]] = []

    def combinations(self) -> int:
        """Returns how many combinations are gone through."""
        count = 1
        for key in self.shaping:
            count *= len(self._candidates(key))
        return count

    def compute(self) -> Tensor:
        """Returns the expected cost, a scalar that gradients flow through."""
        total: Any = 0.0
        for values in itertools.product(*map(self._candidates, self.shaping)):
            fixed = dict(zip(self.shaping, values))
            share: Any = 1.0
            for key, value in fixed.items():
                share = share * self._weight(key, value)
            total = total + share * self._block(self._folded, list(self._slots), fixed)
        if isinstance(total, Tensor):
            return total
        like = next(iter(self._weights.values()), torch.zeros((), dtype=torch.float64))
        return like.new_tensor(total)

    def _weight(self, key: str, value: Any) -> Tensor:
        return self._weights[key][self._candidates(key).index(value)]

    def _options(self, reader: Reader, fixed: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any], Any]]:
        """Yields what may be decided: what the reader reads, all that is then fixed, and its weight (1.0 for certain)."""
        if reader.elastic is not None:
            for decisions in reader.elastic.space.iterate():
                keys = [reader.keys[i] for i in decisions.active]
                yield from self._option(decisions.values, dict(zip(keys, decisions.values)), fixed)
            return
        for values in itertools.product(*map(self._candidates, reader.keys)):
            own = dict(zip(reader.keys, values))
            yield from self._option(reader.read(own), own, fixed)

    def _option(self, key: Any, own: dict[str, Any], fixed: dict[str, Any]) -> Iterator[Any]:
        share: Any = 1.0
        for name, value in own.items():
            if name not in fixed:
                share = share * self._weight(name, value)
            elif fixed[name] != value:
                return
        yield key, {**fixed, **own}, share

    def _block(self, folded: Folded, slots: list[int], fixed: dict[str, Any]) -> Any:
        total: Any = folded.constant
        for table in folded.tables:
            total = total + self._table(table, fixed)
        for step in folded.steps:
            if isinstance(step, Fork):
                total = total + self._fork(step, slots, fixed)
                continue
            if isinstance(step, Scope):
                total = total + self._block(step.inner, slots, fixed)
                continue
            entry = step.table.get(step.key(slots, fixed))
            if entry is None:
                self.missing.append(fixed)
                return total
            for slot, shape in zip(step.outputs, entry[1]):
                slots[slot] = shape
            total = total + entry[0]
        for slot, source in folded.copies:
            slots[slot] = slots[source] if source >= 0 else ~source
        if folded.read is None:
            return total
        rest = folded.rest.get(slots[folded.read])
        if rest is None:
            self.missing.append(fixed)
            return total
        return total + self._block(rest, slots, fixed)

    def _table(self, table: Table, fixed: dict[str, Any]) -> Any:
        keys = table.reader.keys
        if len(keys) == 1 and keys[0] not in fixed:  # the usual case, in one product
            values = self._candidates(keys[0])
            costs = [table.costs.get(value) for value in values]
            for value, cost in zip(values, costs):
                if cost is None:
                    self.missing.append({**fixed, keys[0]: value})
            weights = self._weights[keys[0]]
            return weights @ weights.new_tensor([cost or 0.0 for cost in costs])
        total: Any = 0.0
        for key, known, share in self._options(table.reader, fixed):
            cost = table.costs.get(key)
            if cost is None:
                self.missing.append(known)
            total = total + share * (cost or 0.0)
        return total

    def _fork(self, fork: Fork, slots: list[int], fixed: dict[str, Any]) -> Any:
        total: Any = 0.0
        for key, known, share in self._options(fork.reader, fixed):
            branch = fork.branches.get(key)
            if branch is None:
                self.missing.append(known)
                continue
            total = total + share * self._block(branch, slots, known)
        return total


def _find_shaping(folded: Folded) -> Iterator[str]:
    for step in folded.steps:
        if isinstance(step, Fork):
            if step.is_shaping:
                yield from step.reader.keys
            for branch in step.branches.values():
                yield from _find_shaping(branch)
        elif isinstance(step, Scope):
            yield from _find_shaping(step.inner)
        elif step.picks is not None and step.is_picked:
            yield step.picks
    for branch in folded.rest.values():
        yield from _find_shaping(branch)
