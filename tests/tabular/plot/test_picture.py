"""Pictures of searches: what they show, for readers and for programs, and that data cannot break out of its text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pliant.study.plot.shapes import STYLE, Axes, find_ticks, say_ticks
from pliant.tabular import Entry, SearchPlot
from pliant.tabular.plot.choices import find_groups, share
from pliant.values.errors import FieldValueError

SVG = "{http://www.w3.org/2000/svg}"
STRANGE = "<script>alert('&\"')</script>\x00\x1b[31m\u202e\ud800"


def entry(trial, score, predicted=None, **choices):
    return Entry(
        trial, score, 5, 100, 0.1, 0.0, "a network", "" if score is not None else "no", choices, predicted
    )


def read(plot):
    return ET.fromstring(plot.to_svg().encode("utf-8"))


def texts(root):
    return [one.text for one in root.iter(f"{SVG}text")]


def shapes(root, tag, kind):
    return [one for one in root.iter(f"{SVG}{tag}") if one.attrib.get("class") == kind]


def test_every_trial_is_shown():
    told = [entry(trial, 0.8 + trial / 100, width="8" if trial < 6 else "16") for trial in range(1, 11)]
    entries = (*told[::-1], entry(11, None), entry(12, -7.0, width="8"))
    root = read(SearchPlot(entries, "grape", "Accuracy"))
    said = [dot.find(f"{SVG}title").text for dot in shapes(root, "circle", "dot") if len(dot)]
    assert said == [f"trial {n}: {0.8 + n / 100:.4f}. a network" for n in range(1, 11)]
    below = [mark.find(f"{SVG}title").text for mark in shapes(root, "path", "dot") if len(mark)]
    assert below == ["trial 12: -7.0000. a network"]
    failed = [mark.find(f"{SVG}title").text for mark in shapes(root, "path", "mark") if len(mark)]
    assert failed == ["trial 11: -. a network"]
    assert {"below the axis", "failed", "best so far", "Accuracy on validation rows"} <= set(texts(root))
    assert root.find(f"{SVG}title").text == "Search for grape: 12 trials"


def test_the_best_so_far_never_falls():
    root = read(
        SearchPlot(tuple([entry(n, score) for n, score in enumerate([0.5, 0.7, 0.6, 0.9], 1)]), "y", "R²")
    )
    path = shapes(root, "path", "line")[0].attrib["d"]
    heights = [float(point.split()[1]) for point in path.removeprefix("M").split("L")]
    assert heights == sorted(heights, reverse=True)  # of an axis that points down
    assert len(set(heights)) == 3


def test_errors_of_predictions_are_shown_where_there_are_some():
    plain = [entry(n, 0.5) for n in range(1, 5)]
    assert "Error of the accuracy predictor" not in texts(read(SearchPlot(tuple(plain), "y", "R²")))
    root = read(SearchPlot((*plain, entry(5, 0.75, 0.5), entry(6, 0.5, 0.25)), "y", "R²"))
    assert "Error of the accuracy predictor" in texts(root)
    said = [one.find(f"{SVG}title").text for one in shapes(root, "circle", "dot") if len(one)]
    assert said[-2:] == [
        "trial 5: predicted 0.5000, measured 0.7500",
        "trial 6: predicted 0.2500, measured 0.5000",
    ]


def test_shares_of_choices():
    trials = [
        entry(1, 0.5, kind="linear"),
        entry(2, 0.5, kind="deep", width="8"),
        entry(3, 0.6, kind="deep", width="128"),
    ]
    groups = find_groups(trials)
    assert groups == {"kind": ["deep", "linear"], "width": ["8", "128"]}
    assert share(trials, "kind", "deep", groups["kind"]) == pytest.approx(2 / 3)
    assert share(trials, "width", "8", groups["width"]) == 0.5  # of those that have a width
    assert share(trials[:1], "width", "8", groups["width"]) is None
    root = read(SearchPlot(tuple(trials), "y", "R²"))
    bold = [one.text for one in shapes(root, "text", "name end")]
    assert bold == ["deep", "128"]  # of the best trial
    cells = [one.find(f"{SVG}title").text for one in shapes(root, "rect", "cell") if len(one)]
    assert "width 128: 100% of trials 3 to 3" in cells


def test_many_choices_and_decisions_are_bounded():
    trials = [entry(n, 0.5, **{f"d{i:02}": str(n) for i in range(40)}) for n in range(1, 31)]
    groups = find_groups(trials)
    assert {len(choices) for choices in groups.values()} == {8}
    assert groups["d00"][-1] == "others"
    assert share(trials, "d00", "others", groups["d00"]) == pytest.approx(23 / 30)
    said = texts(read(SearchPlot(tuple(trials), "y", "R²")))
    assert any("26 more decisions are left out." in one for one in said)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_trials(count):
    plot = SearchPlot(tuple([entry(n, 0.5) for n in range(1, count + 1)]), "y", "Accuracy")
    root = read(plot)
    assert float(root.attrib["height"]) > 30
    assert ("No trial has ended." in texts(root)) == (count == 0)
    assert "nan" not in plot.to_svg()


def test_text_of_data_is_escaped():
    entries = (
        Entry(1, 0.5, 1, 1, 0.1, 0.0, STRANGE, "", {STRANGE: STRANGE}),
        entry(2, 0.4, **{STRANGE: "b"}),
    )
    plot = SearchPlot(entries, STRANGE, "Accuracy", (STRANGE,))
    root = read(plot)  # is XML
    assert not [one for one in root.iter() if one.tag.endswith("script")]
    assert "\x1b" not in plot.to_html() + plot.to_svg()

    class Tags(HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag, attrs):
            self.found.append(tag)
            assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]

    Tags().feed(plot.to_html())
    assert "script" not in Tags.found
    assert "td" in Tags.found


def test_files(tmp_path):
    plot = SearchPlot((entry(1, 0.5), entry(2, 0.6)), "y", "Accuracy", ("a note",))
    plot.save(tmp_path / "a.svg")
    plot.save(str(tmp_path / "a.HTML"))
    assert (tmp_path / "a.svg").read_text("utf-8") == plot.to_svg() == plot._repr_html_()
    page = (tmp_path / "a.HTML").read_text("utf-8")
    assert page == plot.to_html()
    assert "<li>a note</li>" in page
    assert page.index(">0.6000<") < page.index(">0.5000<")  # the best first
    with pytest.raises(FieldValueError, match=r"ends in \.svg .* or \.html .*; got '.*a\.png'"):
        plot.save(tmp_path / "a.png")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.9, 0.9001), (-3, 1e6), (1e-7, 2e-7), (-5.5, 0.93)])
def test_ticks_are_few_round_and_inside(low, high):
    ticks = find_ticks(low, high)
    assert 2 <= len(ticks) <= 11
    assert low <= ticks[0] <= ticks[-1] <= high + 1e-12
    assert len(set(say_ticks(ticks))) == len(ticks)


def test_numbers_outside_of_an_axis_are_at_its_end():
    axes = Axes((10, 20), (100, 50), (0, 4), (0, 1))
    assert axes.place(2, 0.5) == (60, 45)
    assert axes.place(9, -3) == (110, 70)


def test_the_picture_of_the_documentation_is_one_of_today():
    """It took minutes to make, so it is compared in its parts: make it again with the command above it where they differ."""
    docs = Path(__file__).parents[3] / "docs" / "use"
    text = (docs / "tabular.svg").read_text("utf-8")
    assert STYLE in text
    root = ET.fromstring(text)
    assert {"Score of each trial", "Error of the accuracy predictor", "Choices over time"} <= set(texts(root))
    page = " ".join((docs / "tabular.md").read_text("utf-8").replace("\\\n", " ").split())
    assert "--trials 100 --epochs 20 --top 0 --plot tabular.svg" in page
    assert root.find(f"{SVG}title").text == "Search for target: 100 trials"
