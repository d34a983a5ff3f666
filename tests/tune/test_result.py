"""What ``pg.sample`` and ``pg.search`` found: the same names, the time limit, callbacks, and the default algorithm."""

from __future__ import annotations

import csv
import dataclasses
import io
import time

import pytest

import pliant as pg
from pliant.algorithms import Random
from pliant.study import Study, Trial
from pliant.study.export import to_csv, to_pandas, to_report_rows
from pliant.tune.result import Tally
from pliant.values.errors import StudyError

SPACE = pg.Dict(x=pg.intv(0, 9), op=pg.oneof(["conv", "pool"]))


def evaluate(program):
    if program.x == 3:
        raise ValueError("no such layer")
    return program.x + (program.op == "pool") / 2, {"size": program.x}


def loop(**options):
    search = pg.sample(SPACE, "random", 12, seed=1, **options)
    for program, feedback in search:
        try:
            reward, metrics = evaluate(program)
        except ValueError as error:
            feedback.skip(str(error))
        else:
            feedback(reward, metrics=metrics)
    return search


def find(how, tmp_path, **options):
    """The same search in three ways."""
    if how == "search":
        return pg.search(SPACE, lambda program: evaluate(program), "random", 12, seed=1, **options)
    return loop(**({"study": tmp_path / "a.db"} if how == "study" else {}), **options)


WAYS = pytest.mark.parametrize("how", ["loop", "study", "search"])


@WAYS
def test_both_have_the_same_reading_names(how, tmp_path):
    found = find(how, tmp_path)
    assert found.best_program == {"x": 9, "op": "pool"}
    assert found.best_reward == 9.5
    assert found.best_decisions.to_dict() == {"x": 9, "op": 1}
    assert found.front == [(found.best_program, 9.5)]
    assert found.space.size == 20
    assert found.ended == "complete"
    assert repr(found).startswith("<search of 12 trials, ")
    assert repr(found).endswith(
        "complete, best reward 9.5: x=9, op=pool; see .best_program, .front, .trials>"
    )


@WAYS
def test_the_best_program_is_one_object(how, tmp_path):
    found = find(how, tmp_path)
    found.best_program.trained = True
    assert found.best_program.trained
    assert found.front[0][0] is found.best_program


def test_a_better_program_is_another_object():
    search = pg.sample(pg.Dict(x=pg.intv(0, 9)), "sweep", progress=False)
    seen = []
    for program, feedback in search:
        feedback(min(program.x, 3))
        if not seen or search.best_program is not seen[-1]:
            seen.append(search.best_program)
    assert [program.x for program in seen] == [0, 1, 2, 3]


def test_the_programs_of_a_front_are_one_object_each():
    search = pg.sample(pg.Dict(x=pg.intv(0, 9)), "sweep", progress=False)
    for program, feedback in search:
        feedback((program.x, -abs(program.x - 7)))
    first, second = search.front, search.front
    assert [program.x for program, _ in first] == [9, 8, 7]
    assert all(one is other for (one, _), (other, _) in zip(first, second, strict=True))
    assert search.best_program is first[0][0]


@pytest.mark.parametrize("rewards", [[5.0, (1.0,), 2.0], [(5.0,), 1.0, 2.0], [(1.0,), (5.0,), [2.0]]])
def test_a_tuple_of_one_reward_is_that_reward(rewards, tmp_path):
    for more in ({}, {"study": tmp_path / "a.db"}):
        search = pg.sample(pg.Dict(x=pg.intv(0, 2)), "sweep", progress=False, **more)
        for program, feedback in search:
            feedback(rewards[program.x])
        assert search.best_reward == 5.0
        assert rewards[search.best_program.x] in (5.0, (5.0,))
        assert sorted(trial.reward for trial in search.trials) == [1.0, 2.0, 5.0]
    found = pg.search(pg.Dict(x=pg.intv(0, 2)), lambda program: (float(program.x),), "sweep", progress=False)
    assert found.best_reward == 2.0


@WAYS
def test_trials_are_frozen_records(how, tmp_path):
    trials = find(how, tmp_path).trials
    assert [trial.id for trial in trials] == list(range(1, 13))
    for trial in trials:
        assert type(trial) is Trial
        assert trial.seconds >= 0
        if trial.decisions["x"] == 3:
            assert (trial.status, trial.reward) == ("failed", None)
            assert "no such layer" in trial.reason
        else:
            assert (trial.status, trial.reason) == ("completed", None)
            assert trial.metrics == {"size": trial.decisions["x"]}
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field"):
        trials[0].reward = 5.0


