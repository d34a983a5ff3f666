"""The loop: feedback, rewards, budgets, partitions, studies, and what a trial costs."""

from __future__ import annotations

import gc
import math
import re
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

import pliant as pg
from pliant.algorithms import Algorithm, Exhausted
from pliant.values.errors import (
    FeedbackError,
    FieldTypeError,
    FieldValueError,
    RewardError,
    SpaceChangedError,
    SpaceError,
    StudyError,
)

OPS, EDGES = "ops", "edges"


def space():
    return pg.Dict(x=pg.oneof([1, 2, 3]), y=pg.intv(0, 9))


def evolution(**options):
    return pg.generators.RegularizedEvolution(population_size=4, tournament_size=2, **options)


def run(*args, reward=lambda program: program.x * program.y, search=None, **options):
    """The decisions of a whole loop."""
    decided = []
    for program, feedback in search or pg.sample(*args, **options):
        decided.append(feedback.decisions.values)
        feedback(reward(program))
    return decided


class Listener(Algorithm):
    """Proposes at random and keeps what it is told."""

    def _setup(self):
        self.told = []

    def _propose(self):
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        self.told.append(reward)


# --- feedback ----------------------------------------------------------------------------------------------


def test_a_loop_that_forgets_feedback_says_so_and_can_go_on():
    search = pg.sample(space(), trials=3)
    _, first = next(search)
    for _ in range(2):
        with pytest.raises(FeedbackError, match=r"moved on without feedback for trial 1 .*feedback\.skip"):
            next(search)
    first(1.0)
    assert [feedback(1.0) for _, feedback in search] == [None, None]


def test_a_trial_is_told_once():
    program, feedback = next(pg.sample(space()))
    assert not feedback.is_told
    feedback(1)
    assert feedback.is_told
    for tell in (feedback, lambda _: feedback.skip(), lambda _: feedback.infeasible()):
        with pytest.raises(
            FeedbackError, match="trial 1 has its feedback already; call feedback once per turn"
        ):
            tell(2)
    assert program.x in (1, 2, 3)


@pytest.mark.parametrize(
    "reward",
    [math.nan, math.inf, -math.inf, None, "1", b"1", True, [], (1, math.nan), (1, (2, 3)), object(), 10**400],
)
def test_a_reward_is_a_finite_number_and_the_trial_stays_open(reward):
    search = pg.sample(space(), trials=1)
    _, feedback = next(search)
    with pytest.raises(RewardError, match=r"a reward is a finite number.*call feedback\.skip\('why'\)"):
        feedback(reward)
    assert not feedback.is_told
    feedback(1)
    assert search.best_reward == 1.0


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "in a study"])
@pytest.mark.parametrize("metric", [math.nan, math.inf, "1", None, 1j, 10**400])
def test_a_metric_is_a_finite_number_and_the_trial_stays_open(tmp_path, metric, stored):
    search = pg.sample(space(), trials=1, study=tmp_path / "a.db" if stored else None)
    _, feedback = next(search)
    with pytest.raises(RewardError, match=r"the metric 'size' of trial 1 is a finite number.*feedback\.skip"):
        feedback(1.0, metrics={"size": metric})
    with pytest.raises(FieldTypeError, match="metrics is a dict of numbers by name"):
        feedback(1.0, metrics=[("size", 1.0)])
    assert not feedback.is_told
    feedback(1.0, metrics={"size": np.int64(3)})
    assert search.trials[0].metrics == {"size": 3.0}


def test_rewards_of_other_libraries():
    for reward in (np.float32(0.5), np.array(0.5), np.int64(1)):
        listener = Listener()
        next(pg.sample(space(), listener))[1](reward)
        assert listener.told == [float(reward)]
        assert type(listener.told[0]) is float


def test_several_rewards_go_to_algorithms_that_take_them():
    listener = Listener()
    listener.several_rewards = True
    search = pg.sample(space(), listener, maximize=False)
    next(search)[1]((1, 2.5))
    assert listener.told == [(-1.0, -2.5)]
    assert search.best_reward == (1.0, 2.5)
    _, feedback = next(pg.sample(space(), Listener()))
    with pytest.raises(RewardError, match="this algorithm takes one reward, got 2"):
        feedback((1, 2))
    feedback(1)


