"""F9 and F15: files of trainers that are torn at any byte, written by two at once, or hold anything at all."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.launch import Outcome
from pliant.nas.folder import JobFolder
from pliant.nas.reports import LATENCY_FILE, read_measurements, read_numbers, read_status
from pliant.nas.result import ResultReader
from pliant.nas.settings import Rules
from pliant.nas.trial import MetricsReporter, write_job_status
from pliant.space import Decisions, flatten, integer
from pliant.study.run import Failed, Told
from pliant.study.trials.trial import start_trial

TAG = "top_1_accuracy"
ENDED = Outcome("returned")


@pytest.fixture
def metrics(tmp_path):
    """The metrics file of the first trial of a job."""
    path = JobFolder(tmp_path).metrics("search", 1, 1)
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def judge(tmp_path):
    """Returns a function that says what becomes of the first trial, whose trainer ended well."""
    judge = ResultReader(JobFolder(tmp_path), "search", Rules(TAG))
    trial = start_trial(1, Decisions(flatten([integer("x", 0, 9)]), (1,)))
    return lambda: judge.read(trial, ENDED)


def write(path, count):
    """Reports so many times; returns the bytes."""
    reporter = MetricsReporter(path)
    for step in range(1, count + 1):
        reporter.report_metrics(TAG, step / 100, step, other_metrics={"latency": 7 * step, "größe": step})
    return path.read_bytes()


def test_a_metrics_file_that_is_cut_at_any_byte(metrics, judge):
    """What was reported before the cut is there, and the last report before it is the reward."""
    text = write(metrics, 20)
    assert len(text) > 3000
    for cut in reversed(range(len(text) + 1)):
        os.truncate(metrics, cut)
        at_end = text[cut - 1 : cut + 1].count(b"\n") > 0 or cut == 0  # of a line, with its end or without
        whole = text[: cut + 1].count(b"\n")
        reading = read_measurements(metrics)
        assert [(one.step, one.values[TAG]) for one in reading.measurements] == [
            (step, step / 100) for step in range(1, whole + 1)
        ]
        assert reading.faults == ({} if at_end else {"cut off": 1})
        result = judge() if at_end or cut % 16 == 0 else None
        if result is None:
            continue
        if whole:
            numbers = {"latency": 7.0 * whole, "größe": whole, "global_step": whole}
            assert result == Told(whole / 100, numbers)
        else:
            assert isinstance(result, Failed)
            assert result.reason.startswith(f"no reward: the trainer did not report {TAG!r}: ")


def test_reports_after_a_cut_are_there(metrics, judge):
    """The torn line is left out, and no report is joined to it."""
    text = write(metrics, 3)
    for cut in [*range(0, len(text), 7), len(text) - 1, len(text)]:
        metrics.write_bytes(text[:cut])
        whole = text[: cut + 1].count(b"\n")
        MetricsReporter(metrics).report_metrics(TAG, 0.875, 99)
        assert [one.step for one in read_measurements(metrics).measurements] == [*range(1, whole + 1), 99]
        assert judge().reward == 0.875


def test_other_files_that_are_cut_at_any_byte(metrics, tmp_path, judge):
    """A status or a latency that is cut says nothing."""
    write(metrics, 1)
    home = JobFolder(tmp_path).trial("search", 1)
    write_job_status(home, "failed_with_nan_error")
    latency = home / LATENCY_FILE
    latency.parent.mkdir(parents=True)
    latency.write_text('{"latency_in_milliseconds": 2.5}')
    assert judge() == Failed("the trainer wrote job_status 'failed_with_nan_error'")
    status = home / "job_status.json"
    for path, read, nothing in (
        (status, lambda: read_status(home), ""),
        (latency, lambda: read_numbers(latency), {}),
    ):
        text = path.read_bytes()
        assert read() != nothing
        for cut in range(len(text.rstrip())):
            path.write_bytes(text[:cut])
            assert read() == nothing
    assert judge() == Told(0.01, {"latency": 7.0, "größe": 1.0, "global_step": 1.0})


@given(parts=st.lists(st.one_of(st.integers(1, 999), st.binary(max_size=60)), max_size=12))
def test_whatever_stands_between_reports(parts):
    """As when two write at once, or the trainer prints into the file: reports that are whole lines are there."""
    lines = [b'{"%s": %d}' % (TAG.encode(), part) if isinstance(part, int) else part for part in parts]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "metrics")
        path.write_bytes(b"\n".join(lines))
        found = read_measurements(path).measurements
        assert [one.values[TAG] for one in found if TAG in one.values] == [
            part for part in parts if isinstance(part, int)
        ]
        path.write_bytes(b"\n".join(lines).replace(b"\n", b""))
        read_measurements(path)


def test_two_that_report_at_once(metrics):
    """They may lose each other's reports, and tear none."""

    def report(sign):
        reporter = MetricsReporter(metrics)
        for step in range(1, 41):
            reporter.report_metrics(TAG, sign * step, step)

    threads = [threading.Thread(target=report, args=(sign,)) for sign in (1, -1)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not read_measurements(metrics).faults
    found = read_measurements(metrics).measurements
    assert all(abs(one.values[TAG]) == one.step for one in found)
    assert found[-1].step == 40
