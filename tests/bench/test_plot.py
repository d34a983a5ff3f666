"""Pictures of curves: that they are there, hold what they should, and are the same for the same curves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pliant.bench.plot import Panel, PlotError, Series, draw, limits

SOURCE = Path(__file__).parents[2] / "src"
NAN = float("nan")


def line(label, *means, std=0.1):
    return Series(label, np.array(means), np.full(len(means), std))


def test_both_files_are_pictures_with_all_labels(tmp_path):
    panels = [
        Panel(title, [line("random", 0.1, 0.4), line("tpe", 0.2, 0.5)], 0.7) for title in ("one", "two")
    ]
    png, svg = draw(panels, tmp_path / "new" / "curves", title="Both")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.name == "curves.png"
    text = svg.read_text()
    for word in ("random", "tpe", "optimum", "one", "two", "Both"):
        assert f"<!-- {word} -->" in text


def test_a_dot_in_the_name_stays(tmp_path):
    assert draw([Panel("a", [line("b", 1.0)])], tmp_path / "v1.5")[1].name == "v1.5.svg"


def test_same_curves_same_picture(tmp_path):
    first, second = (draw([Panel("a", [line("b", 1.0, 2.0)])], tmp_path / name)[1] for name in ("x", "y"))
    assert first.read_bytes() == second.read_bytes()


def test_more_lines_than_colours(tmp_path):
    lines = [line(f"label {i}", 0.1, 0.2) for i in range(23)]
    assert "label 22" in draw([Panel("a", lines)], tmp_path / "many")[1].read_text()


def test_the_first_trials_do_not_set_the_axis():
    means = [0.0] * 4 + [0.9] * 76
    low, high = limits(Panel("a", [line("b", *means, std=0.05)], best=1.0))
    assert 0.8 < low < 0.86
    assert 1.0 < high < 1.02


def test_the_axis_starts_where_something_is_known():
    means = [NAN] * 50 + [0.5] * 50
    low, high = limits(Panel("a", [line("b", *means)]))
    assert low < 0.4 < 0.6 < high


@pytest.mark.parametrize("series", [[], [line("b", NAN, NAN)]])
def test_nothing_known_is_drawn_as_nothing(tmp_path, series):
    assert limits(Panel("a", series)) is None
    assert draw([Panel("a", series)], tmp_path / "empty")[0].exists()


def test_a_flat_line_has_an_axis(tmp_path):
    low, high = limits(Panel("a", [line("b", 2.0, 2.0, std=0.0)], best=2.0))
    assert low < 2.0 < high


def test_matplotlib_is_loaded_only_to_draw():
    code = "import sys, pliant.bench.plot; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}, check=True)


def test_without_matplotlib_there_is_a_lesson(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PlotError, match=r"a plot needs matplotlib.*pip install \"pliant\[plots\]\""):
        draw([Panel("a", [line("b", 1.0)])], tmp_path / "curves")


@pytest.mark.parametrize("text", ["a$\\bad{$", "$$", "$x$", "5$", "a\x1b[2J$_{$"], ids=range(5))
def test_labels_are_not_formulas(tmp_path, text):
    _, svg = draw([Panel(text, [line(text, 0.1, 0.4)])], tmp_path / "curves", title=text)
    found = svg.read_text()
    assert "\x1b" not in found
    shown = text.replace("\x1b", "\\x1b")
    assert found.count(f"<!-- {shown} -->") == 3