def test_infeasible_trials_are_told_to_the_algorithm():
    listener = Listener()
    search = pg.sample(space(), listener, 2)
    next(search)[1].skip("out of memory")
    next(search)[1].infeasible()
    assert listener.told == [None, None]
    assert (search.best_reward, search.best_decisions, search.best_program) == (None, None, None)
    with pytest.raises(FieldTypeError, match="skip takes the reason as text"):
        next(pg.sample(space()))[1].skip(3)


@pytest.mark.parametrize(("maximize", "best"), [(True, (27.0, 3, 9)), (False, (0.0, 1, 0))])
def test_maximize_or_minimize(maximize, best):
    search = pg.sample(space(), pg.generators.Sweep(), maximize=maximize)
    for program, feedback in search:
        feedback(program.x * program.y)
    program = search.best_program
    assert (search.best_reward, program.x, program.y) == best
    assert search.best_decisions.to_dict() == {"x": best[1] - 1, "y": best[2]}


def test_minimizing_is_maximizing_the_negative():
    assert run(space(), evolution(), 50, maximize=False) == run(
        space(), evolution(), 50, reward=lambda program: -program.x * program.y
    )


# --- arguments ---------------------------------------------------------------------------------------------


def test_other_names_of_arguments():
    assert run(search_space=space(), num_examples=4) == run(space(), trials=4)
    where = pg.by_path("x")
    for option in ("partition_fn", "where"):
        found = [
            program.x
            for program, feedback in pg.sample(space(), pg.generators.Sweep(), **{option: where})
            if not feedback(0)
        ]
        assert found == [1, 2, 3]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pg.sample(), FieldTypeError, "sample needs a space: a program with holes"),
        (
            lambda: pg.sample(space(), search_space=space()),
            FieldTypeError,
            "space and search_space are one argument",
        ),
        (
            lambda: pg.sample(space(), trials=1, num_examples=1),
            FieldTypeError,
            "trials and num_examples are one",
        ),
        (
            lambda: pg.sample(space(), partition_fn="x", where="x"),
            FieldTypeError,
            "partition_fn and where are one",
        ),
        (lambda: pg.sample(space(), trials=0), FieldValueError, "trials is a whole number from 1"),
        (lambda: pg.sample(space(), trials=2.5), FieldValueError, "trials is a whole number from 1"),
        (lambda: pg.sample(space(), trials=True), FieldValueError, "trials is a whole number from 1"),
        (lambda: pg.sample(space(), "randm"), FieldValueError, "did you mean 'random'"),
        (
            lambda: pg.sample(space(), pg.generators.Random),
            FieldTypeError,
            "got Random itself. Call it: Random().",
        ),
        (lambda: pg.sample(space(), seed="a"), FieldTypeError, "a seed is an integer"),
        (lambda: pg.sample(pg.Dict(x=1)), SpaceError, "there is nothing to search: this Dict has no hole"),
        (
            lambda: pg.sample(space(), partition_fn="z"),
            SpaceError,
            "the partition selects none of the holes; the outermost ones are at 'x', 'y'",
        ),
        (lambda: pg.sample(space(), partition_fn="("), FieldValueError, "by_path needs a regular expression"),
        (
            lambda: pg.sample(space(), partition_fn=3),
            FieldTypeError,
            "To select by hints, pass `pg.by_hints(3)`",
        ),
    ],
)
def test_a_call_that_cannot_be(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


@dataclass
class Config:
    rate: object
    depth: object = 3


@pytest.mark.parametrize(
    ("program", "children"),
    [
        ({"a": pg.oneof([1, 2]), "b": 3}, [{"a": 1, "b": 3}, {"a": 2, "b": 3}]),
        ([pg.oneof([1, 2])], [[1], [2]]),
        ((pg.oneof([1, 2]), "t"), [(1, "t"), (2, "t")]),
        (Config(pg.oneof([1, 2])), [Config(1), Config(2)]),
        (Config([{"a": (pg.oneof([1, 2]),)}]), [Config([{"a": (1,)}]), Config([{"a": (2,)}])]),
        (pg.oneof([1, 2]), [1, 2]),
        (pg.manyof(1, [1, 2]), [[1], [2]]),
    ],
    ids=["dict", "list", "tuple", "dataclass", "nested", "oneof", "manyof"],
)
def test_spaces_of_plain_values(program, children):
    assert [p for p, feedback in pg.sample(program, pg.generators.Sweep()) if feedback(0) is None] == children
    assert list(pg.iter(program)) == children
    for number, child in enumerate(children):
        assert pg.materialize(program, [number]) == child
        assert pg.encode(program, child).values == (number,)
    assert pg.random_sample(program, 0) in children


# --- the order of trials -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [pg.generators.Random, evolution, pg.generators.Sweep, pg.generators.LocalSearch]
)
def test_same_seed_same_sequence(make):
    assert run(space(), make(), 20) == run(space(), make(), 20)
    if make is not pg.generators.Sweep:
        assert run(space(), make(), 20, seed=1) == run(space(), make(seed=1), 20) != run(space(), make(), 20)


