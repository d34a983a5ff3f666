"""Any text in names, reasons, metrics and decisions: no command prints what a terminal acts on, on any terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

import pliant
from pliant.algorithms import Random
from pliant.cli.console import print_line, to_text
from pliant.cli.main import main
from pliant.cli.nas.screen import ConsoleScreen
from pliant.cli.report import print_table
from pliant.space import choice, flatten
from pliant.study import Study
from pliant.tune.progress import open_display

HOSTILE = [
    "\x1b]0;owned\x07\x1b[2J", "\x9b31m", "invoice\u202egnp.exe", "a\u2066b", "x\r\nfake line", "a\u2028b\u2029c\x85d",
    "zero\u200bwidth\ufeff", "\ud83d\udcff", "\x7f\x08\x08", "=cmd|' /C calc'!A0", "\uff1d1+1", "[red]markup[/red]", "\u3164", "{0}%s\\x1b",
]  # fmt: skip
TEXT = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(HOSTILE)
BAD = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def check(text):
    """Only line breaks of ours, and characters that are shown."""
    wrong = [c for c in text if c != "\n" and unicodedata.category(c) in BAD]
    assert not wrong, (wrong, text)


def make_study(path, texts):
    """A study with the texts in its name, candidates, metrics, reasons, workers and journal."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    space = flatten(
        [choice("op", len(texts) + 1, literals=[*map(repr, dict.fromkeys(texts)), "None"][: len(texts) + 1])]
    )
    return Study.create(path, space, Random(), name=f"n{texts[0]}")


def fill(path, texts):
    texts = list(
        dict.fromkeys(text.replace("\0", "0").encode("utf-8", "replace").decode() or "x" for text in texts)
    )
    with make_study(path, texts) as study:
        for number, text in enumerate(texts):
            trial = study.ask(worker=text)
            study.report(trial.id, 0.5, step=1, metrics={f"m{text}": 1.0})
            if number % 2:
                study.tell(trial.id, 0.5, metrics={f"m{text}": 1.0})
            else:
                study.fail(trial.id, f"r{text}")
            study.note(trial.id, text)
        study.enqueue([0], note=texts[0])


def commands(path):
    return [
        ["study", "list", path.parent],
        ["study", "show", path],
        ["study", "trials", path, "--limit", "0"],
        ["study", "best", path, "--count", "20"],
        *(["study", name, path, "--format", form] for name in ("show", "trials") for form in ("csv", "json")),
        ["study", "export", path],
        ["study", "export", path, "--reports"],
        ["study", "export", path, "--format", "json"],
        ["watch", path, "--once"],
    ]


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXT, min_size=1, max_size=12))
@example(texts=HOSTILE)
def test_commands_about_a_study(tmp_path, texts):
    path = tmp_path / "study.db"
    fill(path, texts)
    for arguments in commands(path):
        result = CliRunner().invoke(main, list(map(str, arguments)))
        assert result.exit_code == 0, result.output
        check(result.output)
        if "json" in arguments:
            json.loads(result.output)
        elif "csv" in arguments or "export" in arguments:
            rows = list(csv.reader(io.StringIO(result.output, newline="")))
            assert len({len(row) for row in rows}) == 1
            for cell in (cell for row in rows for cell in row):
                assert not unicodedata.normalize("NFKC", cell.strip()[:1]).startswith(("=", "+", "@"))


ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "surrogates": {"PYTHONIOENCODING": "utf-8:surrogateescape"},
    "C, no coercion": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def environment(**more):
    paths = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    plain = {
        key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHONIO"))
    }
    return {**plain, "PYTHONPATH": paths, **more}


@pytest.mark.parametrize("kind", ENCODINGS)
def test_terminals_that_cannot_encode(tmp_path, kind):
    path = tmp_path / "study.db"
    fill(path, [*HOSTILE, "Größe ± 模型 😀"])
    for arguments in [
        *commands(path)[:4],
        ["study", "show", tmp_path / "no\x1b[31mGröße.db"],
        ["study", "s\x1bhow"],
    ]:
        done = subprocess.run(
            [sys.executable, "-m", "pliant", *map(str, arguments)],
            env=environment(**ENCODINGS[kind]),
            capture_output=True,
            timeout=120,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode("utf-8", "replace")
        encoding = "latin-1" if kind == "latin-1" else "utf-8"
        for text in (done.stdout, done.stderr):
            check(text.decode(encoding))
        assert (done.returncode == 0) == (arguments in commands(path))


def test_a_terminal(tmp_path):
    """What is a terminal gets colours of ours, and no sequence of others."""
    path = tmp_path / "study.db"
    fill(path, HOSTILE)
    for arguments in commands(path)[:3]:
        above, below = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "pliant", *map(str, arguments)],
            env=environment(TERM="xterm-256color", COLUMNS="200"),
            stdout=below,
            stderr=below,
            stdin=subprocess.DEVNULL,
        )
        os.close(below)
        said = b""
        while True:
            try:
                data = os.read(above, 1 << 16)
            except OSError:  # the end, on Linux
                break
            if not data:
                break
            said += data
        os.close(above)
        assert process.wait(60) == 0, said
        text = said.decode()
        for sequence in (
            "\x1b]",
            "\x1b[2J",
            "\x9b",
            "\u202e",
            "\u2066",
            "\u2028",
            "\u200b",
            "\x07",
            "\x08",
            "\x7f",
            "\u3164",
        ):
            assert sequence not in text


