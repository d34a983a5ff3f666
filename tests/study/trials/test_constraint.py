"""Limits on what trials measure: how they are written, and what breaking one means for a trial."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.algorithms import Algorithm, Random
from pliant.study import Study
from pliant.study.trials.constraint import MAX_NAME, Constraint, parse_constraints
from pliant.values.errors import FieldTypeError, FieldValueError, RewardError, StudyError


@given(
    metric=st.text("abcxyz_ %()", min_size=1).map(str.strip).filter(bool),
    sign=st.sampled_from(["<=", ">="]),
    limit=st.integers(-(10**5), 10**5),
    spaces=st.tuples(*[st.sampled_from(["", " ", "  "])] * 2),
)
def test_what_is_written_is_what_is_read(metric, sign, limit, spaces):
    found = Constraint.parse(f"{metric}{spaces[0]}{sign}{spaces[1]}{limit}")
    assert found == Constraint(metric, sign, float(limit))
    assert Constraint.parse(str(found)) == found
    assert found.allows(limit)
    assert found.allows(limit - 1) == (sign == "<=")
    assert found.allows(limit + 1) == (sign == ">=")


@given(limit=st.floats(allow_nan=False, allow_infinity=False))
def test_every_limit_is_kept_to_the_last_bit(limit):
    found = Constraint("m", "<=", limit)
    assert Constraint.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    ["", "latency", "latency < 10", "latency <= ten", "<= 10", "latency <= nan", "latency <= inf", "a == 1"],
)
def test_what_is_no_constraint(text, place, space):
    with pytest.raises(
        FieldValueError, match=r"a constraint is a metric, '<=' or '>=', and a number, such as"
    ):
        Study.create(place, space, Random(), constraints=[text])


@pytest.mark.parametrize(
    "text",
    [
        "lat <= 3 and lat>=1",
        "1 <= lat <= 3",
        "lat <= 3, size <= 4",
        "lat <= 3; size >= 4",
        "lat >= 1 & lat <= 3",
        "lat and size <= 3",
        "not lat <= 3",
        "lat = 3 <= 4",
        "lat < 3 >= 4",
        "3 <= 10",
        "-1e3 <= 10",
    ],
)
def test_what_is_more_than_one_or_none(text):
    with pytest.raises(
        FieldValueError,
        match=r"a constraint begins with the name of a metric; .* is not one\. Write one limit each, such as \['latency <= 10', 'latency >= 1'\]; got ",
    ):
        parse_constraints(["size <= 1", text])


@pytest.mark.parametrize("name", ["reward", "reward 2", "Rewards"])
def test_a_limit_on_the_reward(name, place, space):
    text = f"{name} >= 2"
    with pytest.raises(
        FieldValueError,
        match=rf"'{text}' limits the reward itself.* constrain a metric of another name, such as "
        r"'accuracy >= 2', and tell it: tell\(id, reward, metrics=\{'accuracy': \.\.\.\}\)",
    ):
        Study.create(place, space, Random(), constraints=[text])


def test_a_study_that_has_a_limit_on_the_reward_goes_on(place, space, change):
    """It was made before that was refused."""
    Study.create(place, space, Random(), constraints=["cost >= 2"]).close()
    change(place, "UPDATE study SET constraints = '[\"reward >= 2\"]'")
    with Study.open(place, space, Random()) as study:
        assert study.tell(study.ask().id, 1, metrics={"reward": 1}).status == "failed"


def test_what_is_no_text():
    with pytest.raises(
        FieldTypeError, match=r"a constraint is text, such as 'latency <= 10'; got 5 of type int"
    ):
        parse_constraints([5])
    with pytest.raises(FieldTypeError, match=r"constraints is a list of text, .*; got 'latency <= 10'"):
        parse_constraints("latency <= 10")


class Listener(Algorithm):
    def _setup(self):
        self.told = []

    def _propose(self):
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        self.told.append(reward)

    def _state(self):
        return {"told": self.told}

    def _restore(self, state):
        self.told = state["told"]


def test_who_breaks_one_has_failed_and_keeps_its_reward_as_a_metric(place, space):
    algorithm = Listener()
    limits = ["latency <= 10", "accuracy >= 0.5"]
    with Study.create(place, space, algorithm, constraints=limits) as study:
        good = study.tell(study.ask().id, 0.9, metrics={"latency": 10, "accuracy": 0.5})
        bad = study.tell(study.ask().id, 0.95, metrics={"latency": 10.5, "accuracy": 0.25})
        assert (good.status, good.reward, good.metrics) == (
            "completed",
            0.9,
            {"latency": 10.0, "accuracy": 0.5},
        )
        assert (bad.status, bad.reward) == ("failed", None)
        assert bad.reason == "breaks a constraint: latency is 10.5, not <= 10; accuracy is 0.25, not >= 0.5"
        assert bad.metrics == {"latency": 10.5, "accuracy": 0.25, "reward": 0.95}
        assert algorithm.told == [0.9, None]
        assert [trial.id for trial in study.best(5)] == [1]
        assert study.trial(2) == bad
    with Study.open(place) as study:
        assert study.constraints == study.info().constraints == ("latency <= 10", "accuracy >= 0.5")
    with Study.open(place, space, Listener()) as study:  # they hold after a restart, too
        assert study.tell(study.ask().id, 1.0, metrics={"latency": 11, "accuracy": 1}).status == "failed"


def test_a_metric_that_is_called_reward_stays(place, space):
    """Told again by a client, in the same words, it is the same: see test_serve."""
    with Study.create(place, space, Random(), constraints=["latency <= 10"]) as study:
        told = study.tell(study.ask().id, 0.9, metrics={"reward": 7, "latency": 11})
        assert told.metrics == {"reward": 7.0, "latency": 11.0, "(reward)": 0.9}
        told = study.tell(study.ask().id, 0.9, metrics={"reward": 7, "(reward)": 8, "latency": 11})
        assert told.metrics == {"reward": 7.0, "(reward)": 8.0, "latency": 11.0, "((reward))": 0.9}
        told = study.tell(study.ask().id, (1, 2), metrics={"reward 2": 7, "latency": 11})
        assert told.metrics == {"reward 2": 7.0, "latency": 11.0, "reward 1": 1.0, "(reward 2)": 2.0}
        told = study.tell(study.ask().id, (1, 2), metrics={"reward 1": 7, "latency": 9})
        assert (told.metrics, told.rewards) == ({"reward 1": 7.0, "latency": 9.0}, (1.0, 2.0))


def test_several_rewards_are_kept_as_metrics(place, space):
    with Study.create(place, space, Random(), constraints=["size <= 1"]) as study:
        told = study.tell(study.ask().id, (1, 2), metrics={"size": 2})
        assert told.metrics == {"size": 2.0, "reward 1": 1.0, "reward 2": 2.0}


def test_a_constrained_metric_that_is_missing(place, space):
    with Study.create(place, space, Random(), constraints=["latency <= 10"]) as study:
        study.ask()
        with pytest.raises(
            RewardError,
            match=r"the study has the constraint 'latency <= 10', and trial 1 was told without 'latency'; did you mean "
            r"'latencies'\? Pass it: tell\(id, reward, metrics=\{'latency': \.\.\.\}\)",
        ):
            study.tell(1, 0.5, metrics={"latencies": 1})
        assert study.trial(1).status == "running"
        assert study.fail(1, "no time was measured").status == "failed"  # who has no reward needs no metric


def test_other_constraints_are_another_study(place, space):
    Study.create(place, space, Random(), constraints=["a <= 1"]).close()
    with pytest.raises(
        StudyError,
        match=r"was made with constraints=\['a <= 1'\], and is opened with constraints=\['a <= 2'\]",
    ):
        Study.open_or_create(place, space, Random(), constraints=["a <= 2"])
    Study.open_or_create(place, space, Random(), constraints=["a<=1.0"]).close()


# --- metrics -----------------------------------------------------------------------------------------------


def test_metrics_are_kept_with_reports_and_results(place, space):
    with Study.create(place, space, Random()) as study:
        study.ask(), study.ask()
        study.report(1, 0.1, step=1, metrics={"loss": 2})
        told = study.tell(1, 0.5, metrics={"Größe (kB)": -0.0, "'; DROP TABLE trials; --": 1e300})
        assert told.reports[0].metrics == {"loss": 2.0}
        assert told == study.trial(1)
        assert study.fail(2, "no", metrics={"loss": 9}).metrics == {"loss": 9.0}
    with Study.open(place) as study:
        assert study.trial(1) == told
        assert study.counts()["completed"] == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None, 10**400, object()])
def test_a_metric_that_is_no_number(study, value):
    study.ask()
    for step in (
        lambda: study.tell(1, 0.5, metrics={"loss": value}),
        lambda: study.report(1, 0.5, step=1, metrics={"loss": value}),
        lambda: study.fail(1, "why", metrics={"loss": value}),
    ):
        with pytest.raises(
            RewardError, match=r"the metric 'loss' of trial 1 is a finite number; got .* Leave it out"
        ):
            step()
    assert study.trial(1).status == "running"
    assert study.trial(1).reports == ()


@pytest.mark.parametrize("metrics", [{"": 1}, {1: 1}, {"x" * (MAX_NAME + 1): 1}])
def test_a_metric_without_a_name(study, metrics):
    with pytest.raises(
        FieldTypeError, match=r"the name of a metric is text of 1 to 200 characters; trial 1 has"
    ):
        study.tell(study.ask().id, 0.5, metrics=metrics)


def test_metrics_that_are_no_mapping(study):
    with pytest.raises(
        FieldTypeError, match=r"metrics is a dict of numbers by name, .*; got \[1\] of type list"
    ):
        study.tell(study.ask().id, 0.5, metrics=[1])
