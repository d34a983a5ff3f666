"""A paused search hands out no trials, in any process and after a restart, and goes on as if it had not been paused."""

from __future__ import annotations

import threading

import pytest

import pliant as pg
from pliant.algorithms import Random
from pliant.launch import Call, InPlace, Job
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.client import connect
from pliant.study.limit import limit_trials
from pliant.study.pause import pause_search, resume_search
from pliant.study.run import run
from pliant.study.serve import serve
from pliant.study.view import open_view
from pliant.values.errors import StudyError

SPACE = flatten([integer("x", 0, 999)])


def test_it_survives_restarts_and_changes_no_proposal(tmp_path):
    with Study.create(tmp_path / "whole.db", SPACE, Random(), trials=6, seed=3) as study:
        whole = [study.tell(study.ask().id, 0.5).decisions for _ in range(6)]
    path = tmp_path / "a.db"
    with Study.create(path, SPACE, Random(), trials=6, seed=3) as study:
        first, second = study.ask(), study.ask()
        other = open_view(path)
        pause_search(other)
        study.put_back(second.id, "its worker was lost")
        study.enqueue([1])
        assert (study.ask(), study.waits) == (None, True)  # no lost, enqueued or proposed trial
        study.tell(first.id, 0.5)  # a running one ends as usual
        with pytest.raises(StudyError, match="is paused already, since 20"):
            pause_search(study)
    with Study.open(path, SPACE, Random()) as study:
        assert (study.ask(), study.waits, study.is_complete) == (None, True, False)
        limit_trials(study, 2)
        assert study.waits  # for the lost one
        limit_trials(study, 6)
        resume_search(open_view(path))
        assert not study.waits
        assert study.ask().id == second.id
        study.tell(second.id, 0.5)
        while trial := study.ask():
            study.tell(trial.id, 0.5)
        assert [trial.decisions for trial in study.trials() if trial.origin is None] == whole[:5]
        texts = [text for _, _, text in study.journal()]
        assert (texts.count("the search was paused"), texts.count("the search was resumed")) == (1, 1)
        with pytest.raises(
            StudyError,
            match=r"is not paused\. To continue its search in this process, .*`pliant study resume",
        ):
            resume_search(study)
        with pytest.raises(StudyError, match="is complete: nothing is left to pause"):
            pause_search(study)


def test_clients_and_loops_wait(tmp_path, capsys):
    """Workers of a served study and ``run`` go on when the pause ends; a time limit ends a search that waits."""
    path = tmp_path / "a.db"

    def make_job(trial):
        return Job(f"{trial.id}.{trial.token}", Call("pliant.testing.jobs:echo", trial.decisions["x"]))

    with Study.create(path, SPACE, Random(), trials=4, seed=0) as study, serve(study):
        pause_search(study)
        assert run(study, InPlace(), make_job, timeout_seconds=0.05, tick=0.01).how == "timeout"
        assert study.info().proposed == 0
        with connect(path) as client:
            timer = threading.Timer(0.2, lambda: resume_search(open_view(path)))
            timer.start()
            trial = client.ask()
            client.tell(trial.id, 0.5, token=trial.token)
        timer.join()
        assert run(study, InPlace(), make_job).how == "complete"
    assert capsys.readouterr().err.count("search: paused since") == 1


def test_a_search_in_a_loop_waits(tmp_path, capsys):
    path = tmp_path / "a.db"
    space = pg.Dict(x=pg.intv(0, 9))

    def search(timeout=None):
        return pg.sample(space, "random", 3, seed=0, study=path, timeout_seconds=timeout, progress=False)

    for _, feedback in (first := search()):
        feedback(0.5)
        pause_search(open_view(path))
        break
    first.close()
    late = search(0.1)
    assert list(late) == []
    assert "timeout" in str(late)
    assert "paused since" in capsys.readouterr().err
    timer = threading.Timer(0.2, lambda: resume_search(open_view(path)))
    timer.start()
    for _, feedback in search():
        feedback(0.25)
    timer.join()
    assert open_view(path).counts()["completed"] == 3
