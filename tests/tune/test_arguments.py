"""Arguments that ``pg.sample`` and ``pg.search`` share, and pointers from the names of other libraries."""

from __future__ import annotations

import re

import pytest

import pliant as pg
from pliant.algorithms import Random
from pliant.values.errors import FieldTypeError, FieldValueError, SpaceError

SPACE = pg.Dict(x=pg.intv(0, 9))
SLIPS = {
    "direction": "Write maximize=False to minimize",
    "n_trials": "Write trials=N",
    "num_trials": "Write trials=N",
    "timeout": "Write timeout_seconds=N",
    "sampler": "Write algorithm='tpe'",
    "pruner": "Write algorithm='median_stopping'",
    "storage": "Write study='search.db'",
    "callback": r"Write callbacks=[function]",
    "trails": "did you mean 'trials'?",
    "nonsense_of_all_kinds": "",
}


@pytest.mark.parametrize(("name", "remedy"), SLIPS.items(), ids=SLIPS)
def test_a_name_of_another_library(name, remedy):
    calls = {
        "sample": lambda: pg.sample(SPACE, **{name: 5}),
        "search": lambda: pg.search(SPACE, len, **{name: 5}),
    }
    for function, call in calls.items():
        with pytest.raises(TypeError, match=rf"pg\.{function} has no argument '{name}'.*{re.escape(remedy)}"):
            call()


def test_workers_belong_to_search():
    with pytest.raises(FieldTypeError, match=r"pg\.search has no argument 'n_jobs'. Write workers=N"):
        pg.search(SPACE, len, n_jobs=4)
    with pytest.raises(
        FieldTypeError, match=r"pg\.sample has no argument 'n_jobs'. Write pg\.search\(space, evaluate"
    ):
        pg.sample(SPACE, n_jobs=4)


def test_the_remedies_are_arguments():
    search = pg.sample(
        SPACE, "tpe", trials=2, maximize=False, timeout_seconds=5, callbacks=[print], seed=1, progress=False
    )
    assert search.ended is None


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "5", True])
def test_a_time_limit_is_a_number_above_0(seconds):
    with pytest.raises(
        FieldValueError, match=r"timeout_seconds is a number above 0, or None for no limit; got"
    ):
        pg.sample(SPACE, timeout_seconds=seconds)


def test_callbacks_are_functions():
    with pytest.raises(
        FieldTypeError, match=r"callbacks takes a list of functions; write callbacks=\[print\]"
    ):
        pg.sample(SPACE, callbacks=print)
    for wrong in ([5], 5):
        with pytest.raises(FieldTypeError, match=r"each called with a trial that ended; got 5 of type int"):
            pg.sample(SPACE, callbacks=wrong)


@pytest.mark.parametrize("wrong", [0, "minimize", [False, True]])
def test_maximize_is_true_false_or_none(tmp_path, wrong):
    space, message = pg.abstract_search_space(SPACE), "maximize is True, or False .*negate an objective that"
    for call in (
        lambda: pg.sample(SPACE, maximize=wrong),
        lambda: pg.search(SPACE, len, maximize=wrong),
        lambda: pg.sample(SPACE, study=tmp_path / "a.db", maximize=wrong),
        lambda: pg.Study.create(tmp_path / "a.db", space, Random(), maximize=wrong),
        lambda: pg.Study.open_or_create(tmp_path / "a.db", space, Random(), maximize=wrong),
    ):
        with pytest.raises(FieldTypeError, match=message):
            call()
    assert not list(tmp_path.iterdir())
    search = pg.sample(SPACE, "sweep", maximize=True, progress=False)
    for program, feedback in search:
        feedback((program.x, -program.x)[1])  # minimized: negated
    assert search.best_program.x == 0


class Plain:
    def __init__(self, *parts):
        self.parts = parts


@pytest.mark.parametrize(
    ("make", "at"),
    [
        (lambda cls: cls(pg.floatv(0, 1)), r"parts\[0\]"),
        (lambda cls: pg.Dict(model=cls(pg.floatv(0, 1)), other=pg.oneof([1, 2])), r"model\.parts\[0\]"),
        (lambda cls: pg.oneof([1, cls(pg.floatv(0, 1))]), r"candidates\[1\]\.parts\[0\]"),
        (
            lambda cls: {"steps": [cls([("svc", cls(pg.intv(1, 2)))])]},
            r"steps\[0\]\.parts\[0\]\[0\]\[1\]\.parts",
        ),
    ],
)
def test_a_hole_in_an_ordinary_object(make, at):
    for search in (pg.sample, lambda space: pg.search(space, len)):
        with pytest.raises(SpaceError, match=rf"the hole at '{at}.*ordinary Plain.*pg\.symbolize\(Plain\)"):
            search(make(Plain))
    symbolic = pg.symbolize(type("Plain", (Plain,), {}))
    assert next(pg.sample(make(symbolic), "random", progress=False))[1].decisions.values
