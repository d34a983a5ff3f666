"""Searches with predictors pass the suite of all algorithms."""

from __future__ import annotations

from pliant.algorithms import Algorithm, RegularizedEvolution
from pliant.algorithms.policy import REINFORCE, Recurrent
from pliant.algorithms.predictor import (
    BANANAS,
    ExpectedImprovement,
    FeedForwardPredictor,
    Greedy,
    LSTMPredictor,
    Mixture,
    MutateBest,
    PredictorSearch,
    Proposals,
    RandomCandidates,
    SequenceEncoding,
)
from pliant.testing.algorithms import AlgorithmSuite


class TestBananas(AlgorithmSuite):
    trials = 50
    exhausts = True

    def make(self, seed: int) -> Algorithm:
        return BANANAS(layers=2, epochs=3, members=2, seed=seed)


class TestMixedCandidates(AlgorithmSuite):
    trials = 40
    exhausts = True

    def make(self, seed: int) -> Algorithm:
        return PredictorSearch(
            FeedForwardPredictor(members=2, layers=1, epochs=2),
            acquisition=ExpectedImprovement(),
            candidates=Mixture(MutateBest(20, changes=3), RandomCandidates(20)),
            random_trials=5,
            batch_size=3,
            limit=8,
            seed=seed,
        )


class TestSequencesProposedByEvolution(AlgorithmSuite):
    trials = 30
    exhausts = True
    state_bytes_per_trial = 2048  # evolution stores what it was told once more

    def make(self, seed: int) -> Algorithm:
        return PredictorSearch(
            LSTMPredictor(hidden=4, embedding=2, epochs=1),
            SequenceEncoding(),
            Greedy(),
            Proposals(RegularizedEvolution(8, 3), count=10),
            seed=seed,
        )


class TestControllerWithAPredictor(AlgorithmSuite):
    """The walk-through's: an LSTM policy with REINFORCE, and an LSTM that screens its proposals."""

    trials = 30
    exhausts = True
    state_bytes_per_trial = 2048  # log-probabilities of proposals that were not tried

    def make(self, seed: int) -> Algorithm:
        return PredictorSearch(
            LSTMPredictor(hidden=4, embedding=2, epochs=1),
            SequenceEncoding(),
            Greedy(),
            Proposals(REINFORCE(policy=Recurrent(hidden=4, embedding=2), discount=0.9), count=6),
            random_trials=1,
            batch_size=3,
            seed=seed,
        )
