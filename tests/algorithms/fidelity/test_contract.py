"""Every multi-fidelity algorithm passes the shipped suite, over spaces that have a budget, alone and around others."""

from __future__ import annotations

from pliant.algorithms import TPE, LocalSearch, Random, RegularizedEvolution
from pliant.algorithms.fidelity import (
    ASHA,
    PBT,
    HalvingStopping,
    Hyperband,
    MedianStopping,
    SuccessiveHalving,
)
from pliant.testing.algorithms import AlgorithmSuite

from .conftest import with_budget


class BudgetedSuite(AlgorithmSuite):
    """Abstract: the suite over spaces with a budget in each, which is always active."""

    def adapt(self, space):
        return with_budget(space)


TRIALS = 50  # several brackets of the smallest budgets, a population and a bit


class TestSuccessiveHalving(BudgetedSuite):
    trials = TRIALS

    def make(self, seed):
        return SuccessiveHalving(seed=seed)


class TestSuccessiveHalvingOfEvolution(BudgetedSuite):
    """Small brackets, so that several are begun and ended."""

    trials = TRIALS

    def make(self, seed):
        return SuccessiveHalving(RegularizedEvolution(10, 3), count=5, eta=2, seed=seed)


class TestHyperband(BudgetedSuite):
    trials = TRIALS

    def make(self, seed):
        return Hyperband(seed=seed)


class TestASHA(BudgetedSuite):
    trials = TRIALS

    def make(self, seed):
        return ASHA(seed=seed)


class TestASHAOfLocalSearch(BudgetedSuite):
    trials = TRIALS

    def make(self, seed):
        return ASHA(LocalSearch(), eta=2, seed=seed)


class TestHyperbandOfTPE(BudgetedSuite):
    """A model that learns from one budget, and changes it."""

    trials = 26

    def make(self, seed):
        return Hyperband(TPE(startup=3, candidates=4), seed=seed)


class TestPBT(BudgetedSuite):
    trials = TRIALS

    def make(self, seed):
        return PBT(population_size=5, seed=seed)


class TestMedianStopping(AlgorithmSuite):
    trials = TRIALS

    def make(self, seed):
        return MedianStopping(RegularizedEvolution(10, 3), seed=seed)


class TestHalvingStopping(AlgorithmSuite):
    trials = TRIALS

    def make(self, seed):
        return HalvingStopping(Random(), seed=seed)


class Reporting(AlgorithmSuite):
    """Each trial reports on its way, so that the state has curves in it."""

    def search(self, algorithm, trials, lag=0, waiting=None):
        waiting = [] if waiting is None else waiting
        found = []
        for _ in range(trials):
            proposal = algorithm.propose()
            verdicts = [
                algorithm.report(proposal, (self.reward(proposal) or 0.0) * step, step=step)
                for step in (1, 2, 3, 9)
            ]
            found.append((*proposal.values, *verdicts))
            waiting.append(proposal)
            if len(waiting) > lag:
                first = waiting.pop(0)
                algorithm.feedback(first, self.reward(first))
        return found

    test_every_proposal_is_valid = None
    test_a_small_space_ends_cleanly_or_goes_on = None


class TestReportsToMedianStopping(Reporting):
    trials = TRIALS

    def make(self, seed):
        return MedianStopping(RegularizedEvolution(10, 3), seed=seed)


class TestReportsToHalvingStopping(Reporting):
    trials = TRIALS

    def make(self, seed):
        return HalvingStopping(MedianStopping(), seed=seed)
