"""Studies that the dashboard shows, and a browser's client for it."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

import pliant as pg
from pliant.dashboard import make_app
from pliant.study import Study
from pliant.study.plot.runs import Ranks, encode_epoch, encode_header, encode_ranks
from pliant.values.record import Record

HTML = "<img src=x onerror=alert(1)><script>alert(2)</script>"
TOKEN = "a-token-of-the-tests"
SPACE = pg.abstract_search_space(
    pg.Dict(
        op=pg.oneof(["conv", "pool", HTML], name="op"),
        rate=pg.floatv(1e-4, 1e-1, scale="log", name="rate"),
        head=pg.oneof([pg.Dict(kind="mlp", width=pg.oneof([32, 64], name="width")), "linear"], name="head"),
    )
)


@pytest.fixture
def study(tmp_path):
    """A study of twelve trials: ten with a reward and a metric, one that failed, one that runs; all with HTML in their texts."""
    path = tmp_path / "digits.study.db"
    with Study.create(path, SPACE, pg.algorithms.Random(), trials=40, seed=0, name=f"digits {HTML}") as made:
        for _ in range(10):
            trial = made.ask(worker="node1")
            made.tell(trial.id, trial.id / 10, metrics={"latency": 20.0 - trial.id})
        made.fail(made.ask(worker=HTML).id, f"out of memory {HTML}\n{'x' * 100_000}")
        made.ask(worker="node2")
    return path


@pytest.fixture
def run(tmp_path):
    """The file of a one-shot run of three epochs of nine, with HTML in its texts."""
    path = tmp_path / "darts.oneshot.jsonl"
    lines = [encode_header(f"DARTS({HTML})", {f"op {HTML}": ("conv", HTML)})]
    for epoch in (1, 2, 3):
        shares = {f"op {HTML}": (0.5 - epoch / 10, 0.5 + epoch / 10)}
        lines.append(
            encode_epoch(Record(epoch, 9, 1 / epoch, 0.5, 0.1, 2.0, {"entropy": 0.6}, {"op": HTML}, shares))
        )
    path.write_bytes(b"".join([*lines, encode_ranks(Ranks((0.1, 0.2), (0.3, 0.4), 1.0))]))
    return path


@pytest.fixture
def browse(tmp_path):
    """Returns a function that makes a client for a dashboard of the folder."""

    def make(*, host="http://localhost", **options):
        return TestClient(make_app([str(tmp_path)], **options), base_url=host, follow_redirects=False)

    return make
