"""Section 4.3 and appendix C.2 on a real table: the cells of NAS-Bench-101 with up to five vertices.

The searches are those of figures 24 and 25, with budgets that fit a space of 2,532 cells; what is infeasible gets
the reward 0.  The measured curves are in ``benchmarks/flows.py``; here it is shown that the flows run as written.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pliant as pg
from pliant.bench import get_task
from pliant.zoo.nasbench101 import EDGE_HINT, OP_HINT

RegularizedEvolution = pg.generators.RegularizedEvolution
DATA = Path(os.environ.get("PLIANT_DATA") or Path(__file__).parents[3] / "shared" / "data")

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(),
    reason=f"needs tables of published results; set PLIANT_DATA to their folder (none at {DATA})",
)


class NASBench:
    def __init__(self):
        self.task = get_task("ecnas_5v", DATA)
        self.queries = 0

    def get_result(self, example):
        self.queries += 1
        return self.task.evaluate(self.task.encode(example))

    def get_reward(self, example):
        result = self.get_result(example)
        return 0.0 if result is None else result.reward

    def beats(self, reward):
        """The part of all cells whose reward is below."""
        return float((self.task.table.rewards[-1, 0] < reward).mean())


@pytest.fixture
def nasbench():
    return NASBench()


def top5_average(rewards):
    return sum(sorted(rewards, reverse=True)[:5]) / 5


def factorized_search(search_space, nasbench, trials):
    best_example, best_reward = None, None
    for edge_space, ops_feedback in pg.sample(
        search_space, RegularizedEvolution(), trials=trials, partition_fn=lambda v: v.hints == OP_HINT
    ):
        rewards = []
        for example, edges_feedback in pg.sample(edge_space, RegularizedEvolution(), trials=20):
            reward = nasbench.get_reward(example)
            edges_feedback(reward)
            rewards.append(reward)
            if best_reward is None or best_reward < reward:
                best_example, best_reward = example, reward
        ops_feedback(top5_average(rewards))
    return best_example


def hybrid_search(search_space, nasbench, trials):
    ops_attempts = []
    for edge_space, ops_feedback in pg.sample(
        search_space, RegularizedEvolution(), trials=trials, partition_fn=lambda v: v.hints == OP_HINT
    ):
        rewards = []
        algo = RegularizedEvolution()
        for example, edges_feedback in pg.sample(edge_space, algo, trials=20):
            reward = nasbench.get_reward(example)
            edges_feedback(reward)
            rewards.append(reward)
        ops_reward = top5_average(rewards)
        ops_attempts.append((edge_space, ops_reward, algo))
        ops_feedback(ops_reward)

    edge_space, _, edge_algo = sorted(ops_attempts, key=lambda x: x[1], reverse=True)[0]

    best_example, best_reward = None, None
    for example, edges_feedback in pg.sample(edge_space, edge_algo, trials * 20):
        reward = nasbench.get_reward(example)
        edges_feedback(reward)
        if best_reward is None or best_reward < reward:
            best_example, best_reward = example, reward
    return best_example


def test_joint(nasbench):
    search = pg.sample(nasbench.task.program, RegularizedEvolution(), trials=600)
    for example, feedback in search:
        feedback(nasbench.get_reward(example))
    assert nasbench.queries == 600
    assert nasbench.beats(search.best_reward) > 0.97


def test_separate(nasbench):
    """First the nodes, with edges that are fixed; then the edges, with the best nodes found."""
    program = nasbench.task.program
    chain = pg.materialize(program, [1, 0, 0, 0, 1, 0, 0, 1, 0, 1], where=pg.by_hints(EDGE_HINT))
    first = pg.sample(chain, pg.generators.Sweep())
    for example, feedback in first:
        feedback(nasbench.get_reward(example))
    assert nasbench.queries == 27
    best_nodes = program.clone().rebind(nodes=list(first.best_program.nodes))
    second = pg.sample(best_nodes, RegularizedEvolution(), trials=300)
    for example, feedback in second:
        feedback(nasbench.get_reward(example))
    assert second.best_program.nodes == first.best_program.nodes
    assert second.best_reward >= first.best_reward


def test_factorized(nasbench):
    best = factorized_search(nasbench.task.program, nasbench, trials=100)
    assert nasbench.queries == 100 * 20
    assert nasbench.beats(nasbench.get_reward(best)) > 0.95


def test_hybrid(nasbench):
    best = hybrid_search(nasbench.task.program, nasbench, trials=50)
    assert nasbench.queries == 50 * 20 * 2
    assert nasbench.beats(nasbench.get_reward(best)) > 0.97


def test_architectures_within_a_loop_of_hardware(nasbench):
    """Hardware is chosen by the best accuracy that some architecture reaches on it in time, less what it costs."""
    hardware_space = pg.Dict(units=pg.oneof([1, 2, 4, 8]), clock=pg.floatv(0.5, 2.0))
    limit_seconds = 60.0
    outer = pg.sample(hardware_space, RegularizedEvolution(population_size=5, tournament_size=2), trials=12)
    for hardware, hardware_feedback in outer:
        speed = hardware.units * hardware.clock
        inner = pg.sample(nasbench.task.program, RegularizedEvolution(), trials=60)
        for cell, cell_feedback in inner:
            result = nasbench.get_result(cell)
            in_time = result is not None and result.cost / speed <= limit_seconds
            cell_feedback(result.reward if in_time else 0.0)
        hardware_feedback(inner.best_reward - 2.0 * speed)
    assert nasbench.queries == 12 * 60
    best = outer.best_program
    slowest = pg.Dict(units=1, clock=0.5)
    assert best.units * best.clock > slowest.units * slowest.clock  # on which hardly anything is in time
    assert best.units * best.clock < 16  # the fastest, which costs more than it brings
