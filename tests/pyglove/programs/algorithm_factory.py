"""An OptFormer style factory: tasks with spaces of their own, and algorithms that are composed from a description."""

import itertools
import json
import random

import pyglove as pg

selectors = pg.evolution.selectors
mutators = pg.evolution.mutators
recombinators = pg.evolution.recombinators


class Task(pg.Object):
    """A task: a space, and the value of a suggestion."""

    size: int = 6

    def space(self):
        raise NotImplementedError

    def evaluate(self, suggestion):
        raise NotImplementedError


class Cover(Task):
    """Choose three of several sets."""

    def space(self):
        return pg.manyof(3, list(range(self.size)), distinct=True, sorted=True)

    def evaluate(self, suggestion):
        return float(len({number % 4 for number in suggestion}) + max(suggestion) / 10)


class Ordering(Task):
    """Put numbers into order."""

    def space(self):
        return pg.permutate(list(range(self.size)))

    def evaluate(self, suggestion):
        return float(sum(a < b for a, b in itertools.pairwise(suggestion)))


class Mixed(Task):
    """Choices, numbers and a condition."""

    def space(self):
        return pg.Dict(
            rate=pg.floatv(0.0, 1.0),
            kind=pg.oneof([pg.Dict(name="a", width=pg.oneof([1, 2, 3])), pg.Dict(name="b", width=8)]),
        )

    def evaluate(self, suggestion):
        return suggestion.kind.width - (suggestion.rate - 0.25) ** 2


def build(description, seed):
    """Returns an algorithm from a dict of its parts."""
    if description["family"] == "random":
        return pg.geno.Random(seed=seed)
    mutator = getattr(mutators, description["mutator"])(seed=seed)
    if description["family"] == "hill_climb":
        return pg.evolution.hill_climb(mutator=mutator, batch_size=description["batch"], seed=seed)
    if description["family"] == "neat":
        return pg.evolution.neat(mutator=mutator, population_size=6, seed=seed)
    parents = selectors.Random(description["tournament"], seed=seed) >> selectors.Top(1)
    step = mutator.with_prob(pg.scalars.linear(20, 1.0, 0.5), seed=seed).until_change(max_attempts=5)
    return pg.evolution.Evolution(
        (parents >> step) * 2,
        population_init=(pg.geno.Random(seed=seed), 5),
        population_update=selectors.Last(6) | selectors.Top(2),
    )


DESCRIPTIONS = [
    {"family": "random"},
    {"family": "hill_climb", "mutator": "Uniform", "batch": 3},
    {"family": "neat", "mutator": "Uniform"},
    {"family": "composed", "mutator": "Uniform", "tournament": 4},
]

random.seed(11)
results = {}
for task in (Cover(8), Ordering(5), Mixed()):
    for description in DESCRIPTIONS:
        algorithm = build(description, seed=3)
        trace = []
        for suggestion, feedback in pg.sample(task.space(), algorithm, num_examples=14):
            reward = task.evaluate(suggestion)
            trace.append([feedback.id, feedback.dna.to_numbers(), round(reward, 6)])
            feedback(reward)
        results[f"{type(task).__name__}/{description['family']}"] = trace
print(json.dumps(results))
