"""Studies as tables: CSV, JSON, Parquet and pandas hold what the trials hold, and run nothing in a spreadsheet."""

from __future__ import annotations

import csv
import importlib
import io
import json
import sys

import pytest

from pliant.algorithms import Random
from pliant.algorithms.evolution import NSGA2
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study.export import (
    decided,
    read_decided,
    to_csv,
    to_json,
    to_pandas,
    to_parquet,
    to_report_rows,
    to_rows,
)
from pliant.values.errors import StudyError

KEYS = ["id", "status", "reward", "decisions.op", "decisions.op[=0/2].k", "decisions.n", "decisions.size"]
REST = ["reason", "cause", "attempts", "started", "ended", "seconds", "worker", "origin", "copied_from"]


@pytest.fixture
def space():
    conv = [choice("k", 2, values=[1, 3.5])]
    return flatten(
        [
            choice("op", [conv, None], literals=["Conv()", "'same'"]),
            integer("n", 1, 2**70),
            choice("size", 2, values=[8, 16]),
        ]
    )


@pytest.fixture
def study(tmp_path, space):
    """A trial that was told, one that failed after a report, and one that is running."""
    with Study.create(tmp_path / "a.db", space, Random(), trials=9) as study:
        for vector, note in (([0, 1, 2**60, 0], "mine"), ([1, 7, 1], "=HYPERLINK()")):
            study.enqueue(vector, note)
        study.tell(study.ask(worker="w1").id, 0.5, metrics={"=cmd|' /C calc'!A0": 2})
        second = study.ask(worker="@w2")
        study.report(second.id, 0.25, step=1, metrics={"loss": 9.5})
        study.report(second.id, 0.5, step=2)
        study.fail(second.id, "-2+3 went wrong\nbadly", cause="timeout", metrics={"loss": 1})
        study.ask()
        yield study


def test_rows(study):
    first, second, third = to_rows(study)
    assert list(first) == [*KEYS, "metrics.=cmd|' /C calc'!A0", "metrics.loss", *REST]
    assert [first[key] for key in KEYS] == [1, "completed", 0.5, "Conv()", 3.5, 2**60, 8]
    assert (first["metrics.=cmd|' /C calc'!A0"], first["metrics.loss"]) == (2.0, None)
    assert (first["worker"], first["origin"], first["attempts"]) == ("w1", "enqueued: mine", 1)
    assert [second[key] for key in KEYS] == [2, "failed", None, "same", None, 7, 16]
    assert second["reason"] == "-2+3 went wrong\nbadly"
    assert (third["status"], third["ended"], third["metrics.loss"]) == ("running", None, None)


def test_candidates_with_one_text_are_distinct_and_read_back(tmp_path):
    """Of functions of one name, and of candidates that differ after the part of them that is stored."""
    literals = ["<function f>", "[0: 64, 1: 6...", "<function f>", "[0: 64, 1: 6...", "'a'"]
    space = flatten([choice("op", 5, literals=literals)])
    found = []
    with Study.create(tmp_path / "b.db", space, Random()) as study:
        for index in range(5):
            study.enqueue([index])
            study.tell(study.ask().id, 1.0)
        for trial, row in zip(study.trials(), to_rows(study), strict=True):
            found.append(row["decisions.op"])
            assert space.parse(read_decided(space, decided(trial))) == trial.decisions
    assert found == [
        "0/5 (<function f>)",
        "1/5 ([0: 64, 1: 6...)",
        "2/5 (<function f>)",
        "3/5 ([0: 64, 1: 6...)",
        "a",
    ]


def test_csv_is_read_back_and_runs_nothing(study):
    rows = list(csv.reader(io.StringIO(to_csv(study), newline="")))
    assert len(rows) == 4
    assert rows[0] == list(to_rows(study)[0])  # no name begins with what a formula begins with
    first, second = (dict(zip(rows[0], row, strict=True)) for row in rows[1:3])
    assert (first["reward"], first["decisions.n"], first["worker"]) == ("0.5", str(2**60), "w1")
    assert second["reason"] == "'-2+3 went wrong\nbadly"
    assert second["worker"] == "'@w2"
    assert second["origin"] == "enqueued: =HYPERLINK()"
    for row in rows:
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1"])
def test_formulas_are_text(tmp_path, text):
    with Study.create(tmp_path / "b.db", flatten([choice("op", 1, literals=[text])]), Random()) as study:
        study.fail(study.ask().id, text)
        names, row = csv.reader(io.StringIO(to_csv(study), newline=""))
    cells = dict(zip(names, row, strict=True))
    shown = text.replace("\t", " ").replace("\r", " ")
    assert (cells["reason"], cells["decisions.op"]) == (f"'{shown}", f"'{shown}")


