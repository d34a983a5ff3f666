"""What a training reports, as its readers read it."""

from __future__ import annotations

import csv
import io
import sys
import time

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

import pliant as pg
from pliant.oneshot import DARTS, CsvLog, ProgressLine, TensorBoardLog, Trainer
from pliant.oneshot.training import Record
from pliant.oneshot.training.logs import describe_leading
from pliant.values.errors import LoadError
from pliant.values.packages import MissingLibraryError

from .conftest import loader, make_space


def read(folder):
    """Returns the scalars of a folder as TensorBoard shows them: by name, pairs of a step and a value."""
    events = EventAccumulator(str(folder)).Reload()
    return {
        name: [(one.step, one.value) for one in events.Scalars(name)] for name in events.Tags()["scalars"]
    }


def record(epoch, loss, **metrics):
    return Record(
        epoch=epoch,
        epochs=3,
        loss=loss,
        quality=0.5,
        learning_rate=0.1,
        seconds=1.0,
        metrics=metrics,
        leading={"op": "ReLU()"},
    )


def test_tensorboard_shows_what_a_search_logged(tmp_path):
    trainer = Trainer(
        make_space(),
        DARTS(),
        loader(),
        loader(seed=1),
        epochs=2,
        callbacks=[TensorBoardLog(tmp_path / "log")],
    )
    trainer.fit()
    shown = read(tmp_path / "log")
    assert set(shown) == {"loss", "quality", "learning_rate"} | {
        f"sampler/{name}" for name in trainer.records[0].metrics
    }
    assert "sampler/entropy" in shown
    for name, pairs in shown.items():
        expected = [
            one.metrics[name.removeprefix("sampler/")] if "/" in name else getattr(one, name)
            for one in trainer.records
        ]
        assert [step for step, _ in pairs] == [1, 2]
        assert [value for _, value in pairs] == pytest.approx(expected, rel=1e-6)


def test_what_a_restarted_search_repeats_is_shown_once(tmp_path):
    first = TensorBoardLog(tmp_path)
    for epoch in (1, 2, 3):
        first(record(epoch, 10.0 * epoch, entropy=1.0))
    time.sleep(1.1)  # files are ordered by the second of their start
    again = TensorBoardLog(tmp_path)
    for epoch in (2, 3):
        again(record(epoch, float(epoch), entropy=0.5))
    shown = read(tmp_path)
    assert shown["loss"] == [(1, 10.0), (2, 2.0), (3, 3.0)]
    assert shown["sampler/entropy"] == [(1, 1.0), (2, 0.5), (3, 0.5)]


def test_names_are_printable_in_tensorboard(tmp_path):
    TensorBoardLog(tmp_path)(record(1, 0.5, **{"\x1b[31mred\u202e\n": 1.0, "ok": 2.0}))
    assert {name for name in read(tmp_path) if "/" in name} == {r"sampler/\x1b[31mred\u202e ", "sampler/ok"}


def test_tensorboard_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(
        MissingLibraryError,
        match=r"TensorBoardLog needs tensorboard, .*`pip install \"pliant\[tensorboard\]\"`, or use CsvLog",
    ):
        TensorBoardLog(tmp_path)


HOSTILE = "\x1b]0;x\x07\u202e\u2028\ud800\n=1"


def test_logs_are_printable_and_run_nothing(tmp_path):
    """Names of candidates and metrics are those of others; the file is continued under the same columns."""
    for encoding in ("ascii", "utf-8"):
        data = io.BytesIO()
        stream = io.TextIOWrapper(data, encoding=encoding, newline="")
        ProgressLine(stream)(Record(1, 2, 0.5, 0.5, 0.1, 1.0, {HOSTILE: 1.0}, {HOSTILE: HOSTILE}))
        line = data.getvalue().decode(encoding)
        assert line.count("\n") == 1
        assert line[:-1].isprintable()
    log = CsvLog(tmp_path / "log.csv")
    for epoch in (1, 2, 2):
        log(
            Record(
                epoch,
                2,
                0.5,
                0.5,
                0.1,
                1.0,
                {HOSTILE: 1.0, "=m": 2.0},
                {"op": "=HYPERLINK()", "\u202e": "-1"},
            )
        )
    rows = list(csv.reader(io.StringIO(log.path.read_text("utf-8"), newline="")))
    assert [row[0] for row in rows] == ["epoch", "1", "2"]
    assert len(rows[0]) == len(set(rows[0])) == 9
    assert rows[0][6:8] == ["'=m", "leading.op"]
    assert [row[7] for row in rows[1:]] == ["'=HYPERLINK()"] * 2
    assert all(cell.replace("\n", "").isprintable() for row in rows for cell in row)


OTHERS = {
    "other columns": b"a,b\n1,2\n",
    "a word": b"epoch,loss\nx,1\n",
    "a fraction": b"epoch,loss\n1.5,1\n",
    "a long number": b"epoch,loss\n" + b"9" * 5000 + b",1\n",
    "a long cell": b"epoch,loss\n1," + b"x" * 200_000 + b"\n",
    "an open quote": b'epoch,loss\n"1,2\n',
    "no epoch": b"loss,epoch\n1\n",
    "not text": b"\xff\xfe\0\1",
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_a_file_that_is_not_a_log_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    record = Record(epoch=2, epochs=3, loss=1.0, quality=0.5, learning_rate=0.1, seconds=1.0)
    with pytest.raises(LoadError, match=r"is not a log of CsvLog \(.*Give another path, or move the file"):
        CsvLog(path)(record)
    assert path.read_bytes() == content
    path.rename(tmp_path / "moved.csv")
    CsvLog(path)(record)
    assert path.read_text().startswith("epoch,loss")


def test_large_candidates_are_shown_by_class_and_size():
    Sequential, Linear, ReLU = map(pg.symbolize, (nn.Sequential, nn.Linear, nn.ReLU))
    big = Sequential(Linear(4, pg.oneof([8, 16], name="w")), ReLU(), Linear(pg.oneof([8, 16], name="w"), 4))
    ordinary = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    net = pg.oneshot.supernet(Sequential(pg.oneof([big, ReLU()]), pg.oneof([ordinary, nn.Identity()])))
    found = [describe_leading(net, net.space.parse(values)) for values in ([0, 1, 0], [1, 1])]
    assert list(found[0].values()) == ["Sequential (148 weights)", "16", "Sequential (20 weights)"]
    assert list(found[1].values()) == ["ReLU()", "Identity()"]
