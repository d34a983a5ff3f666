"""The table of processes, from /proc and from ps, and who belongs to whom."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pliant.launch import tree
from pliant.launch.tree import Entry
from pliant.testing.launchers import wait_until

FAMILY = {
    1: Entry(0, 1, 10),
    10: Entry(1, 10, 10),  # the keeper
    20: Entry(10, 20, 100),  # a job
    21: Entry(20, 20, 100),
    22: Entry(21, 22, 100),  # in a session of its own
    23: Entry(10, 20, 100),  # its parent has ended
    24: Entry(10, 24, 100),  # neither parent nor session is left
    30: Entry(10, 30, 100),  # another job
}


def test_members_and_descendants(monkeypatch):
    assert tree.members(20, FAMILY) == {20, 21, 22, 23}
    monkeypatch.setattr(tree, "_marked", lambda pid, mark: pid == 24 and mark == "10.1")
    assert tree.members(20, FAMILY, "10.1", 10) == {20, 21, 22, 23, 24}
    assert tree.members(30, FAMILY, "10.2", 10) == {30}
    assert tree.descendants([10], FAMILY) == {20, 21, 22, 23, 24, 30}
    assert tree.descendants([20, 30], FAMILY) == {21, 22}
    assert tree.resident({20, 21, 99}, FAMILY) == 200


def test_the_session_remains_when_its_leader_has_ended():
    family = {pid: entry for pid, entry in FAMILY.items() if pid != 20}
    assert tree.members(20, family) == {21, 22, 23}


@pytest.mark.parametrize("read", [tree._table_of_proc, tree._table_of_ps])
def test_tables(read):
    child = subprocess.Popen([sys.executable, "-c", "x = b'x' * (64 << 20); input()"], stdin=subprocess.PIPE)
    try:
        assert wait_until(lambda: read()[child.pid].resident > 64 << 20)
        found = read()
        assert found[child.pid].parent == os.getpid()
        assert child.pid in tree.descendants([os.getpid()], found)
        assert tree.proportional([child.pid], found) > 60 << 20
    finally:
        child.communicate(b"\n")
    assert child.pid not in read()


def test_a_zombie_is_not_there():
    child = subprocess.Popen(["true"])
    assert wait_until(lambda: child.pid not in tree.table())
    child.wait(60)


def test_ends_itself_only_below():
    children = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]
    tree.end([child.pid for child in children])
    assert [child.wait(60) for child in children] == [-9, -9]
    tree.end([2**22 + 7])  # a process that does not exist
    assert tree.out_of_memory_count() >= 0
