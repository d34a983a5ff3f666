"""The two search spaces by hand: sampled, materialized and evolved without any library.

As a careful person would write it for one known space: candidates are checked when the space is
written, so a child is built by storing what was chosen; decisions are a flat tuple of the active
choices in depth-first order (they must exist as data: an algorithm reads and changes them).

* NAS-Bench-101: five nodes with one of three operations, 21 edges that are there or not.
* Like ProxylessNAS: 21 layers, each one of seven candidates; six are an inverted residual with three
  filters, three kernels and two expansions to choose from, one drops the layer and has no choices.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")
NODES, EDGES = 5, 21
LAYERS = 21
FILTERS, KERNELS, EXPANSIONS = (16, 24, 32), (3, 5, 7), (3, 6)
BLOCKS = tuple((activation, squeeze) for activation in ("relu", "swish", "hswish") for squeeze in (0.0, 0.25))
SIX = len(BLOCKS)

Decisions = tuple[int, ...]

_new = object.__new__


class Cell:
    """A NAS-Bench-101 cell."""

    __slots__ = ("edges", "key", "nodes", "parent")


class Network:
    """A chain of layers."""

    __slots__ = ("key", "layers", "parent")


class Block:
    """An inverted residual."""

    __slots__ = ("activation", "expansion", "filters", "kernel", "key", "parent", "squeeze")


class Zero:
    """A layer that is dropped."""

    __slots__ = ("key", "parent")


def sample_cell(random: Random) -> Decisions:
    """Returns random decisions for a cell."""
    draw = random.random
    return tuple([int(draw() * 3) for _ in range(NODES)] + [int(draw() * 2) for _ in range(EDGES)])


def make_cell(decisions: Decisions) -> Cell:
    """Returns the cell that decisions describe."""
    cell = _new(Cell)
    cell.parent = cell.key = None
    cell.nodes = [OPERATIONS[d] for d in decisions[:NODES]]
    cell.edges = list(decisions[NODES:])
    return cell


def sample_network(random: Random) -> Decisions:
    """Returns random decisions for a network."""
    draw = random.random
    decisions: list[int] = []
    for _ in range(LAYERS):
        op = int(draw() * 7)
        if op == SIX:
            decisions.append(op)
        else:
            decisions += (op, int(draw() * 3), int(draw() * 3), int(draw() * 2))
    return tuple(decisions)


def make_network(decisions: Decisions) -> Network:
    """Returns the network that decisions describe."""
    network = _new(Network)
    network.parent = network.key = None
    network.layers = layers = []
    at = 0
    for i in range(LAYERS):
        op = decisions[at]
        if op == SIX:
            layer: Any = _new(Zero)
            at += 1
        else:
            layer = _new(Block)
            layer.activation, layer.squeeze = BLOCKS[op]
            layer.filters = FILTERS[decisions[at + 1]]
            layer.kernel = KERNELS[decisions[at + 2]]
            layer.expansion = EXPANSIONS[decisions[at + 3]]
            at += 4
        layer.parent = network
        layer.key = i
        layers.append(layer)
    return network


def draw_cells(seed: int) -> Iterator[Cell]:
    """Yields random cells for ever."""
    random = Random(seed)
    while True:
        yield make_cell(sample_cell(random))


def draw_networks(seed: int) -> Iterator[Network]:
    """Yields random networks for ever."""
    random = Random(seed)
    while True:
        yield make_network(sample_network(random))


def evolve(trials: int, reward: Callable[[Any], float], *, seed: int = 0) -> float:
    """Runs regularized evolution on cells (population 100, tournaments of 25); returns the best reward."""
    random = Random(seed)
    population: deque[tuple[Decisions, float]] = deque(maxlen=100)
    best = float("-inf")
    for trial in range(trials):
        if trial < 100:
            child = sample_cell(random)
        else:
            parent = max(random.sample(population, 25), key=lambda member: member[1])[0]
            at = int(random.random() * len(parent))
            value = 1 + int(random.random() * (2 if at < NODES else 1))
            size = 3 if at < NODES else 2
            child = (*parent[:at], (parent[at] + value) % size, *parent[at + 1 :])
        score = reward(make_cell(child))
        best = max(best, score)
        population.append((child, score))
    return best
