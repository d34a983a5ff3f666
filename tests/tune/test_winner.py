"""The trained winner: ``best_program`` is the program that was evaluated, if this process did; no other one is kept."""

from __future__ import annotations

import ast
import gc
import sys
import weakref
from pathlib import Path

import pytest

import pliant as pg
from pliant.launch import InPlace, Processes
from pliant.study import Study

HERE = Path(__file__).parent
WAYS = pytest.mark.parametrize("how", ["loop", "study", "search", "search in place"])


@pytest.fixture(scope="module")
def tasks():
    """The module that workers import by name, as they have our path."""
    sys.path.insert(0, str(HERE))
    try:
        import winner_tasks

        yield winner_tasks
    finally:
        sys.path.remove(str(HERE))


@pytest.fixture
def find(tasks, tmp_path):
    """Returns a function that searches a space in one of several ways, in this process."""

    def find(how, space, evaluate, algorithm="sweep", trials=None, *, seen=lambda search: None, **options):
        options = {"progress": False, **options}
        if how == "search":
            return pg.search(space, lambda program: evaluate(program), algorithm, trials, **options)
        if how == "search in place":
            return pg.search(space, evaluate, algorithm, trials, launcher=InPlace(), **options)
        more = {"study": tmp_path / "a.db"} if how == "study" else {}
        search = pg.sample(space, algorithm, trials, **more, **options)
        for program, feedback in search:
            feedback(evaluate(program))
            seen(search)
        return search

    return find


@WAYS
def test_the_best_program_is_the_one_that_was_trained(how, tasks, find):
    found = find(how, tasks.make_space(), tasks.train)
    assert found.best_reward == 5.0
    assert found.best_program.weights == [5.0] * 5
    assert found.best_program is found.best_program
    assert found.front == [(found.best_program, 5.0)]
    assert found.front[0][0] is found.best_program
    assert found.best_program == tasks.make_space().rebind(size=5)


@WAYS
def test_minimizing_and_equal_rewards(how, tasks, find):
    assert find(how, tasks.make_space(), tasks.train, maximize=False).best_program.weights == [1.0]


def test_of_equal_rewards_the_first_is_kept(tasks, find):
    programs = []

    def evaluate(program):
        programs.append(program)
        return min(program.train(), 3.0)

    for how in ("loop", "study", "search"):
        programs.clear()
        found = find(how, tasks.make_space(), evaluate)
        assert found.best_program is programs[2]


@WAYS
def test_a_network_scores_what_its_trial_scored(how, tasks, find):
    found = find(how, tasks.make_networks(), tasks.train_network)
    assert found.best_reward > 0.7
    assert tasks.score_network(found.best_program) == found.best_reward
    assert tasks.score_network(found.best_program.clone()) < 0.4  # built again, and not trained


