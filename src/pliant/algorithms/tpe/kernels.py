"""Kernels of TPE: one distribution per trial over the tree of decisions, centred at the decisions of the trial.

Every kernel is relative to the prior (the distribution of ``Space.sample``, with uniform picks of groups), so inactive
decisions of a trial count zero.  The logarithm of a kernel is linear in features of the candidate, so the values of
all kernels at all candidates are one matrix product: ``marks(candidates) @ kernels(trials).T``.
"""

from __future__ import annotations

from random import Random
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from pliant.space import Choice, Int

from .groups import Rule, make_rule
from .tree import INACTIVE, Node, Tree

Matrix = NDArray[np.float64]
Columns = NDArray[np.float32]


@final
class Kernels:
    """The kernels of a tree, with columns for each hole, and the features of candidates.

    With ``b`` the bandwidth, ``s`` the width of a hole's Gaussian on the unit scale, and ``K`` candidates:

    - a choice keeps its candidate with probability ``1 - b`` and is else drawn uniformly (Aitchison and Aitken, 1976);
    - a number is drawn from a Gaussian that is truncated to its scale (Bergstra and others, 2011, section 4.1);
    - an ordered choice or a small integer does the same within its ``K`` shares of the scale with
      probability ``1 - b``, and is else drawn uniformly;
    - picks that share a rule: see ``groups``.

    A hole that is active in the candidate but not in the trial has the prior: kernels follow the branches, and
    each sums to one over the decisions of the space.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.width = 0  # columns of a kernel
        plain: list[tuple[int, int, int]] = []
        self._ordered: list[tuple[int, int, Matrix]] = []
        self._numbers: list[tuple[int, int]] = []
        self._groups: list[tuple[Node, int, Rule]] = []
        for node in tree.nodes:
            point = node.point
            if node.group is not None:
                assert isinstance(point, Choice)
                group = node.group
                rule = make_rule(point.count, node.picks, distinct=group.distinct, ordered=group.sorted)
                self._groups.append((node, self._take(rule.columns + 1), rule))
            elif node.is_number:
                self._numbers.append((node.at, self._take(3)))
            elif point.count > 2 and (not isinstance(point, Choice) or point.ordered):
                self._ordered.append((node.at, self._take(int(point.count)), _edges(node)))
            else:
                plain.append((node.at, self._take(int(point.count)), int(point.count)))
        self._plain, self._first, self._count = np.array(plain, int).reshape(-1, 3).T
        self._hole = np.repeat(np.arange(len(plain)), self._count)
        self._within = np.arange(self._count.sum()) - np.repeat(
            np.cumsum(self._count) - self._count, self._count
        )
        self._where = self._first[self._hole] + self._within if plain else np.zeros(0, int)
        # The places of a row that have a Gaussian: of ordered holes and of numbers.
        self.scaled = [at for at, *_ in self._ordered] + [at for at, _ in self._numbers]

    def units(self, rows: Matrix) -> Matrix:
        """Returns the positions of rows on the scales of ``scaled``, in [0, 1]; NaN if inactive; [N, scaled]."""
        units = np.array(rows[:, self.scaled])
        units[units < 0] = np.nan
        for column, (_, _, edges) in enumerate(self._ordered):
            active = ~np.isnan(units[:, column])
            middles = (edges[1:] + edges[:-1]) / 2
            units[active, column] = middles[units[active, column].astype(int)]
        return units

    def kernels(self, rows: Matrix, spread: Matrix, bandwidth: float) -> Columns:
        """Returns the kernels around rows, [N, width].

        ``spread`` has the standard deviations of the holes in ``scaled``, [N, scaled] or [1, scaled]; ``bandwidth`` is ``b``.
        """
        found = np.zeros((len(rows), self.width), np.float32)
        if len(self._plain):
            codes = rows[:, self._plain]
            active = codes >= 0
            found[:, self._where] = np.where(active, np.log(bandwidth), 0.0)[:, self._hole]
            row, hole = np.nonzero(active)
            kept = np.log(bandwidth + self._count * (1 - bandwidth))
            found[row, self._first[hole] + codes[row, hole].astype(int)] = kept[hole]
        if self.scaled:
            self._add_scaled(found, rows, np.broadcast_to(spread, (len(rows), len(self.scaled))), bandwidth)
        for node, first, rule in self._groups:
            for place, picks in enumerate(rows[:, node.at : node.at + node.picks].astype(int).tolist()):
                if picks[0] >= 0:
                    law = rule.overlaps(picks, bandwidth)
                    found[place, [first + mark for mark in rule.marks(picks)]] = law.log_ratio
                    found[place, first + rule.columns] = law.log_scale
        return found

    def marks(self, rows: Matrix) -> Columns:
        """Returns the features of candidate rows, [N, width]."""
        found = np.zeros((len(rows), self.width), np.float32)
        if len(self._plain):
            codes = rows[:, self._plain]
            row, hole = np.nonzero(codes >= 0)
            found[row, self._first[hole] + codes[row, hole].astype(int)] = 1.0
        for at, first, _ in self._ordered:
            row = np.flatnonzero(rows[:, at] >= 0)
            found[row, first + rows[row, at].astype(int)] = 1.0
        for at, first in self._numbers:
            row = np.flatnonzero(rows[:, at] >= 0)
            unit = rows[row, at] - 0.5  # centred, which costs fewer digits
            found[row, first], found[row, first + 1], found[row, first + 2] = unit * unit, unit, 1.0
        for node, first, rule in self._groups:
            for place, picks in enumerate(rows[:, node.at : node.at + node.picks].astype(int).tolist()):
                if picks[0] >= 0:
                    found[place, [first + mark for mark in rule.marks(picks)]] = 1.0
                    found[place, first + rule.columns] = 1.0
        return found

    def draw(
        self, rows: Matrix, spread: Matrix, bandwidth: float, *, rng: np.random.Generator, random: Random
    ) -> Matrix:
        """Draws one candidate from the kernel around each row, [N, places]."""
        drawn = np.full_like(rows, INACTIVE)
        shape = len(rows), len(self._plain)
        redrawn = (rng.random(shape) < bandwidth) | (rows[:, self._plain] < 0)
        fresh = np.floor(rng.random(shape) * self._count)
        drawn[:, self._plain] = np.where(redrawn, fresh, rows[:, self._plain])
        if self.scaled:
            self._draw_scaled(drawn, rows, spread, bandwidth, rng)
        for node, _, rule in self._groups:
            places = slice(node.at, node.at + node.picks)
            for place, picks in enumerate(rows[:, places].astype(int).tolist()):
                near = picks[0] >= 0
                drawn[place, places] = rule.draw_near(picks, bandwidth, random) if near else rule.draw(random)
        self.tree.prune(drawn)
        return drawn

    # ------------------------------------------------------------------ private

    def _take(self, columns: int) -> int:
        self.width += columns
        return self.width - columns

    def _add_scaled(self, found: Columns, rows: Matrix, spread: Matrix, bandwidth: float) -> None:
        units = self.units(rows)
        active = ~np.isnan(units)
        units = np.where(active, units, 0.5)
        below, above = ndtr(-units / spread), ndtr((1 - units) / spread)
        for column, (_, first, edges) in enumerate(self._ordered):
            scale, mean = spread[:, column, None], units[:, column, None]
            shares = np.diff(ndtr((edges - mean) / scale), axis=1)
            shares = shares / (above - below)[:, column, None] / np.diff(edges)
            logs = np.log((1 - bandwidth) * shares + bandwidth)
            found[:, first : first + len(edges) - 1] = np.where(active[:, column, None], logs, 0.0)
        for column, (_, first) in enumerate(self._numbers, len(self._ordered)):
            scale, mean = spread[:, column], units[:, column] - 0.5
            square = -0.5 / scale**2
            log_mass = np.log((above - below)[:, column] * scale * np.sqrt(2 * np.pi))
            terms = np.stack([square, -2 * square * mean, square * mean**2 - log_mass], axis=1)
            found[:, first : first + 3] = np.where(active[:, column, None], terms, 0.0)

    def _draw_scaled(
        self, drawn: Matrix, rows: Matrix, spread: Matrix, bandwidth: float, rng: np.random.Generator
    ) -> None:
        units = self.units(rows)
        fresh = rng.random(units.shape)
        mean = np.where(np.isnan(units), 0.5, units)
        below, above = ndtr(-mean / spread), ndtr((1 - mean) / spread)
        near = np.clip(mean + spread * ndtri(below + fresh * (above - below)), 0.0, 1.0)
        uniform = np.isnan(units)
        ordered = len(self._ordered)
        uniform[:, :ordered] |= rng.random((len(rows), ordered)) < bandwidth
        units = np.where(uniform, fresh, near)
        for column, (at, _, edges) in enumerate(self._ordered):
            drawn[:, at] = np.searchsorted(edges[1:-1], units[:, column], side="right")
        for column, (at, _) in enumerate(self._numbers, ordered):
            drawn[:, at] = units[:, column]


def _edges(node: Node) -> Matrix:
    """Returns the ends of the shares of an ordered hole on its unit scale; see ``pliant.space.from_unit``."""
    point: Any = node.point
    count = int(point.count)
    if not isinstance(point, Int) or point.scale == "linear":
        return np.linspace(0.0, 1.0, count + 1)
    values = np.log(point.min_value + point.step * np.arange(count + 1.0))
    edges: Matrix = (values - values[0]) / (values[-1] - values[0])
    return edges if point.scale == "log" else 1.0 - edges[::-1]
