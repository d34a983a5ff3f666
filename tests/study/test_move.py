"""A study that moves to another place: equal row by row, and the search goes on exactly as it would have."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing

import pytest

import pliant as pg
from pliant.algorithms import RegularizedEvolution
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study import move as moving
from pliant.study.artifacts import Artifacts
from pliant.study.move import move
from pliant.values.errors import NoStudyError, StudyError, StudyInUseError

POSTGRES = os.environ.get("PLIANT_POSTGRES", "")
SPACE = flatten([choice("a", 5), integer("n", 0, 9)])
WIDE = flatten([choice("a", 5), integer("n", 0, 4)])  # narrower: some trials do not fit
KINDS = ["file", "postgres"] if POSTGRES else ["file"]


@pytest.fixture
def new_place(tmp_path):
    """Makes places for studies, which are removed at the end."""
    names = []

    def make(kind):
        names.append(f"move_{uuid.uuid4().hex[:12]}")
        at = f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}study={names[-1]}"
        return tmp_path / f"{names[-1]}.db" if kind == "file" else at

    yield make
    if POSTGRES:
        import psycopg

        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            for name in names:
                connection.execute(f'DROP SCHEMA IF EXISTS "study_{name}" CASCADE')


def make():
    return RegularizedEvolution(6, 3, seed=2)


def go_on(study, count):
    for _ in range(count):
        trial = study.ask()
        study.report(trial.id, 0.5, step=1)
        study.tell(trial.id, sum(trial.decisions.values) + 0.1, metrics={"loss": 0.25})


def begin(place, first):
    """Makes a study with all that one can have: a queue, earlier results, a journal, reports, an earlier space."""
    with Study.create(first, SPACE, make(), trials=9) as other:
        go_on(other, 3)
    with Study.create(place, SPACE, make(), trials=60) as study:
        study.learn_from(first)
        go_on(study, 8)
        study.change_space(WIDE)
        study.enqueue(WIDE.parse({"a": 1, "n": 2}), "by hand")
        study.note(3, "a line")
        study.fail(study.ask().id, "too large")
        study.ask()  # left open


def read(place):
    with Study.open(place) as study:
        found = [
            (one.id, one.decisions.values, one.told, one.cause, one.attempts, one.reports)
            for one in study.trials()
        ]
        return found, [text for _, _, text in study.journal()], study.info().queued


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_exact_continuation(new_place, tmp_path, source, target):
    here, there = new_place(source), new_place(target)
    begin(here, tmp_path / "first.db")
    assert move(here, there) == 10
    assert read(there) == read(here)
    for place in (here, there):  # also new rows in the tables that number them
        with Study.open(place, WIDE, make()) as study:
            study.enqueue(WIDE.parse({"a": 0, "n": 0}))
            study.note(1, "another line")
            go_on(study, 6)
    assert read(there) == read(here)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_one_is_deleted_when_asked(new_place, tmp_path, kind):
    here, there = new_place(kind), tmp_path / "there.db"
    with Study.create(here, SPACE, make(), trials=9) as study:
        go_on(study, 3)
        if kind == "file":
            study.artifacts.save(1, "a.txt", b"one")
    move(here, there, delete=True)
    with pytest.raises(NoStudyError, match="no study"):
        Study.open(here)
    left = [path.name for path in tmp_path.iterdir() if not path.name.startswith("there")]
    assert [name for name in left if not name.endswith("-lock")] == []
    with Study.open(there) as study:
        assert study.counts()["completed"] == 3
        if kind == "file":
            assert study.trial(1).artifact("a.txt").read_text() == "one"


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_finds_the_files(new_place, tmp_path, kind):
    here, there = new_place("file"), new_place(kind)
    with Study.create(here, SPACE, make(), trials=9) as study:
        go_on(study, 1)
    Artifacts(tmp_path / "files").save(1, "a.txt", b"one")
    from pliant.study.artifacts.place import use_place

    use_place(here, str(tmp_path / "files"))
    move(here, there)
    with Study.open(there) as study:
        assert study.trial(1).artifact("a.txt").read_text() == "one"


@pytest.mark.parametrize("kind", KINDS)
def test_refused(new_place, tmp_path, kind, monkeypatch):
    here, there, other = new_place(kind), new_place(kind), new_place("file")
    with pytest.raises(NoStudyError, match="no study"):
        move(here, there)
    with Study.create(here, SPACE, make(), trials=9) as study:
        go_on(study, 3)
        with pytest.raises(StudyInUseError, match=r"written by|already open for writing"):
            move(here, there)
    Study.create(there, SPACE, make()).close()
    before = read(here), read(there)
    with pytest.raises(StudyError, match=r"exists, and is not overwritten|already a study"):
        move(here, there, delete=True)
    assert (read(here), read(there)) == before

    with Study.open(here, SPACE, make()) as study:
        study.enqueue(SPACE.parse({"a": 1, "n": 2}))
    real = moving._copy
    for statement, message in [
        ("UPDATE trials SET reward = 9.5 WHERE id = 2", "was damaged: trial 2 does not agree"),
        ("DELETE FROM queue", r"differs from .* in queue\."),
    ]:

        def lose(store, target, statement=statement):
            real(store, target)
            with closing(sqlite3.connect(target)) as connection, connection:
                connection.execute(statement)

        monkeypatch.setattr(moving, "_copy", lose)
        with pytest.raises(StudyError, match=message):
            move(here, other, delete=True)
    assert not other.exists()
    assert read(here)[0] == before[0][0]


def test_a_search_goes_on_where_it_moved(tmp_path):
    space = pg.Dict(x=pg.intv(0, 99))
    for program, feedback in pg.sample(space, "re", 8, study=tmp_path / "a.db", seed=1, progress=False):
        feedback(program.x)
    move(tmp_path / "a.db", tmp_path / "b.db")
    rest = pg.sample(space, "re", 12, study=tmp_path / "b.db", seed=1, progress=False)
    assert [feedback.id for program, feedback in rest if feedback(program.x) is None] == [9, 10, 11, 12]
