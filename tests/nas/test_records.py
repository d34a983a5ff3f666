"""Settings and states as JSON files: they come back equal, and a damaged file is explained."""

from __future__ import annotations

import json

import pytest

from pliant.nas.errors import NasError
from pliant.nas.proxy.correlation import End, Moment
from pliant.nas.proxy.search import Proxy, SearchState
from pliant.nas.proxy.selection import Model, Round, SelectionState
from pliant.nas.proxy.variance import MeasurementState
from pliant.nas.records import read_record, write_record
from pliant.nas.settings import Rules, Settings, Trainer

TRAINER = Trainer("train.py", None, "/jobs", options=("--gpus=all",))
RECORDS = [
    Settings(
        "spaces.board", None, TRAINER, Rules("accuracy", constraints=("latency <= 3",)), {"a": "b=c"}, {}
    ),
    Settings(None, "darts", TRAINER, Rules("accuracy"), retrained=(4, 3)),
    SelectionState(8, 5, 2, "latency", (Round("round_1", 8, 12.5, (Model(1, 1, 0.5),), (1,)),)),
    SearchState("jobs/models", "proxies.candidates", 1.0),
    SearchState(
        "m",
        "p.c",
        2.0,
        proxies=(
            Proxy("a", {"x": "1"}, "proxy_1", End("accuracy", 3, 0.5), (Moment(1, 0.5, 0.1, None),), -1.0),
        ),
    ),
    MeasurementState(("exit code 3", ""), (0.5, 0.75), 0.2, 0.0),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_come_back_equal(record, tmp_path):
    write_record(tmp_path / "deep" / "record.json", record)
    assert read_record(tmp_path / "deep" / "record.json", type(record), "a record") == record


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "does not hold a measurement: LoadError: Expecting property"),
        ("[]", "does not hold a measurement: TypeError"),
        ('{"version": 1, "attempts": 3}', "does not hold a measurement: TypeError"),
        ('{"version": 1, "sizes": []}', "does not hold a measurement: KeyError: 'sizes'"),
        ('{"version": 2}', "has version 2; this Pliant reads version 1. Update Pliant"),
    ],
)
def test_damaged_files_are_explained(text, message, tmp_path):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(NasError, match=message):
        read_record(tmp_path / "record.json", MeasurementState, "a measurement")
    with pytest.raises(NasError, match=r"does not have a measurement: no gone\.json \(No such file"):
        read_record(tmp_path / "gone.json", MeasurementState, "a measurement")


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    (tmp_path / "record.json").symlink_to(tmp_path / "mine.json")
    write_record(tmp_path / "record.json", MeasurementState())
    assert (tmp_path / "mine.json").read_text() == "{}"
    assert json.loads((tmp_path / "record.json").read_text())["version"] == 1