def test_a_loop_that_is_left_goes_on():
    search = pg.sample(space(), evolution(), 10)
    decided = []
    for program, feedback in search:
        decided.append(feedback.decisions.values)
        feedback(program.x * program.y)
        if feedback.id == 4:
            break
    for program, feedback in search:
        decided.append(feedback.decisions.values)
        feedback(program.x * program.y)
    assert decided == run(space(), evolution(), 10)
    assert list(search) == []


def test_an_error_in_the_body_leaves_the_trial_open():
    search = pg.sample(space(), trials=3)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        run(search=search, reward=lambda _: 1 / 0)
    with pytest.raises(FeedbackError, match="without feedback for trial 1"):
        next(search)
    search._open.skip("division by zero")
    assert next(search)[1].id == 2


def test_an_algorithm_that_is_used_again_goes_on():
    algorithm = evolution()
    both = run(space(), algorithm, 6) + run(space(), algorithm, 6)
    assert both == run(space(), evolution(), 12)
    with pytest.raises(SpaceError, match="already searches another space"):
        pg.sample(pg.Dict(x=pg.oneof([1, 2])), algorithm)


def test_without_trials_a_sweep_ends():
    assert len(run(space(), pg.generators.Sweep())) == pg.abstract_search_space(space()).size == 30


def test_changes_of_the_space_do_not_reach_a_loop():
    program = space()
    search = pg.sample(program, pg.generators.Sweep())
    next(search)[1](0)
    program.rebind(x=5, y=5)
    assert len([feedback(0) for _, feedback in search]) == 29


# --- partitions, and loops inside loops --------------------------------------------------------------------


def cell():
    return pg.Dict(
        a=pg.oneof([pg.Dict(k=pg.oneof([1, 2], hints=EDGES)), 3], hints=OPS), b=pg.oneof([5, 6], hints=EDGES)
    )


@pytest.mark.parametrize(
    "partition",
    [lambda v: v.hints == OPS, pg.by_hints(OPS), pg.by_path("a$"), "a$"],
    ids=["function", "hints", "path", "text"],
)
def test_a_loop_inside_a_loop_reaches_every_program(partition):
    found, best = [], None
    for part, outer in pg.sample(cell(), pg.generators.Sweep(), partition_fn=partition):
        rewards = []
        for program, inner in pg.sample(part, pg.generators.Sweep()):
            found.append(program)
            rewards.append(len(found))
            inner(rewards[-1])
        best = max(rewards)
        outer(best)
    assert best == 6
    assert [pg.encode(cell(), p) for p in found] == [pg.encode(cell(), p) for p in pg.iter(cell())]


def test_the_inner_part_may_be_searched_first():
    found = []
    for part, outer in pg.sample(cell(), pg.generators.Sweep(), partition_fn=lambda v: v.hints == EDGES):
        for program, inner in pg.sample(part, pg.generators.Sweep()):
            found.append(program)
            inner(0)
        outer(0)
    assert {pg.hash(p) for p in found} == {pg.hash(p) for p in pg.iter(cell())}


def test_hybrid_search_continues_the_best_inner_algorithm():
    attempts = []
    for part, outer in pg.sample(cell(), evolution(), 5, partition_fn=lambda v: v.hints == OPS):
        algorithm = evolution(seed=len(attempts))
        rewards = run(part, algorithm, 4, reward=lambda program: program.b)
        attempts.append((part, max(sum(r) for r in rewards), algorithm))
        outer(attempts[-1][1])
    part, _, algorithm = max(attempts, key=lambda attempt: attempt[1])
    assert len(run(part, algorithm, 10, reward=lambda program: program.b)) == 10


