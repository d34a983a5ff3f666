"""Files of trials in searches: the winner's are there after the search, trials go on in their folders, weights save themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import pliant as pg
from pliant.algorithms import ASHA
from pliant.study import Study
from pliant.study.artifacts import Artifacts, Keep
from pliant.tune.weights import WEIGHTS
from pliant.values.errors import FeedbackError, FieldValueError, StudyError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def tasks():
    sys.path.insert(0, str(HERE))
    try:
        import artifact_tasks

        yield artifact_tasks
    finally:
        sys.path.remove(str(HERE))


@pytest.fixture(scope="module")
def networks():
    sys.path.insert(0, str(HERE))
    try:
        import winner_tasks

        yield winner_tasks
    finally:
        sys.path.remove(str(HERE))


def loop(space, evaluate, *given, **options):
    search = pg.sample(space, *given, progress=False, **options)
    for program, feedback in search:
        feedback(evaluate(program, feedback))
    return search


def in_process(space, evaluate, *given, **options):
    return pg.search(
        space, lambda program, feedback: evaluate(program, feedback), *given, progress=False, **options
    )


def in_workers(space, evaluate, *given, **options):
    return pg.search(space, evaluate, *given, progress=False, workers=2, **options)


WAYS = pytest.mark.parametrize("how", [loop, in_process, in_workers])


# ---------------------------------------------------------------- what trials save


@WAYS
@pytest.mark.parametrize("where", ["temporary", "study", "folder", "url"])
def test_the_files_of_the_best_trial_are_there(how, where, tasks, tmp_path):
    options = {
        "temporary": {},
        "study": {"study": tmp_path / "a.db"},
        "folder": {"artifacts": tmp_path / "files"},
        "url": {"artifacts": f"file://{tmp_path}/remote", "study": tmp_path / "a.db"},
    }[where]
    search = how(tasks.make_space(), tasks.save, "sweep", **options)
    assert (search.best.id, search.best.reward) == (5, 5.0)
    assert list(search.best.artifacts) == ["log.txt", "notes/x.txt"]
    assert search.best.artifact("log.txt").read_text() == "trained 5"
    assert [trial.artifact("notes/x.txt").read_bytes() for trial in search.trials] == [
        b"1",
        b"2",
        b"3",
        b"4",
        b"5",
    ]
    assert search.artifacts.trials() == [1, 2, 3, 4, 5]
    if where in ("study", "url"):  # also later, and from the study alone
        search.close() if how is loop else None
        with Study.open(tmp_path / "a.db") as study:
            assert study.best()[0].artifact("log.txt").read_text() == "trained 5"
            assert study.artifacts.check() == []
    if where == "temporary":
        folder = Path(search.artifacts.place)
        assert folder.is_dir()
        del search
        assert not folder.exists()


@WAYS
def test_only_the_best_are_kept(how, tasks, tmp_path):
    search = how(tasks.make_space(), tasks.save, "sweep", study=tmp_path / "a.db", keep="best(2)")
    assert search.artifacts.trials(folders=True) == [4, 5]
    assert search.best.artifact("log.txt").read_text() == "trained 5"
    with pytest.raises(
        FeedbackError,
        match=r"trial 1 has no artifact 'log\.txt'; it has none\. A trial saves one by feedback\.save",
    ):
        search.trials[0].artifact("log.txt")
    with pytest.raises(
        FeedbackError,
        match=r"no artifact 'logs\.txt'; it has 'log\.txt', 'notes/x\.txt'; did you mean 'log\.txt'\?",
    ):
        search.best.artifact("logs.txt")


@WAYS
def test_minimizing_keeps_the_least(how, tasks, tmp_path):
    search = how(
        tasks.make_space(), tasks.save, "sweep", study=tmp_path / "a.db", keep="best", maximize=False
    )
    assert search.artifacts.trials() == [1] == [search.best.id]


def test_a_budget_of_bytes(tasks, tmp_path):
    found = in_process(
        tasks.make_space(), tasks.save, "sweep", artifacts=tmp_path / "f", keep=Keep("all", max_bytes=25)
    )
    assert found.artifacts.trials() == [4, 5]  # 10 bytes each
    with pytest.raises(
        pg.PliantError, match=r"the artifact 'log\.txt' has 9 bytes, more than the limit of 5"
    ):
        in_process(
            tasks.make_space(), tasks.save, "sweep", artifacts=tmp_path / "g", keep=Keep("all", max_bytes=5)
        )


@WAYS
def test_names_are_not_paths(how, tasks, tmp_path):
    error = FieldValueError if how is loop else pg.PliantError
    with pytest.raises(error, match=r"'\.\./\.\./outside\.txt' cannot be the name of an artifact"):
        how(tasks.make_space(), tasks.traverse, "sweep", artifacts=tmp_path / "a" / "b")
    assert list(tmp_path.rglob("outside*")) == []


def test_after_the_feedback_nothing_is_saved(tmp_path):
    search = pg.sample(pg.Dict(x=pg.intv(1, 2)), "sweep", progress=False, artifacts=tmp_path)
    _, feedback = next(search)
    feedback(1.0)
    with pytest.raises(
        FeedbackError,
        match=r"trial 1 has its feedback already, so it cannot save files; call feedback\.save before",
    ):
        feedback.save("a", b"x")


def test_searches_that_save_nothing_make_no_folder(tasks, tmp_path):
    for how in (loop, in_process, in_workers):
        how(
            pg.Dict(x=pg.intv(1, 2)), lambda p, f: 1.0, "sweep", study=tmp_path / f"{how.__name__}.db"
        ) if how is not in_workers else None
    assert not list(tmp_path.glob("*-artifacts"))


def test_another_place_for_a_study_that_has_artifacts_is_refused(tasks, tmp_path):
    loop(tasks.make_space(), tasks.save, "sweep", 2, study=tmp_path / "a.db")
    with pytest.raises(
        StudyError,
        match=r"the artifacts of the study '.*a\.db' are in '.*a\.db-artifacts', and the search names '.*other'",
    ):
        loop(
            tasks.make_space(), tasks.save, "sweep", 3, study=tmp_path / "a.db", artifacts=tmp_path / "other"
        )


# ---------------------------------------------------------------- trials that go on


def test_a_trial_goes_on_after_its_worker_was_killed(tasks, tmp_path):
    found = in_workers(tasks.make_space, tasks.crash_once, "sweep", 2, study=tmp_path / "a.db")
    assert [trial.attempts for trial in found.trials] == [2, 2]
    assert [trial.artifact("epochs.txt").read_text() for trial in found.trials] == ["0 1 2 3 in 2"] * 2


@WAYS
def test_a_promoted_trial_starts_from_its_parent(how, tasks, tmp_path):
    space = pg.Dict(x=pg.intv(1, 5), budget=pg.oneof([1, 2, 4]))
    search = how(space, tasks.continue_parent, ASHA(eta=2), 12, study=tmp_path / "a.db", keep="best")
    promoted = [trial for trial in search.trials if trial.parent is not None]
    assert promoted
    assert [trial.reason for trial in search.trials] == [None] * 12
    assert search.artifacts.trials(folders=True) == [search.best.id]  # once the study is complete


# ---------------------------------------------------------------- weights that save themselves


@WAYS
def test_the_winner_has_its_trained_weights(how, networks, tmp_path):
    def train(network, feedback):
        return networks.train_network(network)

    evaluate = networks.train_network if how is in_workers else train
    options = {"study": tmp_path / "a.db", "keep": "best"}
    search = how(
        networks.make_networks if how is in_workers else networks.make_networks(),
        evaluate,
        "sweep",
        **options,
    )
    assert networks.score_network(search.best_program) == search.best_reward > 0.7
    assert search.artifacts.trials() == [search.best.id]
    assert list(search.best.artifacts) == [WEIGHTS]
    if how is loop:
        search.close()
    again = pg.sample(networks.make_networks(), "sweep", progress=False, **options)  # in a later process
    assert list(again) == []
    assert networks.score_network(again.best_program) == search.best_reward
    untrained = pg.sample(networks.make_networks(), "sweep", progress=False, study=tmp_path / "a.db")
    assert list(untrained) == []
    assert networks.score_network(untrained.best_program) < 0.4  # without keep, as before


def test_weights_of_another_network_are_refused(networks, tmp_path):
    search = loop(
        networks.make_networks(),
        lambda n, f: networks.train_network(n),
        "sweep",
        1,
        artifacts=tmp_path,
        keep="best",
    )
    trial = search.best
    import torch

    from pliant.tune.weights import load_weights

    with pytest.raises(
        StudyError, match=r"the weights that trial 1 saved do not fit the network that its decisions give now"
    ):
        load_weights(torch.nn.Linear(1, 1), trial.artifact(WEIGHTS), 1)


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path):
    from pliant.tune.files import Storage, open_files

    sent = Storage(None, None, tmp_path / "a.db").describe()  # the study is not on this machine
    files = open_files({"files": sent, "id": 1, "attempt": 1, "parent_id": None})
    with pytest.raises(
        StudyError,
        match=r"the folder of the artifacts '.*' is not on this machine\. Give the search a place that all",
    ):
        files.save("a", b"x")
    on_server = Storage(None, None, "postgresql://user@host/db?study=a").describe()
    files = open_files({"files": on_server, "id": 1, "attempt": 1, "parent_id": None})
    with pytest.raises(StudyError, match=r"is on a server, and a search names the place of its artifacts"):
        files.save("a", b"x")
    given = Storage(tmp_path / "x", None, "postgresql://user@host/db?study=a").describe()  # the remedy
    open_files({"files": given, "id": 1, "attempt": 1, "parent_id": None}).save("a", b"x")
    assert Artifacts(tmp_path / "x").trials() == [1]
