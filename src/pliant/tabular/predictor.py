"""``TablePredictor``: what a search found: networks that predict together, and the leaderboard of the trials (PyTorch)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pliant.values.errors import FieldTypeError

from .encoded import Encoded
from .encoding import Encoder, encode
from .entry import Entry
from .plot.picture import SearchPlot
from .reading.read import read_table
from .table import Table
from .target import Target
from .training.trained import run


@final
@dataclass(frozen=True, eq=False, slots=True)
class Member:
    """A network that predicts, the program that it was made of, and its share of the prediction."""

    program: Any
    network: nn.Module
    share: float


@final
@dataclass(frozen=True, eq=False, slots=True)
class TablePredictor:
    """Predicts a column of a table.  Made by ``search_table``; ``save`` and ``load`` keep it in a file.

    Attributes:
      encoder: how the other columns are read.
      target: what is predicted.
      members: the networks.
      score: of their prediction on validation rows, before they were trained again on all rows: accuracy or R^2, see ``Task``.
      leaderboard: all trials, the best first.
      notes: what was decided about the table, as sentences.
    """

    encoder: Encoder
    target: Target
    members: tuple[Member, ...]
    score: float
    leaderboard: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes, in the order of the columns of ``predict_proba``; empty for a regression."""
        return self.target.classes

    def predict(self, data: Any, **options: Any) -> NDArray[Any]:
        """Returns the predicted value of each row: of shape (rows,), or (rows, targets) of several.

        Args:
          data: rows, as ``read_table`` takes them; the target may be missing, and other columns are ignored.
          **options: of ``read_table``, for a file.

        Raises:
          MissingFieldError: a column of the training table is missing.
        """
        return self.target.decode(self.outputs(self.encode(data, **options)))

    def predict_proba(self, data: Any, **options: Any) -> NDArray[Any]:
        """Returns the probability of each class (rows, classes), or that each label has the second value (rows, labels).

        Args:
          data: as of ``predict``.
          **options: as of ``predict``.

        Raises:
          FieldTypeError: numbers are predicted, not classes.
          MissingFieldError: a column of the training table is missing.
        """
        if self.target.kind == "regression":
            raise FieldTypeError("a regression has no classes, so it has no probabilities. Use predict.")
        return self.outputs(self.encode(data, **options))

    def measure(self, data: Any, **options: Any) -> float:
        """Returns the score of the predictions on rows with known targets: accuracy or R^2, as ``Task`` describes it.

        Args:
          data: as of ``predict``, with the target.
          **options: as of ``predict``.

        Raises:
          UnknownFieldError: the target is missing.
          FieldValueError: a row has no target, or a class that training did not have.
        """
        table = read_table(data, **options)
        targets = torch.from_numpy(self.target.encode(table))
        return float(self.target.task.score(self._run(encode(self.encoder, table)), targets))

    def plot(self) -> SearchPlot:
        """Returns a picture of the search: the scores, what the algorithm predicted, and the choices over time.

        A notebook shows it; ``plot().save("search.svg")`` writes it, and ``.html`` a page with the leaderboard.
        """
        names = ", ".join(self.target.names)
        return SearchPlot(self.leaderboard, names, self.target.task.metric, self.notes)

    def save(self, path: Path | str) -> None:
        """Writes the predictor to one file, without pickle.  An existing file is replaced.

        Raises:
          OSError: the file cannot be written.
        """
        from .saving import save

        save(self, Path(path))

    @classmethod
    def load(cls, path: Path | str) -> TablePredictor:
        """Returns the predictor in a file that ``save`` wrote.  Nothing in the file is executed.

        Raises:
          OSError: the file cannot be read.
          LoadError: it is not such a file, or it is damaged.
        """
        from .saving import load

        return load(Path(path))

    def encode(self, data: Any, **options: Any) -> Encoded:
        """Returns rows as the networks read them."""
        return encode(self.encoder, data if isinstance(data, Table) else read_table(data, **options))

    def outputs(self, rows: Encoded) -> NDArray[Any]:
        """Returns probabilities, or standardized numbers of a regression, of encoded rows."""
        if not rows.rows:
            width = max(len(self.target.classes), 1) if self.target.kind != "multilabel" else 0
            return np.zeros((0, width or len(self.target.names)), np.float32)
        found: NDArray[Any] = self.target.task.probabilities(self._run(rows)).numpy()
        return found

    def _run(self, rows: Encoded) -> torch.Tensor:
        numbers, categories = torch.from_numpy(rows.numbers), torch.from_numpy(rows.categories)
        parts = [one.share * run(one.network, numbers, categories) for one in self.members]
        return torch.stack(parts).sum(0)

    def __reduce__(self) -> tuple[Any, ...]:
        from .saving import from_bytes, to_bytes

        return from_bytes, (to_bytes(self),)
