"""Files of trials where several processes share a study, and for clients of a served one."""

from __future__ import annotations

import os
import pickle

import pytest

import pliant as pg
from pliant.algorithms import Random
from pliant.study import Study
from pliant.study.artifacts.place import StudyFiles
from pliant.study.client import connect
from pliant.study.serve import serve
from pliant.study.store.location import to_location
from pliant.study.team.member import join
from pliant.values.errors import StudyError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a team needs Unix sockets")
PROGRAM = pg.Dict(x=pg.intv(0, 99))
SPACE = pg.abstract_search_space(PROGRAM)


def algorithm():
    return Random(seed=3)


@pytest.fixture
def files(place, tmp_path):
    """Where searches store files: a folder that a study on a server needs, and another one beside a file."""
    return tmp_path / "files"


@pytest.fixture
def pair(place):
    """Two members, the second of which follows."""
    with (
        join(place, SPACE, algorithm(), trials=12) as first,
        join(place, SPACE, algorithm(), trials=12) as second,
    ):
        yield first, second


def run(members, **options):
    """Runs loops of several members in turns."""
    loops = [pg.sample(PROGRAM, study=member, progress=False, **options) for member in members]
    waiting = list(loops)
    while waiting:
        for loop in list(waiting):
            for program, feedback in loop:
                (feedback.folder / "state").write_text(str(program.x))
                feedback.save("x.txt", str(program.x).encode())
                feedback(program.x)
                break
            else:
                waiting.remove(loop)


def test_all_processes_save_and_keep(place, files, pair):
    run(pair, artifacts=files, keep="best(2)")
    with Study.open(place) as study:
        best = study.best(2)
        assert study.artifacts.place == str(files)
        assert study.artifacts.trials(folders=True) == sorted(one.id for one in best)
        assert study.artifacts.check() == []
    found = [pg.sample(PROGRAM, study=member, progress=False, artifacts=files).best for member in pair]
    for trial in (best[0], *found, pickle.loads(pickle.dumps(best[0]))):
        assert trial.artifact("x.txt").read_text() == str(best[0].decisions["x"])


def test_a_trial_of_another_process_gets_its_folder_back(pair, files):
    first, second = pair
    search = pg.sample(PROGRAM, study=second, progress=False, artifacts=files)
    _, feedback = next(search)
    (feedback.folder / "state").write_text("epoch 3")
    second.close()
    again = pg.sample(PROGRAM, study=first, progress=False, artifacts=files)
    for _, one in again:
        if one.id == feedback.id:
            break
        one.skip()
    assert one.id == feedback.id
    assert (one.folder / "state").read_text() == "epoch 3"


def test_another_place_is_refused(place, pair, files, tmp_path):
    first, second = pair
    pg.sample(PROGRAM, study=first, artifacts=files)
    with pytest.raises(
        StudyError, match=r"are in '.*files', and the search names '.*other'.*Name the first one"
    ):
        pg.sample(PROGRAM, study=second, artifacts=tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert second.ask().id == 1


def test_a_server_needs_a_place(place, pair, files):
    if not isinstance(place, str):
        with Study.open(place) as study:
            assert study.artifacts.trials() == []
        return
    with pytest.raises(StudyError, match=r"is on a server, and a search names the place of its artifacts"):
        pg.sample(PROGRAM, study=pair[0], keep="best")
    with Study.open(place) as study, pytest.raises(StudyError, match="To read them, use"):
        _ = study.artifacts
    pg.sample(PROGRAM, study=pair[0], keep="best", artifacts=files)
    pg.sample(PROGRAM, study=pair[1], keep="best")  # finds it
    mark = next(files.glob("studies/*"))
    mark.rename(files / "elsewhere")  # as a folder of this name on another machine
    with pytest.raises(
        StudyError, match=r"a folder of another machine, or was emptied\. Name a place that all"
    ):
        pg.sample(PROGRAM, study=pair[1], artifacts=files)


def test_a_password_is_not_pickled():
    files = StudyFiles(to_location("postgresql://me:secret@127.0.0.1:1/none?study=a"))
    assert b"secret" not in pickle.dumps(files)


def test_clients_save(tmp_path):
    with Study.create(tmp_path / "a.db", SPACE, algorithm(), trials=2) as study, serve(study):
        with connect(tmp_path / "a.db") as client:
            for trial in client:
                (client.artifacts.folder(trial.id, attempt=trial.attempts).path / "state").touch()
                client.artifacts.save(trial.id, "log.txt", b"loss 1", attempt=trial.attempts)
                assert (
                    client.tell(trial.id, 1.0, token=trial.token).artifact("log.txt").read_bytes()
                    == b"loss 1"
                )
        assert study.best()[0].artifact("log.txt").read_text() == "loss 1"
