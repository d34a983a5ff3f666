"""Teams of processes: any of them is killed or stopped at any time, and the search is as if none had been.

In a file here; on a server as well, where PLIANT_POSTGRES names one.
"""

from __future__ import annotations

import os
import random
import signal

import pytest
from laws import count_ended, ends_of, find_faults, find_leader, kill, team, wait_for

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a team needs Unix sockets")


def test_the_same_command_three_times(place):
    with team(place, "abc", 60) as processes:
        assert ends_of(processes) == {name: f"end {name} complete 60" for name in "abc"}
    assert find_faults(place, 60) == []


def test_another_leads_when_the_leader_is_killed(place):
    with team(place, "abc", 150) as processes:
        wait_for("the first trials", lambda: count_ended(place) > 10)
        first = find_leader(place, processes)
        kill(processes.pop(first))
        before = count_ended(place)
        wait_for("trials under another leader", lambda: count_ended(place) > before + 10)
        assert find_leader(place, processes) != first
        ends_of(processes)
    assert find_faults(place, 150) == []


def test_a_follower_is_killed(place):
    with team(place, "abc", 150) as processes:
        wait_for("the first trials", lambda: count_ended(place) > 10)
        leader = find_leader(place, processes)
        kill(processes.pop(next(name for name in "abc" if name != leader)))
        ends_of(processes)
    assert find_faults(place, 150) == []


def test_all_are_killed_again_and_again(place):
    draw, target = random.Random(4), 0
    for _ in range(2):
        with team(place, "ab", 120) as processes:
            target = count_ended(place) + draw.randint(1, 20)
            wait_for("trials", lambda: count_ended(place) >= target)  # noqa: B023  # called in this turn only
            for process in processes.values():
                kill(process)
    with team(place, "ab", 120) as processes:
        ends_of(processes)
    assert find_faults(place, 120) == []


def test_the_leader_is_stopped_for_a_while(place):
    with team(place, "ab", 80) as processes:
        wait_for("the first trials", lambda: count_ended(place) > 5)
        leader = processes[find_leader(place, processes)]
        leader.send_signal(signal.SIGSTOP)
        try:
            wait_for("a moment in which nothing is lost", lambda: count_ended(place) >= 5)
        finally:
            leader.send_signal(signal.SIGCONT)
        ends_of(processes)
    assert find_faults(place, 80) == []


def test_one_comes_late_and_one_leaves(place, tmp_path):
    gate = tmp_path / "gate"
    with team(place, "a", 150, gate=[gate]) as first:
        wait_for("the first trials", lambda: count_ended(place) > 5)
        with team(place, "b", 150, gate=[gate]) as second:
            second["b"].stdout.readline()  # it has a trial
            first["a"].send_signal(signal.SIGINT)  # finishes its trial, and leaves the rest to the other
            gate.touch()
            assert ends_of(first)["a"].startswith("end a interrupted")
            ends_of(second)
    assert find_faults(place, 150) == []