def test_text_that_is_a_number_stays_one(tmp_path):
    with Study.create(tmp_path / "b.db", flatten([choice("op", 1, literals=["-0.5"])]), Random()) as study:
        study.tell(study.ask().id, -1.5)
        assert ",-1.5,-0.5," in to_csv(study)


def test_json(study):
    data = json.loads(to_json(study))
    assert (data["name"], data["budget"], data["maximize"]) == ("a", 9, True)
    first, second, third = data["trials"]
    assert first["decisions"] == {"op": "Conv()", "op[=0/2].k": 3.5, "n": 2**60, "size": 8}
    assert not {"reason", "cause", "copied_from"} & first.keys()
    assert second["cause"] == "timeout"
    assert data["algorithm_description"]["name"] == "Random"
    assert second["reports"] == [
        {"step": 1.0, "reward": 0.25, "stop": False, "metrics": {"loss": 9.5}},
        {"step": 2.0, "reward": 0.5, "stop": False},
    ]
    assert third["status"] == "running"


def test_causes_and_copies_are_columns_everywhere(tmp_path):
    with Study.create(
        tmp_path / "b.db",
        flatten([choice("op", 1)]),
        Random(),
        trials=2,
        constraints=["latency <= 1"],
        reuse=True,
    ) as study:
        study.tell(study.ask().id, 0.5, metrics={"latency": 2})
        assert study.ask() is None
        rows = to_rows(study)
        assert [(row["cause"], row["copied_from"]) for row in rows] == [
            ("constraint", None),
            ("constraint", 1),
        ]
        assert "copied_from" in to_csv(study).splitlines()[0]
        assert [trial.get("copied_from") for trial in json.loads(to_json(study))["trials"]] == [None, 1]
        frame = to_pandas(study)
        assert (frame["cause"].tolist(), frame["copied_from"].dtype) == (["constraint"] * 2, "Int64")
        to_parquet(study, tmp_path / "b.parquet")
    table = importlib.import_module("pyarrow.parquet").read_table(tmp_path / "b.parquet").to_pylist()
    assert [(row["cause"], row["copied_from"]) for row in table] == [("constraint", None), ("constraint", 1)]


def test_reports_are_a_table_of_their_own(study):
    assert to_report_rows(study) == [
        {"trial": 2, "step": 1.0, "reward": 0.25, "stop": False, "metrics.loss": 9.5},
        {"trial": 2, "step": 2.0, "reward": 0.5, "stop": False, "metrics.loss": None},
    ]
    assert to_csv(study, reports=True).splitlines()[1] == "2,1.0,0.25,False,9.5"


def test_several_rewards(tmp_path, space):
    with Study.create(tmp_path / "b.db", space, NSGA2(4), trials=2) as study:
        study.tell(study.ask().id, (1.0, 2.0))
        study.fail(study.ask().id, "no")
        rows = to_rows(study)
    assert [(row["reward 1"], row["reward 2"]) for row in rows] == [(1.0, 2.0), (None, None)]
    assert "reward" not in rows[0]


def test_a_study_without_trials(tmp_path, space):
    with Study.create(tmp_path / "b.db", space, Random()) as study:
        assert to_csv(study) == ",".join([*KEYS, *REST]) + "\n"
        assert to_csv(study, reports=True) == "trial,step,reward,stop\n"
        assert json.loads(to_json(study))["trials"] == []
        assert list(to_pandas(study).columns) == [*KEYS, *REST][1:]


def test_pandas(study):
    frame = to_pandas(study)
    assert list(frame.index) == [1, 2, 3]
    assert frame["reward"].dtype == "float64"
    assert frame["decisions.size"].dtype == "Int64"
    assert frame.loc[1, "decisions.op[=0/2].k"] == 3.5
    assert frame.loc[2, "decisions.op"] == "same"
    assert frame["worker"].isna().tolist() == [False, False, True]
    assert frame["metrics.loss"].isna().tolist() == [True, False, True]


def test_parquet(study, tmp_path):
    import pyarrow.parquet

    to_parquet(study, tmp_path / "a.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    rows = to_rows(study)
    for row in rows:  # beyond 64 bits, Parquet has floats only
        row["decisions.n"] = float(row["decisions.n"])
    assert table.to_pylist() == rows
    with pytest.raises(StudyError, match=r"nowhere/a\.parquet' cannot be written"):
        to_parquet(study, tmp_path / "nowhere" / "a.parquet")


@pytest.mark.parametrize(
    ("name", "work"),
    [("pandas", to_pandas), ("pyarrow", lambda study: to_parquet(study, "a.parquet"))],
)
def test_a_library_that_is_missing(study, monkeypatch, name, work):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StudyError, match=rf"needs {name}, .*`pip install \"pliant\[tables\]\"`, or use to_"):
        work(study)
