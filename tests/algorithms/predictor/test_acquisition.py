"""Acquisitions: what they prefer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from pliant.algorithms.predictor import (
    ExpectedImprovement,
    Greedy,
    IndependentThompson,
    Thompson,
    UpperConfidence,
)
from pliant.values.errors import FieldTypeError, FieldValueError

PREDICTED = np.array([[1.0, 4.0, 0.0], [3.0, 0.0, 0.0]])


def generator(seed=0):
    return np.random.default_rng(seed)


def test_independent_thompson_draws_from_the_normal_of_each_candidate():
    predicted = np.repeat(PREDICTED, 20_000, axis=1)
    drawn = IndependentThompson()(predicted, 0.0, generator()).reshape(3, -1)
    assert drawn.mean(1) == pytest.approx([2, 2, 0], abs=0.05)
    assert drawn.std(1) == pytest.approx([1, 2, 0], abs=0.05)
    wider = IndependentThompson(3)(predicted, 0.0, generator()).reshape(3, -1)
    assert wider.std(1) == pytest.approx([3, 6, 0], abs=0.15)
    assert abs(np.corrcoef(drawn[0, 1:], drawn[0, :-1])[0, 1]) < 0.03


def test_thompson_believes_one_member():
    found = {tuple(Thompson()(PREDICTED, 0.0, generator(seed))) for seed in range(20)}
    assert found == {(1, 4, 0), (3, 0, 0)}


def test_upper_confidence_adds_deviations():
    assert UpperConfidence(0.5)(PREDICTED, 0.0, generator()).tolist() == [2.5, 3, 0]
    assert Greedy()(PREDICTED, 0.0, generator()).tolist() == [2, 2, 0]


@pytest.mark.parametrize("best", [-1.0, 0.0, 2.0, 2.5, 1000.0])
def test_expected_improvement_is_that_of_the_normal_distribution(best):
    found = ExpectedImprovement()(PREDICTED, best, generator())
    for score, mean, std in zip(found, PREDICTED.mean(0), PREDICTED.std(0)):
        z = (mean - best) / std if std else 0
        expected = (mean - best) * norm.cdf(z) + std * norm.pdf(z) if std else max(mean - best, 0)
        assert score == pytest.approx(expected, abs=1e-9)


def test_a_weight_out_of_range_is_refused():
    with pytest.raises(
        FieldValueError, match=r"UpperConfidence\(weight=...\) takes a finite number of at least 0; got -1"
    ):
        UpperConfidence(-1)
    with pytest.raises(FieldTypeError, match=r"takes a finite number of at least 0; got 'x' of type str"):
        UpperConfidence("x")
