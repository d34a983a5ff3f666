"""Predictor-based search: trains a predictor on recorded trials and proposes the most promising candidates; BANANAS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Decisions
from pliant.values.errors import FieldValueError, quote

from ..base import Algorithm
from ..options import check_count, check_part
from ..rewards import Reward, check_reward
from ..unseen import draw_unseen
from .acquisition import Acquisition, IndependentThompson
from .candidates import Candidates, MutateBest, check_candidates
from .encoding import Encoder, Encoding, OneHotEncoding
from .feedforward import FeedForwardPredictor
from .paths import PathEncoding
from .predictor import Model, Predictor

Values = tuple[int | float, ...]


@final
class PredictorSearch(Algorithm):
    """Predictor-based search: random trials first, then batches of the candidates that a trained predictor prefers.

    For each batch, the predictor is trained from scratch on the recorded trials, predicts the candidates, and those of
    the highest acquisition are proposed, the highest first: Algorithm 1 of White et al., "BANANAS", AAAI 2021.  Each
    part can be replaced:

    >>> from pliant.space import choice, flatten
    >>> from pliant.algorithms.predictor import ExpectedImprovement, Mixture, RandomCandidates
    >>> algorithm = PredictorSearch(
    ...     FeedForwardPredictor(members=3, layers=2, epochs=20),
    ...     OneHotEncoding(),
    ...     ExpectedImprovement(),
    ...     Mixture(MutateBest(parents=2), RandomCandidates(50)),
    ...     batch_size=5,
    ...     seed=1,
    ... )
    >>> algorithm.setup(flatten([choice(f"x{i}", 4) for i in range(6)]))
    >>> for _ in range(20):
    ...     decisions = algorithm.propose()
    ...     algorithm.feedback(decisions, sum(decisions.values))

    Nothing is proposed twice; if candidates run out, random new decisions are proposed.  The search ends when a finite
    space is exhausted.  Failed trials (reward None) count as the lowest reward so far, so that the search avoids
    infeasible decisions.

    With parallel trials, a batch is computed when the last one was proposed, from the trials recorded so far; until
    ``random_trials`` rewards are recorded, proposals are random.

    ``predictions`` has what was predicted for each trial when it was chosen, beside its reward; ``predict`` predicts any decisions.

    The state is the recorded and proposed decisions; networks are not stored, as each batch trains its own.  The
    training data are the ``limit`` best trials and as many of the rest, drawn at random, so that the cost stays bounded.

    Args:
      predictor: the performance predictor; ``FeedForwardPredictor()`` if None.
      encoding: encodes decisions as numbers; ``OneHotEncoding()`` if None.
      acquisition: scores candidates; ``IndependentThompson()`` if None.
      candidates: what to choose from; ``MutateBest()`` if None.
      random_trials: number of rewards before the first training.
      batch_size: number of proposals per training.
      limit: half of the largest number of training examples.
      seed: where the random numbers start.

    Raises:
      FieldTypeError, FieldValueError: a part is of the wrong kind, or a number is not at least 1.
    """

    def __init__(
        self,
        predictor: Predictor | None = None,
        encoding: Encoding | None = None,
        acquisition: Acquisition | None = None,
        candidates: Candidates | None = None,
        *,
        random_trials: int = 10,
        batch_size: int = 10,
        limit: int = 500,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.predictor: Predictor = _check(predictor, FeedForwardPredictor(), Predictor)
        self.encoding: Encoding = _check(encoding, OneHotEncoding(), Encoding)
        self.acquisition: Acquisition = _check(acquisition, IndependentThompson(), Acquisition)
        self.candidates = check_candidates(
            MutateBest() if candidates is None else candidates, "PredictorSearch(candidates=...)"
        )
        self.random_trials = check_count(random_trials, "random_trials", "PredictorSearch")
        self.batch_size = check_count(batch_size, "batch_size", "PredictorSearch")
        self.limit = check_count(limit, "limit", "PredictorSearch")

    def _setup(self) -> None:
        self._told: list[tuple[Decisions, float | None]] = []
        self._seen: dict[Values, None] = {}  # proposed or recorded, in order
        self._batch: list[Decisions] = []  # to propose, last first
        self._predicted: dict[Values, float] = {}  # of those that a model chose, until the end of the search
        self._model: tuple[int, Model, Encoder] | None = (
            None  # of predict, with the number of trials that it was trained on
        )
        if self.candidates.algorithm is not None:
            self.candidates.algorithm.setup(self.space, seed=self.seed)

    @property
    def predictions(self) -> list[tuple[Decisions, float, float | None]]:
        """The trials that a predictor chose: decisions, the reward predicted before the trial, and the reward, in the order of feedback."""
        space, known = self.space, self._predicted
        return [
            (Decisions(space, one.values), known[one.values], reward)
            for one, reward in self._told
            if one.values in known
        ]

    def predict(self, decisions: Sequence[Decisions]) -> list[float | None]:
        """Returns the rewards that a predictor trained on all recorded trials expects, the mean of its members.

        It trains when rewards were recorded since the last call, and does not change what is proposed.  None for each before
        the first reward.

        Raises:
          SetupError: the search has no space yet.
          DecisionError: the decisions are of another space.
        """
        asked = [self._own(one, "predict") for one in decisions]
        told = self._training_set()
        if not told or not asked:
            return [None] * len(asked)
        if self._model is None or self._model[0] != len(self._told):
            rest = told[self.limit :]
            some = told[: self.limit] + rest[:: -(-len(rest) // self.limit) or 1]
            self._model = len(self._told), *self._fit(some, seed=self.seed % 2**63)
        found = self._predict(self._model[1], self._model[2], asked)
        return [float(one) for one in found.mean(0)]

    def _propose(self) -> Decisions:
        while self._batch:
            chosen = self._batch.pop()
            if chosen.values not in self._seen:  # recorded from elsewhere since
                break
        else:
            chosen = self._choose()
        self._seen[chosen.values] = None
        return chosen

    def _choose(self) -> Decisions:
        """Fills the batch, and returns its first decisions."""
        if sum(reward is not None for _, reward in self._told) >= self.random_trials:
            told = self._training_set()
            found = self.candidates(told, self.space, self.random, seen=self._seen)
            if found:
                best = self._select(told, found)
                if self.candidates.algorithm is not None:
                    for rejected in set(found).difference(best):
                        self.candidates.algorithm.withdraw(rejected)
                self._batch = best[::-1]
                return self._batch.pop()
        seen = self._seen
        return draw_unseen(self.space, self.random, lambda one: one.values in seen, count=len(seen))

    def _select(self, told: list[tuple[Decisions, float]], candidates: list[Decisions]) -> list[Decisions]:
        """Returns the candidates of the highest acquisition, the highest first."""
        if len(told) > 2 * self.limit:
            told = told[: self.limit] + self.random.sample(told[self.limit :], self.limit)
        model, encode = self._fit(told, seed=self.random.getrandbits(63))
        predicted = self._predict(model, encode, candidates)
        generator = np.random.default_rng(self.random.getrandbits(63))
        scores = self.acquisition(predicted, told[0][1], generator)
        order = np.argsort(-scores, kind="stable")[: self.batch_size]
        means = predicted.mean(0)
        self._predicted.update((candidates[at].values, float(means[at])) for at in order)
        return [candidates[at] for at in order]

    def _training_set(self) -> list[tuple[Decisions, float]]:
        """Returns the recorded trials, best first; failed ones have the lowest reward.  Empty before the first reward."""
        rewards = [reward for _, reward in self._told if reward is not None]
        if not rewards:
            return []
        lowest = min(rewards)
        told = [(one, lowest if reward is None else reward) for one, reward in self._told]
        return sorted(told, key=lambda one: -one[1])

    def _fit(self, told: list[tuple[Decisions, float]], *, seed: int) -> tuple[Model, Encoder]:
        """Returns a model of recorded trials, and the encoder of its input."""
        tried = [one for one, _ in told]
        encode = self.encoding.prepare(self.space, tried)
        rewards = np.array([reward for _, reward in told])
        return self.predictor.fit(encode(tried), rewards, seed=seed), encode

    def _predict(self, model: Model, encode: Encoder, candidates: Sequence[Decisions]) -> NDArray[np.float64]:
        """Returns the predictions of a model, ``[members, candidates]``, after a check."""
        predicted = np.asarray(model(encode(candidates)), dtype=np.float64)
        if predicted.ndim != 2 or predicted.shape[1] != len(candidates) or not np.isfinite(predicted).all():
            raise FieldValueError(
                f"the model of {type(self.predictor).__name__} must return finite rewards of shape [members, "
                f"{len(candidates)}] for {len(candidates)} candidates; got an array of shape {predicted.shape}."
            )
        return predicted

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        assert not isinstance(reward, tuple)
        self._told.append((decisions, reward))
        self._seen[decisions.values] = None
        if self.candidates.algorithm is not None:
            self.candidates.algorithm.feedback(decisions, reward)

    def _state(self) -> dict[str, Any]:
        told = {one.values for one, _ in self._told}
        inner = self.candidates.algorithm
        return {
            "told": [[one.to_json(), reward] for one, reward in self._told],
            "out": [list(values) for values in self._seen if values not in told],
            "batch": [one.to_json() for one in self._batch],
            "predicted": [[list(values), found] for values, found in self._predicted.items()],
            "algorithm": None if inner is None else inner.state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        space = self.space
        for values, reward in state["told"]:
            checked = check_reward(reward, several=False)
            assert not isinstance(checked, tuple)
            self._told.append((Decisions.from_json(space, values), checked))
        self._seen = {one.values: None for one, _ in self._told}
        self._seen.update((Decisions.from_json(space, values).values, None) for values in state["out"])
        self._batch = [Decisions.from_json(space, values) for values in state["batch"]]
        self._predicted = {
            Decisions.from_json(space, values).values: float(found)
            for values, found in state.get("predicted", [])
        }
        if self.candidates.algorithm is not None:
            self.candidates.algorithm.restore(state["algorithm"])


def _check(value: object, default: object, kind: type) -> Any:
    """Returns a part of a search, or its default where it is None."""
    name = kind.__name__
    example = f"{'an' if name[0] in 'AE' else 'a'} {name}, such as `{quote(default, 200)}`"
    return (
        default if value is None else check_part(value, kind, f"PredictorSearch({name.lower()}=...)", example)
    )


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

    Differences: paths are those through the tree of decisions, unless ``encoding`` has those through the searched
    graph as in the paper (``PathEncoding(paths)`` with ``graph_paths``); the bound in the loss is estimated from the
    data (see ``FeedForwardPredictor``); failed trials count as the worst; the best ten are mutated, while the authors'
    code mutates fewer.  A training takes about a second for 300 trials; ``PredictorSearch()`` takes a sixth of that.

    Args:
      encoding: encodes decisions as numbers; ``PathEncoding()`` if None.
      members: number of networks.
      layers: number of hidden layers.
      width: units per hidden layer.
      epochs: passes over the trials in a training.
      loss: ``mae``, ``mape`` or ``mse``.
      parents: how many of the best are mutated.
      candidates: number of mutants to choose from.
      random_trials: number of rewards before the first training.
      batch_size: number of proposals per training.
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
