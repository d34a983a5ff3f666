"""Members of a team in one process: a leader, and followers over its socket; and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pliant.algorithms import Random, RegularizedEvolution
from pliant.space import choice, flatten, floating, integer
from pliant.study import Study
from pliant.study.team import member as members
from pliant.study.team.member import join
from pliant.study.team.mounts import find_network, find_type
from pliant.values.errors import (
    FeedbackError,
    RewardError,
    SpaceChangedError,
    StudyChangedError,
    StudyError,
    StudyInUseError,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a team needs Unix sockets")
SPACE = flatten([choice("a", 5), integer("n", 1, 9), floating("lr", 0, 1)])


def make():
    return RegularizedEvolution(6, 3, seed=2)


@pytest.fixture
def pair(place):
    with (
        join(place, SPACE, make(), trials=20, worker="first") as first,
        join(place, SPACE, make(), trials=20, worker="second") as second,
    ):
        yield first, second


def ask(member):
    """Asks until there is a trial."""
    while (trial := member.ask()) is None:
        assert member.waits
    return trial


def test_the_second_follows(pair):
    first, second = pair
    assert (first.leads, second.leads) == (True, False)
    one, two = first.ask(), second.ask()
    assert (one.id, one.worker, two.id, two.worker) == (1, "first", 2, "second")
    assert second.tell(two.id, 0.5, metrics={"loss": 2.0}).metrics == {"loss": 2.0}
    assert first.report(one.id, 0.1, step=1) is False
    assert first.tell(one.id, 0.25).reward == 0.25
    three = second.ask()
    assert second.report(three.id, 0.1, step=1) is False
    assert second.fail(three.id, "too large", cause="memory").cause == "memory"
    second.note(three.id, "a line")
    assert [text for _, trial, text in first.journal() if trial == 3] == ["a line"]
    assert second.best()[0].id == 2
    assert second.counts() == first.counts() == {"running": 0, "completed": 2, "stopped": 0, "failed": 1}


def test_a_trial_is_put_back(pair):
    first, second = pair
    trial = second.ask()
    assert second.put_back(trial.id, "stopped", attempts=None).cause == "interrupted"
    again = first.ask()
    assert (again.id, again.attempts) == (trial.id, 2)


def test_a_bad_reward_leaves_the_trial_open(pair):
    for member in pair:
        trial = member.ask()
        with pytest.raises(RewardError, match="finite"):
            member.tell(trial.id, float("nan"))
        assert member.tell(trial.id, 1.0).reward == 1.0


def test_an_unknown_trial_is_refused(pair):
    for member in pair:
        with pytest.raises(FeedbackError, match="no trial 7"):
            member.tell(7, 1.0, token=1)


def test_a_follower_takes_over_with_its_trials(pair):
    first, second = pair
    mine, other = second.ask(), first.ask()
    first.close()
    assert second.tell(mine.id, 0.5).reward == 0.5
    assert second.leads
    assert second.trial(mine.id).attempts == 1
    again = ask(second)
    assert (again.id, again.attempts) == (other.id, 2)


def test_the_trial_of_a_new_leader_stays_its_own(pair):
    first, second = pair
    mine = second.ask()
    first.close()
    assert ask(second).id == 2
    assert second.leads
    assert second.tell(mine.id, 0.5).attempts == 1


def test_a_late_result_changes_nothing(pair):
    first, second = pair
    trial = second.ask()
    first._study.put_back(trial.id, "it was silent", attempts=None)
    again = first.ask()
    assert again.id == trial.id
    assert second.report(trial.id, 0.1, step=1) is True  # it should stop
    assert second.tell(trial.id, 0.1).status == "running"
    assert first.tell(trial.id, 0.9).reward == 0.9
    assert second.tell(trial.id, 0.1, token=1).reward == 0.9
    assert second.trial(trial.id).reward == 0.9


def test_more_trials_for_a_running_search(place):
    with join(place, SPACE, make(), trials=2) as first:
        for _ in range(2):
            first.tell(first.ask().id, 0.5)
        assert first.is_complete
        with join(place, SPACE, make(), trials=3) as second:
            assert second.ask().id == 3
            assert first.info().budget == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"space": flatten([choice("a", 4)])}, SpaceChangedError, "searches another space"),
        ({"algorithm": Random()}, StudyChangedError, "is searched by another algorithm"),
        (
            {"maximize": False},
            StudyChangedError,
            "made with maximize=True, and is opened with maximize=False",
        ),
        ({"seed": 9}, StudyChangedError, "was made with seed="),
        ({"constraints": ["loss <= 1"]}, StudyChangedError, "made with constraints="),
    ],
)
def test_another_search_is_refused(place, change, error, message):
    with join(place, SPACE, make(), trials=5) as first:
        before = first.info()
        given = {"space": SPACE, "algorithm": make(), "trials": 9, **change}
        with pytest.raises(error, match=message):
            join(place, given.pop("space"), given.pop("algorithm"), **given)
        assert first.info() == before


def test_a_study_that_is_not_shared(place, monkeypatch):
    monkeypatch.setattr(members, "JOIN_SECONDS", 0.1)
    with (
        Study.create(place, SPACE, make()),
        pytest.raises(StudyInUseError, match=r"is being written by|is already open for writing"),
    ):
        join(place, SPACE, make())


def test_nothing_leads_for_too_long(place, monkeypatch, capsys):
    monkeypatch.setattr(members, "PATIENCE", 1.0)
    monkeypatch.setattr(members, "NOTICE", 0.2)
    with (
        join(place, SPACE, make(), trials=9) as first,
        join(place, SPACE, make(), trials=9) as second,
    ):
        first._server.close()  # as if it hung: it has the right to write, and does not answer
        with pytest.raises(
            StudyError, match=r"for 1 s no process could lead the search of .*: .*same command again"
        ):
            second.ask()
        assert "waiting for a process that leads the search" in capsys.readouterr().err


def test_closed_twice(pair):
    pair[1].close()
    pair[1].close()


MOUNTS = r"""
22 1 0:20 / / rw,relatime - ext4 /dev/sda1 rw
31 22 0:40 / /home rw shared:5 - nfs4 server:/home rw,vers=4.2
32 31 0:41 / /home/me/local rw - xfs /dev/sdb1 rw
33 22 0:42 / /mnt/two\040words rw master:1 - cifs //server/share rw
34 22 0:43 / /mnt/two rw - fuse.sshfs me@server:/ rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/a.db", None),
        ("/home/me/a.db", "nfs4"),
        ("/home/me/local/a.db", None),
        ("/home2/a.db", None),
        ("/mnt/two words/a.db", "cifs"),
        ("/mnt/two/a.db", "fuse.sshfs"),
    ],
)
def test_network_file_systems(path, kind):
    assert find_type(path, MOUNTS) == kind


def test_a_folder_of_this_machine_is_local(tmp_path):
    assert find_network(tmp_path / "a.db") is None


def test_other_machines_are_refused_on_a_network_file_system(tmp_path, monkeypatch):
    """The file is held, and nothing answers here, as where the leader is another machine."""
    monkeypatch.setattr(members, "JOIN_SECONDS", 0.1)
    listed = tmp_path / "mountinfo"
    listed.write_text(
        f"22 1 0:20 / / rw - ext4 /dev/sda1 rw\n31 22 0:40 / {tmp_path} rw - nfs4 server:/a rw\n"
    )
    monkeypatch.setattr("pliant.study.team.mounts.MOUNTS", Path(listed))
    place = tmp_path / "a.db"
    with (
        Study.create(place, SPACE, make()),
        pytest.raises(
            StudyError,
            match=r"network file system \(nfs4\).*pliant study server FOLDER.*study='postgresql://",
        ),
    ):
        join(place, SPACE, make())
