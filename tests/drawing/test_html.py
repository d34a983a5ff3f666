"""The HTML forms of notebooks: well formed, escaped, small for large values, loaded when they are asked for."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pliant as pg
from pliant.study import Study
from pliant.testing.programs import programs
from pliant.testing.spaces import spaces_and_decisions

EVIL = "<script>alert('1')</script>&\"\x1b[31m\u202e"


def check(value):
    """Returns the HTML of a value, as a tree of elements."""
    text = value._repr_html_()
    assert text is not None
    root = ET.fromstring(text.replace("<details open>", "<details>"))
    tags = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert not tags & {"script", "img", "a", "iframe", "object", "link"}
    assert "\x1b" not in text
    assert "\u202e" not in text
    return "".join(root.itertext())


@given(programs(), st.integers(0, 99))
@settings(max_examples=15)
def test_programs_and_their_spaces(program, seed):
    for value in (program, pg.random_sample(program, seed=seed)):
        if isinstance(value, pg.Symbolic):
            check(value)


@given(spaces_and_decisions())
@settings(max_examples=15)
def test_abstract_spaces_and_decisions(pair):
    for value in pair:
        check(value)


def test_names_are_escaped():
    assert EVIL[:8] in check(pg.Dict({EVIL: [EVIL, pg.Dict(x=EVIL)]}))
    check(pg.Dict(a=pg.oneof([EVIL, "b"], name=EVIL)))


def test_large_programs_are_cut():
    assert len(pg.List([pg.Dict(i=i, more=[[i]]) for i in range(3000)])._repr_html_()) < 200_000
    assert len(pg.Dict(x=["y" * 10**6])._repr_html_()) < 20_000


def test_modules_are_not_realized():
    nn = pytest.importorskip("torch.nn")
    network = pg.symbolize(nn.Sequential)(pg.symbolize(nn.Linear)(2, 3), pg.symbolize(nn.ReLU)())
    assert "Linear" in check(network)
    assert not pg.is_realized(network)
    cluster = pytest.importorskip(
        "sklearn.cluster"
    )  # its classes have forms of their own, which need the object
    estimator = pg.symbolize(cluster.KMeans)(n_clusters=pg.oneof([2, 3]))
    assert "decision point" in check(estimator)
    assert not hasattr(estimator, "_repr_mimebundle_")


def test_a_program_may_have_its_own_form():
    class Own(pg.Object):
        def _repr_html_(self):
            return "<i>mine</i>"

    assert Own()._repr_html_() == "<i>mine</i>"


def test_searches_studies_and_trials(tmp_path):
    space = pg.Dict(op=pg.oneof([EVIL, "pool"]), x=pg.floatv(0.0, 1.0))
    search = pg.sample(space, "random", 12, study=tmp_path / "a.db", seed=0, progress=False)
    assert "no trials yet" in check(search)
    for program, feedback in search:
        if feedback.id == 3:
            feedback.skip(EVIL)
        else:
            feedback(program.x, metrics={"m": 1.0})
    search.close()
    text = check(search)
    assert "12 trials, 1 failed" in text
    assert "Reward of each trial" in text
    assert "best reward" in text
    assert "failed" in check(search.trials[2])
    with Study.open(tmp_path / "a.db") as view:
        assert "11 completed, 1 failed" in check(view)
    found = pg.search(space, lambda program: (program.x, 1 - program.x), "random", 4, seed=0, progress=False)
    assert "4 trials" in check(found)


def test_importing_pliant_loads_no_drawing():
    code = "import sys, pliant as pg; x = pg.Dict(a=1); assert 'pliant.drawing' not in sys.modules; print(x._repr_html_()[:4])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("<div\n", "")
