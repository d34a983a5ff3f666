"""Compiled cost graph: constant folding of everything that decisions cannot change, and one table per decision.

A slot that has had one shape only counts as constant.  That is sound: an architecture with another shape lacks an entry in some
table; then it is run, and the graph is compiled again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from .graph import Block, Branching, CostGraph, DecisionReader, Operation

MAX_KEYS = 5  # a module that depends on up to so many decisions and shapes becomes a table


@final
@dataclass(slots=True, eq=False)
class DecisionTable:
    """A choice without effect on shapes: from decided values to costs."""

    reader: DecisionReader
    costs: dict[Any, float]


@final
@dataclass(slots=True, eq=False)
class CompiledChoice:
    """A choice with an effect on shapes, or with choices inside: from decided values to lines."""

    reader: DecisionReader
    branches: dict[Any, CompiledCost]
    is_shaping: bool  # whether it changes shapes that other lines see


@final
@dataclass(slots=True, eq=False)
class CompiledModule:
    """The lines of a module, with a table of results if they depend on few decisions and shapes.

    Attributes:
      inner: the lines.
      keys: the decisions that they depend on.
      inputs: the slots that they depend on.
      outputs: the slots that later lines read.
      table: by decisions and shapes, the cost and the shapes of the outputs; None if it would be too large.
    """

    inner: CompiledCost
    keys: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: dict[Any, tuple[float, list[int]]] | None

    def run(self, slots: list[int], values: Mapping[str, Any]) -> float:
        """Returns the cost, and sets the output slots."""
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
class CompiledCost:
    """A compiled block of a cost graph.

    Attributes:
      constant: the cost that all architectures have.
      tables: costs that depend on decisions alone.
      steps: lines that depend on shapes as well: operations, choices, modules.
      read: the slot whose shape selects the remaining lines in ``rest``; None at the end.
      copies: at the end, pairs of a slot and its source (``~shape`` for a constant shape).
    """

    constant: float = 0.0
    tables: list[DecisionTable] = field(default_factory=list)
    steps: list[Operation | CompiledChoice | CompiledModule] = field(default_factory=list)
    read: int | None = None
    rest: dict[int, CompiledCost] = field(default_factory=dict)
    copies: list[tuple[int, int]] = field(default_factory=list)
    _pairs: list[Any] | None = None

    def is_flat(self) -> bool:
        """Returns whether the cost is a constant."""
        return not (self.tables or self.steps or self.copies) and self.read is None

    def run(self, slots: list[int], values: Mapping[str, Any]) -> float:
        """Returns the cost of one architecture.

        Raises:
          KeyError: a part of it has never run.
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
            elif step.__class__ is CompiledModule:
                total += step.run(slots, values)
            else:
                total += step.branches[step.reader.read(values)].run(slots, values)  # type: ignore[union-attr]
        for slot, source in self.copies:
            slots[slot] = slots[source] if source >= 0 else ~source
        return total if self.read is None else total + self.rest[slots[self.read]].run(slots, values)


def compile_graph(graph: CostGraph) -> tuple[CompiledCost, list[int]]:
    """Returns a compiled graph, and the slots to run it with (give a copy)."""
    constants = [next(iter(seen)) if len(seen) == 1 else None for seen in graph.seen]
    found = CompiledCost()
    _compile_block(graph.root, (), constants, found)
    return found, [-1 if shape is None else shape for shape in constants]


def _compile_block(
    block: Block, outputs: tuple[int, ...], constants: list[int | None], into: CompiledCost
) -> None:
    for line in block.lines:
        if isinstance(line, Operation):
            fixed = all(constants[i] is not None for i in line.inputs)
            if fixed and not line.is_picked:
                into.constant += next(iter(line.table.values()))[0]
            else:
                into.steps.append(line)
        else:
            _compile_branching(line, constants, into)
    if block.read is None:
        into.copies += [
            (slot, source) for slot, source in zip(outputs, block.outputs or ()) if constants[slot] is None
        ]
    elif constants[block.read] is not None:
        for branch in block.branches.values():
            _compile_block(branch, outputs, constants, into)
    else:
        into.read = block.read
        for shape, branch in block.branches.items():
            into.rest[shape] = CompiledCost()
            _compile_block(branch, outputs, constants, into.rest[shape])


def _compile_branching(line: Branching, constants: list[int | None], into: CompiledCost) -> None:
    outputs = line.outputs or ()
    found = {key: CompiledCost() for key in line.branches}
    for key, branch in line.branches.items():
        _compile_block(branch, outputs, constants, found[key])
    if line.reader is not None:
        if all(one.is_flat() for one in found.values()):
            into.tables.append(DecisionTable(line.reader, {key: one.constant for key, one in found.items()}))
        else:
            shaping = any(constants[slot] is None for slot in outputs)
            into.steps.append(CompiledChoice(line.reader, found, shaping))
        return
    for one in found.values():
        into.constant += one.constant
        if one.steps or one.copies or one.read is not None:
            one.constant = 0.0
            into.steps.append(_make_scope(one, outputs, constants))
        else:
            into.tables += one.tables


def _make_scope(inner: CompiledCost, outputs: tuple[int, ...], constants: list[int | None]) -> CompiledModule:
    keys: set[str] = set()
    reads: set[int] = set()
    writes: set[int] = set()
    _find_uses(inner, keys, reads, writes)
    inputs = tuple(sorted(i for i in reads - writes if constants[i] is None))
    visible = tuple(i for i in outputs if constants[i] is None)
    is_small = len(keys) + len(inputs) <= MAX_KEYS
    return CompiledModule(inner, tuple(sorted(keys)), inputs, visible, {} if is_small else None)


def _find_uses(compiled: CompiledCost, keys: set[str], reads: set[int], writes: set[int]) -> None:
    """Finds the decisions and slots that lines depend on, and the slots that they set."""
    for table in compiled.tables:
        keys.update(table.reader.keys)
    for step in compiled.steps:
        if isinstance(step, Operation):
            reads.update(step.inputs)
            writes.update(step.outputs)
            if step.picks is not None:
                keys.add(step.picks)
        elif isinstance(step, CompiledModule):
            _find_uses(step.inner, keys, reads, writes)
        else:
            keys.update(step.reader.keys)
            for branch in step.branches.values():
                _find_uses(branch, keys, reads, writes)
    for slot, source in compiled.copies:
        writes.add(slot)
        if source >= 0:
            reads.add(source)
    if compiled.read is not None:
        reads.add(compiled.read)
    for branch in compiled.rest.values():
        _find_uses(branch, keys, reads, writes)
