"""Reports: what they say, that nothing of a trial is run or taken for a mark, and the command ``pliant report``."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

import pliant as pg
from pliant.cli.main import main
from pliant.study import Study
from pliant.study.plot.report import make_report, to_html, to_markdown

from .test_drawing import EVIL

FILE = """
import pliant as pg

def search_space():
    return pg.Dict(op=pg.oneof(["conv", "pool"]), n=pg.intv(0, 4))

def other():
    return pg.Dict(z=pg.oneof([1, 2]))
"""


@pytest.fixture
def study(tmp_path):
    """A study of 40 trials with two reasons of failures, one of them full of marks."""
    space = pg.Dict(op=pg.oneof(["conv", "pool"]), n=pg.intv(0, 4))
    found = pg.sample(space, "random", 40, study=tmp_path / "a.db", seed=0, progress=False)
    for program, feedback in found:
        if feedback.id % 10 == 0:
            feedback.skip(EVIL)
        elif feedback.id % 15 == 0:
            feedback.skip("too slow")
        else:
            feedback((program.op == "conv") * 0.5 + program.n / 10, metrics={"latency": program.n})
    found.close()
    return tmp_path / "a.db"


def run(*args: object):
    return CliRunner().invoke(main, [str(one) for one in args], catch_exceptions=False)


def test_what_it_says(study):
    with Study.open(study) as opened:
        report = make_report(opened, lambda trial: f"program of {trial.id}")
        best = opened.best()[0]
    assert report.lead[0].startswith("40 trials of Random(seed=0, ")
    assert report.lead[0].endswith(" in a space of size 10; complete.")
    assert report.best == "0.9"
    assert dict(report.winner) == {"op": "conv", "n": "4"}
    assert report.code == f"program of {best.id}"
    assert report.failures == ((EVIL, 4), ("too slow", 1))
    assert [name for name, _ in report.figures][:2] == ["history", "tradeoff"]
    assert (
        "Equal decisions were evaluated several times; their rewards differ by a standard deviation of 0."
        in report.doubts
    )
    assert report.top[0] == ("trial", "reward", "latency", "seconds", "decisions")
    assert len(report.top) == 11
    assert dict(report.settings)["budget"] == "40 trials"


def test_the_winner_is_drawn(study, tmp_path):
    """Without a program as the decisions of its space; with it as what the file makes."""
    (tmp_path / "space.py").write_text(FILE, "utf-8")
    for more, title in ((), "Space"), (("--program", tmp_path / "space.py"), "Dict"):
        assert run("report", study, "-o", tmp_path / "a.html", *more).exit_code == 0
        text = (tmp_path / "a.html").read_text("utf-8")
        (drawn,) = re.findall(r'<svg[^>]* class="pliant-drawing".*?</svg>', text, flags=re.S)
        assert f"<title>{title}</title>" in drawn
        assert re.search(r'class="t-chip middle lit">conv<', drawn) or re.search(
            r"lit\">&apos;conv|lit\">'conv'", drawn
        )
        assert "not chosen" in drawn
    assert run("report", study, "-o", tmp_path / "a.md").exit_code == 0
    assert "![The winner](a-winner.svg)" in (tmp_path / "a.md").read_text("utf-8")
    assert (tmp_path / "a-winner.svg").exists()


def test_html_has_no_script_and_loads_nothing(study):
    with Study.open(study) as opened:
        text = to_html(make_report(opened))
    assert "<script" not in text
    assert "\x1b" not in text
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=", text)
    assert "&lt;script&gt;" in text
    for svg in re.findall(r"<svg.*?</svg>", text, flags=re.S):
        ET.fromstring(svg)


def test_markdown_is_escaped(study):
    with Study.open(study) as opened:
        report = make_report(opened)
    text = to_markdown(report, [f"{name}.svg" for name, _ in report.figures])
    assert "<script" not in text.replace("\\<script", "")
    assert "![Reward of each trial](history.svg)" in text
    assert all(line.count(" | ") == text.splitlines()[text.splitlines().index("| decision | value |")].count(" | ")
               for line in text.splitlines() if line.startswith("| op"))  # fmt: skip


def test_a_study_without_trials(tmp_path):
    pg.sample(pg.Dict(x=pg.intv(0, 9)), "random", 3, study=tmp_path / "a.db", progress=False).close()
    with Study.open(tmp_path / "a.db") as opened:
        report = make_report(opened)
    assert report.lead[1] == "No trial has a reward yet."
    assert report.figures == ()
    assert "There are too few trials with a reward" in to_html(report)


def test_several_rewards(tmp_path):
    found = pg.sample(pg.Dict(x=pg.intv(0, 9)), "random", 9, study=tmp_path / "a.db", progress=False)
    for program, feedback in found:
        feedback((program.x, 9 - program.x))
    found.close()
    with Study.open(tmp_path / "a.db") as opened:
        report = make_report(opened)
    assert "Pareto front" in report.lead[1]
    assert [name for name, _ in report.figures][:2] == ["hypervolume", "tradeoff"]
    assert report.best == ""


def test_command(study, tmp_path):
    (tmp_path / "space.py").write_text(FILE)
    page = tmp_path / "page.html"
    done = run("report", study, "-o", page, "--program", tmp_path / "space.py")
    assert (done.exit_code, done.output) == (0, f"wrote {page}\n")
    assert "Dict(op=&#x27;conv&#x27;, n=4)" in page.read_text("utf-8")


@pytest.mark.parametrize(("form", "count"), [("svg", 7), ("png", 7), ("pdf", 1), ("md", 9)])
def test_formats(study, tmp_path, form, count):
    done = run("report", study, "-o", tmp_path / f"r.{form}")
    files = [Path(line.removeprefix("wrote ")) for line in done.output.splitlines()]
    assert len(files) == count
    heads = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "md": b"# a"}
    assert files[0].read_bytes().startswith(heads[form])
    assert all(file.parent == tmp_path for file in files)


def test_bad_commands(study, tmp_path):
    done = run("report", study, "-o", tmp_path / "r.doc")
    assert done.exit_code == 2
    assert (
        "a report ends in .html, .md, .png, .svg or .pdf; or say which with --format."
        in done.output.replace("\n", " ")
    )
    assert run("report", study, "-o", tmp_path / "r.doc", "--format", "html").exit_code == 0  # the advice
    (tmp_path / "space.py").write_text(FILE)
    done = run("report", study, "-o", tmp_path / "r.html", "--program", f"{tmp_path / 'space.py'}:other")
    assert done.exit_code == 1
    assert "defines another space than the study has" in done.output
    assert not (tmp_path / "r.html").exists()
    done = run("report", tmp_path / "nothing.db")
    assert "no study found" in done.output


def test_it_only_reads(study):
    before = study.read_bytes()
    run("report", study, "-o", study.with_name("r.html"))
    assert study.read_bytes() == before