# --- studies -----------------------------------------------------------------------------------------------


def test_a_loop_with_a_study_goes_on_where_it_stopped(tmp_path):
    path, decided = tmp_path / "s.db", []
    for program, feedback in pg.sample(space(), evolution(), 10, seed=3, study=path):
        decided.append(feedback.decisions.values)
        feedback(program.x * program.y)
        if feedback.id == 5:
            break
    decided += run(space(), evolution(), 10, seed=3, study=path)
    assert decided == run(space(), evolution(), 10, seed=3)
    done = pg.sample(space(), evolution(), 10, seed=3, study=path)
    assert list(done) == []
    assert done.best_reward == max((i + 1) * j for i, j in decided)


def test_a_trial_that_was_never_told_comes_again(tmp_path):
    path = tmp_path / "s.db"

    def interrupted():
        for _program, feedback in pg.sample(space(), trials=2, study=path):
            return feedback.id, feedback.decisions.values
        return None

    first = interrupted()
    for _program, feedback in pg.sample(space(), trials=2, study=path):
        assert (feedback.id, feedback.decisions.values) == first
        feedback.skip("it was killed")
        break
    with pg.Study.open(path) as study:
        assert study.trial(1).reason == "it was killed"


def test_a_study_of_another_space(tmp_path):
    path = tmp_path / "s.db"
    run(space(), trials=1, study=path)
    changed = pg.Dict(x=pg.oneof([1, 2, 3, 4]), y=pg.intv(0, 9))
    with pytest.raises(
        SpaceChangedError, match=r"(?s)searches another space.*~ x: 3 candidates -> 4: \+ '4'"
    ):
        pg.sample(changed, trials=1, study=path)
    with pg.Study.open(path) as study, pytest.raises(SpaceChangedError, match="searches another space"):
        pg.sample(changed, study=study)


def test_an_open_study_has_its_own_settings(tmp_path):
    with pg.Study.create(
        tmp_path / "s.db", pg.abstract_search_space(space()), evolution(), trials=4
    ) as study:
        for name, value in (("algorithm", evolution()), ("trials", 5), ("seed", 1)):
            with pytest.raises(FieldTypeError, match=f"an open study has its own {name}; leave out {name}="):
                pg.sample(space(), study=study, **{name: value})
        assert len(run(space(), study=study)) == 4
        assert study.is_complete


def test_what_a_study_cannot_keep(tmp_path):
    _, feedback = next(pg.sample(space(), study=tmp_path / "s.db"))
    with pytest.raises(RewardError, match="a reward is a finite number"):
        feedback(math.nan)
    with pytest.raises(StudyError, match="already open for writing in this process"):
        pg.sample(space(), study=tmp_path / "s.db")
    feedback(1)


# --- reports, parents, several objectives ------------------------------------------------------------------


class Climber(Algorithm):
    """Stops what reports less than its best so far, and lets each trial go on from the one before."""

    def _setup(self):
        self.last, self.reports = None, []

    def _propose(self):
        self.before, self.last = self.last, self.space.sample(self.random)
        return self.last

    def _report(self, decisions, reward, step):
        self.reports.append((reward, step))
        return reward < max(reward for reward, _ in self.reports)

    def _parent(self, decisions):
        return self.before

    def _state(self):
        one = [None if d is None else d.to_json() for d in (self.before, self.last)] if self.last else None
        return {"trials": one, "reports": self.reports}

    def _restore(self, state):
        self.reports = [tuple(report) for report in state["reports"]]
        if state["trials"]:
            self.before, self.last = (d and self._load(d) for d in state["trials"])


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("maximize", [True, False])
def test_reports_and_parents(tmp_path, stored, maximize):
    algorithm, sign = Climber(), 1 if maximize else -1
    options = {"study": tmp_path / "s.db"} if stored else {}
    search = pg.sample(space(), algorithm, 3, maximize=maximize, **options)
    seen = []
    for _, feedback in search:
        assert feedback.parent == (seen[-1] if seen else None)
        assert not feedback.should_stop
        assert feedback.report(np.float32(sign * 2), step=1) is (feedback.id > 1)
        assert feedback.should_stop is (feedback.id > 1)
        assert feedback.report(sign * 3, step=2.5) is False
        assert feedback.should_stop is (feedback.id > 1)  # once told to stop, always
        seen.append(feedback.decisions)
        feedback(sign * 3)
    assert algorithm.reports == [(2.0, 1.0), (3.0, 2.5)] * 3


