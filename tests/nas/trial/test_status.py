"""Who a trial is, how it went, and when it should stop."""

from __future__ import annotations

import json

import pytest

from pliant.nas import trial
from pliant.nas.trial import status
from pliant.values.errors import FieldValueError


def test_the_number_of_a_trial(monkeypatch):
    monkeypatch.delenv("CLOUD_ML_TRIAL_ID", raising=False)
    assert trial.get_trial_id() == 0
    for text, number in (("12", 12), ("x", 0)):
        monkeypatch.setenv("CLOUD_ML_TRIAL_ID", text)
        assert trial.get_trial_id() == number


def test_the_folder_of_a_trial(monkeypatch):
    monkeypatch.delenv("AIP_MODEL_DIR", raising=False)
    assert trial.get_model_dir("here") == "here"
    for place, folder in (
        ("/a/nas/search/12/model", "/a/nas/search/12"),
        ("/a/nas/train/3", "/a/nas/train/3"),
    ):
        monkeypatch.setenv("AIP_MODEL_DIR", place)
        assert trial.get_model_dir("here") == folder
    monkeypatch.setenv("AIP_MODEL_DIR", "/a/model")
    with pytest.raises(FieldValueError, match="AIP_MODEL_DIR must be a folder in nas/search/NUMBER"):
        trial.get_model_dir("here")


def test_the_status_of_a_job(tmp_path):
    trial.write_job_status(tmp_path, "failed_with_nan_error")
    assert json.loads((tmp_path / "job_status.json").read_text()) == {"job_status": "failed_with_nan_error"}
    with pytest.raises(
        FieldValueError, match=r"a job's status must be one of .*got 'sucess'; did you mean 'success'"
    ):
        trial.write_job_status(tmp_path, "sucess")


def test_training_stops_where_it_is_wanted(tmp_path, monkeypatch):
    def stops(step):
        return trial.should_stop(tmp_path, step=step, total_steps=10)

    assert [stops(step) for step in (4, 9, 10)] == [False, False, True]
    (tmp_path / "DESIRED_TRAINING_PCT.json").write_text('{"desired_training_pct": 40}')
    assert [stops(step) for step in (3, 4)] == [False, True]
    for damaged in ("{", "[]", '{"desired_training_pct": "x"}', "[" * 99999):
        (tmp_path / "DESIRED_TRAINING_PCT.json").write_text(damaged)
        assert not stops(9)
    (tmp_path / "MAX_TRAINING_TIME.json").write_text('{"max_training_time_in_hrs": 1.5}')
    begun = status._BEGUN
    for hours, stop in ((1.4, False), (1.6, True)):
        monkeypatch.setattr(status.time, "monotonic", lambda hours=hours: begun + 3600 * hours)
        assert stops(1) is stop


def test_the_trial_to_go_on_from(monkeypatch):
    monkeypatch.delenv("PLIANT_PARENT_DIR", raising=False)
    assert trial.get_parent_dir() is None
    monkeypatch.setenv("PLIANT_PARENT_DIR", "/a/nas/search/3")
    assert trial.get_parent_dir() == "/a/nas/search/3"