@settings(max_examples=40)
@given(text=TEXT)
@example(text="[red]x[/red]")
def test_lines_tables_and_progress(text, tmp_path_factory):
    file = io.StringIO()
    console = Console(file=file, width=200)
    print_line(console, f"a\n{text}")
    screen = ConsoleScreen()
    screen._console = console
    screen.say(text)
    screen.show_table(text, [text, f"b{text}"], [[text, text]])
    plain = text.encode("utf-8", "replace").decode().replace("\0", "0") or "x"
    path = tmp_path_factory.mktemp("a") / "a.db"
    with (
        Study.create(path, flatten([choice("x", 2)]), Random()) as study,
        open_display(console, text, study) as display,
    ):
        display.add(study.fail(study.ask().id, plain))
    print_table(console, screen_table(text))
    check(file.getvalue())
    if text == "[red]x[/red]":
        assert file.getvalue().count(text) >= 6


def screen_table(text):
    from pliant.cli.report import make_table

    table = make_table(text)
    table.add_column("a")
    table.add_row(to_text(text))
    return table


@settings(max_examples=40)
@given(text=TEXT)
def test_errors_of_the_command_line(text):
    """Of arguments that click refuses, and of those that we refuse."""
    word = text.replace("\0", "").encode("utf-8", "replace").decode()
    for arguments in (
        ["study", "show", f"./{word}"],
        ["study", f"x{word}"],
        [f"-{word}-"],
        ["study", "best", "a", f"--count={word}"],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code in (0, 1, 2)
        check(result.output)


LONG = """
import pliant as pg
class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")
def search_space():
    return pg.Dict(x=pg.oneof([1, 2, 3]))
def evaluate(program):
    if program.x == 1:
        raise Mute
    raise ValueError("z" * 10**5 + "\\n" * 100 + "\\x1b[2J")
"""


def test_long_texts_of_exceptions_and_those_that_raise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("long.py").write_text(LONG)
    result = CliRunner().invoke(main, ["search", "long.py", "--trials", "3"])
    assert result.exit_code == 1
    assert "failed: Mute (long.py:" in result.output
    assert len(result.output) < 6000
    check(result.output)
    with Study.open("long.study.db") as study:
        reasons = [trial.reason for trial in study.trials()]
    assert max(map(len, reasons)) < 600


def test_long_reasons_are_cut_in_tables(tmp_path):
    path = tmp_path / "a.db"
    with Study.create(path, flatten([choice("x", 2)]), Random()) as study:
        study.fail(study.ask().id, "r" * 10**5)
        study.note(1, "n" * 10**5)
    for command in ("trials", "show"):
        result = CliRunner().invoke(main, ["study", command, str(path)])
        assert result.exit_code == 0
        assert len(result.output) < 4000
    assert "r" * 10**5 in CliRunner().invoke(main, ["study", "export", str(path)]).output


@pytest.mark.parametrize(
    "arguments",
    [
        ["study", "show", "X"],
        ["study", "list", "X"],
        ["study", "export", "a.db", "-o", "X"],
        ["study", "backup", "a.db", "X"],
        ["search", "X"],
        ["search", "t.py", "--study", "X"],
        ["search", "t.py", "--space", "X"],
        ["space", "X"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("place", ["x" * 5000, "é" * 200], ids=["long", "long in bytes"])
def test_names_that_no_file_can_have(tmp_path, monkeypatch, arguments, place):
    monkeypatch.chdir(tmp_path)
    Path("t.py").write_text(LONG)
    Study.create("a.db", flatten([choice("x", 2)]), Random()).close()
    result = CliRunner().invoke(main, [place if one == "X" else one for one in arguments])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2)
    assert "File name too long" in result.output
    assert len(result.output) < 2500


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_output_to_a_full_disk(tmp_path):
    Study.create(tmp_path / "a.db", flatten([choice("x", 2)]), Random()).close()
    for arguments in (["list", tmp_path], ["export", tmp_path / "a.db"], ["show", tmp_path / "a.db"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "pliant", "study", *map(str, arguments)],
                env=environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=120,
            )
        assert done.returncode == 1
        assert done.stderr.startswith(b"Error: the output cannot be written: No space left on device.")
        assert b"Traceback" not in done.stderr