def test_a_report_is_a_finite_number_in_time():
    _, feedback = next(pg.sample(space(), Climber()))
    with pytest.raises(RewardError, match="a reward is a finite number"):
        feedback.report(math.inf, step=1)
    with pytest.raises(RewardError, match=r"a step is a finite number.*got 'one' of type str"):
        feedback.report(1, step="one")
    feedback(1)
    with pytest.raises(FeedbackError, match=r"trial 1 has its feedback already, so it cannot report"):
        feedback.report(1, step=2)


def test_no_report_and_no_parent_for_other_algorithms():
    for _, feedback in pg.sample(space(), trials=2):
        assert feedback.parent is None
        assert not feedback.report(-1e150, step=0)
        feedback(0)


@pytest.mark.parametrize("stored", [False, True])
def test_several_objectives_have_a_front(tmp_path, stored):
    options = {"study": tmp_path / "s.db"} if stored else {}
    program = pg.Dict(x=pg.intv(0, 4), y=pg.intv(0, 4))

    def sample(trials):
        return pg.sample(program, pg.generators.Random(replace=False), trials, maximize=False, **options)

    search = sample(25)
    assert search.front == []
    for child, feedback in search:
        feedback((child.x, (child.x - 2) ** 2 + child.y))
    assert [(dict(child), reward) for child, reward in search.front] == [
        ({"x": x, "y": 0}, (float(x), float((x - 2) ** 2))) for x in (0, 1, 2)
    ]
    assert search.best_reward == (0.0, 4.0)
    if stored:
        search.close()
        assert [reward for _, reward in sample(25).front] == [reward for _, reward in search.front]


def test_one_objective_has_a_front_of_one():
    search = pg.sample(pg.Dict(x=pg.intv(0, 9)), pg.generators.Sweep())
    for child, feedback in search:
        feedback(-abs(child.x - 3))
    assert search.front == [(pg.Dict(x=3), 0.0)]


def test_the_program_receives_its_budget_and_its_parent():
    """A whole multi-fidelity search as a user writes it: train from the parent's epochs to one's own."""
    program = pg.Dict(lr=pg.floatv(0.01, 1.0, scale="log"), epochs=pg.intv(1, 9, name="budget"))
    saved, spent = {}, 0
    search = pg.sample(program, pg.generators.Hyperband(seed=2), trials=26)
    for child, feedback in search:
        done = saved[feedback.parent] if feedback.parent else 0
        assert done < child.epochs
        spent += child.epochs - done
        saved[feedback.decisions] = child.epochs
        feedback(-abs(math.log(child.lr / 0.1)) - 1 / child.epochs)
    assert spent < 26 * 9 / 2
    assert search.best_program.epochs == 9
    assert 0.05 < search.best_program.lr < 0.2


# --- cost --------------------------------------------------------------------------------------------------


def test_memory_of_a_trial():
    program = pg.Dict({f"x{i}": pg.oneof([1, 2, 3]) for i in range(26)})
    search = pg.sample(program, pg.generators.RegularizedEvolution(), 10_100)

    def turns(count):
        for _ in range(count):
            child, feedback = next(search)
            feedback(sum(child.values()))

    turns(100)
    gc.collect()
    tracemalloc.start()
    turns(10_000)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept / 10_000 < 600  # bytes, with what `trials` returns; the promise is 1,000


def test_closing_a_search_frees_its_study(tmp_path):
    path = tmp_path / "a.db"
    search = pg.sample(space(), study=path, trials=5)
    _, feedback = next(search)
    feedback(1.0)
    with pytest.raises(StudyError, match=r"already open for writing in this process .*`search\.close\(\)`"):
        pg.sample(space(), study=path)
    search.close()
    assert list(search) == []
    assert search.best_reward == 1.0
    with pg.sample(space(), study=path) as again:
        next(again)[1](2.0)
    assert len(list(pg.sample(space(), study=path).best_decisions.values)) == 2
    search.close()  # a second time, nothing


