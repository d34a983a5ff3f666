"""Divides rows into training and validation rows, so that both have all classes, and gives classes equal weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .task import Task

MAX_VALIDATION = 20_000  # rows; more of them tell networks no better apart


def split_rows(
    targets: NDArray[Any], task: Task, *, share: float, seed: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns the numbers of the training and of the validation rows, each ascending; disjoint.

    Of each class, the same share is for validation, and at least one row stays for training.  With fewer than 5 rows, or
    where no class has two, all rows are both.

    >>> some, others = split_rows(np.array([0] * 8 + [1] * 4), Task("binary", 1), share=0.25, seed=0)
    >>> len(some), len(others)
    (9, 3)

    Args:
      targets: as ``Task`` describes them.
      task: what is predicted.
      share: of the rows for validation.
      seed: of the draw.
    """
    rows, draw = len(targets), np.random.default_rng(seed)
    share = min(share, MAX_VALIDATION / rows)
    groups = [np.arange(rows)]
    if task.kind in ("binary", "multiclass"):
        order = np.argsort(targets, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(targets)[:-1]))
    chosen = np.zeros(rows, bool)
    for group in groups:
        count = min(max(round(share * len(group)), 1 if len(groups) == 1 else 0), len(group) - 1)
        if count > 0:
            chosen[draw.permutation(group)[:count]] = True
    if rows < 5 or not chosen.any():
        return np.arange(rows), np.arange(rows)
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def weigh_rows(
    targets: NDArray[Any], task: Task, weights: NDArray[Any] | None = None
) -> NDArray[np.float32] | None:
    """Returns the weights of rows in the loss, with a mean of 1; None where all are equal.

    Where the task is balanced, all classes have the same sum of weights.

    >>> weigh_rows(np.array([0, 0, 0, 1]), Task("binary", 1, is_balanced=True)).astype(float).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    found = None if weights is None else weights.astype(np.float64)
    if task.is_balanced and task.kind in ("binary", "multiclass"):
        found = np.ones(len(targets)) if found is None else found
        sums = np.bincount(targets, found, minlength=int(targets.max()) + 1)
        found = found / np.maximum(sums[targets], 1e-12)
    if found is None or not found.sum() > 0:
        return None
    scaled: NDArray[np.float32] = (found / found.mean()).astype(np.float32)
    return scaled
