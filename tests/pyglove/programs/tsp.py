"""The travelling salesman: permutations, recombined and swapped."""

import json
import math
import random

import pyglove as pg


@pg.symbolize
class City:
    """A place."""

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def distance(self, other):
        return math.hypot(self.x - other.x, self.y - other.y)


@pg.symbolize
class Route:
    """A closed tour."""

    def __init__(self, cities):
        self.cities = cities

    def length(self):
        return sum(a.distance(b) for a, b in zip(self.cities, [*self.cities[1:], self.cities[0]]))


def search(space, operation, trials):
    algorithm = pg.evolution.Evolution(
        pg.evolution.selectors.Random(5, seed=1) >> pg.evolution.selectors.Top(2) >> operation,
        population_init=(pg.geno.Random(seed=1), 10),
        population_update=pg.evolution.selectors.Last(10),
    )
    lengths, valid = [], True
    for route, feedback in pg.sample(space, algorithm, num_examples=trials):
        lengths.append(route.length())
        valid = valid and len({(city.x, city.y) for city in route.cities}) == 6
        feedback(-lengths[-1])
    return lengths, valid


random.seed(4)
places = [City(random.randint(0, 20), random.randint(0, 20)) for _ in range(6)]
space = Route(pg.permutate(places))
swaps, swaps_valid = search(space, pg.evolution.selectors.First(1) >> pg.evolution.mutators.Swap(seed=1), 24)
results = {"swap": [round(length, 6) for length in swaps], "valid": [swaps_valid]}
loose = {}
for name in ("PartiallyMapped", "Order", "Cycle"):
    recombinator = getattr(pg.evolution.recombinators, name)(seed=2)
    lengths, valid = search(space, recombinator >> pg.evolution.mutators.Swap(seed=1), 24)
    results["valid"].append(valid)
    results[f"{name} start"] = [round(length, 6) for length in lengths[:10]]
    loose[name] = [len(lengths), min(lengths) < sum(lengths[:10]) / 10]
print(json.dumps({**results, "loose": loose}))