def test_it_can_be_read_in_the_loop(tasks, find):
    read = []
    find(
        "loop",
        tasks.make_space(),
        tasks.train,
        seen=lambda search: read.append(search.best_program.weights[0]),
    )
    assert read == [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("reads", [False, True], ids=["reads at the end", "reads in the loop"])
@pytest.mark.parametrize("how", ["loop", "study", "search"])
def test_one_trained_program_is_kept_at_most(how, reads, tasks, find):
    alive: weakref.WeakSet = weakref.WeakSet()
    most = []

    def evaluate(program):
        gc.collect()
        most.append(len(alive))
        alive.add(program)
        return program.train()

    found = find(how, tasks.make_space(), evaluate, seen=lambda search: reads and search.best_program)
    gc.collect()
    assert (
        most == [0, 1, 1, 1, 1] if how == "search" else max(most) <= 2
    )  # a loop's variable holds the one before
    assert list(alive) == [found.best_program]
    del found
    gc.collect()
    assert not alive


@pytest.mark.parametrize("how", ["loop", "study", "search"])
def test_of_several_objectives_the_best_in_the_first_one_is_kept(how, tasks, find):
    alive: weakref.WeakSet = weakref.WeakSet()

    def evaluate(program):
        alive.add(program)
        return program.train(), -float(program.size)

    found = find(how, tasks.make_space(), evaluate)
    gc.collect()
    assert [one.weights for one in alive] == [[5.0] * 5]
    assert [one.weights for one, _ in found.front] == [[5.0] * 5, None, None, None, None]
    assert found.front[0][0] is found.best_program
    assert [one.size for one, _ in found.front] == [5, 4, 3, 2, 1]
    assert all(one is again for (one, _), (again, _) in zip(found.front, found.front, strict=True))


@pytest.mark.parametrize("how", ["loop", "study"])
def test_a_failed_trial_is_not_the_winner(how, tasks, tmp_path):
    more = {"study": tmp_path / "a.db"} if how == "study" else {}
    search = pg.sample(tasks.make_space(), "sweep", progress=False, **more)
    for model, feedback in search:
        reward = model.train()
        feedback(reward) if model.size < 3 else feedback.skip("too large")
    assert (search.best_reward, search.best_program.weights) == (2.0, [2.0] * 2)
    empty = pg.sample(tasks.make_space(), "sweep", progress=False)
    for _, feedback in empty:
        feedback.skip("none is good")
    assert empty.best_program is None


def test_none_may_be_the_best_program():
    search = pg.sample(pg.oneof([0, None]), "sweep", progress=False)
    for program, feedback in search:
        feedback(float(program is None))
    assert (search.best_program, search.front) == (None, [(None, 1.0)])


def test_what_was_evaluated_is_handed_out_as_it_is(tasks):
    search = pg.sample(pg.Dict(layers=[pg.intv(1, 3)]), "sweep", progress=False)
    for program, feedback in search:
        program.layers.append(9)  # a change of the loop, before it is scored
        feedback(sum(program.layers))
    assert search.best_program == {"layers": [3, 9]}
    assert search.best_decisions.params == {"layers[0]": 3}


def test_a_traced_program_can_be_entered_again():
    traced = pg.trace(lambda: pg.oneof([1, 2, 3]))
    search = pg.sample(traced, "sweep", progress=False)
    for example, feedback in search:
        with example():
            feedback(pg.oneof([1, 2, 3]))
    with search.best_program():
        assert pg.oneof([1, 2, 3]) == 3


# ---------------------------------------------------------------- trials of other processes, and of an earlier run


def test_a_resumed_search_builds_what_ran_before(tasks, tmp_path):
    def run(trials, algorithm):
        search = pg.sample(tasks.make_space(), algorithm, trials, study=tmp_path / "a.db", progress=False)
        for model, feedback in search:
            feedback(model.train())
        return search

    assert run(3, "sweep").best_program.weights == [3.0] * 3
    again = run(3, "sweep")
    assert (again.best_program.size, again.best_program.weights) == (
        3,
        None,
    )  # that training ended with its run
    assert again.best_program is again.best_program
    assert again.best_program.train() == again.best_reward  # the remedy: train it again


def test_a_better_trial_after_resuming_is_kept(tasks, tmp_path):
    path = tmp_path / "a.db"
    with Study.create(path, pg.abstract_search_space(tasks.make_space()), pg.algorithms.Sweep()) as study:
        first = study.ask()
        study.tell(first.id, 1.5)
    search = pg.sample(tasks.make_space(), study=path, progress=False)
    seen = []
    for model, feedback in search:
        seen.append(search.best_program.weights)
        feedback(model.train())
    assert seen == [None, [2.0] * 2, [3.0] * 3, [4.0] * 4]
    assert search.best_program.weights == [5.0] * 5


def test_worker_processes_keep_their_training(tasks, tmp_path):
    with Processes(1) as launcher:
        options = {"launcher": launcher, "progress": False}
        found = pg.search(tasks.make_space(str(tmp_path)), tasks.train_and_save, "sweep", **options)
    assert (found.best_reward, found.best_program.size) == (5.0, 5)
    assert found.best_program.weights is None
    assert found.best_program is found.best_program
    # The remedies: what the trial saved under its id, or another training.
    best = max(found.trials, key=lambda trial: trial.reward)
    assert ast.literal_eval((tmp_path / f"{best.id}.txt").read_text()) == [5.0] * 5
    assert found.best_program.train() == found.best_reward
