"""A ``Program`` made short: what the decisions cannot change is one number, what one decision changes is one table.

A slot in which only one shape was ever met is taken to be constant.  That is sound, because an architecture that
leads anywhere new finds no entry in some table, is run, and the program is folded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from .graph import Block, Branching, Operation, Program, Reader

REMEMBERED = 5  # a module that depends on so few decisions and shapes is one entry of a table


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
