"""Arguments of other libraries, and a name that is given first: what to write instead."""

from __future__ import annotations

import re

import pytest

import pliant as pg
from pliant.study import Study
from pliant.study.export import to_csv
from pliant.values.errors import FieldTypeError


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: pg.oneof("lr", [1, 2]), "pg.oneof([1, 2], name='lr')"),
        (lambda: pg.permute("order", [1, 2]), "pg.permute([1, 2], name='order')"),
        (lambda: pg.manyof("ops", 2, ["a", "b", "c"]), "pg.manyof(2, ['a', 'b', 'c'], name='ops')"),
        (lambda: pg.floatv("lr", 0.0, 1.0), "pg.floatv(0.0, 1.0, name='lr')"),
        (lambda: pg.floatv("lr", 0.1, 1.0, "log"), "pg.floatv(0.1, 1.0, 'log', name='lr')"),
        (lambda: pg.intv("n", 1, 3), "pg.intv(1, 3, name='n')"),
    ],
)
def test_a_name_is_not_first(call, remedy):
    with pytest.raises(FieldTypeError, match=f"not its first argument. Write {re.escape(remedy)}"):
        call()
    assert isinstance(eval(remedy), pg.hyper.Hole)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: pg.floatv(low=0, high=1), r"pg\.floatv has no argument 'low'. Write min_value=N"),
        (lambda: pg.floatv(0, max=1), r"pg\.floatv has no argument 'max'. Write max_value=N"),
        (lambda: pg.intv(min=1, max=3), r"pg\.intv has no argument 'min'. Write min_value=N"),
        (
            lambda: pg.oneof(choices=[1, 2]),
            r"pg\.oneof has no argument 'choices'. Write the list of candidates",
        ),
        (
            lambda: pg.permute(items=[1, 2]),
            r"pg\.permute has no argument 'items'. Write the list of candidates",
        ),
        (lambda: pg.manyof(num_choices=2, values=[1]), r"'num_choices'. Write pg\.manyof\(k, candidates\)"),
    ],
)
def test_an_argument_of_another_library(call, remedy):
    with pytest.raises(FieldTypeError, match=remedy):
        call()
    assert [pg.floatv(min_value=0, max_value=1), pg.manyof(2, [1, 2])]


def test_names_of_optuna_on_results(tmp_path):
    space = pg.Dict(x=pg.oneof([3, 5], name="kernel"))
    result = pg.search(space, lambda program: program.x, trials=2, study=tmp_path / "a.db", progress=False)
    with Study.open(tmp_path / "a.db") as study:
        cases = [
            (result, "best_params", ".best_decisions.params", {"kernel": 5}),
            (result, "best_value", ".best_reward", 5.0),
            (result, "best_trials", ".front", [({"x": 5}, 5.0)]),
            (study, "best_params", ".best()[0].decisions.params", {"kernel": 5}),
            (study, "best_value", ".best()[0].reward", 5.0),
            (study.best()[0], "params", ".decisions.params", {"kernel": 5}),
            (study.best()[0], "value", ".reward", 5.0),
        ]
        for owner, name, remedy, value in cases:
            with pytest.raises(AttributeError, match=re.escape(f"no attribute {name!r}. Write {remedy}.")):
                getattr(owner, name)
            assert eval(f"owner{remedy}", {"owner": owner}) == value
    assert not hasattr(result, "nonsense")
    lines = to_csv(result).splitlines()  # of a result, with names of holes and values
    assert lines[0].startswith("id,status,reward,decisions.kernel,")
    assert sorted(line.split(",")[3] for line in lines[1:]) == ["3", "5"]
