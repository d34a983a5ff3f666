"""``LSTMPredictor``: an LSTM that reads decisions as a sequence and predicts the reward (PyTorch)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed
from pliant.values.packages import require

from ..options import check_count, check_number, keep_checked
from .predictor import Model, Predictor

_INSIDE = (0.1, 0.9)  # range of known rewards in (0, 1), so that better ones can be predicted


@final
@dataclass(frozen=True, slots=True)
class LSTMPredictor(Predictor):
    """LSTM predictor: reads a ``SequenceEncoding`` token by token, and predicts the reward by a sigmoid of its last state.

    As the predictor of the controller of "MLP-NAS" (Paperspace, 2020; part 2 of the tutorial on searching multilayer
    perceptrons): an LSTM of 100 units, one sigmoid for the accuracy, mean squared error, Adam with learning rate 0.01
    and gradients clipped at norm 1.  Differences: it has its own weights; tokens have embeddings and are read one at a
    time (there, token numbers are the features of a single step); it is trained from scratch for each model, for more
    epochs.  The tutorial's search is

    >>> from pliant.algorithms.predictor import Greedy, PredictorSearch, RandomCandidates, SequenceEncoding
    >>> algorithm = PredictorSearch(
    ...     LSTMPredictor(reward_range=(0, 1)), SequenceEncoding(), Greedy(), RandomCandidates(40)
    ... )

    and, with a controller, the same with ``Proposals(REINFORCE(policy="lstm"))`` instead of ``RandomCandidates(40)``.

    A token without examples has a zero embedding.

    Args:
      members: number of networks; more than one for acquisitions that use the deviation.
      hidden: units of the LSTM.
      embedding: size of token embeddings.
      epochs: passes over the examples.
      batch_size: examples per step.
      learning_rate: of Adam.
      clip: the norm at which gradients of a member are clipped.
      reward_range: the rewards at 0 and 1 of the sigmoid, such as ``(0, 1)`` for accuracies; if None, the lowest and
        highest reward are at 0.1 and 0.9.

    Raises:
      FieldTypeError, FieldValueError: an argument is out of range; (``fit``) the examples are not sequences, or
        a reward is outside of ``reward_range``.
      ImportError: PyTorch is not installed.
    """

    members: int = 1
    hidden: int = 100
    embedding: int = 16
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 0.01
    clip: float = 1.0
    reward_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("members", "hidden", "embedding", "epochs", "batch_size"):
            keep_checked(self, name, check_count)
        for name in ("learning_rate", "clip"):
            keep_checked(self, name, check_number, above=0)
        if self.reward_range is not None:
            object.__setattr__(self, "reward_range", _check_range(self.reward_range))
        require("LSTMPredictor", "torch", instead="use FeedForwardPredictor(), which needs only NumPy")

    def fit(self, x: NDArray[np.float32], y: NDArray[np.float64], *, seed: int) -> Model:
        from .cells import Readers, train  # loads PyTorch on first use

        if x.ndim != 3 or x.shape[2] != 2:
            raise FieldValueError(
                f"LSTMPredictor reads sequences of a token and a number per step, [examples, length, 2]; got an array of "
                f"shape {x.shape}. Use SequenceEncoding() with it."
            )
        low, high = self._ends(y)
        known = np.unique(x[..., 0][x[..., 0] > 0])
        readers = Readers(self.members, len(known) + 1, self.embedding, self.hidden, seed=seed)
        train(
            readers,
            _number(x, known),
            (y - low) / (high - low),
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            clip=self.clip,
        )

        def predict(queries: NDArray[np.float32]) -> NDArray[np.float64]:
            return low + (high - low) * readers.predict(_number(queries, known))

        return predict

    def _ends(self, y: NDArray[np.float64]) -> tuple[float, float]:
        """Returns the rewards at 0 and 1 of the sigmoid."""
        low, high = float(y.min()), float(y.max())
        if self.reward_range is not None:
            first, last = self.reward_range
            if low < first or high > last:
                raise FieldValueError(
                    f"the reward {low if low < first else high!r} is outside of LSTMPredictor(reward_range=({first!r}, {last!r})). "
                    "Give the range of your rewards, or None to take it from the recorded rewards."
                )
            return first, last
        share = (high - low) / (_INSIDE[1] - _INSIDE[0]) or 1.0
        return low - _INSIDE[0] * share, low + (1 - _INSIDE[0]) * share


def _number(x: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns sequences with known tokens numbered from 1, 0 for others, and a mask of steps.

    ``[N, length, 3]``: token, number, and 1 where there is a decision.
    """
    tokens = x[..., 0]
    at = np.searchsorted(known, tokens).clip(max=max(len(known) - 1, 0))
    found = np.where(known[at] == tokens, at + 1, 0) if len(known) else np.zeros(tokens.shape)
    return np.stack([found, x[..., 1], tokens > 0], axis=2).astype(np.float32)


def _check_range(value: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError):
        raise FieldTypeError(
            f"LSTMPredictor(reward_range=...) takes two numbers, such as (0, 1), or None; got {quote_typed(value)}."
        ) from None
    if not -np.inf < low < high < np.inf:
        raise FieldValueError(
            f"LSTMPredictor(reward_range=...) takes the lowest reward and then the highest; got {quote(value)}."
        )
    return low, high
