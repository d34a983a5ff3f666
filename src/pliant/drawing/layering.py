"""Places the nodes of a graph in layers: long arrows get points in between, and neighbours come below each other.

The steps of Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981: layers by the
longest path, an order within each layer by the mean of the neighbours, and then places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

from .scene import Point

GAP, LAYER = 18.0, 30.0  # between nodes of a layer, and between layers
_BEND = 10.0  # the width that an arrow takes where it passes a layer
_STRAIGHT = 8.0  # how much more than others the pieces of one arrow pull each other into a line
_SWEEPS = 12


@final
@dataclass(frozen=True, slots=True)
class Layered:
    """Places of a graph.

    Attributes:
      size: width and height of all.
      corners: of each node, in the order given.
      routes: of each link, the points through which it goes.
    """

    size: Point
    corners: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]


def place_graph(sizes: Sequence[Point], links: Sequence[tuple[int, int]]) -> Layered:
    """Returns the places of the nodes of a directed acyclic graph, from top to bottom.

    >>> place_graph([(40, 20), (40, 20)], [(0, 1)]).corners
    ((0.0, 0.0), (0.0, 50.0))

    Args:
      sizes: width and height of each node.
      links: pairs of indices, from a node to one that comes later in the graph.
    """
    layers = find_layers(len(sizes), links)
    rows: list[list[int]] = [[] for _ in range(max(layers, default=0) + 1)]
    for node, layer in enumerate(layers):
        rows[layer].append(node)
    all_sizes = [tuple(map(float, size)) for size in sizes]
    chains: list[list[int]] = []
    for start, end in links:
        chain = [start]
        for layer in range(layers[start] + 1, layers[end]):
            chain.append(len(all_sizes))
            rows[layer].append(len(all_sizes))
            all_sizes.append((_BEND, 0.0))
        chains.append([*chain, end])
    above, below = _find_neighbours(len(all_sizes), chains)
    _order(rows, above, below)
    middles = _spread(rows, [size[0] for size in all_sizes], above, below)
    _straighten(rows, chains, [size[0] for size in all_sizes], middles)
    heights = [max((all_sizes[node][1] for node in row), default=0.0) for row in rows]
    tops = [sum(heights[:layer]) + LAYER * layer for layer in range(len(rows))]
    corners, centres = {}, {}
    for layer, row in enumerate(rows):
        for node in row:
            wide, high = all_sizes[node]
            top = tops[layer] + (heights[layer] - high) / 2
            corners[node] = (middles[node] - wide / 2, top)
            centres[node] = (middles[node], top, top + high, tops[layer], tops[layer] + heights[layer])
    routes = []
    for chain in chains:
        points = [(centres[chain[0]][0], centres[chain[0]][2])]
        for place, node in enumerate(chain[1:-1], 1):  # straight past layers, curved where it moves sideways
            x, *_, top, bottom = centres[node]
            before, after = centres[chain[place - 1]][0], centres[chain[place + 1]][0]
            points += [(x, top)] * (place == 1 or abs(before - x) > 1) + [(x, bottom)] * (
                place == len(chain) - 2 or abs(after - x) > 1
            )
        routes.append((*points, (centres[chain[-1]][0], centres[chain[-1]][1])))
    left = min((x for x, _ in corners.values()), default=0.0)
    right = max((corners[node][0] + all_sizes[node][0] for node in corners), default=0.0)
    return Layered(
        (right - left, tops[-1] + heights[-1]),
        tuple((corners[node][0] - left, corners[node][1]) for node in range(len(sizes))),
        tuple(tuple((x - left, y) for x, y in route) for route in routes),
    )


def find_layers(count: int, links: Sequence[tuple[int, int]]) -> list[int]:
    """Returns the layer of each node: sources first, each other node just above the first that uses it.

    >>> find_layers(4, [(0, 1), (1, 3), (2, 3)])
    [0, 1, 0, 2]
    """
    layers = [0] * count
    for _ in range(count):
        before = list(layers)
        for start, end in links:
            layers[end] = max(layers[end], layers[start] + 1)
        if layers == before:
            break
    entered = {end for _, end in links}
    for start in sorted(entered, key=lambda node: -layers[node]):
        ends = [layers[end] for one, end in links if one == start]
        if ends:
            layers[start] = min(ends) - 1
    return layers


def _find_neighbours(count: int, chains: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for chain in chains:
        for one, other in pairwise(chain):
            above[other].append(one)
            below[one].append(other)
    return above, below


def _order(rows: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Orders the nodes of each layer by the mean place of their neighbours, downwards and upwards in turn."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in range(len(rows)) if down else range(len(rows) - 1, -1, -1):
            near = above if down else below
            places = {node: i for row in rows for i, node in enumerate(row)}
            key = {
                node: sum(places[one] for one in near[node]) / len(near[node]) if near[node] else places[node]
                for node in rows[layer]
            }
            rows[layer].sort(key=lambda node: key[node])


def _spread(
    rows: Sequence[Sequence[int]], widths: Sequence[float], above: list[list[int]], below: list[list[int]]
) -> dict[int, float]:
    """Returns the middle of each node: near the mean of its neighbours, without overlaps, in the order of its layer."""
    middles: dict[int, float] = {}
    for row in rows:
        left = -sum(widths[node] + GAP for node in row) / 2
        for node in row:
            middles[node] = left + (widths[node] + GAP) / 2
            left += widths[node] + GAP
    for sweep in range(2 * _SWEEPS):
        near = (above, below)[sweep % 2] if sweep < 2 * _SWEEPS - 2 else None
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted, weights = [], []
            for node in row:
                around = near[node] if near is not None else above[node] + below[node]
                if not above[node] and not below[node]:  # beside the others of its layer
                    joined = [middles[one] for one in row if above[one] or below[one]]
                    wanted.append(sum(joined) / len(joined) if joined else middles[node])
                    weights.append(0.01)
                    continue
                pulls = [_STRAIGHT if widths[node] == widths[one] == _BEND else 1.0 for one in around]
                total = sum(pulls)
                mean = sum(pull * middles[one] for pull, one in zip(pulls, around))
                wanted.append(mean / total if around else middles[node])
                weights.append(total or 0.1)
            middles.update(zip(row, _separate(wanted, [widths[node] + GAP for node in row], weights)))
    return middles


def _straighten(
    rows: Sequence[Sequence[int]],
    chains: Sequence[Sequence[int]],
    widths: Sequence[float],
    middles: dict[int, float],
) -> None:
    """Moves the points of each long arrow into one line, where the other nodes of their layers leave room."""
    beside = {
        node: (row[i - 1] if i else None, row[i + 1] if i + 1 < len(row) else None)
        for row in rows
        for i, node in enumerate(row)
    }
    for chain in chains:
        inner = chain[1:-1]
        if not inner:
            continue
        low, high = float("-inf"), float("inf")
        for node in inner:
            left, right = beside[node]
            if left is not None:
                low = max(low, middles[left] + (widths[left] + widths[node]) / 2 + GAP / 2)
            if right is not None:
                high = min(high, middles[right] - (widths[right] + widths[node]) / 2 - GAP / 2)
        if low <= high:
            best = (
                middles[chain[-1]]
                if low <= middles[chain[-1]] <= high
                else sum(map(middles.__getitem__, inner)) / len(inner)
            )
            middles.update(dict.fromkeys(inner, min(max(best, low), high)))


def _separate(wanted: Sequence[float], widths: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Returns the middles nearest to the wanted ones, in weighted least squares, whose intervals do not overlap, in this order.

    Intervals that would overlap are joined to a group around the mean of what its members want (pool adjacent violators).
    """
    groups: list[tuple[float, float, int]] = []  # the weighted sum of wanted starts, the weight, the number
    offsets = []
    total = 0.0
    for middle, width, weight in zip(wanted, widths, weights):
        offsets.append(total + width / 2)
        groups.append((weight * (middle - offsets[-1]), weight, 1))
        total += width
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] >= groups[-1][0] / groups[-1][1]:
            (one, heavy, many), (other, weigh, number) = groups[-2:]
            groups[-2:] = [(one + other, heavy + weigh, many + number)]
    starts = [start / weight for start, weight, number in groups for _ in range(number)]
    return [start + offset for start, offset in zip(starts, offsets)]
