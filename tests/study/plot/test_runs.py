"""Files of one-shot runs: what is written is read, and whatever else a file has is explained."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.study.plot.runs import Ranks, encode_epoch, encode_header, encode_ranks, read_run
from pliant.study.plot.svg import to_svg
from pliant.study.plot.training import FIGURES, choose, make_figure
from pliant.values.errors import FieldValueError, LoadError
from pliant.values.record import Record

HEAD = encode_header("DARTS()", {"op": ("conv", "skip")})


def make(epoch, **given):
    shares = {"op": (0.5 + epoch / 20, 0.5 - epoch / 20)}
    return Record(epoch, 9, 1 / epoch, math.nan if epoch == 1 else 0.5, 0.1, 2.0, **{"metrics": {"entropy": 0.6}, "leading": {"op": "conv"}, "probabilities": shares, **given})  # fmt: skip


def test_round_trip_and_what_a_checkpoint_repeats(tmp_path):
    path = tmp_path / "a.oneshot.jsonl"
    ranks = Ranks((0.1, 0.2), (0.3, 0.4), 1.0)
    lines = [encode_epoch(make(one)) for one in (1, 2, 3, 2)] + [encode_ranks(ranks)]
    path.write_bytes(b"".join([HEAD, *lines, b'{"epoch": 3, "epo']))  # the last line is being written
    run = read_run(path)
    assert [one.epoch for one in run.records] == [1, 2]
    assert math.isnan(run.records[0].quality)
    assert run.records[1] == make(2)
    assert (run.ranks, run.sampler, run.candidates) == (ranks, "DARTS()", {"op": ("conv", "skip")})
    assert choose(run) == list(FIGURES)
    figure = make_figure(run, "probabilities")
    assert figure.y.names == ("op = conv", "op = skip")
    assert [list(row) for row in figure.layers[0].shares] == [[0.55, 0.6], [0.45, 0.4]]
    assert make_figure(run, "losses").layers[1].x == [2]  # no quality in epoch 1
    with pytest.raises(
        FieldValueError, match=r"no figure of a training is called 'loss'.*did you mean 'losses'"
    ):
        make_figure(run, "loss")
    path.write_bytes(HEAD)
    with pytest.raises(FieldValueError, match=r"has no rank correlation: RunLog\.add_ranks"):
        make_figure(read_run(path), "ranks")


@given(st.lists(st.dictionaries(st.sampled_from([*Record.__slots__, "ranks"]), st.sampled_from([None, 1, -1, 1e999, "x", [1], {}, {"a": [1, "b"]}, {"a": 2.5}])), max_size=3), st.binary(max_size=20))  # fmt: skip
@settings(max_examples=20)
def test_any_file_is_read_or_explained(tmp_path_factory, rows, tail):
    path = tmp_path_factory.mktemp("runs") / "a.oneshot.jsonl"
    path.write_bytes(HEAD + b"".join(json.dumps({**json.loads(encode_epoch(make(1))), **row}).encode() + b"\n" for row in rows) + tail)  # fmt: skip
    try:
        run = read_run(path)
    except LoadError:
        return
    for name in choose(run):
        assert to_svg(make_figure(run, name)).startswith("<svg")


def test_other_files(tmp_path):
    path = tmp_path / "a.oneshot.jsonl"
    for text in ("", "[1]\n", "{}\n", "x", '{"kind": "one-shot run", "version": 2, "candidates": {}}\n'):
        path.write_text(text)
        with pytest.raises(LoadError, match="is not"):
            read_run(path)
    with pytest.raises(LoadError, match="cannot be read"):
        read_run(tmp_path)
