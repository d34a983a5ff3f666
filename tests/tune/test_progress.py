"""Trials on one line, numbers in short, and how a search under way is shown."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

import pliant as pg
from pliant.study import Study, Trial
from pliant.tune.progress import LineDisplay, LiveDisplay, open_display
from pliant.tune.text import say, summarize


class Conv(pg.Object):
    filters: int
    kernel: int = 3


class Net(pg.Object):
    layers: list
    act: object = None


def relu():
    """A candidate that is a function."""


def summary(program, decisions):
    space = pg.abstract_search_space(program)
    trial = Trial(1, space.parse(decisions), "running", None, None, None, 1, "", None, None)
    return summarize(trial)


SUMMARIES = {
    "numbers": (pg.Dict(n=pg.intv(1, 9), lr=pg.floatv(1e-4, 1, "log")), [3, 0.0123456], "n=3, lr=0.01235"),
    "text": (pg.Dict(op=pg.oneof(["conv", "pool"])), [1], "op=pool"),
    "classes and functions": (pg.Dict(act=pg.oneof([Conv, relu])), [0], "act=Conv"),
    "objects": (pg.Dict(op=pg.oneof([Conv(8), Net([])])), [1], "op=Net"),
    "objects of one class": (pg.Dict(op=pg.oneof([Conv(8), Conv(16)])), [1], "op=Conv(filters=16)"),
    "objects with holes": (
        pg.Dict(op=pg.oneof([Conv(pg.intv(1, 9), pg.oneof([3, 5])), Conv(pg.intv(20, 30))])),
        [0, 4, 1],
        "op=Conv(4, 5)",
    ),
    "picks": (pg.Dict(ops=pg.manyof(2, ["a", "b", "c"])), [2, 0], "ops=[c, a]"),
    "picks with holes": (
        pg.Dict(net=pg.oneof([Net(pg.manyof(2, [Conv(pg.intv(1, 9)), None], distinct=False)), None])),
        [0, 0, 7, 1],
        "net=Net([Conv(7), None])",
    ),
    "a hole in a hole": (pg.Dict(x=pg.oneof([pg.intv(1, 9), pg.manyof(2, [4, 5])])), [1, 1, 0], "x=[5, 4]"),
    "lists": (pg.Dict(x=pg.oneof([[Conv(pg.intv(1, 9))] * 2, [1, 2]])), [0, 3, 4], "x=[(3), (4)]"),
    "lists without holes": (pg.Dict(x=pg.oneof([[1, 2], [3]])), [0], "x=[0: 1, 1: 2]"),
    "places in the program": (
        Net([pg.oneof([1, 2]), Conv(pg.oneof([3, 4]), pg.intv(1, 9))]),
        [1, 0, 5],
        "layers=[2, (3, 5)]",
    ),
    "a hole alone": (pg.oneof(["a", "b"]), [1], "b"),
    "long text": (pg.Dict(x=pg.oneof(["a" * 50, "b"])), [0], "x=" + "a" * 21 + "..."),
}


@pytest.mark.parametrize(("program", "decisions", "text"), SUMMARIES.values(), ids=SUMMARIES)
def test_summary(program, decisions, text):
    assert summary(program, decisions) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0.0000"), (0.97251, "0.9725"), (1e-5, "1e-05"), (-2e6, "-2e+06"), (None, "-")]
)
def test_numbers(number, text):
    assert say(number) == text


@pytest.fixture
def study(tmp_path):
    space = pg.abstract_search_space(pg.Dict(x=pg.intv(0, 99)))
    with Study.create(tmp_path / "a.db", space, pg.generators.Random(), trials=200) as study:
        yield study


def run(study, display, rewards):
    with display:
        for reward in rewards:
            trial = study.ask()
            display.add(study.fail(trial.id, "it broke") if reward is None else study.tell(trial.id, reward))


def console(**options):
    return Console(file=io.StringIO(), width=120, **options)


def test_lines(study):
    out = console()
    run(study, open_display(out, "search", study), [1.0, 0.5, None, 2.0, 0.1, 0.1, 0.1, 0.1])
    text = re.sub(r"\d+ s\n", "\n", out.file.getvalue())
    assert text.splitlines() == [  # of 200 trials: the best, the failed, and every fourth
        "search: trial 1/200: 1.0000, best 1.0000 (trial 1), ",
        "search: trial 3/200: failed: it broke; best 1.0000 (trial 1), ",
        "search: trial 4/200: 2.0000, best 2.0000 (trial 4), ",
        "search: trial 8/200: 0.1000, best 2.0000 (trial 4), ",
    ]


def test_best_is_that_of_the_whole_study(study):
    run(study, LineDisplay(console(), "search", study), [5.0, 1.0])
    display = LineDisplay(console(), "search", study)
    run(study, display, [3.0])
    assert (display.done, display.best_text) == (3, "best 5.0000 (trial 1)")


def test_best_of_rewards_to_minimize(tmp_path):
    space = pg.abstract_search_space(pg.Dict(x=pg.intv(0, 99)))
    with Study.create(tmp_path / "b.db", space, pg.generators.Random(), trials=9, maximize=False) as study:
        display = LineDisplay(console(), "search", study)
        run(study, display, [5.0, 1.0, 3.0])
        assert display.best_text == "best 1.0000 (trial 2)"


def test_live_bar(study):
    out = console(force_terminal=True)
    display = open_display(out, "search", study)
    assert isinstance(display, LiveDisplay)
    run(study, display, [1.0, None, 2.0])
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.file.getvalue())
    assert "trial 2 failed: it broke" in text
    assert re.search(r"search .* 3/200 +best 2.0000 \(trial 3\)", text)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(study):
    out = console(force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(open_display(out, "search", study), LineDisplay)
