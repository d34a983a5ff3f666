"""The search loop: trials, measurements, names and groups of workers, results, early stopping."""

from __future__ import annotations

import threading

import pytest

from pliant.algorithms import TPE
from pliant.pyglove import early_stopping, geno, hyper, symbolic, tuning
from pliant.pyglove.geno import DNA
from pliant.pyglove.hyper import oneof
from pliant.pyglove.tuning import Measurement, Trial, poll_result, sample
from pliant.values.errors import FeedbackError, FieldValueError


def space(n=3):
    return symbolic.Dict(x=oneof(range(n)))


def test_a_loop_and_its_result():
    for example, feedback in sample(space(), geno.Sweeping(), name="loop"):
        feedback.set_metadata("seen", example)
        feedback.add_link("log", f"http://logs/{example.x}")
        feedback.add_measurement(example.x, step=2, metrics={"loss": 1.0}, checkpoint_path="two")
        feedback.add_measurement(0.0, step=1)
        feedback.done(metadata={"more": 1}, related_links={"figure": "http://f"})
    result = poll_result("loop")
    best = result.best_trial
    assert (best.id, best.dna, best.metadata.seen.x, best.metadata.more) == (3, DNA(2), 2, 1)
    assert best.final_measurement.step == 2
    assert best.final_measurement.checkpoint_path == "two"
    assert best.related_links == {"log": "http://logs/2", "figure": "http://f"}
    assert best.completed_time is not None
    assert [trial.id for trial in result.trials] == [1, 2, 3]
    assert "'COMPLETED': '3/3'" in str(result)


def test_a_trial_stays_until_it_ends():
    loop = sample(space(), geno.Sweeping())
    first, again = next(loop)[1], next(loop)[1]
    assert first.id == again.id == 1
    first(1.0)
    with pytest.raises(tuning.RaceConditionError, match="can only be added to PENDING trials"):
        again(1.0)
    with again.ignore_race_condition():
        again(1.0)
    assert next(loop)[1].id == 2


def test_a_loop_that_reports_nothing_is_told_so():
    with pytest.raises(
        FeedbackError, match="trial 1 was given to the loop 1000 times, and nothing was reported"
    ):
        for _ in sample(space(), geno.Sweeping()):
            pass


def test_a_reward_of_nan_is_not_the_best():
    for example, feedback in sample(space(), geno.Sweeping(), name="nan"):
        feedback(float("nan") if example.x == 0 else 1.0)
    assert poll_result("nan").best_trial.id == 2


def test_skipped_trials():
    for example, feedback in sample(space(), geno.Sweeping(), name="skip"):
        with feedback.skip_on_exceptions([(ValueError, "bad"), KeyError]):
            if example.x == 0:
                raise ValueError("a bad program")
            if example.x == 1:
                raise KeyError
            feedback(1.0)
    first, second, third = poll_result("skip").trials
    assert (first.infeasible, second.infeasible, third.infeasible) == (True, True, False)
    assert first.description == "ValueError: a bad program"
    loop = sample(space(), geno.Sweeping())
    feedback = next(loop)[1]
    with pytest.raises(ValueError, match="other"), feedback.skip_on_exceptions([(ValueError, "bad")]):
        raise ValueError("other")


def test_workers_with_one_name_share_a_search():
    seen = []

    def work(group):
        for _, feedback in sample(space(40), geno.Sweeping(), name="shared", group=group):
            seen.append(feedback.id)
            feedback(0.0)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 41))


def test_a_group_works_on_one_trial():
    first = next(sample(space(), geno.Sweeping(), name="group", group=1))[1]
    second = next(sample(space(), geno.Sweeping(), name="group", group=1))[1]
    third = next(sample(space(), geno.Sweeping(), name="group", group=2))[1]
    assert (first.id, second.id, third.id) == (1, 1, 2)
    first.set_metadata("k", 1)
    assert second.get_metadata("k") == 1
    first.set_metadata("k", 2, per_trial=False)
    assert third.get_metadata("k", per_trial=False) == 2
    third.end_loop()
    assert not poll_result("group").is_active


def test_a_name_belongs_to_one_space():
    next(sample(space(2), geno.Sweeping(), name="one space"))
    with pytest.raises(FieldValueError, match="'one space' has been set up with a different DNASpec"):
        next(sample(space(3), geno.Sweeping(), name="one space"))


class Rewards(geno.Random):
    """Keeps what it receives."""

    several: bool = False

    @property
    def multi_objective(self):
        return self.several

    def _setup(self):
        super()._setup()
        self.seen = []

    def _feedback(self, dna, reward):
        self.seen.append(reward)


