"""A NATS-Bench style search: a cell of six edges, a table of its results, a budget of simulated training time."""

import json
import random

import pyglove as pg

OPS = ["none", "skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3"]


@pg.symbolize
class CellSpec:
    """The operations on the edges of a cell."""

    def __init__(self, ops):
        self.ops = ops

    @property
    def text(self):
        return "|".join(self.ops)


def query(cell):
    """Stands for the table: accuracies and seconds, by the counts and places of the operations."""
    value = sum((place + 1) * OPS.index(op) for place, op in enumerate(cell.ops))
    return value / 84 + 0.01 * cell.ops.count("conv_3x3"), 10 + 5 * cell.ops.count("conv_3x3")


def get_algorithm(name):
    if name == "random":
        return pg.geno.Random(seed=7)
    if name == "evolution":
        return pg.evolution.regularized_evolution(
            mutator=pg.evolution.mutators.Uniform(seed=3), population_size=10, tournament_size=4, seed=5
        )
    return pg.evolution.hill_climb(mutator=pg.evolution.mutators.Uniform(seed=3), batch_size=4, seed=5)


def search(name, budget):
    space = CellSpec(pg.manyof(6, OPS, choices_distinct=False))
    spent, best, seen = 0, None, []
    for cell, feedback in pg.sample(space, get_algorithm(name)):
        accuracy, seconds = query(cell)
        spent += seconds
        if spent > budget:
            feedback.end_loop()
            break
        best = max(best or (0.0, ""), (accuracy, cell.text))
        seen.append(cell.text)
        feedback(accuracy)
    return {"trials": len(seen), "best": best, "seen": seen}


random.seed(1)
print(json.dumps({name: search(name, 500) for name in ("random", "evolution", "hill_climb")}))
