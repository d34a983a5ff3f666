"""Cost graph of a super-network: one line per layer, operation and choice, each with a table of costs and shapes.

The table of a line maps the shapes of its inputs (for a choice: the decided value) to the cost of the line and the shapes of
its outputs.  If code reads a shape, the graph branches on it until that module returns.  So two architectures share an
entry exactly if that layer is the same in both.

Shapes are numbered; *slots* hold their numbers.  ``trace`` runs a network and writes lines; ``compiled`` evaluates them fast.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, final

from pliant.space import Choice
from pliant.values.errors import PliantError

Slots = tuple[int, ...]


class TraceMismatch(PliantError, RuntimeError):
    """Two runs disagree on a line: the network's code depends on more than decisions and shapes."""


@final
@dataclass(frozen=True, slots=True)
class DecisionReader:
    """Reads the value of a choice: one decision, or several.

    Attributes:
      keys: of the decisions.
      read: from decisions by key to the value.
      elastic: the module of the decisions, if some of them are conditional.
    """

    keys: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], Any] = field(compare=False)
    elastic: Any = field(default=None, compare=False)


def read_one(key: str) -> DecisionReader:
    """Returns the reader of one decision."""
    return DecisionReader((key,), itemgetter(key))


def read_elastic(elastic: Any) -> DecisionReader:
    """Returns the reader of the decisions of an elastic module."""
    keys, space = tuple(elastic.keys), elastic.space
    if not any(isinstance(point, Choice) and any(point.branches) for point in space.points):
        return DecisionReader(keys, itemgetter(*keys))
    return DecisionReader(keys, lambda values: elastic.values(_Values(values)), elastic)


@dataclass(frozen=True, slots=True)
class _Values:
    """Decisions by key, in the form of a ``Selection``."""

    values: Mapping[str, Any]

    def value(self, key: str) -> Any:
        """Returns the decision of a key."""
        return self.values[key]


@final
@dataclass(slots=True, eq=False)
class Block:
    """Lines that run one after another, until code reads a shape or returns.

    Attributes:
      lines: in order.
      read: the slot of the shape that is read after them; None at the end.
      branches: by shape, the next block.
      outputs: at the end, the slots that are returned; ``~shape`` for constant shapes.
    """

    lines: list[Any] = field(default_factory=list)
    read: int | None = None
    branches: dict[int, Block] = field(default_factory=dict)
    outputs: tuple[int, ...] | None = None


@final
@dataclass(slots=True, eq=False)
class Operation:
    """A layer or an operation: maps the shapes of its inputs to its cost and the shapes of its outputs.

    Attributes:
      label: its name, which identifies it in other runs.
      inputs: slots.
      picks: for a choice of inputs, the key of the decision; it has an effect if the inputs' shapes differ.
      table: by shapes, and by picks if they have an effect, ``(cost, shapes)``.
      outputs: slots.
    """

    label: str
    inputs: tuple[int, ...]
    picks: str | None = None
    table: dict[Any, tuple[float, tuple[int, ...]]] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()

    @property
    def is_picked(self) -> bool:
        """Whether the picked inputs have had an effect."""
        return self.picks is not None and any(isinstance(key[0], tuple) for key in self.table if key)

    def key(self, slots: Any, values: Mapping[str, Any]) -> Any:
        """Returns the key of the table."""
        shapes = tuple([slots[i] for i in self.inputs])
        if self.picks is None or len(set(shapes)) == 1:
            return shapes
        found = values[self.picks]
        return shapes, (found,) if isinstance(found, int) else tuple(sorted(found))


@final
@dataclass(slots=True, eq=False)
class Branching:
    """A choice: one block per decided value; a module without a decision has one block, under None."""

    label: str
    reader: DecisionReader | None
    branches: dict[Any, Block] = field(default_factory=dict)
    outputs: tuple[int, ...] | None = None


@dataclass(slots=True)
class _Frame:
    line: Branching | None
    block: Block
    index: int
    known: set[int]


