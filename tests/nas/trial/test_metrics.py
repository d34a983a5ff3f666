"""The metrics file: its form, what is kept, and that a reader never sees half of it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

import pliant as pg
from pliant.nas import trial
from pliant.nas.reports import read_measurements
from pliant.nas.trial import metrics as written
from pliant.nas.trial.status import TrialFileError
from pliant.values.errors import FieldTypeError, PliantError, RewardError
from pliant.values.text import to_printable


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The metrics file of a trial in a search for ``top_1_accuracy``."""
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(tmp_path / "hypertune" / "output.metrics"))
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_TAG", "top_1_accuracy")
    monkeypatch.setenv("CLOUD_ML_TRIAL_ID", "7")
    return tmp_path / "hypertune" / "output.metrics"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_form_is_the_services(path):
    trial.MetricsReporter().report_metrics(
        hyperparameter_metric_tag="top_1_accuracy",
        metric_value=0.983,
        global_step=2,
        other_metrics={"kernel_size_0": 3},
    )
    (line,) = path.read_text().splitlines()
    assert list(json.loads(line)) == sorted(json.loads(line))
    found = json.loads(line)
    assert isinstance(found.pop("timestamp"), float)
    assert found == {
        "checkpoint_path": "",
        "global_step": "2",
        "key_0": "kernel_size_0",
        "model_flops": "0.0",
        "top_1_accuracy": "0.983",
        "trial": "7",
        "value_0": "3.0",
    }


def test_report_picks_the_metric_of_the_search(path):
    others = {f"m{i}": i for i in range(9)}  # more than the service's five
    assert trial.report({"top_1_accuracy": 0.5, **others}, step=3, model_flops=1.5)
    (found,) = lines(path)
    assert (found["top_1_accuracy"], found["global_step"], found["model_flops"]) == ("0.5", "3", "1.5")
    assert {found[f"key_{i}"]: float(found[f"value_{i}"]) for i in range(9)} == others


def test_outside_of_a_search_nothing_is_written(path, monkeypatch):
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_TAG", "")
    assert not trial.report({"x": 1})
    assert not path.exists()


def test_reports_follow_each_other(path):
    for step in (1, 2, 3):
        trial.MetricsReporter().report_hyperparameter_tuning_metric("top_1_accuracy", step / 10, step)
    assert [line["top_1_accuracy"] for line in lines(path)] == ["0.1", "0.2", "0.3"]


def test_the_last_thousand_are_kept(path):
    path.parent.mkdir()
    path.write_text('{"global_step": "0"}\n' * written.KEPT)
    trial.report({"top_1_accuracy": 1}, step=1)
    assert len(lines(path)) == written.KEPT
    assert lines(path)[-1]["global_step"] == "1"


def test_zero_and_nan(path):
    trial.report({"top_1_accuracy": 0.0})
    trial.report({"top_1_accuracy": float("nan")})
    assert [line["top_1_accuracy"] for line in lines(path)] == ["1e-08", "nan"]


def test_names_that_cannot_be_are_left_out(path, caplog):
    trial.report({"top_1_accuracy": 1, "x" * 65: 1, "global_step": 1, "model_flops": 2, 3: 1, "fine": 2})
    (found,) = lines(path)
    assert [found[name] for name in found if name.startswith("key")] == ["fine"]
    assert found["global_step"] == "0"
    assert len(caplog.messages) == 4
    assert "at most 64 characters" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"top1": 1}, RewardError, r"the metric 'top_1_accuracy' is missing, .* got 'top1'"),
        ({"top_1_accuracy": "good"}, RewardError, "the metric 'top_1_accuracy' must be a number; got 'good'"),
        (
            {"top_1_accuracy": 1, "x": [1]},
            RewardError,
            r"the metric 'x' must be a number; got \[1\] of type list",
        ),
        (0.5, FieldTypeError, "metrics must be numbers by name"),
    ],
)
def test_what_is_no_report(path, given, error, message):
    with pytest.raises(error, match=message):
        trial.report(given)
    assert not path.exists()


def test_a_file_that_cannot_be_written(path):
    path.parent.write_text("")
    with pytest.raises(
        PliantError, match=r"output.metrics' cannot be written: (Not a directory|File exists)"
    ):
        trial.report({"top_1_accuracy": 1})


def test_a_reader_never_sees_half_of_it(path):
    trial.report({"top_1_accuracy": 1}, step=1)
    stop = threading.Event()
    seen = []

    def read():
        while not stop.is_set():
            seen.append(len(lines(path)))  # raises on half a line

    reader = threading.Thread(target=read)
    reader.start()
    for step in range(2, 100):
        trial.report({"top_1_accuracy": 1}, step=step)
    stop.set()
    reader.join(60)
    assert seen == sorted(seen)
    assert [p.name for p in Path(path.parent).iterdir()] == [path.name]


