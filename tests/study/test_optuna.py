"""`to_optuna`: the trials of a study as Optuna reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pliant as pg
from pliant.algorithms import Random
from pliant.study import Study
from pliant.study.export import decided, to_optuna
from pliant.values.errors import FieldTypeError

optuna = pytest.importorskip("optuna", reason="optuna is not installed")

SPACE = pg.Dict(
    op=pg.oneof(["conv", pg.Dict(k=pg.oneof([3, 5]))]),
    rate=pg.floatv(1e-4, 1e-1, scale="log", name="rate"),
    width=pg.intv(8, 64, step=8),
    depth=pg.oneof([1, 2.5, 2]),
    same=pg.oneof([None, True, "None"]),
    picks=pg.manyof(2, ["a", "b", "c"], distinct=True),
)
STATES = {"running": "RUNNING", "completed": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}


@settings(max_examples=6, deadline=None)
@given(
    ends=st.lists(st.sampled_from(["running", "completed", "completed", "stopped", "failed"]), max_size=12),
    up=st.booleans(),
)
def test_counts_best_and_values_are_ours(tmp_path_factory, ends, up):
    path, space = tmp_path_factory.mktemp("o") / "a.db", pg.abstract_search_space(SPACE)
    with Study.create(path, space, Random(), maximize=up, seed=2) as study:
        for end in ends:
            trial = study.ask(worker="gpu")
            if end == "failed":
                study.fail(trial.id, "no memory", cause="memory")
            elif end != "running":
                study.report(trial.id, 0.25, step=3)
                study.tell(
                    trial.id, float(trial.decisions.values[-1] + trial.id % 4), metrics={"latency": 2.0}
                )
        found, trials = to_optuna(study), list(study.trials())
        best, counts = study.best(), study.counts()
    assert found.direction.name == ("MAXIMIZE" if up else "MINIMIZE")
    states = [trial.state.name for trial in found.trials]
    assert {status: states.count(name) for status, name in STATES.items()} == counts
    if best:
        assert (found.best_value, found.best_params) == (best[0].reward, decided(best[0]))
        assert found.best_trial.number == best[0].id - 1
    for ours, theirs in zip(trials, found.trials, strict=True):
        assert theirs.params == decided(ours)
        assert [type(one) for one in theirs.params.values()] == [type(one) for one in decided(ours).values()]
        assert theirs.value == ours.reward
        assert theirs.user_attrs["pliant.id"] == ours.id
        assert theirs.user_attrs["pliant.worker"] == "gpu"
        if ours.reports:
            assert theirs.intermediate_values == {3: 0.25}
            assert theirs.user_attrs["latency"] == 2.0
        theirs._validate()


def test_trials_that_were_stopped():
    search = pg.sample(SPACE, "median_stopping", trials=12, seed=0, progress=False)
    for _, feedback in search:
        for step in range(4):
            if feedback.report(-feedback.id, step=step + 0.5):
                break
        feedback(-feedback.id)
    found = to_optuna(search)
    pruned = [trial.status == "stopped" for trial in search.trials]
    assert any(pruned)
    assert [trial.state.name == "PRUNED" for trial in found.trials] == pruned
    assert found.trials[0].intermediate_values == dict.fromkeys(
        range(4), -1.0
    )  # steps that are not whole are counted


def test_constraints(tmp_path):
    space = pg.abstract_search_space(SPACE)
    with Study.create(tmp_path / "a.db", space, Random(), constraints=["latency <= 10"]) as study:
        for latency in (5.0, 12.5, 10.0):
            study.tell(study.ask().id, latency, metrics={"latency": latency})
        found = to_optuna(study)
        assert found.best_value == study.best()[0].reward == 10.0
    assert [trial.state.name for trial in found.trials] == ["COMPLETE"] * 3
    assert [list(trial.system_attrs["constraints"]) for trial in found.trials] == [[-5.0], [2.5], [0.0]]
    assert found.trials[1].value == 12.5


def test_several_rewards():
    search = pg.sample(SPACE, "nsga2", trials=6, seed=0, progress=False)
    for program, feedback in search:
        feedback((program.width, -program.rate))
    found = to_optuna(search)
    assert [tuple(trial.values) for trial in found.trials] == [trial.rewards for trial in search.trials]
    front = {trial.number + 1 for trial in found.best_trials}
    assert front == {trial.id for trial in search.trials if trial.rewards in [one[1] for one in search.front]}


def test_something_else():
    with pytest.raises(
        FieldTypeError, match=r"to_optuna takes a study, or the result of .*got 'a\.db' of type str"
    ):
        to_optuna("a.db")