@final
class CostGraph:
    """Cost graph of one network: the lines of all runs so far.

    Attributes:
      root: the first block.
      seen: by slot, all shapes that it has had.
    """

    def __init__(self) -> None:
        self.root = Block()
        self.seen: list[set[int]] = []
        self._shapes: dict[Hashable, int] = {}

    def number(self, shape: Hashable) -> int:
        """Returns the number of a shape."""
        return self._shapes.setdefault(shape, len(self._shapes))

    def add_slots(self, count: int) -> tuple[int, ...]:
        """Returns ``count`` new slots."""
        first = len(self.seen)
        self.seen.extend(set() for _ in range(count))
        return tuple(range(first, first + count))


@final
class Tape:
    """Records one run of a network in a graph, line by line, and checks that it agrees with earlier runs.

    Args:
      graph: receives the lines.
      values: the decisions of this run, by key.
    """

    def __init__(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        self.graph, self.values = graph, values
        self.shapes: dict[int, int] = {}
        self._frames = [_Frame(None, graph.root, 0, set())]

    def _line(self, kind: type[Any], label: str, same: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        frame = self._frames[-1]
        block = frame.block
        if frame.index == len(block.lines):
            if block.read is not None or block.outputs is not None:
                raise TraceMismatch(
                    f"{label} runs where the code of another architecture ended, or read a shape."
                )
            block.lines.append(make())
        line: Any = block.lines[frame.index]
        there: Any = (line.inputs, line.picks) if isinstance(line, Operation) else (line.reader,)
        if type(line) is not kind or line.label != label or there != same:
            raise TraceMismatch(f"{label} runs where another architecture runs {line.label}.")
        frame.index += 1
        return line

    def set_slots(self, slots: tuple[int, ...], shapes: tuple[int, ...]) -> None:
        """Sets the shapes of slots."""
        if len(slots) != len(shapes):
            raise TraceMismatch(
                f"{len(shapes)} outputs are returned where another architecture returns {len(slots)}."
            )
        for slot, shape in zip(slots, shapes):
            self.shapes[slot] = shape
            self.graph.seen[slot].add(shape)

    def operate(
        self, label: str, inputs: Slots, cost: float, shapes: tuple[int, ...], *, picks: str | None = None
    ) -> Slots:
        """Records an operation; returns the slots of its outputs."""

        def make() -> Operation:
            return Operation(label, inputs, picks, {}, self.graph.add_slots(len(shapes)))

        line = self._line(Operation, label, (inputs, picks), make)
        found = line.table.setdefault(line.key(self.shapes, self.values), (cost, shapes))
        if found != (cost, shapes):
            raise TraceMismatch(
                f"{label} has two costs ({cost:g} and {found[0]:g}) or two output shapes for the same inputs."
            )
        self.set_slots(line.outputs, shapes)
        return line.outputs  # type: ignore[no-any-return]  # of an Operation

    def enter(self, label: str, reader: DecisionReader | None = None) -> None:
        """Opens the block of a module; for a choice, that of the decided value."""
        line = self._line(Branching, label, (reader,), lambda: Branching(label, reader))
        key = None if reader is None else reader.read(self.values)
        block = line.branches.setdefault(key, Block())
        self._frames.append(_Frame(line, block, 0, set(self._frames[-1].known)))

    def leave(self, outputs: tuple[int, ...]) -> tuple[int, ...]:
        """Closes the block, and returns the slots of its outputs.

        Args:
          outputs: slots, or ``~shape``.
        """
        frame = self._frames.pop()
        line, block = frame.line, frame.block
        assert line is not None
        if block.outputs is None and block.read is None and frame.index == len(block.lines):
            block.outputs = outputs
        if block.outputs != outputs or frame.index != len(block.lines):
            raise TraceMismatch(
                f"{line.label} returns other outputs in another architecture, for the same shapes."
            )
        if line.outputs is None:
            line.outputs = self.graph.add_slots(len(outputs))
        self.set_slots(line.outputs, tuple(self.shapes[i] if i >= 0 else ~i for i in outputs))
        return line.outputs

    def look(self, slot: int) -> None:
        """Records that code has read a shape, on which all later lines may depend."""
        frame = self._frames[-1]
        if slot in frame.known:
            return
        block = frame.block
        if block.read is None and block.outputs is None and frame.index == len(block.lines):
            block.read = slot
        if block.read != slot or frame.index != len(block.lines):
            raise TraceMismatch("a shape is read where another architecture does not read it.")
        frame.known.add(slot)
        frame.block, frame.index = block.branches.setdefault(self.shapes[slot], Block()), 0
