"""SPOS as published: uniform paths, then evolution under a limit, each network judged once with fresh statistics."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import numpy as np
import pytest
import torch

from pliant.algorithms import Random
from pliant.oneshot import SPOS, Recalibrated, RunningStatistics
from pliant.oneshot.sampling import make_evolution
from pliant.values.errors import RewardError


def quick(**options):
    return SPOS(**{"evaluations": 30, "batches": 1, "normalization": RunningStatistics(), **options})


def test_paths_are_drawn_uniformly(tiny):
    session = tiny.session(tiny.choices((3, 2)), SPOS())
    counts = Counter(found.values for found in tiny.train(session, 1800, weights=False))
    assert len(counts) == 6
    assert (
        sum((found - 300) ** 2 / 300 for found in counts.values()) < 20.5
    )  # chi-square, 5 degrees, p = 0.001


def test_statistics_are_taken_anew_by_default():
    assert isinstance(SPOS()._normalization, Recalibrated)
    assert SPOS()._normalization.images == 2000


def test_the_budget_of_evaluations_and_the_same_batches_for_all(tiny):
    net, judged = tiny.choices((5, 5, 5)), []
    sampler = quick(batches=2)
    session = tiny.session(net, sampler, quality=lambda d: judged.append(d) or float(d["c0"]))
    session.finish()
    assert len(judged) == 2 * 30
    assert session.read == [0, 1]
    assert len(sampler.results) == len(set(judged)) == 30


def test_nothing_is_judged_twice_and_a_small_space_ends_early(tiny):
    net, judged = tiny.choices((3, 2)), []
    sampler = quick()
    session = tiny.session(net, sampler, quality=lambda d: judged.append(d) or d["c0"] + 0.5 * d["c1"])
    assert session.finish().values == (2, 1)
    assert len(judged) == len(set(judged)) == 6


def test_an_algorithm_that_repeats_itself_costs_nothing(tiny):
    net, judged = tiny.choices((2,)), []
    sampler = quick(search=Random())
    session = tiny.session(net, sampler, quality=lambda d: judged.append(d) or float(d["c0"]))
    session.finish()
    assert len(judged) == 2


def test_the_quality_is_the_mean_over_batches(tiny):
    net, qualities = tiny.choices((2,)), iter([1.0, 2.0, 4.0, 4.0])
    sampler = quick(batches=2)
    tiny.session(net, sampler, quality=lambda d: next(qualities)).finish()
    assert sorted(sampler.results.values()) == [1.5, 4.0]


def test_the_limit_holds_for_all_that_is_judged(tiny):
    net, judged = tiny.choices((5, 5, 5)), []
    sampler = quick(cost=lambda d: sum(d.values), limit=4)
    session = tiny.session(net, sampler, quality=lambda d: judged.append(d) or float(sum(d.values)))
    best = session.finish()
    assert len(judged) == 30
    assert max(sum(d.values) for d in judged) <= 4
    assert sum(best.values) == 4


def test_a_limit_that_nothing_keeps_to(tiny):
    sampler = quick(cost=lambda d: 1.0 + sum(d.values), limit=0.5)
    session = tiny.session(tiny.choices(), sampler, quality=lambda d: 0.0)
    with pytest.raises(ValueError, match=r"no network of this space is within the limit.*Raise the limit"):
        session.finish()


def test_evolution_finds_what_is_rare(tiny):
    """One network of 4096 is best; 150 evaluations find one that shares 5 of 6 decisions with it, or all."""
    net = tiny.choices((4,) * 6)
    sampler = quick(evaluations=200, search=make_evolution(population_size=40, parents=8, seed=1))
    session = tiny.session(net, sampler, quality=lambda d: float(sum(v == 3 for v in d.values)))
    assert sum(v == 3 for v in session.finish().values) >= 5


def test_after_the_random_ones_all_come_from_the_best(tiny):
    net, judged = tiny.choices((9, 9, 9, 9)), []
    search = make_evolution(population_size=10, parents=2)
    sampler = quick(evaluations=40, search=search)
    tiny.session(net, sampler, quality=lambda d: judged.append(d.values) or float(sum(d.values))).finish()
    for index in range(10, 40):
        parents = sorted(set(judged[:index]), key=sum, reverse=True)
        bound = sum(parents[1])  # of the two best so far, up to ties
        able = [one for one in parents if sum(one) >= bound]
        child = judged[index]
        mutant = any(sum(a != b for a, b in zip(child, one)) == 1 for one in able)
        crossed = all(child[i] in {one[i] for one in able} for i in range(4))
        assert mutant or crossed, child


def test_a_network_without_a_quality_counts_as_failed(tiny):
    net = tiny.choices((3, 3))
    sampler = quick()
    session = tiny.session(net, sampler, quality=lambda d: math.nan if d["c0"] == 2 else float(d["c0"]))
    assert session.finish()["c0"] == 1
    assert len(sampler.results) == 6
    assert all(map(math.isfinite, sampler.results.values()))


def test_when_no_network_has_a_quality(tiny):
    session = tiny.session(tiny.choices((3, 2)), quick(), quality=lambda d: math.inf)
    with pytest.raises(
        RewardError, match=r"all 6 networks .* quality that is not finite.*lower learning rate"
    ):
        session.finish()


def found_by(tiny, seed):
    np.random.seed(seed + 7)  # noqa: NPY002 - the global numbers that NNI's mutation draws from
    random.seed(seed + 7)
    sampler = quick(evaluations=25)
    tiny.session(tiny.choices((9, 9)), sampler, quality=lambda d: float(sum(d.values)), seed=seed).finish()
    return list(sampler.results)


def test_the_search_follows_the_seed_alone(tiny):
    first = found_by(tiny, 0)
    np.random.seed(99)  # noqa: NPY002 - as above
    assert [d.values for d in found_by(tiny, 0)] == [d.values for d in first]
    assert [d.values for d in found_by(tiny, 1)] != [d.values for d in first]


def test_a_search_of_ones_own_keeps_its_seed(tiny):
    found = []
    for seed in (0, 1):
        sampler = quick(search=Random(seed=5), evaluations=6)
        tiny.session(tiny.choices((9, 9)), sampler, quality=lambda d: 0.0, seed=seed).finish()
        found.append([d.values for d in sampler.results])
    assert found[0] == found[1]


def test_results_are_a_part_of_the_state(tiny):
    net = tiny.choices((3, 2))
    sampler = quick()
    tiny.session(net, sampler, quality=lambda d: float(d["c0"])).finish()
    again = quick()
    again.bind(tiny.choices((3, 2)))
    again.restore(sampler.state())
    assert again.results == sampler.results
    assert again.decisions() == sampler.decisions()


def test_judging_changes_nothing_in_the_super_network(tiny):
    net = tiny.net()
    session = tiny.session(net, SPOS(evaluations=8, batches=1, normalization=Recalibrated(20)))
    tiny.train(session, 4)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.train()
    session.finish()
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_networks_are_judged_as_they_would_be_alone(tiny):
    """With statistics of their own: by the plain average of all batches, and the weights that they inherit."""
    net, batches = tiny.net(), tiny.batches(3, seed=7)
    sampler = SPOS(evaluations=3, batches=1, normalization=Recalibrated(1000))
    session = tiny.session(net, sampler)
    tiny.train(session, 4)
    session.finish()
    x, y = tiny.batches(4, seed=1)[0]
    for decisions, quality in sampler.results.items():
        child = net.materialize(decisions)
        norm = child[1].train()
        norm.momentum = None
        norm.reset_running_stats()
        with torch.no_grad():
            for batch, _ in batches:
                child(batch)
            child.eval()
            expected = -float(torch.nn.functional.cross_entropy(child(x), y))
        assert quality == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "lesson"),
    [
        ({"limit": 3.0}, "Give both or neither"),
        ({"cost": len}, "Give both or neither"),
        ({"evaluations": 0}, "evaluations"),
        ({"batches": 0}, "batches"),
        ({"search": Random}, "search"),
    ],
)
def test_bad_options(options, lesson):
    with pytest.raises((ValueError, TypeError), match=lesson):
        SPOS(**options)


def test_the_limit_is_used_where_that_costs_no_quality(tiny):
    """Qualities differ less between networks than between batches; few networks cost as much as is allowed."""
    net, noise, found = tiny.choices((5,) * 6), itertools.cycle([-1e-2, 0.0, 1e-2]), {}

    def judge(decisions):
        return 1.0 + 1e-4 * (sum(decisions.values[::2]) % 7) + next(noise)

    for fill in (0.0, 0.9):
        sampler = quick(evaluations=60, batches=3, cost=lambda d: float(sum(d.values)), limit=20.0, fill=fill)
        found[fill] = sum(tiny.session(net, sampler, quality=judge).finish().values)
        assert len(sampler.results) <= 60
    assert found[0.0] < 18 <= found[0.9] <= 20


def test_a_larger_network_that_is_worse_is_not_chosen(tiny):
    net = tiny.choices((5,) * 4)
    sampler = quick(evaluations=60, batches=3, cost=lambda d: float(sum(d.values)), limit=14.0)
    best = tiny.session(net, sampler, quality=lambda d: -float(sum(d.values))).finish()
    assert sum(best.values) <= 3
    assert any(sum(d.values) >= 0.9 * 14 for d in sampler.results)  # some were judged
    assert len(sampler.results) <= 60


def test_a_limit_that_all_networks_keep_to_is_no_minimum(tiny):
    sampler = quick(evaluations=20, cost=lambda d: float(sum(d.values)), limit=1000.0)
    best = tiny.session(tiny.choices((3, 3)), sampler, quality=lambda d: float(sum(d.values))).finish()
    assert best.values == (2, 2)
    with pytest.raises(ValueError, match=r"fill.* from 0 to 1"):
        quick(cost=lambda d: 1.0, limit=1.0, fill=1.5)
