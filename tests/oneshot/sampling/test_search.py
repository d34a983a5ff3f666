"""What samplers share that search after training: options, an answer before and after, another default search."""

from __future__ import annotations

import inspect
import re

import pytest

from pliant.algorithms import Random
from pliant.oneshot import SPOS, Phase, ProgressiveShrinking, RunningStatistics
from pliant.values.errors import FieldValueError, UnknownFieldError

SEARCH = {
    "search": None,
    "evaluations": 1000,
    "batches": 10,
    "normalization": None,
    "cost": None,
    "limit": None,
    "fill": 0.9,
}


def shrink(**options):
    return ProgressiveShrinking([Phase(1, {})], **options)


both = pytest.mark.parametrize("make", [SPOS, shrink])


def test_signatures_show_all_options():
    spos = inspect.signature(SPOS).parameters
    assert {name: p.default for name, p in spos.items()} == SEARCH
    assert {p.kind for p in spos.values()} == {inspect.Parameter.KEYWORD_ONLY}
    first, *rest = inspect.signature(ProgressiveShrinking).parameters.values()
    assert (first.name, first.kind) == ("phases", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert {p.name: p.default for p in rest} == {**SEARCH, "distillation": 1.0}
    assert {p.kind for p in rest} == {inspect.Parameter.KEYWORD_ONLY}


@both
def test_an_option_that_is_not_there(make):
    message = "has no option 'evaluation'; did you mean 'evaluations'?"
    with pytest.raises(UnknownFieldError, match=re.escape(message)):
        make(evaluation=3)


@both
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 3.0}, "keeps a cost under a limit; got cost=None and limit=3.0"),
        ({"evaluations": 0}, "evaluations"),
        ({"batches": 0}, "batches"),
    ],
)
def test_bad_options(make, options, message):
    with pytest.raises(FieldValueError, match=message):
        make(**options)


@both
def test_a_search_of_its_own_follows_the_seed_and_that_of_a_user_its_own(make, tiny):
    def judged(seed, **options):
        sampler = make(evaluations=4, batches=1, normalization=RunningStatistics(), **options)
        session = tiny.session(tiny.choices((5, 5, 5)), sampler, seed=seed)
        tiny.train(session, 2, weights=False)
        session.finish()
        found = list(sampler.results)
        assert sampler.decisions() in found
        return [one.values for one in found]

    assert judged(0) == judged(0) != judged(1)
    own = judged(0, search=Random(seed=7))
    assert own == judged(1, search=Random(seed=7)) != judged(0)
