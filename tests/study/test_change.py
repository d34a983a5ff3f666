"""A study with another space: mapped trials, history, exact continuation, and a crash at each step changes all or nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pliant.algorithms import TPE, Algorithm, Random
from pliant.algorithms.evolution import NSGA2, RegularizedEvolution
from pliant.space import choice, flatten, floating, integer
from pliant.study import Study
from pliant.study.client import connect
from pliant.study.export import to_csv, to_rows
from pliant.study.serve import serve
from pliant.study.store import failpoint
from pliant.study.store.check import find_faults
from pliant.values.errors import FieldTypeError, SpaceChangedError, SpaceError, StudyError

NARROW = flatten([integer("x", 0, 9), choice("op", 2, literals=["'a'", "'b'"])])
WIDE = flatten([integer("x", 0, 99), choice("op", 3, literals=["'c'", "'b'", "'a'"])])
LESS = flatten([integer("x", 0, 4), choice("op", 2, literals=["'a'", "'b'"])])


def score(decisions):
    return float(decisions["x"]) + (decisions.params["op"] == "b") / 2


def run(study, count):
    for _ in range(count):
        trial = study.ask()
        study.tell(trial.id, score(trial.decisions))


def write_all(place, make, *, stops=()):
    """Tries 12 trials, widens the space, tries 12 more; closes and opens the study after those in ``stops``."""
    study = Study.create(place, NARROW, make(), trials=40)
    run(study, 12)
    study.change_space(WIDE)
    for number in range(12):
        if number in stops:
            study.close()
            study = Study.open(place, WIDE, make())
        run(study, 1)
    study.close()
    return [trial.decisions for trial in Study.open(place).trials()]


def remove_times(rows):
    return [
        {name: value for name, value in row.items() if name not in ("started", "ended", "seconds")}
        for row in rows
    ]


def test_trials_are_mapped_by_value(place):
    with Study.create(place, NARROW, Random(seed=1), trials=20) as study:
        run(study, 8)
        before = [(trial.decisions.params, trial.told) for trial in study.trials()]
        assert study.change_space(WIDE) == (8, 0, 0)
        assert study.space == WIDE
        assert [(trial.decisions.params, trial.told) for trial in study.trials()] == before
        assert all(trial.decisions.space == WIDE for trial in study.trials())
        trial = study.ask()
        assert (trial.id, trial.decisions.space) == (9, WIDE)
        assert study.journal()[-1][2] == (
            "the space was changed: 8 trials were mapped, 0 do not fit, 0 were dropped from the queue"
        )
    assert find_faults(place) == []
    with pytest.raises(SpaceChangedError, match=r"call study\.change_space\(new_space\)"):
        Study.open(place, NARROW, Random(seed=1))


@pytest.mark.parametrize(
    "make",
    [lambda: TPE(startup=5, seed=3), lambda: RegularizedEvolution(6, 3, seed=1), lambda: Random(seed=2)],
)
def test_the_search_goes_on_exactly(make, tmp_path):
    whole = write_all(tmp_path / "a.db", make)
    assert write_all(tmp_path / "b.db", make, stops=(0, 1, 5)) == whole
    assert len({decisions.values for decisions in whole[12:]}) > 1
    assert any(decisions["x"] > 9 for decisions in whole[12:])  # it searches what is new


def test_what_does_not_fit_is_history(place):
    with Study.create(place, NARROW, TPE(startup=3, seed=0), trials=30) as study:
        run(study, 15)
        old = {trial.id: trial for trial in study.trials()}
        kept = [id for id, trial in old.items() if trial.decisions["x"] <= 4]
        assert study.change_space(LESS) == (len(kept), 15 - len(kept), 0)
        best = max((old[id] for id in kept), key=lambda trial: (trial.reward, -trial.id))
        assert [trial.id for trial in study.best()] == [best.id] == [trial.id for trial in study.front()]
        assert all(trial.decisions["x"] <= 4 for trial in study.best(30))
        for trial in study.trials():  # all are there, with their own space and rewards
            assert (trial.decisions.params, trial.told) == (
                old[trial.id].decisions.params,
                old[trial.id].told,
            )
            assert trial.decisions.space == (LESS if trial.id in kept else NARROW)
        run(study, 3)
        assert study.latest(study.trial(16).decisions) is not None
        assert len(to_rows(study)) == 18
        assert to_csv(study).count("\n") >= 18
    with Study.open(place, LESS, TPE(startup=3, seed=0)) as study:
        run(study, 2)
        assert study.counts()["completed"] == 20
        assert study.change_space(NARROW) == (20, 0, 0)  # history that fits comes back
        assert [trial.decisions.space for trial in study.trials()] == [NARROW] * 20
    assert find_faults(place) == []


def test_running_queued_and_learned_decisions(place, tmp_path):
    with Study.create(tmp_path / "other.db", NARROW, Random(seed=5), trials=4) as other:
        run(other, 4)
    with Study.create(place, NARROW, TPE(startup=2, seed=0), trials=30) as study:
        study.learn_from(other.path)
        run(study, 3)
        lost = [study.ask() for _ in range(6)]
        study.enqueue({"x": 1, "op": 0}, "fits")
        study.enqueue({"x": 9, "op": 0})
        with pytest.raises(
            StudyError,
            match=r"the space cannot change while trials are evaluated: 4, 5, 6, 7, 8, 9\. Tell their results",
        ):
            study.change_space(LESS)
        assert study.space == NARROW
        for trial in lost:  # the remedy
            study.put_back(trial.id, "for another space", token=trial.token)
        found = study.change_space(LESS)
        assert found.dropped == 1
        fit = [trial.id for trial in lost if trial.decisions["x"] <= 4]
        again = [study.ask() for _ in fit]
        assert [trial.id for trial in again] == fit
        assert all(trial.decisions.space == LESS for trial in again)
        for trial in lost:
            if trial.id not in fit:
                ended = study.trial(trial.id)
                assert (ended.status, ended.cause) == ("failed", "skipped")
                assert ended.reason == "its decisions do not fit the new space of the study"
        queued = study.ask()
        assert (queued.origin, queued.decisions.params) == ("enqueued: fits", {"x": 1, "op": "a"})
        for trial in (*again, queued):
            study.tell(trial.id, score(trial.decisions))
        run(study, 2)
        proposed = [trial.decisions for trial in study.trials()]
    with Study.open(place, LESS, TPE(startup=2, seed=0)) as study:
        run(study, 2)
        assert [trial.decisions for trial in study.trials()][: len(proposed)] == proposed
    assert find_faults(place) == []


def test_several_objectives(place):
    with Study.create(place, NARROW, NSGA2(4, seed=0), trials=30) as study:
        for _ in range(10):
            trial = study.ask()
            study.tell(trial.id, (float(trial.decisions["x"]), -float(trial.decisions["x"])))
        study.change_space(LESS)
        assert all(trial.decisions.space == LESS for trial in study.front())
        trial = study.ask()
        study.tell(trial.id, (1.0, 2.0))


def test_a_function_and_names(place):
    wider = flatten(
        [integer("size", 0, 9), choice("op", 2, literals=["'a'", "'b'"]), floating("lr", 0.0, 1.0)]
    )
    with Study.create(place, NARROW, Random(seed=1), trials=9) as study:
        run(study, 4)
        xs = [trial.decisions["x"] for trial in study.trials()]
        with pytest.raises(ZeroDivisionError, match="division by zero"):
            study.change_space(wider, lambda params: 1 / 0)
        with pytest.raises(FieldTypeError, match="the function that maps decisions returns a dict"):
            study.change_space(wider, lambda params: 3)
        assert (study.space, study.trial(1).decisions.space) == (NARROW, NARROW)
        run(study, 1)  # nothing was changed
        found = study.change_space(wider, lambda params: {"size": params["x"], "op": params["op"], "lr": 0.1})
        assert found == (5, 0, 0)
        assert [trial.decisions["size"] for trial in study.trials()][:4] == xs
        assert study.change_space(NARROW, lambda p: {"x": p["size"], "op": p["op"]}).mapped == 5


class Own(Algorithm):
    """An algorithm that cannot be made from its description."""

    def _propose(self):
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        pass

    def _state(self):
        return {}

    def _restore(self, state):
        pass


def test_refusals(place):
    with Study.create(place, NARROW, Own(), trials=9) as study:
        run(study, 2)
        with pytest.raises(
            StudyError,
            match=r"Pass a new one to change_space, made as that of the study: study\.change_space\(space, algorithm=",
        ):
            study.change_space(WIDE)
        with pytest.raises(StudyError, match="is searched by another algorithm"):
            study.change_space(WIDE, algorithm=Random())
        with pytest.raises(FieldTypeError, match="a study takes a Space"):
            study.change_space({"x": 1})
        run(study, 1)
        assert study.change_space(WIDE, algorithm=Own()).mapped == 3  # the remedy
        run(study, 1)
    with Study.open(place) as study, pytest.raises(StudyError, match=r"is open for reading only\."):
        study.change_space(NARROW)
    with Study.open(place, WIDE, Own()) as study:
        assert study.change_space(WIDE) == (4, 0, 0)  # an equal space: nothing to do


def test_an_algorithm_that_cannot_search_the_new_space(tmp_path):
    from pliant.algorithms import Sweep

    with Study.create(tmp_path / "a.db", NARROW, Sweep(), trials=9) as study:
        run(study, 2)
        with pytest.raises(SpaceError, match=r"infinite|Sweep"):
            study.change_space(flatten([floating("x", 0.0, 1.0)]))
        run(study, 1)


def test_readers_and_clients_of_the_old_space_are_told(place):
    with Study.create(place, NARROW, Random(seed=1), trials=30) as study, serve(study):
        run(study, 2)
        with Study.open(place) as reader, connect(place) as client:
            assert len(list(reader.trials())) == 2
            trial = client.ask()
            client.tell(trial.id, 1.0, token=trial.token)
            study.change_space(WIDE)
            for read in (lambda: list(reader.trials()), lambda: reader.trial(1), reader.best, reader.info):
                with pytest.raises(
                    StudyError,
                    match=r"another process changed the space of .*\. Open the study again to read it",
                ):
                    read()
            with pytest.raises(StudyError, match=r"the space of the study was changed\. Connect again"):
                client.ask()
        with connect(place) as client:  # the remedy; the trial of the first client was returned
            trial = client.ask()
            assert trial.decisions.space == WIDE
            client.tell(trial.id, 1.0, token=trial.token)


def die_at(point, count, work):
    """Runs work in a fork that ends at a failpoint; returns whether it did."""
    child = os.fork()
    if child == 0:
        try:
            failpoint.arm(f"{point}:{count}")
            work()
        except BaseException:  # noqa: BLE001  # of a fork, which must not go on
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


@pytest.mark.parametrize("point", ["begin", "commit", "committed", "marked", "closing", "closed"])
def test_a_crash_changes_all_or_nothing(point, tmp_path):
    make = lambda: TPE(startup=3, seed=1)  # noqa: E731
    with Study.create(tmp_path / "whole.db", NARROW, make(), trials=30) as study:
        run(study, 8)
        study.change_space(LESS)
        run(study, 6)
        whole = remove_times(to_rows(study))

    def change(path):
        study = Study.open(path, NARROW, make())
        study.change_space(LESS)
        study.close()

    seen = set()
    for count in range(1, 6):
        path = Path(tmp_path / f"{count}.db")
        with Study.create(path, NARROW, make(), trials=30) as study:
            run(study, 8)
        died = die_at(point, count, lambda: change(path))  # noqa: B023
        with Study.open(path) as study:
            space = study.space
            assert space in (NARROW, LESS)
            seen.add(space)
        if space == NARROW:
            change(path)
        with Study.open(path, LESS, make()) as study:
            run(study, 6)
            assert remove_times(to_rows(study)) == whole
        assert find_faults(path) == []
        if not died:
            break
    assert LESS in seen


def test_a_backup_has_the_history(place, tmp_path):
    with Study.create(place, NARROW, Random(seed=1), trials=30) as study:
        run(study, 9)
        study.change_space(LESS)
        study.backup(tmp_path / "copy.db")
        expected = list(study.trials())
    with Study.open(tmp_path / "copy.db") as copy:
        assert list(copy.trials()) == expected


def test_a_damaged_earlier_space_is_found(place, execute):
    with Study.create(place, NARROW, Random(seed=1), trials=30) as study:
        run(study, 9)
        study.change_space(LESS)
    execute(place, "UPDATE spaces SET space = '{}'")
    assert find_faults(place) == ["earlier space 1 does not agree with its digest"]
    if "://" not in str(place):  # opening a file checks all rows
        with pytest.raises(
            StudyError, match=r"is damaged, or was changed by another program: earlier space 1 does not agree"
        ):
            Study.open(place)
    execute(place, "DELETE FROM spaces")
    with Study.open(place) as study, pytest.raises(StudyError, match="the earlier space 1 is missing"):
        list(study.trials())


@pytest.mark.parametrize(
    "text", ['{"space": "1", "values": [1]}', '{"space": 1}', "{", '{"space": true, "values": [1]}']
)
def test_damaged_decisions_of_an_earlier_space_are_said(text, place, change):
    with Study.create(place, NARROW, Random(seed=1), trials=30) as study:
        run(study, 9)
        study.change_space(LESS)
        one = next(trial.id for trial in study.trials() if trial.decisions.space == NARROW)
    change(place, f"UPDATE trials SET decisions = '{text}' WHERE id = {one}")
    with (
        Study.open(place) as study,
        pytest.raises(StudyError, match=f"trial {one}: its decisions are not those of an earlier space"),
    ):
        study.trial(one)
