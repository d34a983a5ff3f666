"""A part of the campaign of `make faults`; and that the campaign finds what is wrong."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

import pliant
from pliant.study import Study
from pliant.study.store import failpoint
from pliant.study.store.migrate import seal_rows
from pliant.study.store.record import Record

PROGRAM = Path(__file__).with_name("campaign.py")
PATHS = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the searches are forked, for speed")


@pytest.fixture(scope="module")
def campaign():
    """The modules of the campaign, which import each other by name, as it runs as a program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROGRAM.parent)
        yield importlib.import_module("searches"), importlib.import_module("conditions")
    for name in ("searches", "conditions"):
        del sys.modules[name]


def change(file, statement):
    """Runs a statement, and writes the digests that Pliant would; the mark, which would show the loss, is deleted."""
    file.with_name(file.name + "-mark").unlink(missing_ok=True)
    engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
        seal_rows(Record(connection, file))


def test_nothing_is_lost_or_doubled_and_searches_go_on_the_same():
    done = subprocess.run(
        [sys.executable, PROGRAM, "--quick"],
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^(F\d+) +(\w+): .*?(\d+) +(\d+) +[\d.]+$", done.stdout, re.MULTILINE)
    kinds = {"SQLite", "PostgreSQL"} if os.environ.get("PLIANT_POSTGRES") else {"SQLite"}
    assert {(number, kind) for number, kind, *_ in rows} == {
        (number, kind) for number in ("F1", "F2", "F3", "F4", "F12", "F22") for kind in kinds
    }
    for number, kind, points, passed in rows:
        assert points == passed
        assert int(points) >= (16 if number == "F3" else 3), (number, kind)


def test_every_failpoint_of_a_search_is_reached(campaign, tmp_path):
    seen = {}
    searches, _ = campaign
    for number, search in enumerate([searches.search_by_hand, searches.search_by_launcher]):
        file = tmp_path / f"{number}.db"
        passed = []
        with pytest.MonkeyPatch.context() as patch:
            for name in ("store.store", "store.sqlite", "store.lock", "store.format", "store.migrate", "run"):
                patch.setattr(f"pliant.study.{name}.reach", passed.append)
            search(file, searches.make_plain, 2, 1, lambda trial_id: None)
        seen[number] = set(passed)
    assert seen[1] == set(failpoint.POINTS) - {"migrated"}  # which test_migrate.py sees to
    assert seen[0] == seen[1] - {"hand-over", "started", "ended"}


def test_the_variable_is_read_when_a_process_starts(tmp_path):
    program = (
        "import sys\nfrom pliant.algorithms import Random\nfrom pliant.space import flatten, integer\n"
        "from pliant.study import Study\n"
        "with Study.create(sys.argv[1], flatten([integer('x', 0, 9)]), Random()) as study:\n"
        "    for _ in range(9): study.tell(study.ask().id, 0.5)\n"
    )
    env = {**os.environ, "PYTHONPATH": PATHS, "PLIANT_FAILPOINT": "commit:6"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.db")], env=env, capture_output=True
    )
    assert (done.returncode, done.stderr) == (9, b"")
    with Study.open(tmp_path / "a.db") as study:  # 1 made it; then two a trial, of which the last is missing
        assert study.counts() == {"running": 0, "completed": 2, "stopped": 0, "failed": 0}


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)", "not one end for each trial"),
        ("UPDATE trials SET status = 'failed', reward = NULL WHERE id = 3", "lost: [3]"),
        ("UPDATE trials SET reward = 0.5 WHERE id = 3", "another reward than was told"),
        ("UPDATE trials SET decisions = '[1,3,9]' WHERE id = 4", "trial 4 is another one"),
        ("UPDATE trials SET id = 9 WHERE id = 5", "numbers: [1, 2, 3, 4, 9]"),
        ("UPDATE events SET reward = 0.5 WHERE seq = 2", "trial 1 reported something else"),
        ("UPDATE events SET stop = NOT stop WHERE seq = 2", "trial 1 was stopped otherwise"),
    ],
)
def test_the_campaign_finds_what_is_wrong(campaign, tmp_path, statement, fault):
    searches, conditions = campaign
    file, told = tmp_path / "a.db", []
    searches.search_by_hand(file, searches.make_stopping, 5, 1, told.append)
    find = partial(conditions.find_faults, file, searches.make_stopping, 5)
    assert find(told) == []
    assert find([*told, 2])[0] == "told twice: [2]"
    change(file, statement)
    assert fault in find(told)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE trials SET attempts = 2 WHERE id = {twice}", "trial {twice} had 2 attempts, and 0 of its"),
        (
            "UPDATE trials SET reason = 'gone' WHERE id = {fatal}",
            "trial {fatal} is failed, for the reason 'gone'",
        ),
    ],
)
def test_the_campaign_finds_trials_that_ended_wrong(campaign, tmp_path, statement, fault):
    searches, conditions = campaign
    file, told = tmp_path / "a.db", []
    search = searches.search_by("commands", deaths=searches.deaths_of)
    search(file, searches.make_plain, 20, 2, told.append)
    find = partial(conditions.find_faults, file, searches.make_plain, 20, told, deaths=searches.deaths_of)
    assert find() == []
    with Study.open(file) as study:
        trials = list(study.trials())
    numbers = {
        "twice": next(trial.id for trial in trials if trial.attempts == 1),
        "fatal": next(trial.id for trial in trials if trial.status == "failed"),
    }
    change(file, statement.format(**numbers))
    assert find()[0].startswith(fault.format(**numbers))


@pytest.mark.parametrize(
    ("statement", "at"),
    [("UPDATE trials SET reward = 0.5 WHERE id = 2", 3), ("DELETE FROM events WHERE seq > 9", 10)],
)
def test_the_campaign_finds_where_two_records_differ(campaign, tmp_path, statement, at):
    searches, conditions = campaign
    files = [tmp_path / f"{number}.db" for number in range(2)]
    for file in files:
        searches.search_by_hand(file, searches.make_plain, 5, 1, lambda trial_id: None)
    assert conditions.find_difference(*files) == []
    change(files[0], statement)
    assert conditions.find_difference(*files) == [f"event {at} is not that of a search that nobody killed"]


def test_the_campaign_finds_processes_that_are_left(campaign):
    searches, _ = campaign
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert list(searches.wait_for_end({program.pid}, seconds=0.1)) == [program.pid]
    assert program.wait(60) == -9
