"""Trials on one line, numbers in short, and how a search under way is shown."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading

import pytest
from rich.console import Console

import pliant as pg
from pliant.study import Study, Trial
from pliant.tune.progress import LineDisplay, LiveDisplay, NotebookDisplay, open_display, open_page
from pliant.tune.result import Tally
from pliant.tune.text import say, say_decisions


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
    return say_decisions(trial.decisions)


WIDTHS = pg.oneof([32, 64])
WIDE = {"kind": "mlp", "width": WIDTHS}
SUMMARIES = {
    "numbers": (pg.Dict(n=pg.intv(1, 9), lr=pg.floatv(1e-4, 1, "log")), [3, 0.0123456], "n=3, lr=0.01235"),
    "text": (pg.Dict(op=pg.oneof(["conv", "pool"])), [1], "op=pool"),
    "classes and functions": (pg.Dict(act=pg.oneof([Conv, relu])), [0], "act=Conv"),
    "objects": (pg.Dict(op=pg.oneof([Conv(8), Net([])])), [1], "op=Net"),
    "objects of one class": (pg.Dict(op=pg.oneof([Conv(8), Conv(16)])), [1], "op=Conv(filters=16)"),
    "objects with holes": (
        pg.Dict(op=pg.oneof([Conv(pg.intv(1, 9), pg.oneof([3, 5])), Conv(pg.intv(20, 30))])),
        [0, 4, 1],
        "op=Conv(filters=4, kernel=5)",
    ),
    "an object with holes": (
        pg.Dict(op=pg.oneof([Conv(pg.intv(1, 9), pg.oneof([3, 5])), None])),
        [0, 4, 1],
        "op=Conv(filters=4, kernel=5)",
    ),
    "dicts": (pg.Dict(head=pg.oneof([{"kind": "linear"}, WIDE])), [1, 1], "head={kind='mlp', width=64}"),
    "dicts with the same holes": (
        pg.Dict(m=pg.manyof(2, [{"op": "a", "k": pg.oneof([1, 2])}, {"op": "b", "k": pg.oneof([1, 2])}])),
        [1, 0, 0, 1],
        "m=[{op='b', k=1}, {op='a', k=2}]",
    ),
    "lists with a hole": (pg.Dict(x=pg.oneof([[1, WIDTHS], [2, WIDTHS], (2, WIDTHS)])), [1, 1], "x=[2, 64]"),
    "a tuple with a hole": (pg.Dict(x=pg.oneof([[2, WIDTHS], (2, WIDTHS)])), [1, 0], "x=(2, 32)"),
    "text with brackets": (
        pg.Dict(x=pg.oneof([{"s": "it's {x, y=", "k": pg.intv(1, 2)}, 0])),
        [0, 2],
        """x={s="it's {x, y=", k=2}""",
    ),
    "a tied hole in a dict": (
        pg.Dict(x=pg.oneof([{"w": pg.oneof([1, 2], name="w"), "v": [pg.Dict(u=3)]}, None]), y=1),
        [0, 1],
        "x={w=2, v=[{u=3}]}",
    ),
    "a dict of long text": (
        pg.Dict(x=pg.oneof([{f"a{i}": pg.oneof([i, "b" * 30]) for i in range(6)}, None])),
        [0, *[0] * 6],
        "x={a0=0, a1=1, a2=2, a3=3, a4=4, a5=5}",
    ),
    "picks": (pg.Dict(ops=pg.manyof(2, ["a", "b", "c"])), [2, 0], "ops=[c, a]"),
    "picks with holes": (
        pg.Dict(net=pg.oneof([Net(pg.manyof(2, [Conv(pg.intv(1, 9)), None], distinct=False)), None])),
        [0, 0, 7, 1],
        "net=Net(layers=[Conv(filters=7), None])",
    ),
    "a hole in a hole": (pg.Dict(x=pg.oneof([pg.intv(1, 9), pg.manyof(2, [4, 5])])), [1, 1, 0], "x=[5, 4]"),
    "lists": (
        pg.Dict(x=pg.oneof([[Conv(pg.intv(1, 9))] * 2, [1, 2]])),
        [0, 3, 4],
        "x=[Conv(filters=3), Conv(filters=4)]",
    ),
    "lists without holes": (pg.Dict(x=pg.oneof([[1, 2], [3]])), [0], "x=[1, 2]"),
    "places in the program": (
        Net([pg.oneof([1, 2]), Conv(pg.oneof([3, 4]), pg.intv(1, 9))]),
        [1, 0, 5],
        "layers=[2, (filters=3, kernel=5)]",
    ),
    "names of holes": (
        Net([Conv(pg.oneof([8, 16], name="width")), Conv(pg.oneof([8, 16], name="width"), pg.oneof([3, 5]))]),
        [1, 0],
        "width=16, layers=[1: (kernel=3)]",
    ),
    "a named pick": (pg.Dict(x=pg.manyof(2, ["a", "b"], name="m")), [1, 0], "x=[b, a]"),
    "a hole alone": (pg.oneof(["a", "b"]), [1], "b"),
    "a hole of numbers in a hole": (pg.Dict(x=pg.oneof([pg.floatv(0.0, 1.0), 5])), [0, 0.5], "x=0.5"),
    "dicts in dicts with holes": (
        pg.Dict(net=pg.oneof([{"kind": "mlp", "opt": {"lr": pg.oneof([1, 2]), "wd": 3}}, {"kind": "cnn"}])),
        [0, 1],
        "net={kind='mlp', opt={lr=2, wd=3}}",
    ),
    "a hole in a class beside the same class": (
        pg.Dict(op=pg.oneof([Conv(pg.oneof([8, 16]), 5), Conv(8)])),
        [0, 0],
        "op=Conv(filters=8, kernel=5)",
    ),
    "dicts that differ in depth": (
        pg.Dict(net=pg.oneof([{"name": "n" * 30, "blocks": [{"k": k, "w": 16}, {"k": 1}]} for k in (3, 5)])),
        [1],
        "net={blocks=[{k=5, ...}, ...], ...}",
    ),
    "lists that differ late": (
        pg.Dict(sizes=pg.oneof([[100] * 12 + [k] for k in (3, 5)])),
        [1],
        "sizes=[12: 5, ...]",
    ),
    "objects in lists that differ in depth": (
        pg.Dict(op=pg.oneof([Net([Conv(8), Conv(9), Conv(10)], act=a) for a in ("relu", "tanh")])),
        [0],
        "op=Net(act='relu', ...)",
    ),
    "candidates whose texts are cut before they differ": (
        pg.Dict(sizes=pg.oneof([[64] * 20, [64] * 19 + [32]])),
        [1],
        "sizes=1/2 ([" + "64, " * 15 + "64...])",
    ),
    "functions of one name": (pg.Dict(f=pg.oneof([lambda: 1, lambda: 2])), [1], "f=1/2 (<lambda>)"),
    "equal candidates": (pg.Dict(x=pg.oneof(["a", "a"])), [1], "x=a"),
    "equal dicts": (pg.Dict(x=pg.oneof([{"a": 1}, {"a": 1}])), [1], "x=1/2 ({a=1})"),
    "texts that differ at their ends": (
        pg.Dict(x=pg.oneof([f"data/images/train/augmented/v{i}" for i in (1, 2)])),
        [1],
        "x=data/image...mented/v2",
    ),
    "keys that are not names": (
        pg.Dict(x=pg.oneof([pg.Dict({"a.b": pg.oneof([1, 2]), 3: pg.oneof([4, 5])}), None])),
        [0, 1, 0],
        "x={a.b=2, 3=4}",
    ),
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
    run(study, open_display(console(), "search", study), [5.0, 1.0])
    display = open_display(console(), "search", study)
    run(study, display, [3.0])
    assert (display.tally.done, display.tally.best_text) == (3, "best 5.0000 (trial 1)")


def test_best_of_rewards_to_minimize(tmp_path):
    space = pg.abstract_search_space(pg.Dict(x=pg.intv(0, 99)))
    with Study.create(tmp_path / "b.db", space, pg.generators.Random(), trials=9, maximize=False) as study:
        display = open_display(console(), "search", study)
        run(study, display, [5.0, 1.0, 3.0])
        assert display.tally.best_text == "best 1.0000 (trial 2)"


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


# --- loops -------------------------------------------------------------------------------------------------

SPACE = pg.Dict(x=pg.intv(0, 9), layers=[pg.oneof(["conv", "pool"])] * 2)


def loop(search, body=lambda program: None):
    for program, feedback in search:
        body(program)
        feedback(program.x) if program.x != 2 else feedback.skip("too small")


def test_a_loop_ends_with_a_summary(capsys):
    loop(pg.sample(SPACE, "sweep", 40))
    out, err = capsys.readouterr()
    assert out == ""
    assert re.sub(r"in [\d.]+ s", "in 0 s", err).splitlines() == [
        "search: 40 trials in 0 s, 4 failed; best 9.0000 (trial 37)",
        "  the last that failed, trial 12: too small",
        "  x = 9",
        "  layers = [conv, conv]",
        "  read it with .best_program, .best_reward and .best_decisions; all trials with .trials",
    ]


def test_the_summary_says_what_auto_chose_and_why(capsys, tmp_path):
    loop(pg.sample(SPACE, trials=5))
    assert capsys.readouterr().err.splitlines()[-1] == (
        "  algorithm: auto chose Bayesian: one objective, and fewer than 500 trials"
    )
    loop(pg.sample(SPACE, trials=8, study=tmp_path / "s.db"))
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.match(
        r"  algorithm: auto chose TPE: one objective, and 2 % of a trial of \S+ s is less than a", last
    )


def test_progress_can_be_switched_off(capsys):
    loop(pg.sample(SPACE, trials=5, progress=False))
    pg.search(SPACE, lambda program: program.x, trials=5, progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_summary_shows_candidates_whole(capsys):
    blocks = [{"blocks": [{"kind": "conv", "k": k, "w": 16}, {"kind": "pool", "k": 2}]} for k in (3, 5)]
    loop(pg.sample(pg.Dict(x=1, net=pg.oneof(blocks)), "sweep"))
    err = capsys.readouterr().err
    assert "  net = {blocks=[{kind='conv', k=3, w=16}, {kind='pool', k=2}]}\n" in err


def test_many_decisions_are_cut(capsys):
    loop(
        pg.sample(
            pg.Dict({"x": pg.intv(0, 9), **{f"y{i}": pg.intv(0, 1) for i in range(30)}}), "tpe", trials=1
        )
    )
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[21]) == (23, "  ... and 11 more decisions")


def test_several_objectives_end_with_their_front(capsys):
    for program, feedback in pg.sample(pg.Dict(x=pg.intv(0, 9)), "sweep"):
        feedback((program.x, -program.x))
    err = capsys.readouterr().err
    assert "10 on the front\n" in err
    assert "read the Pareto-optimal programs with .front" in err


def test_only_the_outermost_search_is_shown(capsys):
    inner = lambda _: loop(pg.sample(SPACE, trials=3))  # noqa: E731
    loop(pg.sample(SPACE, trials=4), inner)
    pg.search(SPACE, lambda program: inner(program) or program.x, trials=4)
    assert re.findall(r"search: (\d+) trials", capsys.readouterr().err) == ["4", "4"]


def test_searches_after_one_another_are_all_shown(capsys):
    """Those that were left included, with or without feedback, while they are still referred to."""
    kept = []
    for trials, told in ((11, True), (12, False), (13, True)):
        search = pg.sample(SPACE, "random", trials)
        kept.append(search)
        for program, feedback in search:
            if told:
                feedback(program.x)
            break
    del kept[:]

    def fail():
        loop(pg.sample(SPACE, "random", 14), lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError, match="division by zero"):
        fail()
    loop(pg.sample(SPACE, trials=5))
    said = re.findall(r"search: (.*) trials", capsys.readouterr().err)
    assert said == ["1 of 11", "5"] or said == ["1 of 11", "1 of 13", "5"]


def test_a_loop_that_is_left_ends_with_its_summary(capsys):
    for _, feedback in pg.sample(SPACE, trials=9):
        feedback(1.0)
        break
    assert "search: 1 of 9 trials" in capsys.readouterr().err


def heads(capsys):
    """Returns the first lines of the summaries, without times."""
    lines = re.findall(r"search: (.* trials?.*); best", capsys.readouterr().err)
    return [re.sub(r"in [\d.]+ s", "in 0 s", line) for line in lines]


def by_loop(*args, **options):
    for program, feedback in pg.sample(SPACE, *args, **options):
        feedback(program.x)


def by_call(*args, **options):
    pg.search(SPACE, lambda program: program.x, *args, **options)


@pytest.mark.parametrize("run", [by_loop, by_call], ids=["loop", "call"])
def test_the_summary_of_a_resumed_search_counts_the_new_trials(run, tmp_path, capsys):
    for trials in (2, 5, 5):
        run("random", trials=trials, study=tmp_path / "a.db")
    run("random", study=tmp_path / "a.db", trials=3)
    assert heads(capsys) == [
        "2 trials in 0 s",
        "5 trials, 3 of them in 0 s",
        "5 trials, none of them new, in 0 s",
        "5 trials, none of them new, in 0 s",
    ]


@pytest.mark.parametrize("run", [by_loop, by_call], ids=["loop", "call"])
def test_the_summary_says_why_a_search_ended_early(run, capsys):
    run("sweep")
    run(timeout_seconds=0.05)
    all_tried, late = heads(capsys)
    assert all_tried == "40 trials in 0 s (all 40 decision vectors of the space were proposed)"
    assert re.fullmatch(r"\d+ trials in 0 s \(stopped after the time limit of 0\.05 seconds\)", late)


def test_a_search_of_another_thread_is_not_shown(capsys):
    def run():
        thread = threading.Thread(target=lambda: loop(pg.sample(SPACE, trials=3)))
        thread.start()
        thread.join(60)

    loop(pg.sample(SPACE, trials=2), lambda _: run())
    assert re.findall(r"search: (\d+) trials", capsys.readouterr().err) == ["2"]


def test_lines_of_a_loop_are_throttled_by_time(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("pliant.tune.progress.monotonic", lambda: now[0])

    def body(_):
        now[0] += 1.0

    search = pg.sample(SPACE, "random", 1000, seed=1)
    loop(search, body)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("search: trial")]
    assert len(lines) < 60
    assert re.fullmatch(r"search: trial 5/1000: .*best \d.0000 \(trial \d\), 5 s", lines[0])


def test_a_fast_loop_writes_no_line_but_the_summary(capsys):
    loop(pg.sample(SPACE, "random", 2000))
    assert sum(line.startswith("search: ") for line in capsys.readouterr().err.splitlines()) == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_live_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    loop(pg.sample(SPACE, "sweep", 40))
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert re.search(r"search ━+ 40/40 best 9.0000 \(trial 37\)", text)
    assert "trial 9 failed: too small" in text
    assert "search: 40 trials in" in text


def test_a_study_that_continues_counts_all_its_trials(tmp_path, capsys):
    for trials in (4, 9):
        loop(pg.sample(SPACE, "random", trials, study=tmp_path / "a.db"))
    assert re.findall(r"search: (\d+) trials", capsys.readouterr().err) == ["4", "9"]


def test_without_standard_error(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    loop(pg.sample(SPACE, trials=2))


def test_html_of_a_notebook():
    """The HTML counts trials, is replaced at most twice a second, and takes no name for a mark."""
    shown = []
    space = pg.Dict(x=pg.intv(0, 9))
    decisions = pg.abstract_search_space(space).sample(0)
    tally = Tally(maximize=True)
    with NotebookDisplay(shown.append, "<b>", 4, tally) as display:
        for id in (1, 2, 3):
            tally.add(id, decisions, None if id == 1 else id / 10)
            display.show(id, None if id == 1 else id / 10, "<i>\x1b" if id == 1 else None, is_best=id == 3)
    assert len(shown) == 3  # the start, the first trial, the end
    assert shown[0].startswith(
        '<div><progress value="0" max="4"></progress> &lt;b&gt;: 0/4 trials, no reward yet'
    )
    assert "trial 1 failed: &lt;i&gt;" in shown[1]
    assert "\x1b" not in shown[1]
    assert "3/4 trials, 1 failed, best 0.3000 (trial 3)" in shown[2]
    assert open_page() is None  # outside of a notebook


def test_function_of_a_notebook_in_workers():
    """Workers cannot import it: the message has the two lines that help."""
    code = (
        "import pliant as pg\ndef evaluate(program): return program.x\n"
        "pg.search(pg.Dict(x=pg.intv(0, 9)), evaluate, 'random', 2, workers=2, progress=False)"
    )
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, timeout=100)
    said = done.stderr.splitlines()[-1]
    assert (
        "'evaluate' was defined in an interactive session, so other processes cannot import it. In a notebook, put `%%writefile"
        in said
    )
    assert "`from tasks import evaluate` in the next cell" in said
    assert said.endswith("Or leave out workers, limits and launcher: then it runs in this process.")
