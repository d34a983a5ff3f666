"""The filter language: what each term finds, that any text is either understood or explained, and how trials are sorted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pliant.dashboard.query import Names, parse_filter, sort_trials
from pliant.values.errors import FieldValueError

NAMES = Names(["op", "rate", "head[=0/2].width"], ["latency", "acc top1"])


def make(number, **given):
    fields = {
        **dict.fromkeys(
            ("reward", "rewards", "seconds", "cause", "reason", "worker", "origin", "started", "ended")
        ),
        "attempts": 1,
        "status": "completed",
        "metrics": {},
    }
    return SimpleNamespace(**{"id": number, **fields, **given})


TRIALS = [
    (make(1, reward=0.5, seconds=2.0, metrics={"latency": 7.0, "acc top1": 1.0}, worker="node1"), {"op": "conv", "rate": 0.1, "head[=0/2].width": 32}),
    (make(2, reward=0.9, seconds=4.0, metrics={"latency": 9.0}, worker="node2"), {"op": "'max pool'", "rate": 0.01}),
    (make(3, status="failed", cause="memory", reason="Out of Memory: 12 GiB", worker="node2"), {"op": "conv", "rate": 1e-3}),
    (make(4, status="running", started="2026-01-02T03:04:05+00:00"), {"op": True, "rate": 1}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ids"),
    {
        "": [1, 2, 3, 4],
        "state:failed": [3],
        "status=running": [4],
        "-state:failed": [1, 2, 4],
        "state!=failed": [1, 2, 4],
        "reward>0.5": [2],
        "reward>=.5 seconds<3": [1],
        "reward:none": [3, 4],
        "op=conv": [1, 3],
        "op:CONV": [1, 3],
        'op="max pool"': [2],
        "op~pool": [2],
        "op!=conv": [2, 4],
        "op=true": [4],
        "rate=1e-3": [3],
        "rate=1": [4],
        "width=32": [1],
        '"head[=0/2].width">8': [1],
        "latency<8": [1],
        "metrics.latency<8": [1],
        '"acc top1"=1': [1],
        "cause=memory": [3],
        'reason:"out of"': [3],
        "worker:node2 -memory": [2],
        "GiB": [3],
        '"of memory"': [3],
        "id>2 id<=4": [3, 4],
        "started>2026-01-01": [4],
    }.items(),
)
def test_filter(text, ids):
    wanted = parse_filter(text, NAMES)
    assert [trial.id for trial, params in TRIALS if wanted(trial, params)] == ids


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "rewrd>1": "trials have no value 'rewrd'; did you mean 'reward'",
        "reward>high": "reward> compares with a number, such as 0.9; got 'high'",
        "reward>nan": "compares with a number",
        "state:dead": "a trial is .*; got state:'dead'",
        'op="conv': "cannot be read from",
        "x" * 2000: "at most 1000 letters; got 2000",
    }.items(),
)
def test_wrong_filter(text, message):
    with pytest.raises(FieldValueError, match=message):
        parse_filter(text, NAMES)


def test_a_name_with_several_ends():
    with pytest.raises(FieldValueError, match="'width' is the end of several names"):
        parse_filter("width=1", Names(["a.width", "b.width"], []))


@given(st.text(alphabet='ab"=<>!:~- 01.[]\\', max_size=30))
@example('""')
@example('"=')
@settings(max_examples=150)
def test_any_text_is_a_filter_or_explained(text):
    try:
        wanted = parse_filter(text, NAMES)
    except FieldValueError as error:
        wanted = None
        message = str(error)
    if wanted is None:
        assert 10 < len(message) < 1000
    else:
        assert all(isinstance(wanted(*one), bool) for one in TRIALS)


@given(
    st.sampled_from(["id", "reward", "seconds", "op", "rate", "latency", "worker"]),
    st.booleans(),
    st.permutations(TRIALS),
)
@settings(max_examples=40)
def test_order(name, is_down, trials):
    """The values are in order, those without one come last, and no trial is lost."""
    found = sort_trials(trials, f"-{name}" if is_down else name, NAMES)
    assert sorted(trial.id for trial, _ in found) == [1, 2, 3, 4]
    values = [NAMES.find(name)[1](trial, params) for trial, params in found]
    present = [value for value in values if value is not None]
    assert values == present + [None] * (len(values) - len(present))
    keys = [
        (
            isinstance(value, str),
            str(value) if isinstance(value, str) else 0,
            value if not isinstance(value, str) else 0,
        )
        for value in present
    ]
    assert keys == sorted(keys, reverse=is_down)
