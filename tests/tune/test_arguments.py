"""Arguments that ``pg.sample`` and ``pg.search`` share, and pointers from the names of other libraries."""

from __future__ import annotations

import re

import pytest

import pliant as pg
from pliant.values.errors import FieldTypeError, FieldValueError

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
