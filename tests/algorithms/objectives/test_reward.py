from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms.objectives import HARD, SOFT, absolute, weighted_product
from pliant.values.errors import FieldTypeError, FieldValueError, RewardError

qualities = st.floats(0, 1)
costs = st.floats(1e-3, 1e3)


def test_the_numbers_of_the_mnasnet_paper():
    # Section 3.1: twice the latency and 5% more accuracy earn about the same under the soft limit.
    assert weighted_product(0.5 * 1.05, 2.0, 1.0) == pytest.approx(weighted_product(0.5, 1.0, 1.0), rel=1e-3)
    assert (SOFT, HARD) == ((-0.07, -0.07), (0.0, -1.0))
    # The service's tutorial: accuracy .95 at .4, 1.6 and .8 of a target of .8, with exponents of -1 and its hard limit.
    costs = (0.4, 1.6, 0.8)
    soft = [weighted_product(0.95, cost, 0.8, exponents=(-1, -1)) for cost in costs]
    hard = [weighted_product(0.95, cost, 0.8, limit="hard") for cost in costs]
    assert soft == pytest.approx([1.9, 0.475, 0.95])
    assert hard == pytest.approx([0.95, 0.475, 0.95])


@given(qualities, costs, costs)
def test_cheaper_is_never_worse_by_the_product(quality, cost, target):
    for limit in ("soft", "hard"):
        dearer = weighted_product(quality, 2 * cost, target, limit=limit)
        assert dearer <= weighted_product(quality, cost, target, limit=limit)
    assert weighted_product(quality, target, target) == quality


@given(qualities, st.floats(0, 0.9), costs)
def test_the_absolute_reward_is_best_at_the_target_and_even_on_both_sides(quality, off, target):
    assert absolute(quality, target, target) == quality
    more, less = absolute(quality, target * (1 + off), target), absolute(quality, target * (1 - off), target)
    assert more == pytest.approx(less)
    assert more == pytest.approx(quality - 0.1 * off)


def test_numbers_of_other_libraries():
    assert weighted_product(np.float32(0.5), np.int64(80), 80) == 0.5


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "0.5", None, True, [1]])
def test_a_quality_that_is_no_number(bad):
    with pytest.raises(RewardError, match=r"a quality is a number.*feedback.skip"):
        weighted_product(bad, 1, 1)
    with pytest.raises(RewardError, match=r"a quality is a number"):
        absolute(bad, 1, 1)


def test_other_faults():
    with pytest.raises(RewardError, match=r"a quality is a number, not negative; got -0.5"):
        weighted_product(-0.5, 1, 1)
    for cost in (0, -1, float("nan")):
        with pytest.raises(RewardError, match=r"a cost is a number,? above 0"):
            weighted_product(0.5, cost, 1)
    with pytest.raises(RewardError, match="the weighted product is a number, finite"):
        weighted_product(1e308, 1e-300, 1e8, exponents=(-1, -1))
    with pytest.raises(FieldValueError, match=r"target=...\) takes a finite number above 0; got 0"):
        absolute(0.5, 1, 0)
    with pytest.raises(FieldTypeError, match=r"target=...\) takes a finite number above 0; got 'fast'"):
        absolute(0.5, 1, "fast")
    with pytest.raises(FieldValueError, match=r"target=...\) takes a finite number"):
        absolute(0.5, 1, float("inf"))
    with pytest.raises(
        FieldValueError, match=r"absolute\(exponent=...\) takes a finite number below 0; got 0.1"
    ):
        absolute(0.5, 1, 1, exponent=0.1)
    with pytest.raises(FieldValueError, match="limit is 'soft' or 'hard'; got 'hart'; did you mean 'hard'"):
        weighted_product(0.5, 1, 1, limit="hart")
    with pytest.raises(FieldTypeError, match=r"exponents are two numbers, alpha .* got -0.07"):
        weighted_product(0.5, 1, 1, exponents=-0.07)
