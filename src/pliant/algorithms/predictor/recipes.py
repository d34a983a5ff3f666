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
    loss: str = "mape",
    parents: int = 10,
    candidates: int = 100,
    random_trials: int = 10,
    batch_size: int = 10,
    seed: int = 0,
) -> PredictorSearch:
    """Returns BANANAS: an ensemble of deep narrow networks over paths, independent Thompson sampling, mutants of the best.

    White, Neiswanger and Savani, "BANANAS: Bayesian optimization with neural architectures for neural architecture
    search", AAAI 2021, Algorithm 1, with their ensemble, ten random trials, and ten trials for each training.

    >>> from pliant.space import choice, flatten
    >>> algorithm = BANANAS(epochs=5, seed=1)
    >>> algorithm.setup(flatten([choice(f"op{i}", 5) for i in range(6)]))
    >>> for _ in range(12):
    ...     decisions = algorithm.propose()
    ...     algorithm.feedback(decisions, -sum(decisions.values))

    Where this deviates: paths are those through the tree of decisions unless ``encoding`` knows the graph that is
    searched (``PathEncoding(paths)`` with ``graph_paths``: what the paper encodes), the bound in the loss is taken
    from the data (see ``FeedForwardPredictor``), and failed trials count as the worst.  The authors' code mutates few of
    the best; here it is the best ten.  A training takes about a second for 300 trials; ``PredictorSearch()`` takes a
    sixth of that.

    Args:
      encoding: how decisions become numbers; ``PathEncoding()`` where None.
      members: how many networks.
      layers: how many hidden layers each has.
      width: how many units a layer has.
      epochs: how often a network sees each trial.
      loss: ``mae``, ``mape`` or ``mse``.
      parents: how many of the best are mutated.
      candidates: how many mutants there are to choose from.
      random_trials: how many rewards are needed before the first training.
      batch_size: how many proposals one training serves.
      seed: where the random numbers start.

    Raises:
      FieldTypeError, FieldValueError: an argument is out of range.
    """
    return PredictorSearch(
        FeedForwardPredictor(members, layers, width, epochs, loss=loss),
        PathEncoding() if encoding is None else encoding,
        IndependentThompson(),
        MutateBest(candidates, parents, changes=1),
        random_trials=random_trials,
        batch_size=batch_size,
        seed=seed,
    )
