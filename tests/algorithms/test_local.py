from __future__ import annotations

import math

import pytest

from pliant.algorithms import LocalSearch
from pliant.space import choice, flatten, floating, integer, neighbours

FLAT = flatten([choice(f"x{i}", 3) for i in range(5)])


def search(algorithm, space, reward, trials):
    algorithm.setup(space)
    told = []
    for _ in range(trials):
        proposal = algorithm.propose()
        told.append((proposal, reward(proposal)))
        algorithm.feedback(*told[-1])
    return told


def total(decisions):
    return float(sum(decisions.values))


def rugged(decisions):
    return math.sin(sum((3**i) * v for i, v in enumerate(decisions.values)))


def test_looks_at_all_neighbours_then_moves_to_the_best():
    told = search(LocalSearch(2, first_improvement=False), FLAT, rugged, 200)
    rewards = dict(told)
    centre, climb, at = told[0][0], {told[0][0]}, 1
    climbs = 0
    while True:
        left = set(neighbours(centre)) - climb
        found = [proposal for proposal, _ in told[at : at + len(left)]]
        if len(found) < len(left):
            break  # the search ended here
        assert set(found) == left
        climb |= left
        at += len(left)
        best = max(found, key=rewards.__getitem__, default=None)
        if best is not None and rewards[best] > rewards[centre]:
            centre = best
        else:  # a local optimum: a new climb from a random start
            climbs += 1
            if at >= len(told):
                break
            centre = told[at][0]
            climb, at = {centre}, at + 1
    assert climbs > 2


def test_first_improvement_moves_at_once():
    told = search(LocalSearch(2, first_improvement=True), FLAT, total, 60)
    best, since = told[0], 0
    for proposal, reward in told[1:]:
        if best[1] == 10:
            break
        assert proposal in set(neighbours(best[0]))
        since += 1
        if reward > best[1]:
            best, since = (proposal, reward), 0
        assert since <= 10
    assert best[1] == 10


def test_reaches_the_optimum_of_a_smooth_function_with_conditions_and_numbers():
    space = flatten([choice("x", [None, [integer("n", 1, 9), choice("y", 4)]]), floating("f", 0, 1)])

    def reward(decisions):
        return (decisions["x[=1/2].n"] or 0) + (decisions["x[=1/2].y"] or 0) - (decisions["f"] - 0.3) ** 2

    told = search(LocalSearch(), space, reward, 600)
    assert max(r for _, r in told) > 12 - 1e-3


def test_a_float_moves_to_both_sides_and_stays_in_range():
    space = flatten([floating("x", 1.0, 100.0, scale="log"), floating("y", -1.0, 1.0)])
    told = search(LocalSearch(), space, lambda d: -abs(d.values[0] - 10) - abs(d.values[1] - 1), 400)
    best = max(told, key=lambda t: t[1])[0]
    assert best.values == pytest.approx((10, 1), abs=0.2)


def test_a_climb_waits_for_rewards_that_are_out_but_not_for_ever():
    algorithm = LocalSearch()
    algorithm.setup(FLAT)
    start = algorithm.propose()
    algorithm.feedback(start, 0.0)
    around = [algorithm.propose() for _ in range(10)]
    assert set(around) == set(neighbours(start))
    for one in around[:8]:
        algorithm.feedback(one, -1.0)
    spare = [algorithm.propose() for _ in range(2)]  # random starts: two rewards are out
    algorithm.feedback(around[9], 1.0)  # one of them comes, and it is better
    third = algorithm.propose()  # the other is given up
    assert third in set(neighbours(around[9])) - {start, *around, *spare}


def test_late_rewards_compete_where_the_climb_stands_by_then():
    algorithm = LocalSearch()
    algorithm.setup(FLAT)
    start = algorithm.propose()
    algorithm.feedback(start, 0.0)
    for _ in range(10):
        algorithm.propose()
    for _ in range(10):
        algorithm.propose()  # starts, as many as there are rewards out
    restarted = algorithm.propose()
    algorithm.feedback(restarted, 0.5)
    assert algorithm.propose() in set(neighbours(restarted))


def test_what_fails_is_no_place_to_climb_from():
    told = search(LocalSearch(), FLAT, lambda d: None, 50)
    assert len({d for d, _ in told}) > 20  # starts at random, again and again


def test_parallel_trials_repeat_nothing_in_a_climb():
    algorithm, running = LocalSearch(5), []
    algorithm.setup(FLAT)
    start = algorithm.propose()
    algorithm.feedback(start, 100.0)  # better than all others: one climb, until it starts anew
    found = [start]
    for _ in range(14):
        running.append(algorithm.propose())
        found.append(running[-1])
        if len(running) == 4:
            algorithm.feedback(running.pop(0), -1.0)
    assert len(set(found)) == 15
