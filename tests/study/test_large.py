"""A study of many trials: opening compares its end, the best trials are looked for after all were compared, tables are written in parts."""

from __future__ import annotations

import io

import pytest

from pliant.algorithms import Random
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study.export import table, to_csv, to_json, to_parquet, to_rows, write_csv
from pliant.study.store import soundness
from pliant.study.store.check import find_faults
from pliant.values.errors import FieldTypeError, FieldValueError, StudyError
from pliant.values.text import rows_to_csv

SPACE = flatten(
    [
        choice("op", [integer("k", 1, 9), None], literals=["'=conv'", "id"]),
        choice("size", 3, values=[1, 2, 4]),
    ]
)


@pytest.fixture(autouse=True)
def limit(monkeypatch):
    """Studies of more than 10 trials are large."""
    monkeypatch.setattr(soundness, "AT_ONCE", 10)


def fill(place, count=30, **more):
    with Study.create(place, SPACE, Random(seed=1), trials=count + 1, **more) as study, study.together():
        while (trial := study.ask()).id <= count:
            if trial.id % 7 == 0:
                study.fail(trial.id, "=1+1")
            else:
                study.tell(trial.id, trial.id / 8, metrics={f"m{trial.id % 3}": 1} if trial.id % 2 else None)
    return place


def test_an_early_row_is_compared_before_the_best_is_looked_for(make_place, execute):
    place = fill(make_place())
    execute(place, "UPDATE trials SET reward = 99 WHERE id = 2")
    for given in ((), (SPACE, Random(seed=1))):
        with Study.open(place, *given) as study:
            assert study.counts()["completed"] == 26
            for read in (study.best, study.front, lambda: to_csv(study), lambda: list(study.trials())):
                with pytest.raises(StudyError, match="trial 2 does not agree with its digest"):
                    read()
            assert [trial.id for trial in study.trials(last=3)] == [29, 30, 31]
    assert find_faults(place) == ["trial 2 does not agree with its digest"]
    execute(place, "UPDATE trials SET reward = 0.25 WHERE id = 2")
    with Study.open(place) as study:
        assert study.best()[0].id == study.front()[0].id == 30


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trials SET reward = 99 WHERE id = 25",
        "UPDATE events SET trial = 29 WHERE seq = 60",
        "UPDATE study SET budget = 7",
    ],
)
def test_the_last_rows_are_compared_when_it_is_opened(make_place, execute, statement):
    place = fill(make_place())
    execute(place, statement)
    with pytest.raises(StudyError, match="does not agree with its digest"):
        Study.open(place)


def test_tables_are_those_of_the_rows(make_place, tmp_path):
    """Trials of an earlier space, without a reward, with metrics and conditional decisions included."""
    place = fill(make_place())
    wide = flatten(
        [
            *[choice("op", [integer("k", 1, 9), None], literals=["'=conv'", "id"])],
            choice("size", 2, values=[1, 2]),
        ]
    )
    for _ in range(2):
        with Study.open(place) as study:
            rows = to_rows(study)
            assert to_csv(study) == rows_to_csv(rows[0], [list(row.values()) for row in rows])
            to_json(study)
            to_parquet(study, tmp_path / "a.parquet")
        with Study.open(place, study.space, Random(seed=1)) as writer:
            writer.change_space(wide)


def test_a_metric_that_comes_while_a_table_is_written(path, monkeypatch):
    monkeypatch.setattr(table, "PAGE", 5)
    place = fill(path)

    class File(io.StringIO):
        """A file that lets a trial end after some lines."""

        def write(self, text):
            if text.startswith("3,") and writer.counts()["running"]:
                writer.tell(writer.ask().id, 0.5, metrics={"late": 2.0})
            return super().write(text)

    with Study.open(place, SPACE, Random(seed=1)) as writer, Study.open(place) as study:
        write_csv(study, file := File())
        assert file.getvalue() == to_csv(study)
        assert "metrics.late" in file.getvalue().partition("\n")[0]


def test_the_last_trials(path):
    fill(path)
    with Study.open(path) as study:
        assert [trial.id for trial in study.trials("failed", last=2)] == [21, 28]
        assert [trial.id for trial in study.trials(last=99)] == list(range(1, 32))
        assert list(study.trials(last=2, after=30)) == list(study.trials(last=1))
        with pytest.raises(FieldValueError, match="takes an integer of at least 1; got 0"):
            study.trials(last=0)
        with pytest.raises(FieldTypeError, match="got 'all'"):
            study.trials(last="all")
