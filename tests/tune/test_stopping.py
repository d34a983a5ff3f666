"""Rules that stop a search: when they do, how text gives them, and what each way to search says and continues."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pliant as pg
from pliant.algorithms.bayes.regret import bound_regret
from pliant.launch import InPlace
from pliant.study import Study
from pliant.tune import CostLimit, NoImprovement, RegretBound
from pliant.tune.stopping import Record, to_rule
from pliant.values.errors import FieldTypeError, FieldValueError, UnknownFieldError

REWARDS = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0])), max_size=12)


def space():
    inner = pg.Dict(z=pg.floatv(0.0, 1.0))
    return pg.Dict(x=pg.intv(0, 99), y=pg.floatv(0.0, 1.0), k=pg.oneof([inner, None]))


def score(program):
    return -(((program.x - 30) / 100) ** 2) - (program.y - 0.3) ** 2 + (0.1 * program.k.z if program.k else 0)


def record(rewards):
    return Record(None, rewards, [1.0] * len(rewards), [{"dollars": 2.0}] * len(rewards))


# --- the rules ---------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(REWARDS, st.integers(1, 5), st.sampled_from([0.0, 0.5, 0.7]))
def test_no_improvement(rewards, trials, least):
    why = NoImprovement(trials, least).why(record(rewards))
    best, latest = None, None
    for number, reward in enumerate(rewards):
        if reward is not None and (best is None or reward > best + least):
            best, latest = reward, number
    assert (why is not None) == (latest is not None and len(rewards) - 1 - latest >= trials)
    assert why is None or len(rewards) > trials
    pairs = [None if one is None else (one, -one) for one in rewards]
    on_front = NoImprovement(trials).why(record(pairs))
    distinct = [
        number for number, one in enumerate(rewards) if one is not None and one not in rewards[:number]
    ]
    assert (on_front is not None) == (bool(distinct) and len(rewards) - 1 - distinct[-1] >= trials)


@settings(max_examples=60, deadline=None)
@given(REWARDS, st.integers(1, 5), st.integers(1, 20))
def test_combinations(rewards, trials, limit):
    first, second, seen = NoImprovement(trials), CostLimit(limit), record(rewards)
    one, other = first.why(seen), second.why(seen)
    assert (other is not None) == (len(rewards) >= limit)
    assert (first | second).why(seen) == (one or other)
    assert ((first & second).why(seen) is None) == (one is None or other is None)
    text = f"no_improvement({trials}) {{}} cost_limit(limit={limit})"
    assert to_rule(text.format("|")) == (first | second)
    assert to_rule(text.format("&")) == (first & second)


def test_cost_of_a_metric():
    assert CostLimit(5, "dollars").why(record([1.0, 1.0])) is None
    assert (
        CostLimit(5, "dollars").why(record([1.0, None, 1.0])) == "trials have cost 6 dollars; the limit is 5"
    )
    assert CostLimit(5, "euros").why(record([None, None])) is None
    with pytest.raises(FieldValueError, match=r"metric='euros'.* no trial has returned"):
        CostLimit(5, "euros").why(record([1.0]))


def test_regret_bound():
    template = pg.template(space())
    some = [template.space.sample(seed) for seed in range(24)]
    rewards = [score(template.materialize(one)) for one in some]
    bound = bound_regret(some, rewards)
    assert 0.1 - max(rewards) <= bound == bound_regret(some, rewards)
    assert bound_regret(some, [10 * one + 3 for one in rewards]) == pytest.approx(10 * bound, rel=0.05)
    assert bound_regret(some, [2.0] * 24) == float("inf")
    assert 0 <= bound_regret(some[:2], rewards[:2]) < float("inf")
    seen = Record(some, rewards, [], [])
    assert RegretBound(1e9, least=25, every=1).why(seen) is None
    assert RegretBound(1e9, least=20, every=20).why(Record(some[:19], rewards[:19])) is None
    assert RegretBound(1e9, least=20).why(Record(some, [2.0] * 24)) is None
    assert RegretBound(1e9).why(seen).startswith("the regret is at most")
    assert RegretBound(1e-9).why(seen) is None


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("no_improvment(3)", FieldValueError, r"unknown rule 'no_improvment'.*no_improvement"),
        ("no_improvement(tirals=3)", FieldValueError, r"does not take 'tirals'. Write no_improvement\(trials"),
        ("no_improvement(1, 2, 3)", FieldValueError, "too many options"),
        ("regret_bound", FieldValueError, "needs 'tolerance'"),
        ("no_improvement(trials=open('x'))", FieldValueError, "options are not literals"),
        ("no_improvement(3", FieldValueError, "not a name with options"),
        ("a.b(3)", FieldValueError, "not a name with options"),
        ("no_improvement(" + "(" * 2000, FieldValueError, "longer than 1000"),
        ("no_improvement(0)", FieldValueError, r"NoImprovement\(trials=...\) takes an integer of at least 1; got 0"),
        ("cost_limit(-1)", FieldValueError, r"CostLimit\(limit=...\) takes a finite number above 0"),
        ("cost_limit(1, 2)", FieldTypeError, r"CostLimit\(metric=...\) is the name of a metric"),
        (30, FieldTypeError, r"such as 'no_improvement\(trials=50\)', or None; got 30"),
        (NoImprovement, FieldTypeError, r"the class NoImprovement. Write NoImprovement\(...\)"),
    ],
)  # fmt: skip
def test_what_is_not_a_rule(value, kind, message):
    for call in (lambda: pg.sample(space(), stop=value), lambda: pg.search(space(), score, stop=value)):
        with pytest.raises(kind, match=message):
            call()


def test_names_of_other_libraries():
    with pytest.raises((FieldTypeError, UnknownFieldError, TypeError), match=r"stop='no_improvement"):
        pg.sample(space(), patience=3)


# --- searches ----------------------------------------------------------------------------------------------


def run(**options):
    search = pg.sample(space(), "random", 30, seed=1, progress=options.pop("progress", False), **options)
    for program, feedback in search:
        feedback(score(program))
    return search


def test_a_loop_in_memory(capsys):
    full = run()
    search = run(stop="no_improvement(5)", progress=True)
    assert search.ended == "stopped"
    count = len(search.trials)
    assert 5 < count < 30
    assert [one.reward for one in search.trials] == [one.reward for one in full.trials[:count]]
    assert f"search: {count} of 30 trials" in (shown := capsys.readouterr().err)
    assert "(stopped: no improvement during 5 trials); best" in shown
    assert run(stop="no_improvement(30)").ended == "complete"
    assert run(maximize=False, stop=NoImprovement(5)).ended == "stopped"


def test_a_study_continues(tmp_path, capsys):
    file = tmp_path / "a.db"
    count = len(run(study=file, stop="no_improvement(5)").trials)
    with Study.open(file) as study:
        assert not study.is_complete
    again = run(study=file, stop="no_improvement(5)", progress=True)
    assert (again.ended, len(again.trials)) == ("stopped", count)
    assert (
        "no improvement during 5 trials; with another `stop`, or without, the same call continues"
        in capsys.readouterr().err
    )
    assert run(study=file, stop="no_improvement(29)").ended == "complete"
    assert [one.reward for one in run(study=file).trials] == [one.reward for one in run().trials]


def test_search_stops_as_a_loop_does(tmp_path, capsys):
    given = {"seed": 1, "launcher": InPlace(), "stop": "no_improvement(5)", "study": tmp_path / "b.db"}
    result = pg.search(space(), score, "random", 30, **given)
    assert (result.ended, len(result.trials)) == ("stopped", len(run(stop="no_improvement(5)").trials))
    assert "(stopped: no improvement during 5 trials; with another `stop`" in capsys.readouterr().err
    assert pg.search(space(), score, "random", 30, **given | {"stop": None}).ended == "complete"
    with pytest.raises(FieldValueError, match="RegretBound is for one objective, and a trial has 2 rewards"):
        pg.search(
            space(),
            lambda program: (program.x, program.y),
            "random",
            9,
            stop=RegretBound(0.1),
            progress=False,
        )


def test_regret_bound_ends_a_search():
    search = pg.sample(space(), "bayesian", 60, seed=1, stop="regret_bound(0.05)", progress=False)
    for program, feedback in search:
        feedback(score(program))
    assert search.ended == "stopped"
    assert 20 <= len(search.trials) < 60
    assert 0.1 - search.best_reward <= 0.05
