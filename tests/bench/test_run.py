"""Runs of entrants on tasks: what they are told, what is kept, and that a bench goes on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from pliant.algorithms import Algorithm, Exhausted, Random
from pliant.bench import get_task
from pliant.bench.curves import Curve, Step
from pliant.bench.entrant import Entrant, Named, search
from pliant.bench.records import Archive, cut, slug
from pliant.bench.run import plan, run_all, run_jobs

RANDOM = Named("random")
CLIMB = Named("hill-climb")


class Listening(Algorithm):
    """Proposes at random, and remembers what it is told; has ``limit`` proposals."""

    def __init__(self, limit=1000):
        super().__init__(7)
        self.limit, self.told = limit, []

    def _propose(self):
        if len(self.told) == self.limit:
            raise Exhausted("enough")
        return self.space.sample(self.random)

    def _feedback(self, decisions, reward):
        self.told.append((decisions, reward))


@dataclass(frozen=True)
class Counting(Entrant):
    """Says what it was asked for; raises for one seed."""

    label: str = "counting"
    broken: int = -1

    def check(self, task):
        pass

    def run(self, task, *, trials, seed):
        if seed == self.broken:
            raise RuntimeError(f"seed {seed} is broken")
        return Curve(seed, trials, (Step(1, float(seed), 0.0),), evaluated=trials)


# --- one run ---------------------------------------------------------------------------------------------


def test_a_run_is_told_rewards_in_order():
    task, algorithm = get_task("branin"), Listening()
    curve = search(task, algorithm, trials=20)
    assert [reward for _, reward in algorithm.told] == [task.evaluate(d).reward for d, _ in algorithm.told]
    best = max(reward for _, reward in algorithm.told)
    assert curve.at(20).reward == best
    assert (curve.seed, curve.trials, curve.evaluated, curve.failed) == (7, 20, 20, 0)
    assert curve.seconds >= 0


def test_infeasible_trials_are_told_as_none_and_count():
    task, algorithm = get_task("branin"), Listening()
    task.evaluate = lambda decisions: None
    curve = search(task, algorithm, trials=5)
    assert [reward for _, reward in algorithm.told] == [None] * 5
    assert (curve.steps, curve.evaluated, curve.failed) == ((), 5, 5)


def test_a_run_ends_where_the_algorithm_does():
    curve = search(get_task("branin"), Listening(limit=3), trials=10)
    assert (curve.trials, curve.evaluated) == (10, 3)


def test_same_seed_same_curve():
    task = get_task("hartmann6")
    first, again, other = (CLIMB.run(task, trials=30, seed=seed).steps for seed in (1, 1, 2))
    assert first == again != other


def test_a_shorter_run_is_the_start_of_a_longer_one():
    task = get_task("hartmann6")
    long, short = (CLIMB.run(task, trials=trials, seed=3) for trials in (40, 15))
    assert cut(long, 15).steps == short.steps
    assert cut(long, 15).evaluated == 15
    assert cut(long, 40) is long


# --- entrants --------------------------------------------------------------------------------------------


def test_an_entrant_is_checked_against_the_task():
    with pytest.raises(ValueError, match="unknown algorithm 'rendom'; did you mean 'random'"):
        Named("rendom").check(get_task("branin"))
    with pytest.raises(TypeError, match="no option 'population'"):
        Named("re(population=3)").check(get_task("branin"))
    with pytest.raises(ValueError, match=r"Random\(replace=False\) needs a finite space"):
        Named("random(replace=False)").check(get_task("branin"))


def test_options_may_hold_the_seed():
    assert Named("random(seed=5)").make(seed=1).seed == 5


def test_stamps_tell_algorithms_apart():
    assert RANDOM.stamp.startswith("pliant ")
    assert RANDOM.stamp == Named("Random()").stamp != CLIMB.stamp


# --- the archive -----------------------------------------------------------------------------------------


def test_what_was_kept_is_read(tmp_path):
    task, archive = get_task("branin"), Archive(tmp_path / "runs")
    assert archive.read(task, RANDOM, trials=10) == {}
    curve = RANDOM.run(task, trials=10, seed=4)
    archive.add(task, RANDOM, curve)
    assert archive.read(task, RANDOM, trials=10) == {4: curve}
    assert archive.read(task, RANDOM, trials=5) == {4: cut(curve, 5)}
    assert archive.read(task, RANDOM, trials=11) == {}
    assert archive.read(task, CLIMB, trials=10) == {}
    assert archive.read(get_task("hartmann6"), RANDOM, trials=10) == {}


def test_runs_of_another_stamp_or_form_are_passed_over(tmp_path):
    task, archive = get_task("branin"), Archive(tmp_path)
    archive.add(task, RANDOM, RANDOM.run(task, trials=3, seed=0))
    path = archive.path(task, "random")
    line = json.loads(path.read_text())
    for name in ("stamp", "task", "format", "label"):
        path.write_text(json.dumps({**line, name: "other"}) + "\n")
        assert archive.read(task, RANDOM, trials=3) == {}
    for text in ("[]", "null", "{", json.dumps({**line, "steps": 3}), ""):
        path.write_text(text + "\n")
        assert archive.read(task, RANDOM, trials=3) == {}


def test_a_line_that_was_cut_short_costs_one_run(tmp_path):
    task, archive = get_task("branin"), Archive(tmp_path)
    for seed in (0, 1):
        archive.add(task, RANDOM, RANDOM.run(task, trials=3, seed=seed))
    path = archive.path(task, "random")
    path.write_bytes(path.read_bytes()[:-9])
    assert set(archive.read(task, RANDOM, trials=3)) == {0}
    archive.add(task, RANDOM, RANDOM.run(task, trials=3, seed=2))
    assert set(archive.read(task, RANDOM, trials=3)) == {0, 2}


def test_labels_that_are_no_file_names(tmp_path):
    label = "re(population_size=20, tournament_size=5)"
    assert slug(label) != slug(label.replace("20", "21"))
    assert set(slug("a/../b c*")) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert slug("../..").strip(".") == slug("../..") != ""
    assert len(slug("x" * 500)) < 80


# --- many runs -------------------------------------------------------------------------------------------


def test_jobs_are_spread_over_seeds_first(tmp_path):
    known, jobs = plan("branin", [RANDOM, CLIMB], trials=3, seeds=range(2), archive=Archive(tmp_path))
    assert known == {"random": {}, "hill-climb": {}}
    assert [(job.seed, job.entrant.label) for job in jobs] == [
        (0, "random"), (0, "hill-climb"), (1, "random"), (1, "hill-climb"),
    ]  # fmt: skip


def test_a_bench_that_was_stopped_does_only_what_is_left(tmp_path):
    archive, seeds = Archive(tmp_path), range(4)
    whole = run_all(
        *plan("branin", [CLIMB], trials=9, seeds=seeds, archive=archive), archive=archive, workers=1
    )
    other = Archive(tmp_path / "stopped")

    def stop(job, curve):
        if job.seed == 1:
            raise KeyboardInterrupt

    known, jobs = plan("branin", [CLIMB], trials=9, seeds=seeds, archive=other)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        run_all(known, jobs, archive=other, workers=1, on_curve=stop)
    known, jobs = plan("branin", [CLIMB], trials=9, seeds=seeds, archive=other)
    assert [job.seed for job in jobs] == [2, 3]
    found = run_all(known, jobs, archive=other, workers=1)
    assert [curve.steps for curve in found["hill-climb"]] == [curve.steps for curve in whole["hill-climb"]]
    assert plan("branin", [CLIMB], trials=9, seeds=seeds, archive=other)[1] == []


def test_processes_find_what_one_finds(tmp_path):
    archive = Archive(tmp_path)
    known, jobs = plan("branin", [CLIMB], trials=12, seeds=range(4), archive=archive)
    found = run_all(known, jobs, archive=archive, workers=2)
    alone = {job.seed: curve.steps for job, curve in run_jobs(jobs, workers=1)}
    assert [curve.seed for curve in found["hill-climb"]] == [0, 1, 2, 3]
    assert {curve.seed: curve.steps for curve in found["hill-climb"]} == alone


def test_what_a_run_raises_is_raised_and_what_was_done_is_kept(tmp_path):
    archive, entrant = Archive(tmp_path), Counting(broken=2)
    known, jobs = plan("branin", [entrant], trials=1, seeds=range(5), archive=archive)
    with pytest.raises(RuntimeError, match="seed 2 is broken"):
        run_all(known, jobs, archive=archive, workers=1)
    assert set(archive.read(get_task("branin"), entrant, trials=1)) == {0, 1}


def test_an_unknown_task_is_a_lesson(tmp_path):
    with pytest.raises(ValueError, match="unknown task 'brannin'; did you mean 'branin'"):
        plan("brannin", [RANDOM], trials=1, seeds=[0], archive=Archive(tmp_path))


def test_random_is_what_the_bench_says_it_is():
    assert isinstance(RANDOM.make(seed=0), Random)