# ------------------------------------------------------------------ the folder for temporary files, which all users share


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A folder like ``/tmp``, without a search."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.delenv("CLOUD_ML_HP_METRIC_FILE", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_its_files_are_private(shared):
    before = os.umask(0)
    try:
        for value in (0.25, 0.5):
            trial.MetricsReporter().report_metrics("a", value)
    finally:
        os.umask(before)
    path = shared / "hypertune" / "output.metrics"
    assert [line["a"] for line in lines(path)] == ["0.25", "0.5"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "kind", ["a link", "a folder of another user", "a folder that all may write", "a file"]
)
def test_a_folder_of_others_is_refused(shared, tmp_path, monkeypatch, kind):
    """Nothing is read or written there; the remedy of the message works."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "output.metrics").write_text("precious\n")
    folder = shared / "hypertune"
    if kind == "a link":
        folder.symlink_to(victim)
    elif kind == "a file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o777 if "all may" in kind else 0o755)
    if os.getuid() == 0 and kind != "a folder that all may write":
        os.chown(folder, 54321, 54321, follow_symlinks=False)
    elif kind == "a folder of another user":
        pytest.skip("only root makes a folder of another user")
    with pytest.raises(
        TrialFileError,
        match=r"hypertune' is not a folder that only you may write\. Remove it, or set TMPDIR",
    ):
        trial.MetricsReporter().report_metrics("a", 0.5)
    assert (victim / "output.metrics").read_text() == "precious\n"
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(own))
    trial.MetricsReporter().report_metrics("a", 0.5)
    assert lines(own / "hypertune" / "output.metrics")[0]["a"] == "0.5"


@pytest.mark.parametrize("is_private", [True, False])
def test_a_link_in_place_of_the_file_is_not_followed(shared, tmp_path, monkeypatch, is_private):
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    path = shared / "hypertune" / "output.metrics"
    path.parent.mkdir(mode=0o700)
    path.symlink_to(victim)
    if not is_private:
        monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(path))
    trial.MetricsReporter().report_metrics("a", 0.5)
    assert victim.read_text() == "precious\n"
    assert not path.is_symlink()
    assert [line["a"] for line in lines(path)] == ["0.5"]  # nothing of the victim's


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="makes a link of another user")
@pytest.mark.parametrize("place", ["file", "folder"])
def test_links_of_others_on_a_path_that_was_given(shared, tmp_path, place):
    (tmp_path / "victim").mkdir()
    link = shared / "link"
    link.symlink_to(tmp_path / "victim")
    os.chown(link, 54321, 54321, follow_symlinks=False)
    path = link if place == "file" else link / "output.metrics"
    with pytest.raises(
        TrialFileError, match="link' was made by another user in a folder that all users may write"
    ):
        trial.MetricsReporter(path).report_metrics("a", 0.5)
    assert list((tmp_path / "victim").iterdir()) == []


def make_file_link():
    os.mkdir("hypertune")
    os.symlink("../victim/secret", "hypertune/output.metrics")


def make_hard_link():
    os.mkdir("hypertune")
    os.close(os.open("a", os.O_CREAT | os.O_WRONLY))
    os.link("a", "hypertune/output.metrics")


def make_pipe():
    os.mkdir("hypertune")
    os.mkfifo("hypertune/output.metrics")


ATTACKS = {
    "file link": make_file_link,
    "folder link": lambda: os.symlink("victim", "hypertune"),
    "hard link": make_hard_link,
    "pipe": make_pipe,
    "folder": lambda: os.mkdir("hypertune"),
    "a pipe in place of the folder": lambda: os.mkfifo("hypertune"),
}


def race():
    """Puts another folder, or a link, in place of a folder, again and again, where that is possible."""
    os.mkdir("theirs")
    os.symlink("victim", "link")
    while os.path.exists("going"):
        with suppress(OSError):
            os.rename("hypertune", f"away{time.monotonic_ns()}")
        for other in ("link", "theirs"):
            with suppress(OSError):
                os.rename(other, "hypertune")
                os.rename("hypertune", other)


@pytest.fixture
def other(monkeypatch):
    """Calls a function as another user in a folder like ``/tmp``, in which ``victim/secret`` is a file of this user."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        pytest.skip("only root starts processes of another user")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # that of pytest is closed to other users
    folder.chmod(0o1777)
    (folder / "victim").mkdir()
    (folder / "victim" / "secret").write_text("precious\n")
    (folder / "victim" / "secret").chmod(0o600)
    monkeypatch.delenv("CLOUD_ML_HP_METRIC_FILE", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    def start(work):
        child = os.fork()  # another user may not run this Python, which can be in a folder of this user
        if not child:
            code = 1
            try:
                os.chdir(folder)
                os.setgroups([])
                os.setgid(54321)
                os.setuid(54321)
                work()
                code = 0
            finally:
                os._exit(code)
        return child

    try:
        yield folder, start
        assert [path.name for path in (folder / "victim").iterdir()] == ["secret"]
        assert (folder / "victim" / "secret").read_text() == "precious\n"
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ATTACKS)
def test_what_another_user_left_there(other, kind):
    folder, start = other
    assert os.waitpid(start(ATTACKS[kind]), 0)[1] == 0
    with pytest.raises(
        TrialFileError, match=r"hypertune' is not a folder that only you may write\. Remove it, or set TMPDIR"
    ):
        trial.MetricsReporter().report_metrics("a", 0.5)
    path = folder / "hypertune"
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()  # the remedy
    trial.MetricsReporter().report_metrics("a", 0.5)
    assert len(lines(path / "output.metrics")) == 1


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_what_another_user_left_at_a_path_that_was_given(other, monkeypatch, kind):
    """In a folder that all users may write."""
    folder, start = other
    path = folder / "output.metrics"

    def make():
        if kind == "link":
            os.symlink("victim/secret", path)
        elif kind == "pipe":
            os.mkfifo(path)

    assert os.waitpid(start(make), 0)[1] == 0
    if kind == "hard link":
        os.link(folder / "victim" / "secret", path)  # where the system lets other users do so
    monkeypatch.setenv("CLOUD_ML_HP_METRIC_FILE", str(path))
    with pytest.raises(
        TrialFileError, match=r"output\.metrics' (was made by another user|has a second name)"
    ):
        trial.MetricsReporter().report_metrics("a", 0.5)
    path.unlink()  # the remedy
    trial.MetricsReporter().report_metrics("a", 0.5)
    assert len(lines(path)) == 1


