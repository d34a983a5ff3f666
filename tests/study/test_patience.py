"""When a search is given up: at the fifth failure without a reward, once, and for no failure that is meant."""

from __future__ import annotations

import pytest

from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.run import PATIENCE, Patience
from pliant.values.errors import EvaluationError


@pytest.fixture
def line():
    return flatten([integer("x", 0, 999)])


def test_the_fifth_failure_is_one_too_many(path, line):
    with Study.create(path, line, Random()) as study:
        patience = Patience(study, "Fix this.")
        for _ in range(PATIENCE - 1):
            patience.note(study.fail(study.ask().id, "no layer"))
        with pytest.raises(EvaluationError, match=r"the first|failed") as caught:
            patience.note(study.fail(study.ask().id, "no head"), "line 1\nline 2\n\n")
        assert str(caught.value) == (
            "the first 5 trials all failed, so the search stops. The last one: no head\nline 1\nline 2\nFix this."
        )
        patience.note(study.fail(study.ask().id, "no layer"))  # said once


def test_a_study_with_a_reward_is_searched(path, line):
    with Study.create(path, line, Random()) as study:
        study.tell(study.ask().id, 1.0)
        patience = Patience(study, "Fix this.")
        for _ in range(2 * PATIENCE):
            patience.note(study.fail(study.ask().id, "no layer"))


def test_skipped_trials_do_not_count(path, line):
    with Study.create(path, line, Random()) as study:
        patience = Patience(study, "Fix this.")
        for _ in range(2 * PATIENCE):
            patience.note(study.fail(study.ask().id, "too large", cause="skipped"))


def test_a_broken_constraint_is_no_fault_but_a_missing_metric_is(path, line):
    with Study.create(path, line, Random(), constraints=["latency <= 1"]) as study:
        patience = Patience(study, "Fix this.")
        for _ in range(2 * PATIENCE):
            patience.note(study.tell(study.ask().id, 1.0, metrics={"latency": 2}))
        for _ in range(PATIENCE - 1):
            patience.note(study.fail(study.ask().id, "no layer"))
        with pytest.raises(EvaluationError, match=r"The last one: no metric\nFix this\."):
            patience.note(study.fail(study.ask().id, "no metric"))
