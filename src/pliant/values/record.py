"""``Record``: the results of one epoch of a training, which ``oneshot`` writes and the dashboard reads without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Record:
    """The results of one epoch of the training of a super-network.

    Attributes:
      epoch: from 1.
      epochs: the number of epochs.
      loss: the mean loss of the weights.
      quality: of the network or mixture that was trained last, on its batch.
      learning_rate: of the weights.
      seconds: the duration of the epoch.
      metrics: the sampler's.
      leading: the candidates of the best network so far, by key.
      probabilities: of each candidate, by key, for samplers with architecture parameters; of long trainings, ``Trainer.records`` keeps
        those of some epochs.
    """

    epoch: int
    epochs: int
    loss: float
    quality: float
    learning_rate: float
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    leading: dict[str, str] = field(default_factory=dict)
    probabilities: dict[str, tuple[float, ...]] = field(default_factory=dict)
