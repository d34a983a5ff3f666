"""The accuracy predictor of controllers: an LSTM reads the decisions one after another.  Needs PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.values.errors import FieldTypeError, FieldValueError

from ..options import check_count, check_number
from .predictor import Model, Predictor

_INSIDE = (0.1, 0.9)  # where rewards are put between 0 and 1, so that better than the best can be predicted


@final
@dataclass(frozen=True, slots=True)
class LSTMPredictor(Predictor):
    """Reads a ``SequenceEncoding`` token by token, and predicts the reward by a sigmoid of its last state.

    The predictor half of the controller of "MLP-NAS" (Paperspace, 2020; part 2 of the walk-through of searching
    multilayer perceptrons): an LSTM of 100 units, one sigmoid for the accuracy, the mean squared error, Adam with learning
    rate 0.01 and gradients clipped at norm 1.  Where this deviates: it shares no weights with a controller; tokens have
    embeddings and are read one at a time (there, token numbers are the features of a single step); and it is trained
    from nothing for every model, for more epochs.  Give the walk-through's search its screening by

    >>> from pliant.algorithms.predictor import Greedy, PredictorSearch, RandomCandidates, SequenceEncoding
    >>> algorithm = PredictorSearch(
    ...     LSTMPredictor(reward_range=(0, 1)), SequenceEncoding(), Greedy(), RandomCandidates(40)
    ... )

    and, with a controller that learns, by ``Proposals(REINFORCE(policy="lstm"))`` in place of ``RandomCandidates(40)``.

    A token that was in no example has an embedding of zero: nothing is known of it.

    Args:
      members: how many networks, with starts of their own; more than one for acquisitions that need disagreement.
      hidden: units of the LSTM.
      embedding: numbers per token.
      epochs: how often each example is seen.
      batch_size: how many examples make a step.
      learning_rate: Adam's.
      clip: the norm at which a member's gradients are clipped.
      reward_range: the rewards that the sigmoid's 0 and 1 mean, such as ``(0, 1)`` for accuracies; where None, the
        lowest and the highest reward are put at 0.1 and 0.9.

    Raises:
      FieldTypeError, FieldValueError: an argument is out of range; (``fit``) the examples are no sequences, or
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
            check_count(getattr(self, name), name, "LSTMPredictor")
        for name in ("learning_rate", "clip"):
            check_number(getattr(self, name), name, "LSTMPredictor", above=0)
        if self.reward_range is not None:
            object.__setattr__(self, "reward_range", _check_range(self.reward_range))
        if find_spec("torch") is None:
            raise ImportError(
                "LSTMPredictor runs on PyTorch, which is not installed. Install it with `pip install pliant[torch]`, "
                "or use FeedForwardPredictor(), which needs only NumPy."
            )

    def fit(self, x: NDArray[np.float32], y: NDArray[np.float64], *, seed: int) -> Model:
        from .cells import Readers, train  # PyTorch is loaded when it is used

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
        """Returns the rewards that 0 and 1 mean."""
        low, high = float(y.min()), float(y.max())
        if self.reward_range is not None:
            first, last = self.reward_range
            if low < first or high > last:
                raise FieldValueError(
                    f"the reward {low if low < first else high!r} is outside of LSTMPredictor(reward_range=({first!r}, {last!r})). "
                    "Give the range of your rewards, or None to take it from what was told."
                )
            return first, last
        share = (high - low) / (_INSIDE[1] - _INSIDE[0]) or 1.0
        return low - _INSIDE[0] * share, low + (1 - _INSIDE[0]) * share


def _number(x: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns sequences with tokens numbered from 1 among those that are known, 0 for others, and a mask of steps.

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
            f"LSTMPredictor(reward_range=...) takes two numbers, such as (0, 1), or None; got {value!r:.80} of type "
            f"{type(value).__name__}."
        ) from None
    if not -np.inf < low < high < np.inf:
        raise FieldValueError(
            f"LSTMPredictor(reward_range=...) takes the lowest reward and then the highest; got {value!r:.80}."
        )
    return low, high