def test_several_metrics():
    algorithm = Rewards(seed=1, several=True)
    loop = sample(space(), algorithm, metrics_to_optimize=["reward", "latency"])
    next(loop)[1]((0.5, 20.0))
    next(loop)[1](0.6, metrics={"latency": 10.0, "size": 3.0})
    assert algorithm.seen == [(0.5, 20.0), (0.6, 10.0)]
    feedback = next(loop)[1]
    for reward, metrics, message in [
        ((0.5,), None, r"number of items in the reward \(1\) does not match"),
        (None, {"latency": 1.0}, "'reward' must be provided"),
        (0.5, None, "Metric 'latency' must be provided"),
        ((0.5, 1.0), {"latency": 2.0}, "from both the reward .* with different values"),
    ]:
        with pytest.raises(FieldValueError, match=message):
            feedback(reward, metrics)
    with pytest.raises(FieldValueError, match="At least one measurement"):
        feedback.done()
    with pytest.raises(FieldValueError, match="should include only 1 metric"):
        next(sample(space(), geno.Random(), metrics_to_optimize=["a", "b"]))
    with pytest.raises(FieldValueError, match="is provided while it is not a goal"):
        next(sample(space(), Rewards(), metrics_to_optimize=["a"]))[1](1.0, {"a": 1.0})


def test_one_metric_is_the_reward():
    for _, feedback in sample(
        space(), geno.Random(seed=1), 3, metrics_to_optimize=["acc"], name="one metric"
    ):
        feedback(metrics={"acc": float(feedback.id)})
    result = poll_result("one metric")
    assert [trial.final_measurement.reward for trial in result.trials] == [1.0, 2.0, 3.0]
    assert (result.best_trial.id, result.best_trial.final_measurement.metrics.acc) == (3, 3.0)


def test_a_reward_beside_several_metrics_selects_the_best_trial():
    algorithm = Rewards(seed=1, several=True)
    for _, feedback in sample(space(), algorithm, 2, metrics_to_optimize=["a", "b"], name="beside"):
        feedback(5.0 - feedback.id, metrics={"a": 1.0, "b": 2.0})
    assert algorithm.seen == [(1.0, 2.0)] * 2
    assert poll_result("beside").best_trial.id == 1


def test_a_measurement_without_metrics_has_none_of_them():
    for _, feedback in sample(space(), geno.Random(seed=1), 1):
        feedback(1.0)
        assert feedback.get_trial().final_measurement.metrics == {}
        assert feedback.get_trial().final_measurement.metrics.get("acc") is None


def test_trials_are_symbolic():
    for example, feedback in sample(space(), geno.Sweeping(), 1, name="symbolic"):
        feedback.set_metadata("seen", example)
        feedback(2.0, metrics={"acc": 0.5})
    trial = poll_result("symbolic").trials[0]
    copy = symbolic.from_json_str(symbolic.to_json_str(trial))
    assert symbolic.eq(copy, trial)
    assert (copy.dna, copy.metadata.seen.x, copy.final_measurement.metrics.acc) == (DNA(0), 0, 0.5)
    assert trial.clone(override={"status": "DELETED"}).status == "DELETED"
    with pytest.raises(TypeError, match=r"encountered <class 'str'>: a.*path=step"):
        Measurement("a", 1.0)


def test_rewards_that_the_algorithm_gives():
    algorithm = geno.Deduping(Rewards(seed=1), auto_reward_fn=max)
    seen = [feedback.dna.value for _, feedback in _answer(sample(space(3), algorithm, 10, name="auto"))]
    assert sorted(seen) == [0, 1, 2]
    assert len(poll_result("auto").trials) == 10


def _answer(loop):
    for example, feedback in loop:
        yield example, feedback
        feedback(1.0)


def test_the_core_s_algorithms():
    for example, feedback in sample(space(30), TPE(seed=1), 40, name="tpe"):
        if example.x == 1:
            feedback.skip("failed")
        else:
            feedback(-abs(example.x - 20))
    assert poll_result("tpe").best_trial.final_measurement.reward > -5


def test_spaces_of_the_three_kinds():
    def program():
        return oneof([1, 2]) + oneof([10, 20])

    seen = []
    for example, feedback in sample(hyper.trace(program), geno.Sweeping()):
        with example():
            seen.append(program())
        feedback(0.0)
    assert seen == [11, 21, 12, 22]
    assert [dna.value for dna, _ in _answer(sample(oneof([1, 2]).dna_spec(), geno.Sweeping()))] == [0, 1]
    part = sample(
        symbolic.Dict(a=oneof([1, 2]), b=oneof([3, 4])),
        geno.Sweeping(),
        where=lambda one: 3 in one.candidates,
    )
    assert [(type(example.a).__name__, example.b) for example, _ in _answer(part)] == [
        ("OneOf", 3),
        ("OneOf", 4),
    ]