def test_closing_a_search_leaves_a_study_that_was_passed(tmp_path):
    with pg.sample(space(), trials=3) as search:
        next(search)
    assert list(search) == []
    abstract = pg.abstract_search_space(space())
    with pg.Study.create(tmp_path / "a.db", abstract, pg.generators.Random()) as study:
        with pg.sample(space(), study=study) as search:
            next(search)[1](1.0)
        assert study.ask().id == 2


@pytest.mark.parametrize("stored", [False, True])
def test_a_search_without_a_first_trial_says_why(tmp_path, stored):
    reject = pg.generators.Reject(pg.generators.Random(), lambda decisions: 5, high=4, attempts=10)
    search = pg.sample(space(), reject, trials=4, study=tmp_path / "a.db" if stored else None)
    with pytest.raises(
        Exhausted, match=r"20 proposals in a row were rejected: .* costs from 5 to 5, the limits"
    ):
        run(search=search)


@pytest.mark.parametrize("stored", [False, True])
def test_a_search_says_why_it_ended_early(capsys, tmp_path, stored):
    search = pg.sample(
        pg.oneof([1, 2, 3]), pg.generators.Sweep(), trials=9, study=tmp_path / "a.db" if stored else None
    )
    assert len(run(search=search, reward=float)) == 3
    assert search.ended == "complete"
    assert "all 3 decision vectors" in capsys.readouterr().err


@pytest.mark.parametrize("stored", [False, True])
def test_a_search_that_had_its_trials_did_not_end_early(tmp_path, stored):
    search = pg.sample(space(), trials=2, study=tmp_path / "a.db" if stored else None)
    assert search.ended is None
    run(search=search)
    assert search.ended == "complete"


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    "first, second", [((1.0, 2.0), 101.0), (1.0, (1.0, 2.0)), ((1.0, 2.0), (1.0, 2.0, 3.0))]
)
def test_all_trials_have_the_same_objectives(tmp_path, stored, first, second):
    class Free(Algorithm):
        several_rewards = True

        def _propose(self):
            return self.space.sample(self.random)

    search = pg.sample(space(), Free(), study=tmp_path / "a.db" if stored else None)
    next(search)[1](first)
    feedback = next(search)[1]
    with pytest.raises(RewardError, match=r"trial 2 has \d rewards?, and the trials before it \d each"):
        feedback(second)
    feedback(first)


@pytest.mark.parametrize("reward", [1.1e150, -1e160, 1e308, (1e308,)])
@pytest.mark.parametrize("stored", [False, True])
def test_a_reward_is_one_to_compute_with(tmp_path, stored, reward):
    feedback = next(pg.sample(space(), study=tmp_path / "a.db" if stored else None))[1]
    with pytest.raises(RewardError, match=r"from -1e\+150 to 1e\+150; got .*. Scale all rewards"):
        feedback(reward)
    assert not feedback.is_told


def test_a_study_remembers_that_its_algorithm_had_nothing_left(capsys, tmp_path):
    for _ in range(2):
        search = pg.sample(pg.oneof([1, 2, 3]), pg.generators.Sweep(), trials=9, study=tmp_path / "a.db")
        run(search=search, reward=float)
        assert search.ended == "complete"
        assert re.search("nothing left|all 3", capsys.readouterr().err)


def test_metrics_are_kept_in_a_study_and_held_to_its_constraints(tmp_path):
    """A reward whose trial breaks a constraint is not the best of the loop."""
    space = pg.Dict(x=pg.intv(0, 9))
    abstract = pg.abstract_search_space(space)
    with pg.Study.create(
        tmp_path / "a.db", abstract, pg.generators.Sweep(), trials=10, constraints=["size <= 4"]
    ) as study:
        search = pg.sample(space, study=study)
        for program, feedback in search:
            feedback(program.x, metrics={"size": program.x})
        assert (search.best_reward, search.best_program.x) == (4.0, 4)
        assert study.counts() == {"running": 0, "completed": 5, "stopped": 0, "failed": 5}
        assert study.trial(10).metrics == {"size": 9.0, "reward": 9.0}
