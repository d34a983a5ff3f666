"""Decisions that somebody wants to be tried next, from the process of the study or another one while it writes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pliant
import pliant as pg
from pliant.algorithms import Algorithm, Random, Sweep
from pliant.space import choice, flatten
from pliant.study import Study
from pliant.values.errors import DecisionError, StudyError


class Listener(Algorithm):
    """Proposes at random and keeps what it is told."""

    def _setup(self):
        self.told = []

    def _propose(self):
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        self.told.append([list(decisions.values), reward])

    def _state(self):
        return {"told": self.told}

    def _restore(self, state):
        self.told = state["told"]


def test_a_program_is_encoded_first(study):
    class Program:
        pass

    with pytest.raises(
        DecisionError,
        match=r"got <.*Program.*\. pg\.encode\(space, program\) returns the decisions of a program\.",
    ):
        study.enqueue(Program())
    with pytest.raises(DecisionError, match=r"a symbolic Dict is a program, not decisions"):
        study.enqueue(pg.Dict(a=1, b=1, c=1))
    with pytest.raises(DecisionError, match=r"do not fit the study") as caught:
        study.enqueue([99])
    assert "pg.encode" not in str(caught.value)


def test_what_is_enqueued_comes_next_in_order(place, flat):
    alone = Random()
    alone.setup(flat)
    with Study.create(place, flat, Random(), trials=4) as study:
        study.enqueue([2, 2, 2], "by hand")
        study.enqueue({"a": 1, "b": 1, "c": 1})
        assert study.info().queued == 2
        first, second, third = study.ask(), study.ask(), study.ask()
        assert (first.decisions.values, first.origin) == ((2, 2, 2), "enqueued: by hand")
        assert (second.decisions.values, second.origin) == ((1, 1, 1), "enqueued")
        assert (third.decisions, third.origin) == (alone.propose(), None)
        assert study.info().queued == 0
        assert study.trial(1) == first


def test_they_count_in_the_budget(place, flat):
    with Study.create(place, flat, Random(), trials=3) as study:
        study.ask()
        for _ in range(5):
            study.enqueue([0, 0, 0])
        assert [study.ask().origin, study.ask().origin] == ["enqueued", "enqueued"]
        assert study.ask() is None
        assert study.info().queued == 3
        for trial_id in (1, 2, 3):
            study.tell(trial_id, 0.0)
        assert study.is_complete


def test_an_exhausted_study_goes_on_with_them(place):
    small = flatten([choice("a", 2)])
    with Study.create(place, small, Sweep()) as study:
        while trial := study.ask():
            study.tell(trial.id, 0.0)
        assert study.is_complete
        study.enqueue([1])
        assert not study.is_complete
        again = study.ask()
        assert (again.id, again.origin) == (3, "enqueued")
        study.tell(3, 1.0)
        assert study.is_complete


def test_the_algorithm_hears_of_them_when_they_are_told(place, flat):
    algorithm = Listener()
    with Study.create(place, flat, algorithm) as study:
        study.enqueue([2, 1, 0])
        study.enqueue([2, 1, 1])
        study.ask(), study.ask()
        assert algorithm.told == []
        study.tell(2, 0.5)
        study.fail(1, "no")
        assert algorithm.told == [[[2, 1, 1], 0.5], [[2, 1, 0], None]]


def test_they_are_replayed(place, flat, monkeypatch):
    monkeypatch.setattr("pliant.study.trials.learner.MIN_EVENTS", 10**6)  # no snapshot but the first
    alone = Listener()
    alone.setup(flat)
    with Study.create(place, flat, Listener()) as study:
        for i in range(6):
            if i % 2:
                study.enqueue([i % 3, 0, 0])
            trial = study.ask()
            if trial.origin is None:
                assert trial.decisions == alone.propose()
            study.tell(trial.id, float(i))
            alone.feedback(trial.decisions, float(i))
        study.enqueue([1, 2, 1], "waits")
        study._loop._learner._events = 0  # so that closing saves no snapshot
    again = Listener()
    with Study.open(place, flat, again) as study:
        assert again.told == alone.told
        assert study.ask().origin == "enqueued: waits"
        assert study.ask().decisions == alone.propose()


def test_a_reader_may_enqueue_while_another_study_is_open_for_writing(place, flat):
    with Study.create(place, flat, Random()) as study, Study.open(place) as reader:
        study.ask()
        reader.enqueue([2, 2, 2], "from a reader")
        assert reader.info().queued == 1
        assert study.ask().origin == "enqueued: from a reader"
        with pytest.raises(StudyError, match="is open for reading"):
            reader.ask()


PROGRAM = """
import sys
from pliant.study import Study
with Study.open(sys.argv[1]) as study:
    for i in range(int(sys.argv[2])):
        study.enqueue([i % 3, i // 3 % 3, 2], f"{i}")
"""


def test_another_process_enqueues_while_this_one_writes(place, flat):
    count = 9
    paths = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with Study.create(place, flat, Random()) as study:
        other = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(place), str(count)],
            env={**os.environ, "PYTHONPATH": paths},
            stderr=subprocess.PIPE,
            text=True,
        )
        found, asked = [], 0
        while other.poll() is None or study.info().queued:
            trial = study.ask()
            asked += 1
            study.tell(trial.id, 0.0)
            time.sleep(0.002)
            if trial.origin:
                found.append((trial.origin, trial.decisions.values))
        assert other.stderr.read() == ""
        other.stderr.close()
        assert other.returncode == 0
        assert found == [(f"enqueued: {i}", (i % 3, i // 3 % 3, 2)) for i in range(count)]
        assert study.counts()["completed"] == asked


def test_what_is_not_of_the_space(study):
    with pytest.raises(DecisionError, match=r"these decisions do not fit the study 'study\w*': .*'op'"):
        study.enqueue({"op": "convolution", "act": 0})
    assert study.info().queued == 0


def test_a_note_that_is_no_text(study, space):
    study.enqueue(space.sample(random.Random(0)), "a\0b\udc80")
    assert study.ask().origin == "enqueued: a\ufffdb?"


def test_a_winner_in_a_plain_list_does_not_run_as_another_program(tmp_path):
    program = [pg.oneof([1, 2, 4])]
    with Study.create(tmp_path / "a.db", pg.abstract_search_space(program), Random()) as study:
        with pytest.raises(
            DecisionError, match=r"\[2\] may be a program of this space.*pg.Decisions\(space, \[2\]\)"
        ):
            study.enqueue([2])
        assert study.info().queued == 0
        study.enqueue(pg.encode(program, [2]))  # both pieces of advice
        study.enqueue(pg.Decisions(study.space, [2]))
        assert [pg.materialize(program, study.ask().decisions) for _ in range(2)] == [[2], [4]]