def test_a_back_end_of_the_user():
    made = []

    @tuning.add_backend("mine")
    class Mine(tuning.Backend):
        def __init__(self, **kwargs):
            made.append(kwargs)

        @classmethod
        def poll_result(cls, name, **kwargs):
            return name

        def next(self):
            raise StopIteration

    assert list(sample(space(), geno.Random(), 3, name="n", group=2, backend="mine", more=1)) == []
    assert {"name": "n", "group": 2, "num_examples": 3, "more": 1}.items() <= made[0].items()
    assert (
        sorted({"dna_spec", "algorithm", "metrics_to_optimize", "early_stopping_policy"} - made[0].keys())
        == []
    )
    assert poll_result("n", backend="mine") == "n"


def test_wrong_arguments():
    for make, message in [
        (lambda: sample(1, geno.Random()), "'space' is a constant value"),
        (lambda: sample(space(), geno.Random(), backend="none"), "Backend 'none' does not exist"),
    ]:
        with pytest.raises(FieldValueError, match=message):
            next(make())
    with pytest.raises(FieldValueError, match="Result 'none' does not exist"):
        poll_result("none")
    with pytest.raises(TypeError, match=r"not a `pg\.tuning\.Backend` subclass"):
        tuning.add_backend("bad")(int)
    with pytest.raises(FieldValueError, match=r"Value 'new' is not in candidate list .*path=status"):
        Trial(1, status="new")


def measured(trial, step, reward, **metrics):
    """A trial with one measurement."""
    return Trial(trial, measurements=[Measurement(step, 0.0, reward, metrics)])


def test_stopping_by_value():
    policy = early_stopping.early_stop_by_value([(3, 2.5), (1, 0.5)])()
    assert not policy.should_stop_early(Trial(1))
    assert not policy.should_stop_early(measured(1, 0, 0.0))
    assert policy.should_stop_early(measured(1, 1, 0.4))
    assert not policy.should_stop_early(measured(2, 1, 0.5))
    assert policy.should_stop_early(measured(2, 4, 2.0))
    lower = early_stopping.early_stop_by_value([(1, 0.5)], metric="loss", maximize=False)()
    assert lower.should_stop_early(measured(1, 1, None, loss=0.6))
    with pytest.raises(FieldValueError, match="has no 'loss'"):
        lower.should_stop_early(measured(2, 1, 1.0))


@pytest.mark.parametrize(
    ("rank", "rewards", "expected"),
    [  # values of the real package
        (1, [5, 3, 6, 4], [False, True, False, True]),
        (2, [5, 3, 6, 4, 5], [False, False, False, True, False]),
        (0.5, [4, 0, 17, 1, 18, 6, 18, 14, 5, 19], [0, 1, 0, 1, 0, 0, 0, 0, 1, 0]),
        (0.6, [7, 7, 14, 9], [False, False, False, False]),
    ],
)
def test_stopping_by_rank(rank, rewards, expected):
    policy = early_stopping.early_stop_by_rank([(1, rank, 0)])()
    found = [policy.should_stop_early(measured(i, 1, float(reward))) for i, reward in enumerate(rewards)]
    assert found == [bool(one) for one in expected]
    again = early_stopping.early_stop_by_rank([(1, rank, 0)])()
    again.recover([measured(i, 1, float(reward)) for i, reward in enumerate(rewards)])
    assert again._trial_gate_decision == policy._trial_gate_decision


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: early_stopping.early_stop_by_value([(1, "a")])(), "Invalid definition in `step_values`"),
        (lambda: early_stopping.early_stop_by_rank([(1, 2)])(), "Invalid definition in `step_ranks`"),
        (lambda: early_stopping.early_stop_by_rank([(1, 1.5, 0)])(), "Rank must be within range"),
    ],
)
def test_rules_of_the_wrong_form(make, message):
    with pytest.raises(FieldValueError, match=message):
        make()


def test_policies_combine():
    low = early_stopping.early_stop_by_value([(1, 1.0)])()
    high = early_stopping.early_stop_by_value([(1, 2.0)])()
    trial = measured(1, 1, 1.5)
    assert [one.should_stop_early(trial) for one in (low & high, low | high, ~low, -high)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_policy_in_a_loop():
    policy = early_stopping.early_stop_by_value([(1, 1.5)])()
    stopped = []
    for example, feedback in sample(space(), geno.Sweeping(), None, policy):
        for step in range(3):
            feedback.add_measurement(example.x, step=step)
            if feedback.should_stop_early():
                stopped.append((example.x, step))
                feedback.skip()
                break
        else:
            feedback.done()
    assert stopped == [(0, 1), (1, 1)]
