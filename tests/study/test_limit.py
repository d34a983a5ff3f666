"""The number of trials of a study that another process writes, and reading without the check of all rows."""

from __future__ import annotations

import sqlite3

import pytest

from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.limit import limit_trials
from pliant.study.view import open_view
from pliant.values.errors import StudyError

SPACE = flatten([integer("x", 0, 999)])


def test_a_search_ends_at_the_number_and_goes_on_as_without(tmp_path):
    """Stopped from outside, raised from outside: the same proposals as without."""
    with Study.create(tmp_path / "whole.db", SPACE, Random(), trials=9, seed=3) as study:
        whole = [study.tell(study.ask().id, 0.5).decisions for _ in range(9)]
    path = tmp_path / "a.db"
    with Study.create(path, SPACE, Random(), trials=5, seed=3) as study:
        first = study.ask()
        other = open_view(path)
        assert limit_trials(other, None) == 1
        assert study.ask() is None
        study.tell(first.id, 0.5)
        assert study.is_complete
        assert limit_trials(other, 4) == 4
        while trial := study.ask():
            study.tell(trial.id, 0.5)
    limit_trials(other, 9)
    with Study.open(path, SPACE, Random()) as study:
        while trial := study.ask():
            study.tell(trial.id, 0.5)
        assert [trial.decisions for trial in study.trials()] == whole
        assert [text for _, _, text in study.journal()] == [
            f"the number of trials was set to {count} by another process" for count in (1, 4, 9)
        ]
        assert [trial.id for trial in study.trials(after=6)] == [7, 8, 9]


def test_wrong_numbers(tmp_path):
    path = tmp_path / "a.db"
    with Study.create(path, SPACE, Random(), trials=5) as study:
        with pytest.raises(StudyError, match="has no trial yet, so it cannot be stopped"):
            limit_trials(study, None)
        study.ask(), study.ask()
        with pytest.raises(StudyError, match="has 2 trials already, more than 1"):
            limit_trials(study, 1)
        with pytest.raises(ValueError, match="takes an integer from 1 to 2147483647; got 0"):
            limit_trials(study, 0)
        with pytest.raises(TypeError, match="takes an integer"):
            limit_trials(study, "9")
        assert study.info().budget == 5
        assert study.journal() == []


def test_rows_are_checked_when_they_are_read(tmp_path):
    path = tmp_path / "a.db"
    with Study.create(path, SPACE, Random(), seed=0) as study:
        for _ in range(3):
            study.tell(study.ask().id, 0.5)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE trials SET reward = 1.5 WHERE id = 2")
    connection.close()
    view = open_view(path)
    assert view.trial(1).reward == 0.5
    with pytest.raises(StudyError, match="trial 2 does not agree with its digest"):
        view.trial(2)
    with pytest.raises(StudyError, match="trial 2 does not agree with its digest"):
        Study.open(path)