@pytest.mark.parametrize("is_sticky", [True, False])
def test_another_user_who_swaps_the_folder(other, is_sticky):
    """Where that is possible, nothing is written; else the reports arrive."""
    folder, start = other
    folder.chmod(0o1777 if is_sticky else 0o777)
    (folder / "going").touch()
    reporter = trial.MetricsReporter()
    if is_sticky:
        reporter.report_metrics("a", 0.0)
    child = start(race)
    try:
        for step in range(100):
            if is_sticky:
                reporter.report_metrics("a", 0.5, step)
            else:
                with pytest.raises(TrialFileError, match=r"not sticky\. Set TMPDIR to a folder that you own"):
                    reporter.report_metrics("a", 0.5, step)
    finally:
        (folder / "going").unlink()
        os.waitpid(child, 0)
    if is_sticky:
        assert len(lines(reporter.path)) == 101


def test_a_metrics_file_that_is_a_pipe_or_huge(shared, monkeypatch):
    path = shared / "mine" / "output.metrics"
    path.parent.mkdir()
    os.mkfifo(path)
    trial.MetricsReporter(path).report_metrics("a", 0.5)  # it waits for nobody
    assert len(lines(path)) == 1
    with path.open("ab") as file:
        file.truncate(1 << 40)
    trial.MetricsReporter(path).report_metrics("a", 0.25)
    assert path.stat().st_size < 1 << 23
    assert json.loads(path.read_text().splitlines()[-1])["a"] == "0.25"


@pytest.mark.parametrize(
    "name", ["a\x1b[31m", "\u202eb", "x\nINFO fake line", "\u3164", "\ud800", "a\u2028b"]
)
def test_log_lines_are_printable(path, caplog, name):
    """Names of metrics and decisions are those of others."""
    program = pg.Dict(op=pg.oneof([name, "x"]))
    with caplog.at_level(logging.INFO):
        trial.MetricsReporter().report_metrics("a", 0.5, other_metrics={name * 70: 1.0})
        trial.parse_and_save_nas_params_str(program, '{"op":\n "0/2"}')
    assert len(caplog.messages) == 2
    for message in caplog.messages:
        assert to_printable(message) == message


@pytest.mark.parametrize("name", ["a\x1b[31m", "\u202eb", "\u3164", "a\u2028b", "\ufe0f"])
def test_metrics_whose_names_are_not_printable_are_not_read(path, name):
    trial.MetricsReporter().report_metrics("a", 0.5, other_metrics={name: 1.0, "b": 2.0})
    (found,) = read_measurements(path).measurements
    assert found.values == {"a": 0.5, "b": 2.0}
