"""The flows of the paper's appendix C.2, written as there, and what makes them runs of a bench.

Two things are added to the listings: sizes are names, as there are several settings, and every algorithm has a seed of its own,
as else all inner loops would draw the same edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import pliant as pg
from pliant.bench.curves import Curve, Recorder
from pliant.bench.entrant import Entrant
from pliant.zoo.nasbench101 import OP_HINT


@dataclass(frozen=True)
class Setting:
    """How much is spent, and on what.

    Attributes:
      name: of the setting.
      about: in words.
      trials: evaluations in all.
      inner: evaluations of one node setting.
      population, tournament: of every regularized evolution.
    """

    name: str
    about: str
    trials: int
    inner: int
    population: int
    tournament: int


SETTINGS = {
    "printed": Setting(
        "printed", "6,000 evaluations as printed: 300 x 20, 150 x 20 + 3,000", 6000, 20, 100, 25
    ),
    "fifth": Setting("fifth", "a fifth of all: 60 x 20, 30 x 20 + 600", 1200, 20, 20, 5),
    "fitted": Setting(
        "fitted", "400 evaluations, fitted to the space: 20 x 20, 10 x 20 + 200", 400, 20, 10, 3
    ),
}


class Nasbench:
    """The table, as the listings ask it; writes the curve of what it was asked.

    A cell that is infeasible (no way from input to output, or too many edges) has the reward 0.
    """

    def __init__(self, table: dict[tuple[Any, ...], tuple[float, float]], recorder: Recorder) -> None:
        self.table, self.recorder = table, recorder

    def get_reward(self, example: Any) -> float:
        found = self.table.get((*example.nodes, *example.edges))
        if found is None:
            self.recorder.add(None)
            return 0.0
        self.recorder.add(*found)
        return found[0]


Algorithms = Callable[[], pg.algorithms.Algorithm]


def joint_search(
    search_space: Any, nasbench: Nasbench, setting: Setting, RegularizedEvolution: Algorithms
) -> None:
    for example, feedback in pg.sample(search_space, RegularizedEvolution(), setting.trials):
        feedback(nasbench.get_reward(example))


def factorized_search(
    search_space: Any, nasbench: Nasbench, setting: Setting, RegularizedEvolution: Algorithms
) -> Any:
    best_example, best_reward = None, None
    for edge_space, ops_feedback in pg.sample(
        search_space,
        RegularizedEvolution(),
        trials=setting.trials // setting.inner,
        partition_fn=lambda v: v.hints == OP_HINT,
    ):
        rewards = []
        for example, edges_feedback in pg.sample(edge_space, RegularizedEvolution(), trials=setting.inner):
            reward = nasbench.get_reward(example)
            edges_feedback(reward)
            rewards.append(reward)
            if best_reward is None or best_reward < reward:
                best_example, best_reward = example, reward
        ops_feedback(top5_average(rewards))
    return best_example


def hybrid_search(
    search_space: Any, nasbench: Nasbench, setting: Setting, RegularizedEvolution: Algorithms
) -> Any:
    # Phase 1: search for the best ops with sampled edges.
    ops_attempts = []
    for edge_space, ops_feedback in pg.sample(
        search_space,
        RegularizedEvolution(),
        trials=setting.trials // 2 // setting.inner,
        partition_fn=lambda v: v.hints == OP_HINT,
    ):
        rewards = []
        algo = RegularizedEvolution()
        for example, edges_feedback in pg.sample(edge_space, algo, trials=setting.inner):
            reward = nasbench.get_reward(example)
            edges_feedback(reward)
            rewards.append(reward)
        ops_reward = top5_average(rewards)
        ops_attempts.append((edge_space, ops_reward, algo))
        ops_feedback(ops_reward)

    # Phase 2: continue to search the best edge sub-space, with the best ops found.
    edge_space, _, edge_algo = sorted(ops_attempts, key=lambda x: x[1], reverse=True)[0]

    best_example, best_reward = None, None
    for example, edges_feedback in pg.sample(edge_space, edge_algo, setting.trials // 2):
        reward = nasbench.get_reward(example)
        edges_feedback(reward)
        if best_reward is None or best_reward < reward:
            best_example, best_reward = example, reward
    return best_example


def top5_average(rewards: list[float]) -> float:
    top = sorted(rewards, reverse=True)[:5]
    return sum(top) / len(top)


FLOWS = {"joint": joint_search, "factorized": factorized_search, "hybrid": hybrid_search}
"""The flows by name."""


@dataclass(frozen=True)
class Flow(Entrant):
    """A flow at a setting, as something that searches a task."""

    kind: str
    setting: Setting

    @property
    def label(self) -> str:  # type: ignore[override]  # computed here
        """Names it in files."""
        return f"{self.kind}-{self.setting.name}"

    @property
    def stamp(self) -> str:
        """All that a run depends on."""
        return repr(self.setting)

    def check(self, task: Any) -> None:
        _read_table(task)

    def run(self, task: Any, *, trials: int, seed: int) -> Curve:
        assert trials == self.setting.trials
        recorder, seeds = Recorder(seed=seed, trials=trials), Random(seed)
        population, tournament = self.setting.population, self.setting.tournament

        def make() -> Any:
            return pg.generators.RegularizedEvolution(population, tournament, seed=seeds.getrandbits(32))

        FLOWS[self.kind](task.program, Nasbench(_read_table(task), recorder), self.setting, make)
        return recorder.curve()


@lru_cache(maxsize=1)
def _read_table(task: Any) -> dict[tuple[Any, ...], tuple[float, float]]:
    """Returns reward and test of every feasible cell by its nodes and edges."""
    table = {}
    for decisions in task.space.iterate():
        result = task.evaluate(decisions)
        if result is not None:
            cell = pg.materialize(task.program, decisions)
            table[*cell.nodes, *cell.edges] = result.reward, result.test
    return table
