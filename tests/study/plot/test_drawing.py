"""Figures as Matplotlib's axes and as SVG: what is drawn is well formed, and nothing of a trial is taken for a mark."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from matplotlib.axes import Axes as MatplotlibAxes
from matplotlib.figure import Figure as Canvas

import pliant as pg
from pliant.study import Study
from pliant.study.plot import FIGURES, Plots
from pliant.study.plot.axes import draw
from pliant.study.plot.figure import Axis, Dots, Figure, Line, find_span
from pliant.study.plot.plots import choose
from pliant.study.plot.source import read_source
from pliant.study.plot.svg import to_svg
from pliant.values.errors import FieldTypeError, FieldValueError, UnknownFieldError

from .conftest import search

EVIL = "<script>alert('1')</script>&\"\x1b[31m\u202e"
SPACE = pg.Dict(op=pg.oneof([EVIL, "pool"]), x=pg.floatv(1e-3, 1.0, scale="log"), n=pg.intv(0, 4))
NAMES = [name for name in FIGURES if name != "hypervolume"]


@pytest.fixture(scope="module")
def found():
    rewards = [(i % 7 / 7, {"latency": float(i % 5), "predicted": i % 6 / 6}) for i in range(30)]
    return search(SPACE, [*rewards[:20], None, *rewards[20:]])


@pytest.mark.parametrize("name", NAMES)
def test_svg_is_well_formed_and_escaped(found, name):
    text = found.plot.svg(name)
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert tags <= {"svg", "title", "style", "rect", "line", "path", "circle", "text"}
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("name", NAMES)
def test_axes(found, name):
    axes = getattr(found.plot, name)()
    assert isinstance(axes, MatplotlibAxes)
    assert axes.get_title(loc="left") == found.plot.figure(name).title
    axes.figure.canvas.draw()


def test_on_axes_of_ones_own(found):
    left, right = Canvas().subplots(1, 2)
    assert found.plot.history(axes=left) is left
    assert found.plot.tradeoff("latency", axes=right) is right


def test_the_same_data_in_both():
    figure = Figure(
        "t",
        Axis("x"),
        Axis("y"),
        (Dots((1.0, 2.0), (3.0, 5.0), "dots"), Line((1.0, 2.0), (3.0, 5.0), "line")),
    )
    axes = draw(figure)
    assert axes.collections[0].get_offsets().tolist() == [[1.0, 3.0], [2.0, 5.0]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["dots", "line"]
    text = to_svg(figure)
    assert text.count("<circle") == 3  # one in the legend
    assert ">dots<" in text


def test_spans():
    assert find_span(Figure("", Axis("x"), Axis("y"), ()), "x") == (0.0, 1.0)
    assert find_span(Figure("", Axis("x", names=("a", "b")), Axis("y"), ()), "x") == (-0.5, 1.5)
    equal = Figure("", Axis("x"), Axis("y"), (Dots((2.0, 2.0), (0.0, 0.0)),))
    assert find_span(equal, "x") == (1.9, 2.1)
    assert find_span(equal, "y") == (-0.5, 0.5)


def test_names_and_options_are_checked(found, tmp_path):
    with pytest.raises(
        FieldValueError, match=r"no figure is called .histroy.; there are .*; did you mean 'history'"
    ):
        found.plot.figure("histroy")
    with pytest.raises(UnknownFieldError, match="'history' has no option 'axis'; it has none"):
        found.plot.svg("history", axis=1)
    with pytest.raises(UnknownFieldError, match=r"'effects' has no option 'values'; .* did you mean 'value'"):
        found.plot.svg("effects", values="reward")
    assert found.plot.svg("effects", value="latency")
    lesson = r"a study, or of the result of pg.sample or pg.search; got \[1\] of type list. .*`pliant.study.Study.open\(path\)`"
    with pytest.raises(FieldTypeError, match=lesson):
        Plots([1]).history()
    space = pg.abstract_search_space(pg.Dict(x=pg.intv(0, 9)))
    with pg.Study.create(tmp_path / "written.db", space, pg.algorithms.Random(), trials=2) as study:
        study.tell(study.ask().id, 1.0)
        with pg.Study.open(tmp_path / "written.db") as other:
            assert len(read_source(other).told) == 1


def test_predicted(found):
    figure = found.plot.figure("predicted")
    assert figure.notes[0].startswith("Mean absolute error:")
    with pytest.raises(FieldValueError, match="no trial has a number 'forecast'"):
        found.plot.predicted("forecast")


def test_of_studies_and_searches(tmp_path):
    def evaluate(program):
        return program["x"]

    result = pg.sample(pg.Dict(x=pg.intv(0, 9)), "random", 5, study=tmp_path / "a.db", seed=0, progress=False)
    for program, feedback in result:
        feedback.report(program.x / 2, step=1)
        feedback(evaluate(program))
    result.close()
    with Study.open(tmp_path / "a.db") as study:
        assert study.plot.figure("history").layers[0].y == result.plot.figure("history").layers[0].y
        assert choose(read_source(study)) == [
            "history", "importance", "effects", "choices", "parallel", "curves", "throughput",
        ]  # fmt: skip
        assert study.plot.curves().get_ylabel() == "reported reward"
    assert result.maximize


def test_lineage(tmp_path):
    space = pg.Dict(x=pg.floatv(0.0, 1.0), epochs=pg.intv(1, 3))
    algorithm = pg.generators.PBT(population_size=4, budget="epochs", seed=0)
    found = pg.sample(space, algorithm, 12, study=tmp_path / "a.db", progress=False)
    for program, feedback in found:
        feedback(program.x * program.epochs)
    figure = found.plot.figure("lineage")
    lines = [one for one in figure.layers if isinstance(one, Line)]
    assert len(lines) == sum(trial.parent is not None for trial in found.trials) > 0
    assert figure.notes == (f"{len(lines)} of {len(found.trials)} trials continued another.",)
    assert all(line.x[0] < line.x[1] for line in lines)


def test_representation(found):
    assert repr(found.plot).startswith("<figures: history, throughput")
