"""Beliefs from earlier searches of other spaces."""

from __future__ import annotations

import math

import pytest

import pliant as pg
from pliant.space import choice, flatten, floating
from pliant.values.errors import FieldTypeError, FieldValueError, NoStudyError, RewardError

PROGRAM = pg.Dict(
    model=pg.oneof([pg.Dict(kind="mlp", rate=pg.floatv(1e-4, 1.0, scale="log")), "linear"]),
    act=pg.oneof(["tanh", "relu", "gelu"]),
    width=pg.intv(8, 64),
)
OLD = flatten([floating("rate", 1e-5, 0.1, scale="log"), choice("act", 2, literals=["'relu'", "'gelu'"])])


def test_a_study_of_another_space(tmp_path):
    """Of one that minimizes, the trials with low rewards count; failures and decisions that do not fit are left out."""
    path = tmp_path / "old.db"
    with pg.Study.create(path, OLD, pg.algorithms.Random(seed=1), trials=31, maximize=False) as study:
        for number in range(30):
            trial = study.ask()
            reward = abs(math.log10(trial.decisions["rate"]) + 2) + (trial.decisions["act"] == 0)
            study.fail(trial.id, "no") if number == 3 else study.tell(trial.id, reward)
        study.ask()  # still running
        prior = pg.derive_prior(PROGRAM, study)
    assert prior == pg.derive_prior(pg.abstract_search_space(PROGRAM), path)
    assert list(prior) == ["model[=0/2].rate", "act"]
    low, high = prior["model[=0/2].rate"]
    assert 1e-4 < low < 0.01 < high < 0.5
    assert prior["act"] == {"tanh": 1, "relu": 1, "gelu": 6}
    table = [({"width": 32}, 1.0), ({"width": 8}, None)] * 8
    assert list(pg.derive_prior(PROGRAM, path, table)) == [*prior, "width"]
    search = pg.sample(PROGRAM, pg.algorithms.TPE(prior=prior), trials=1, progress=False)
    for program, feedback in search:
        assert program.act == "gelu"
        feedback(0.0)


@pytest.mark.parametrize(
    ("sources", "error", "match"),
    [
        ((), FieldValueError, "takes a space and at least one study or table"),
        (({"rate": 0.1},), FieldTypeError, "tables, which are lists of pairs of decisions and a reward"),
        ((7,), FieldTypeError, r"lists of pairs .* got 7 \(int\)|lists of pairs .* got .*7"),
        (([({"rate": 0.1}, "good")],), RewardError, "a reward is a finite number"),
        (([({"rate": 0.1}, 1.0), ({"rate": 0.1}, (1.0, 2.0))],), RewardError, "trial 2 has 2 rewards"),
        (("missing.db",), NoStudyError, "no study found at 'missing.db'"),
    ],
)
def test_sources_that_are_none(sources, error, match):
    with pytest.raises(error, match=match):
        pg.derive_prior(PROGRAM, *sources)
