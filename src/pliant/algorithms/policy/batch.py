"""Batches: decision vectors as padded tensors, which policies evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from pliant.space import Choice, Decisions

from .heads import Head, allowed_picks, logit, unit_share

_FAR = 1e6  # replaces the infinite logits of 0 and 1


@final
@dataclass(frozen=True, slots=True)
class Batch:
    """``B`` decision vectors of up to ``T`` active points, padded at the end.

    Attributes:
      points: ``[B, T]``, the index of each active point in ``space.points``; 0 for padding.
      present: ``[B, T]``, False for padding.
      columns: ``[B, T]``, which logit of a categorical head was picked; 0 for the others.
      low, high: ``[B, T]``, the logits of the ends of a number's share of the unit interval; equal for a
        float and for other points.
      allowed: ``[B, T, K]``, the allowed outputs of a head, after the earlier picks of a group.
    """

    points: Tensor
    present: Tensor
    columns: Tensor
    low: Tensor
    high: Tensor
    allowed: Tensor

    def __len__(self) -> int:
        return int(self.points.shape[0])

    def take(self, rows: Sequence[int]) -> Batch:
        """Returns the batch of these rows."""
        at = torch.tensor(list(rows), dtype=torch.long)
        return Batch(
            self.points[at], self.present[at], self.columns[at], self.low[at], self.high[at], self.allowed[at]
        )


@final
class Encoder:
    """Makes batches of decisions of one space."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self.heads = heads
        widest = max((head.width for head in heads), default=1)
        self._masks = [[column < head.width for column in range(widest)] for head in heads] or [[True]]
        self.masks = torch.tensor(self._masks, dtype=torch.bool)
        """``[P, K]``: which outputs each point has."""

    def __call__(self, decisions: Sequence[Decisions]) -> Batch:
        """Returns the batch of these decisions, one row each."""
        actives = [one.active for one in decisions]
        longest = max(map(len, actives), default=0)
        shape = (len(decisions), longest)
        points, present, columns = (torch.zeros(shape, dtype=torch.long).tolist() for _ in range(3))
        low, high = (torch.zeros(shape, dtype=torch.float64).tolist() for _ in range(2))
        limits: list[tuple[int, int, Sequence[int]]] = []
        for row, (one, active) in enumerate(zip(decisions, actives)):
            picked: dict[int, list[int]] = {}
            for at, (index, value) in enumerate(zip(active, one.values)):
                points[row][at], present[row][at] = index, 1
                head = self.heads[index]
                if head.is_categorical:
                    columns[row][at] = head.index(value)
                    limit = _limit(head, int(value), picked)
                    if limit is not None:
                        limits.append((row, at, limit))
                elif not isinstance(head.point, Choice):
                    ends = [min(max(logit(end), -_FAR), _FAR) for end in unit_share(head.point, value)]
                    low[row][at], high[row][at] = ends
        whole = torch.tensor(points, dtype=torch.long).reshape(shape)
        allowed = self.masks[whole]
        for row, at, limit in limits:
            allowed[row, at] = False
            allowed[row, at, list(limit)] = True
        return Batch(
            whole,
            torch.tensor(present, dtype=torch.bool).reshape(shape),
            torch.tensor(columns, dtype=torch.long).reshape(shape),
            torch.tensor(low, dtype=torch.float64).reshape(shape),
            torch.tensor(high, dtype=torch.float64).reshape(shape),
            allowed,
        )


def _limit(head: Head, value: int, picked: dict[int, list[int]]) -> Sequence[int] | None:
    """Returns the candidates that this pick of a group may have, and records its value; None for any."""
    point = head.point
    if not isinstance(point, Choice) or point.group is None:
        return None
    earlier = picked.setdefault(point.group.first, [])
    limit = allowed_picks(point, earlier)
    earlier.append(value)
    return limit
