"""``Task``: what a network predicts for a row of a table; its loss, its score and its probabilities (PyTorch).

All three take the outputs of one network, or of many networks at once in the axes before the last two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor
from torch.nn import functional

from pliant.values.errors import FieldValueError, listing, quote

Kind = Literal["binary", "multiclass", "multilabel", "regression"]
KINDS: tuple[Kind, ...] = ("binary", "multiclass", "multilabel", "regression")


@final
@dataclass(frozen=True, slots=True)
class Task:
    """What is predicted for a row of a table.

    | kind | outputs | targets |
    | --- | --- | --- |
    | ``binary`` | 1: the logit of class 1 | int64 (rows,), 0 or 1 |
    | ``multiclass`` | a logit for each class | int64 (rows,), the number of the class |
    | ``multilabel`` | a logit for each label | float32 (rows, outputs), 0 or 1 |
    | ``regression`` | the numbers, standardized | float32 (rows, outputs), standardized |

    >>> task = Task("multiclass", 3)
    >>> task.score(torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]]), torch.tensor([0, 2]))
    tensor(0.5000)

    Attributes:
      kind: of what is predicted.
      outputs: how many numbers the network returns for a row.
      is_balanced: whether each class has the same part in the score, however many rows it has.

    Raises:
      FieldValueError: the kind is unknown, or the outputs do not suit it.
    """

    kind: Kind
    outputs: int
    is_balanced: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FieldValueError(f"a task is one of {listing(KINDS)}; got {quote(self.kind)}.")
        least, most = {"binary": (1, 1), "multiclass": (2, None)}.get(self.kind, (1, None))
        if self.outputs < least or (most is not None and self.outputs > most):
            allowed = str(least) if most == least else f"at least {least}"
            raise FieldValueError(f"a {self.kind} task has {allowed} outputs; got {self.outputs}.")

    @property
    def is_classification(self) -> bool:
        """Whether classes or labels are predicted."""
        return self.kind != "regression"

    @property
    def metric(self) -> str:
        """The name of the score."""
        return "R²" if self.kind == "regression" else "Balanced accuracy" if self.is_balanced else "Accuracy"

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Returns the mean loss over the rows: cross-entropy, or the squared error of regression.

        Args:
          outputs: of shape (..., rows, outputs).
          targets: as in the table of the class; with axes before the rows, or without them.
          weights: of the rows, at least 0, of shape (..., rows); None for equal ones.

        Returns:
          A loss for each network, of shape (...).
        """
        losses = self._losses(outputs, targets)
        if weights is None:
            return losses.mean(-1)
        weights = weights.to(losses.dtype).expand(losses.shape)
        return (losses * weights).sum(-1) / weights.sum(-1).clamp_min(torch.finfo(losses.dtype).tiny)

    def score(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Returns how good outputs are; higher is better, and 1 is the best.

        Accuracy; where the task is balanced, the mean over the classes of the accuracy of the rows of that class.  Of labels, the
        mean of their accuracies.  Of numbers, the mean of their coefficients of determination R^2 = 1 - sum((y - f)^2) / sum((y -
        mean(y))^2), and 0 for a target that is constant in these rows, unless it is predicted exactly.  With weights, each sum and
        each mean over the rows is weighted.

        Args:
          outputs: of shape (..., rows, outputs).
          targets: of shape (rows,) or (rows, outputs), as in the table of the class.
          weights: of the rows, at least 0 and not all 0, of shape (rows,); None for equal ones.

        Returns:
          A score for each network, of shape (...).
        """
        if self.kind == "regression":
            return _score_numbers(outputs, targets, weights)
        hits = self._hits(outputs, targets)
        axis = -2 if self.kind == "multilabel" else -1
        shares = hits.new_ones(len(targets)) if weights is None else weights.to(hits.dtype)
        shares = shares[:, None] if self.kind == "multilabel" else shares
        if not self.is_balanced:
            found = hits.mean(axis) if weights is None else (hits * shares).sum(axis) / shares.sum()
            return found.mean(-1) if self.kind == "multilabel" else found
        values = range(2) if self.kind == "multilabel" else range(max(self.outputs, 2))
        found = torch.stack(
            [_mean_where(hits, shares * (targets == value), axis) for value in values]
        ).nanmean(0)
        return found.nanmean(-1) if self.kind == "multilabel" else found

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Returns the probability of each class (two columns for ``binary``) or label; outputs of a regression as they are."""
        if self.kind == "multiclass":
            return outputs.softmax(-1)
        if self.kind == "regression":
            return outputs
        ones = outputs.sigmoid()
        return torch.cat([1 - ones, ones], -1) if self.kind == "binary" else ones

    def _losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the loss of each row, of shape (..., rows)."""
        if self.kind == "multiclass":
            logs = outputs.log_softmax(-1)
            index = targets.expand(outputs.shape[:-1]).unsqueeze(-1)
            return -logs.gather(-1, index).squeeze(-1)
        if self.kind == "binary":
            logits = outputs.squeeze(-1)
            return functional.binary_cross_entropy_with_logits(
                logits, targets.to(logits.dtype).expand(logits.shape), reduction="none"
            )
        wanted = targets.to(outputs.dtype).expand(outputs.shape)
        if self.kind == "regression":
            return (outputs - wanted).square().mean(-1)
        return functional.binary_cross_entropy_with_logits(outputs, wanted, reduction="none").mean(-1)

    def _hits(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns 1 where a class or label is right, of shape (..., rows), or (..., rows, labels)."""
        if self.kind == "multiclass":
            found = outputs.argmax(-1)
        else:
            found = (outputs > 0).squeeze(-1) if self.kind == "binary" else outputs > 0
        return (found == targets).float()


def _mean_where(values: Tensor, weights: Tensor, axis: int) -> Tensor:
    """Returns weighted means of the values of some rows; NaN where all weights are 0."""
    return (values * weights).sum(axis) / weights.sum(axis)


def _score_numbers(outputs: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    shares = outputs.new_ones(len(targets), 1) if weights is None else weights.to(outputs.dtype)[:, None]
    residual = ((outputs - targets).square() * shares).sum(-2)
    mean = (targets * shares).sum(-2, keepdim=True) / shares.sum()
    total = ((targets - mean).square() * shares).sum(-2)
    share = 1 - residual / total
    fixed = torch.where(residual == 0, 1.0, 0.0).to(share.dtype)
    return torch.where(total > 0, share, fixed).mean(-1)
