"""A network's costs as a program: a line per layer, operation and choice, each with a table that fills itself.

A line knows the lines that its inputs come from.  Its table leads from the shapes of the inputs (of a choice: from
what is decided) to what the line costs, and to the shapes of its outputs.  Where code looks at a shape, the program
branches on it until the module that looked returns.  Hence two architectures have a line's entry in common exactly
where that layer is the same in both.

Shapes are numbers of a table of shapes; *slots* hold them.  What runs a network, and writes lines, is ``trace``;
what reads them fast is ``fold``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, final

from pliant.space import Choice
from pliant.values.errors import PliantError


class Clash(PliantError, RuntimeError):
    """One line was met with two meanings: the network's code depends on something that shapes do not tell."""


@final
@dataclass(frozen=True, slots=True)
class Reader:
    """What a choice reads: one decision, or several.

    Attributes:
      keys: of the decisions.
      read: from decisions by key to what is read.
      elastic: the module whose decisions they are, where some of them are decided only sometimes.
    """

    keys: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], Any] = field(compare=False)
    elastic: Any = field(default=None, compare=False)


def read_one(key: str) -> Reader:
    """Returns the reader of one decision."""
    return Reader((key,), itemgetter(key))


def read_elastic(elastic: Any) -> Reader:
    """Returns the reader of the decisions of an elastic module."""
    keys, space = tuple(elastic.keys), elastic.space
    if not any(isinstance(point, Choice) and any(point.branches) for point in space.points):
        return Reader(keys, itemgetter(*keys))
    return Reader(keys, lambda values: elastic.values(_Values(values)), elastic)


@dataclass(frozen=True, slots=True)
class _Values:
    """Decisions by key, in the form of a ``Selection``."""

    values: Mapping[str, Any]

    def value(self, key: str) -> Any:
        """Returns one."""
        return self.values[key]


@final
@dataclass(slots=True, eq=False)
class Block:
    """Lines that run one after another, up to a look at a shape, or to the end.

    Attributes:
      lines: in order.
      read: the slot of the shape that is looked at after them; None at the end.
      branches: by shape, what comes then.
      outputs: at the end, the slots that are handed on; of shapes that nothing can change, ``~shape``.
    """

    lines: list[Any] = field(default_factory=list)
    read: int | None = None
    branches: dict[int, Block] = field(default_factory=dict)
    outputs: tuple[int, ...] | None = None


@final
@dataclass(slots=True, eq=False)
class Operation:
    """A layer or an operation: from the shapes of its inputs to its cost and the shapes of its outputs.

    Attributes:
      label: what it is called, to be recognized.
      inputs: slots.
      picks: the key of the decision which of the inputs are taken, of a choice of inputs; it matters where they differ.
      table: by shapes, and picks where they matter, ``(cost, shapes)``.
      outputs: slots.
    """

    label: str
    inputs: tuple[int, ...]
    picks: str | None = None
    table: dict[Any, tuple[float, tuple[int, ...]]] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()

    @property
    def is_picked(self) -> bool:
        """Whether it has mattered which of the inputs are taken."""
        return self.picks is not None and any(isinstance(key[0], tuple) for key in self.table if key)

    def key(self, slots: Any, values: Mapping[str, Any]) -> Any:
        """Returns the place in the table."""
        shapes = tuple([slots[i] for i in self.inputs])
        if self.picks is None or len(set(shapes)) == 1:
            return shapes
        found = values[self.picks]
        return shapes, (found,) if isinstance(found, int) else tuple(sorted(found))


@final
@dataclass(slots=True, eq=False)
class Branching:
    """A choice: by what is decided, a block; a module that decides nothing has one block, under None."""

    label: str
    reader: Reader | None
    branches: dict[Any, Block] = field(default_factory=dict)
    outputs: tuple[int, ...] | None = None


@dataclass(slots=True)
class _Frame:
    line: Branching | None
    block: Block
    index: int
    known: set[int]


