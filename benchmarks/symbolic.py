"""The symbolic programs of the benchmark, written once for whichever library is handed in as ``pg``.

A program for the PyGlove package runs on Pliant by changing its import; here that is put to use, so
that both do the same work by construction.  The few places where they differ are a ``Dialect``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any

import plainspace


@dataclass(frozen=True)
class Dialect:
    """What must be said differently to the two libraries.

    Args:
      side: the name of the library's column.
      pg: the library.
      edit: ``(key, value) -> value`` that flips the lowest bit of every field called ``filters``.
      parent: returns the object or list that holds a node.
      space: returns the abstract space of a program with holes.
      decide: returns random decisions of an abstract space.
      parse: returns the decisions that a flat tuple of active choices describes.
      samples: yields random children of a program, for ever.
      sample: the statement that draws one, over ``pg``, ``program``, ``random`` and ``samples``.
      evolve: runs regularized evolution: ``(program, trials, on_trial)``, where ``on_trial(trial, child)``
        is told each child and returns its reward.
      trials: how many trials each evolution row runs.
      hashed: how many fresh copies one timing of the hash reads.
    """

    side: str
    pg: Any
    edit: Callable[[Any, Any], Any]
    parent: Callable[[Any], Any]
    space: Callable[[Any], Any]
    decide: Callable[[Any, Random], Any]
    parse: Callable[[Any, tuple[int, ...]], Any]
    samples: Callable[[Any, int], Iterator[Any]]
    sample: str
    evolve: Callable[[Any, int, Callable[[int, Any], float]], None]
    trials: Mapping[str, int]
    hashed: int


def define_tree(pg: Any) -> SimpleNamespace:
    """Returns the classes of the tree: ``Leaf``, ``Group``, ``Block``, ``Root``."""
    typing = pg.typing

    @pg.members(
        [
            ("filters", typing.Int(min_value=1, max_value=4096)),
            ("rate", typing.Float(min_value=0.0, max_value=1.0)),
            ("name", typing.Str()),
        ]
    )
    class Leaf(pg.Object):
        """Three typed fields."""

    @pg.members([("name", typing.Str()), ("parts", typing.List(typing.Object(Leaf)))])
    class Group(pg.Object):
        """Leaves."""

    @pg.members([("name", typing.Str()), ("parts", typing.List(typing.Object(Group)))])
    class Block(pg.Object):
        """Groups."""

    @pg.members([("name", typing.Str()), ("parts", typing.List(typing.Object(Block)))])
    class Root(pg.Object):
        """Blocks."""

    return SimpleNamespace(Leaf=Leaf, Group=Group, Block=Block, Root=Root)


def define_cell(pg: Any) -> Any:
    """Returns the NAS-Bench-101 space as a program with 26 holes."""
    typing = pg.typing

    @pg.members(
        [
            ("nodes", typing.List(typing.Enum("conv3x3", list(plainspace.OPERATIONS)))),
            ("edges", typing.List(typing.Int(min_value=0, max_value=1))),
        ]
    )
    class Cell(pg.Object):
        """A NAS-Bench-101 cell."""

    return Cell(
        nodes=[pg.oneof(list(plainspace.OPERATIONS)) for _ in range(plainspace.NODES)],
        edges=[pg.oneof([0, 1]) for _ in range(plainspace.EDGES)],
    )


def define_network(pg: Any) -> Any:
    """Returns the ProxylessNAS-like space as a program with conditional holes."""
    typing = pg.typing

    @pg.members([])
    class Layer(pg.Object):
        """What can stand at a layer's place."""

    @pg.members(
        [
            ("filters", typing.Int(min_value=1)),
            ("kernel", typing.Int(min_value=1)),
            ("expansion", typing.Int(min_value=1)),
            ("activation", typing.Str()),
            ("squeeze", typing.Float(min_value=0.0, max_value=1.0)),
        ]
    )
    class Block(Layer):
        """An inverted residual."""

    class Zero(Layer):
        """A layer that is dropped."""

    @pg.members([("layers", typing.List(typing.Object(Layer)))])
    class Network(pg.Object):
        """A chain of layers."""

    def layer() -> Any:
        blocks = [
            Block(
                filters=pg.oneof(list(plainspace.FILTERS)),
                kernel=pg.oneof(list(plainspace.KERNELS)),
                expansion=pg.oneof(list(plainspace.EXPANSIONS)),
                activation=activation,
                squeeze=squeeze,
            )
            for activation, squeeze in plainspace.BLOCKS
        ]
        return pg.oneof([*blocks, Zero()])

    return Network(layers=[layer() for _ in range(plainspace.LAYERS)])