@WAYS
def test_callbacks_receive_each_trial(how, tmp_path):
    seen, ids = [], []
    found = find(how, tmp_path, callbacks=[seen.append, lambda trial: ids.append(trial.id)])
    assert [(trial.id, trial.told, trial.metrics) for trial in seen] == [
        (trial.id, trial.told, trial.metrics) for trial in found.trials
    ]
    assert ids == list(range(1, 13))


@WAYS
def test_a_callback_that_raises_ends_the_search(how, tmp_path):
    def stop(trial):
        if trial.id == 4:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        find(how, tmp_path, callbacks=[stop])
    if how == "study":
        with Study.open(tmp_path / "a.db") as study:
            assert study.counts()["completed"] + study.counts()["failed"] == 4


@WAYS
def test_a_time_limit(how, tmp_path):
    def wait(trial):
        time.sleep(0.1)

    found = find(how, tmp_path, timeout_seconds=0.25, callbacks=[wait])
    assert 1 <= len(found.trials) < 6
    assert found.ended == "timeout"
    assert found.best_program is not None
    if how == "study":  # it is free, and continues
        assert len(loop(study=tmp_path / "a.db").trials) == 12


def test_the_default_algorithm_is_one(tmp_path):
    path = tmp_path / "a.db"
    pg.search(SPACE, lambda program: program.x, trials=2, study=path)
    with Study.open(path) as study:
        assert study.info().algorithm.startswith("Auto(")
    with pg.sample(SPACE, trials=1, study=tmp_path / "b.db"), Study.open(tmp_path / "b.db") as study:
        assert study.info().algorithm.startswith("Auto(")


def test_a_study_continues_with_its_own_algorithm(tmp_path):
    path = tmp_path / "a.db"
    pg.search(SPACE, lambda program: program.x, "re(population_size=5, tournament_size=2)", 4, study=path)
    assert len(pg.search(SPACE, lambda program: program.x, trials=8, study=path).trials) == 8
    with pytest.raises(StudyError, match=r"is searched by another algorithm|Random"):
        pg.sample(SPACE, Random(), trials=9, study=path)


def test_repr_of_a_search_that_has_not_begun_or_has_several_objectives():
    search = pg.sample(SPACE, "nsga2", trials=4)
    assert (
        repr(search)
        == "<search of 0 trials, unfinished, best reward None; see .best_program, .front, .trials>"
    )
    for program, feedback in search:
        feedback((program.x, -program.x))
    assert search.best_reward == max(search.trials, key=lambda trial: trial.rewards[0]).rewards


def test_the_earlier_of_equal_rewards_is_the_best():
    tally = Tally(maximize=True)
    first, second = (pg.abstract_search_space(SPACE).sample(seed) for seed in range(2))
    assert [tally.add(5, first, 1.0), tally.add(3, second, 1.0), tally.add(4, first, 1.0)] == [
        True,
        True,
        False,
    ]
    assert tally.best == (3, second, 1.0)
    assert tally.front() == [(second, 1.0)]


def train(program, feedback):
    for step in (1, 2, 3):
        if feedback.report(program.x / step, step=step):
            break
    return program.x, {"size": program.x}


@WAYS
def test_trials_that_the_algorithm_stopped(how, tmp_path):
    algorithm = "median_stopping(algorithm=random(), min_trials=2)"
    if how == "search":
        found = pg.search(SPACE, lambda program, feedback: train(program, feedback), algorithm, 12, seed=1)
    else:
        place = {"study": tmp_path / "a.db"} if how == "study" else {}
        found = pg.sample(SPACE, algorithm, 12, seed=1, **place)
        for program, feedback in found:
            reward, metrics = train(program, feedback)
            feedback(reward, metrics=metrics)
    stopped = [trial.id for trial in found.trials if trial.should_stop]
    assert 0 < len(stopped) < 12
    table = list(csv.DictReader(io.StringIO(to_csv(found))))
    frame = to_pandas(found)
    for trial, row in zip(found.trials, table, strict=True):
        early = trial.id in stopped
        assert (trial.status, trial.cause) == (("stopped", "stopped") if early else ("completed", None))
        assert (trial.reward, trial.metrics) == (trial.reports[0].reward, {"size": trial.reward})
        assert len(trial.reports) == 3 or early
        assert (row["status"], row["cause"]) == (trial.status, "stopped" if early else "")
        assert frame.loc[trial.id, "status"] == trial.status
    rows = to_report_rows(found)
    assert sorted({row["trial"] for row in rows if row["stop"]}) == stopped
