"""Perturbation-based selection: what it judges, what it chooses, and that it leaves the network as it was."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pliant.oneshot import SNAS, SPOS, InputChoice, supernet
from pliant.oneshot.gradient import DARTS, GDAS, FBNet, Perturbation, ProxylessNAS
from pliant.values.errors import FieldTypeError, FieldValueError, UnknownFieldError


def finish(tiny, net, sampler, *, quality=None, **options):
    sampler.bind(net, seed=1)
    step = tiny.step(net, **options)
    if quality is not None:
        step.quality = quality
    sampler.finish(step)
    return sampler.decisions()


def test_the_candidate_that_is_missed_most_is_chosen_although_its_parameter_is_small(tiny):
    net = tiny.net()
    sampler = Perturbation(DARTS(), batches=1, tuning=0)
    sampler.bind(net, seed=1)
    with torch.no_grad():  # identity, candidate 2, leads in both
        for vector in sampler.search.architecture.parameters.values():
            vector.copy_(torch.tensor([0.0, 0.0, 3.0, 0.0]))
    needed = {"a": 1, "b": 3}

    def quality(batch):
        rows = net.selection.weights
        return sum(float(rows[key][index] > 0) for key, index in needed.items())

    step = tiny.step(net)
    step.quality = quality
    assert sampler.decisions().to_dict() == {"a": 2, "b": 2}
    sampler.finish(step)
    assert sampler.decisions().to_dict() == needed


def test_mixtures_without_a_candidate_sum_to_one(tiny):
    net, seen = tiny.net(("a",)), []

    def quality(batch):
        seen.append(net.selection.weights["a"].clone())
        return 0.0

    finish(tiny, net, Perturbation(DARTS(init_scale=1.0), batches=1, tuning=0), quality=quality)
    assert len(seen) == 4
    for index, row in enumerate(seen):
        assert row[index] == 0.0
        assert row.sum() == pytest.approx(1.0)
        others = torch.arange(4) != index
        assert (row[others] > 0).all()


def test_decisions_before_count_for_those_after(tiny):
    net, seen = tiny.net(), []

    def quality(batch):
        seen.append({key: tuple((row > 0).tolist()) for key, row in net.selection.weights.items()})
        return 0.0

    finish(tiny, net, Perturbation(DARTS(), batches=1, tuning=0), quality=quality)
    first, second = seen[:4], seen[4:]
    assert all(min(sum(row) for row in rows.values()) == 3 for rows in first)
    assert all(min(sum(row) for row in rows.values()) == 1 for rows in second)  # one is decided


def test_weights_statistics_gradients_and_modes_stay(tiny):
    net = tiny.net()
    net.network.norms[0].eval()
    for weight in net.parameters():
        weight.grad = torch.ones_like(weight)
    before = copy.deepcopy(net.state_dict())
    trained = []

    def loss(batch):
        trained.append(net.training)
        return nn.functional.cross_entropy(net(batch[0]), batch[1])

    finish(tiny, net, Perturbation(DARTS(), batches=1, tuning=2), loss=loss)
    assert trained == [True] * 4  # two batches after each of two decisions
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all((weight.grad == 1).all() for weight in net.parameters())
    assert not net.network.norms[0].training
    assert net.training


def test_tuning_changes_what_later_decisions_see(tiny):
    def losses(tuning):
        net, seen = tiny.net(), []

        def quality(batch):
            seen.append(float(nn.functional.cross_entropy(net(batch[0]), batch[1])))
            return 0.0

        finish(tiny, net, Perturbation(DARTS(), batches=1, tuning=tuning), quality=quality)
        return seen

    assert losses(0)[:4] == losses(2)[:4]
    assert losses(0)[4:] != losses(2)[4:]


def test_quality_that_is_not_finite_counts_as_missed_least(tiny):
    net = tiny.net(("a",))
    seen = iter([1.0, float("nan"), 0.5, 1.0])
    found = finish(tiny, net, Perturbation(DARTS(), batches=1, tuning=0), quality=lambda batch: next(seen))
    assert found.to_dict() == {"a": 2}


def test_inputs_that_are_chosen_together(tiny):
    class Join(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.pick = nn.Linear(3, 2), InputChoice(3, 2, key="in")

        def forward(self, x):
            y = self.layer(x)
            return self.pick([y, 2 * y, 3 * y])

    net = supernet(Join()).double()
    needed = {1, 2}

    def quality(batch):
        row = net.selection.weights["in"]
        return sum(float(row[index] > 0) for index in needed)

    found = finish(tiny, net, Perturbation(DARTS(), batches=1, tuning=0), quality=quality)
    assert found.values == (1, 2)


@pytest.mark.parametrize("make", [SNAS, FBNet, lambda: DARTS(order=2)])
def test_every_mixture_can_be_perturbed(tiny, make):
    net = tiny.net()
    sampler = Perturbation(make(), batches=1, tuning=1)
    found = finish(tiny, net, sampler)
    again = Perturbation(make(), batches=1, tuning=1)
    assert finish(tiny, tiny.net(), again) == found


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Perturbation(SPOS()), FieldTypeError, r"trains a mixture, such as DARTS\(\); got .*SPOS"),
        (lambda: Perturbation(GDAS()), FieldValueError, r"and GDAS trains single networks\. Use DARTS\(\)"),
        (lambda: Perturbation(ProxylessNAS()), FieldValueError, "ProxylessNAS trains single networks"),
        (lambda: Perturbation(DARTS(), batches=0), FieldValueError, r"Perturbation\(batches=\.\.\.\)"),
        (lambda: Perturbation(DARTS(), tuning=-1), FieldValueError, r"Perturbation\(tuning=\.\.\.\)"),
        (lambda: Perturbation(DARTS(), tunning=1), UnknownFieldError, "did you mean 'tuning'"),
    ],
)
def test_bad_options_are_refused(make, error, match):
    with pytest.raises(error, match=match):
        make()
