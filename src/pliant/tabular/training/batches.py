"""``Rows``: an encoded table and its targets as tensors, and the mini-batches of a pass (PyTorch)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from pliant.values.errors import FieldValueError

from ..encoded import Encoded
from ..task import Task

Batch = tuple[Tensor, Tensor, Tensor, Tensor | None]
"""Numbers, categories, targets and the weights of the rows."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a table as tensors.

    Attributes:
      numbers: (rows, numerical columns).
      categories: (rows, categorical columns).
      targets: as ``Task`` has them.
      weights: (rows,); None for equal ones.
    """

    numbers: Tensor
    categories: Tensor
    targets: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.numbers)


def read_rows(encoded: Encoded, targets: Any, task: Task, *, name: str, weights: Any = None) -> Rows:
    """Returns rows as tensors, with targets of the type that the task has.

    Args:
      encoded: the columns.
      targets: an array or tensor with an entry for each row.
      task: what is predicted.
      name: what messages call the rows.
      weights: of the rows, at least 0; None for equal ones.

    Raises:
      FieldValueError: no rows, or another number of targets or weights, or of columns of targets.
    """
    several = task.kind in ("multilabel", "regression")
    kind = torch.float32 if several else torch.long
    wanted = torch.as_tensor(np.asarray(targets)).to(kind)
    if several and wanted.dim() == 1:
        wanted = wanted[:, None]
    shape = (encoded.rows, task.outputs) if several else (encoded.rows,)
    if not encoded.rows or wanted.shape != shape:
        raise FieldValueError(
            f"the {name} rows of a {task.kind} task have targets of shape {shape}, of at least one row; got the shape "
            f"{tuple(wanted.shape)}. Give one target for each row."
        )
    shares = None if weights is None else torch.as_tensor(np.asarray(weights), dtype=torch.float32)
    if shares is not None and (shares.shape != (encoded.rows,) or bool((shares < 0).any())):
        raise FieldValueError(
            f"the {name} rows have {encoded.rows} weights of at least 0, one for each; got {tuple(shares.shape)} with the least "
            f"{shares.min().item() if shares.numel() else None}."
        )
    return Rows(torch.from_numpy(encoded.numbers), torch.from_numpy(encoded.categories), wanted, shares)


@final
class Batches:
    """The mini-batches of each pass, in an order that depends on the seed of a candidate alone.

    All batches of a pass have nearly the same size, so none is very small.

    Args:
      rows: to read.
      size: the largest number of rows in a batch.
      seeds: of the candidates.
    """

    def __init__(self, rows: Rows, size: int, seeds: Sequence[int]) -> None:
        self._rows, self._seeds = rows, list(seeds)
        self.count = -(-len(rows) // max(1, min(size, len(rows))))
        self._generators = {seed: torch.Generator().manual_seed(seed % 2**63) for seed in seeds}

    def keep(self, candidates: Sequence[int]) -> None:
        """Drops all other candidates."""
        self._seeds = [self._seeds[i] for i in candidates]

    def read(self) -> Iterator[Batch]:
        """Yields the batches of the next pass: (rows, ...) if all candidates have one seed, else (candidates, rows, ...)."""
        orders = {seed: torch.randperm(len(self._rows), generator=g) for seed, g in self._generators.items()}
        used = list(dict.fromkeys(self._seeds))
        if len(used) == 1:
            order = orders[used[0]]
        else:
            order = torch.stack([orders[seed] for seed in self._seeds])
        for index in order.tensor_split(self.count, dim=-1):
            weights = self._rows.weights
            yield (
                self._rows.numbers[index],
                self._rows.categories[index],
                self._rows.targets[index],
                None if weights is None else weights[index],
            )
