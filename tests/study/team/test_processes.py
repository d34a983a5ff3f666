"""Teams of processes: any of them is killed or stopped at any time, and the search is as if none had been.

In a file here; on a server as well, where PLIANT_POSTGRES names one.
"""

from __future__ import annotations

import os
import random
import signal

import pytest
from laws import count_ended, ends_of, find_faults, find_leader, kill, team, wait_for

from pliant.study import Study

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a team needs Unix sockets")


def test_the_same_command_three_times(place):
    with team(place, "abc", 40) as processes:
        assert ends_of(processes) == {name: f"end {name} complete 40" for name in "abc"}
    assert find_faults(place, 40) == []


def test_another_leads_when_the_leader_is_killed(place, tmp_path):
    files = tmp_path / "files"
    with team(place, "abc", 50, files=files) as processes:
        wait_for("the first trials", lambda: count_ended(place) > 5)
        kill(processes.pop(find_leader(place, processes)))
        ends_of(processes)
    assert find_faults(place, 50) == []
    with Study.open(place) as study:
        best = study.best(3)
        assert study.artifacts.trials(folders=True) == sorted(trial.id for trial in best)
        assert [float(one.artifact("reward.txt").read_text()) for one in best] == [one.reward for one in best]


def test_a_follower_is_killed(place):
    with team(place, "abc", 50) as processes:
        wait_for("the first trials", lambda: count_ended(place) > 5)
        leader = find_leader(place, processes)
        kill(processes.pop(next(name for name in "abc" if name != leader)))
        ends_of(processes)
    assert find_faults(place, 50) == []


def test_all_are_killed_again_and_again(place):
    draw, target = random.Random(4), 0
    for _ in range(2):
        with team(place, "ab", 50) as processes:
            target = min(count_ended(place) + draw.randint(1, 20), 45)
            wait_for("trials", lambda: count_ended(place) >= target)  # noqa: B023  # called in this turn only
            for process in processes.values():
                kill(process)
    with team(place, "ab", 50) as processes:
        ends_of(processes)
    assert find_faults(place, 50) == []


def test_the_leader_is_stopped_for_a_while(place):
    with team(place, "ab", 40) as processes:
        wait_for("the first trials", lambda: count_ended(place) > 5)
        leader = processes[find_leader(place, processes)]
        leader.send_signal(signal.SIGSTOP)
        try:
            wait_for("a moment in which nothing is lost", lambda: count_ended(place) >= 5)
        finally:
            leader.send_signal(signal.SIGCONT)
        ends_of(processes)
    assert find_faults(place, 40) == []


def test_one_comes_late_and_one_leaves(place):
    with team(place, "a", 50) as first:
        wait_for("the first trials", lambda: count_ended(place) > 5)
        with team(place, "b", 50) as second:
            second["b"].stdout.readline()  # it has a trial
            first["a"].send_signal(signal.SIGINT)  # finishes its trial, and leaves the rest to the other
            assert ends_of(first)["a"].startswith("end a interrupted")
            ends_of(second)
    assert find_faults(place, 50) == []