@final
class Program:
    """The lines of one network, as far as they were met.

    Attributes:
      root: the first block.
      seen: by slot, all shapes that were met there.
    """

    def __init__(self) -> None:
        self.root = Block()
        self.seen: list[set[int]] = []
        self._shapes: dict[Hashable, int] = {}

    def number(self, shape: Hashable) -> int:
        """Returns the number of a shape."""
        return self._shapes.setdefault(shape, len(self._shapes))

    def add_slots(self, count: int) -> tuple[int, ...]:
        """Returns so many new slots."""
        first = len(self.seen)
        self.seen.extend(set() for _ in range(count))
        return tuple(range(first, first + count))


@final
class Tape:
    """Writes one run of a network into a program, line by line: what is there already has to agree.

    Args:
      program: where to write.
      values: the decisions of this run, by key.
    """

    def __init__(self, program: Program, values: Mapping[str, Any]) -> None:
        self.program, self.values = program, values
        self.shapes: dict[int, int] = {}
        self._frames = [_Frame(None, program.root, 0, set())]

    def _line(self, kind: type[Any], label: str, same: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        frame = self._frames[-1]
        block = frame.block
        if frame.index == len(block.lines):
            if block.read is not None or block.outputs is not None:
                raise Clash(
                    f"{label} is met where the code ended, or looked at a shape, in another architecture."
                )
            block.lines.append(make())
        line: Any = block.lines[frame.index]
        there: Any = (line.inputs, line.picks) if isinstance(line, Operation) else (line.reader,)
        if type(line) is not kind or line.label != label or there != same:
            raise Clash(f"{label} is met where there is {line.label} in another architecture.")
        frame.index += 1
        return line

    def set_slots(self, slots: tuple[int, ...], shapes: tuple[int, ...]) -> None:
        """Fills slots."""
        if len(slots) != len(shapes):
            raise Clash(
                f"{len(shapes)} outputs are met where there are {len(slots)} in another architecture."
            )
        for slot, shape in zip(slots, shapes):
            self.shapes[slot] = shape
            self.program.seen[slot].add(shape)

    def operate(
        self,
        label: str,
        inputs: tuple[int, ...],
        cost: float,
        shapes: tuple[int, ...],
        *,
        picks: str | None = None,
    ) -> tuple[int, ...]:
        """Writes an operation; returns the slots of its outputs."""
        line = self._line(
            Operation,
            label,
            (inputs, picks),
            lambda: Operation(label, inputs, picks, {}, self.program.add_slots(len(shapes))),
        )
        found = line.table.setdefault(line.key(self.shapes, self.values), (cost, shapes))
        if found != (cost, shapes):
            raise Clash(
                f"{label} costs {cost:g} and {found[0]:g}, or returns two shapes, for the same inputs."
            )
        self.set_slots(line.outputs, shapes)
        return line.outputs  # type: ignore[no-any-return]  # of an Operation

    def enter(self, label: str, reader: Reader | None = None) -> None:
        """Opens the block of a module: of a choice, the one of what is decided."""
        line = self._line(Branching, label, (reader,), lambda: Branching(label, reader))
        key = None if reader is None else reader.read(self.values)
        block = line.branches.setdefault(key, Block())
        self._frames.append(_Frame(line, block, 0, set(self._frames[-1].known)))

    def leave(self, outputs: tuple[int, ...]) -> tuple[int, ...]:
        """Closes it, and returns the slots of what it hands on.

        Args:
          outputs: slots, or ``~shape``.
        """
        frame = self._frames.pop()
        line, block = frame.line, frame.block
        assert line is not None
        if block.outputs is None and block.read is None and frame.index == len(block.lines):
            block.outputs = outputs
        if block.outputs != outputs or frame.index != len(block.lines):
            raise Clash(f"{line.label} returns other things in another architecture, for the same shapes.")
        if line.outputs is None:
            line.outputs = self.program.add_slots(len(outputs))
        self.set_slots(line.outputs, tuple(self.shapes[i] if i >= 0 else ~i for i in outputs))
        return line.outputs

    def look(self, slot: int) -> None:
        """Notes that code has looked at a shape, so that all that comes may depend on it."""
        frame = self._frames[-1]
        if slot in frame.known:
            return
        block = frame.block
        if block.read is None and block.outputs is None and frame.index == len(block.lines):
            block.read = slot
        if block.read != slot or frame.index != len(block.lines):
            raise Clash("a shape is looked at where it is not in another architecture.")
        frame.known.add(slot)
        frame.block, frame.index = block.branches.setdefault(self.shapes[slot], Block()), 0
