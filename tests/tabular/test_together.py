"""The launcher that evaluates all started trials with one call."""

from __future__ import annotations

import pytest

import pliant as pg
from pliant.launch import Call, Ended, InPlace, Job, Started
from pliant.tabular.together import Together, evaluate
from pliant.values.errors import EvaluationError, LaunchError

NAME = "pliant.tabular.together:evaluate"


def job(number):
    return Job(str(number), Call(NAME, {"id": number}))


def test_one_call_for_all_jobs():
    calls = []

    def go(payloads):
        calls.append(payloads)
        return [one["id"] * 10 for one in payloads]

    launcher = Together(go, slots=4)
    for number in (1, 2, 3):
        launcher.start(job(number))
    launcher.cancel("2", "not needed")
    events = launcher.poll(0)
    assert [event.job for event in events if isinstance(event, Started)] == ["1", "2", "3"]
    ended = {event.job: event.outcome for event in events if isinstance(event, Ended)}
    assert {name: (one.how, one.value) for name, one in ended.items()} == {
        "1": ("returned", 10), "2": ("cancelled", None), "3": ("returned", 30),
    }  # fmt: skip
    assert calls == [[{"id": 1}, {"id": 3}]]
    assert launcher.poll(0) == []


def test_a_search_trains_together():
    sizes = []

    def go(payloads):
        sizes.append(len(payloads))
        return [{"reward": float(one["decisions"][0])} for one in payloads]

    space = pg.Dict(x=pg.intv(0, 9))
    found = pg.search(space, NAME, "random", 10, launcher=Together(go, slots=4), seed=1, progress=False)
    assert sizes == [4, 4, 2]
    assert found.best_reward == max(trial.reward for trial in found.trials)


def test_what_it_does_not_run():
    launcher = Together(lambda payloads: payloads, slots=1)
    launcher.start(job(1))
    with pytest.raises(LaunchError, match="ids of their own until it is closed; got the job '1'"):
        launcher.start(job(1))
    with pytest.raises(LaunchError, match="send no messages"):
        launcher.reply("1", {})
    launcher.close()
    assert launcher.poll(0) == []
    with pytest.raises(LaunchError, match="until it is closed"):
        launcher.start(job(2))


def test_another_launcher():
    with pytest.raises(
        LaunchError, match=r"networks for a table are trained together, by pliant\.tabular\.search_table"
    ):
        evaluate(None)
    with pytest.raises(EvaluationError, match="networks for a table are trained together"):
        pg.search(pg.Dict(x=pg.intv(0, 9)), NAME, trials=2, launcher=InPlace(), progress=False)
