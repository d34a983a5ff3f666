"""The metrics file: its form, what is kept, and that a reader never sees half of it."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import pytest

from pliant.nas import trial
from pliant.nas.trial import metrics as written
from pliant.values.errors import FieldTypeError, PliantError, RewardError


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
    reader.join()
    assert seen == sorted(seen)
    assert [p.name for p in Path(path.parent).iterdir()] == [path.name]
