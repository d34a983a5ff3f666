"""BANANAS: the published combination of the parts."""

from __future__ import annotations

from .acquisition import IndependentThompson
from .candidates import MutateBest
from .encoding import Encoding
from .feedforward import FeedForwardPredictor
from .paths import PathEncoding
from .search import PredictorSearch


def BANANAS(  # noqa: N802 - one algorithm among the others, which are classes
    *,
    encoding: Encoding | None = None,
    members: int = 5,
    layers: int = 10,
    width: int = 20,
    epochs: int = 200,
    loss: str = "mae",
    parents: int = 10,
    candidates: int = 100,
    random_trials: int = 10,
    batch_size: int = 10,
    seed: int = 0,
) -> PredictorSearch:
    """Returns BANANAS."""
    return PredictorSearch(
        FeedForwardPredictor(members, layers, width, epochs, loss=loss),
        PathEncoding() if encoding is None else encoding,
        IndependentThompson(),
        MutateBest(candidates, parents),
        random_trials=random_trials,
        batch_size=batch_size,
        seed=seed,
    )
