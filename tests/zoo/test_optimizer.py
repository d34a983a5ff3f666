"""Optimizers and schedules: the size, PyTorch's optimizers, the curves of schedules, and training on real data."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo import mlp
from pliant.zoo.training.optimizer import (
    RATES,
    SCHEDULES,
    Optimizer,
    Schedule,
    Training,
    make_space,
    train,
)

KINDS = {"sgd": torch.optim.SGD, "adam": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}


def test_size_is_that_of_the_formula():
    space = pg.abstract_search_space(make_space())
    assert space.size == (5 + 4 + 4) * 3 * 4 * 4 * 3
    drawn = [pg.random_sample(make_space(), seed=seed).optimizer for seed in range(30)]
    assert {one.kind for one in drawn} == set(RATES)
    assert all(one.rate in RATES[one.kind] for one in drawn)


@pytest.mark.parametrize("kind", RATES)
def test_optimizer_is_pytorchs_with_these_numbers(kind):
    made = Optimizer(kind, 0.02, 0.8, 0.003).make(nn.Linear(2, 2))
    assert type(made) is KINDS[kind]
    group = made.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.02, 0.003)
    assert (group["betas"][0] if kind == "adam" else group["momentum"]) == 0.8


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.2, 0.4])
def test_rate_rises_to_its_peak_and_never_again(kind, warmup):
    schedule = Schedule(kind, warmup)
    factors = [schedule.find_factor(step / 100) for step in range(101)]
    peak = round(100 * warmup)
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert all(0 <= factor <= 1 for factor in factors)


def test_schedules_have_their_curves():
    assert [Schedule("steps", 0.0).find_factor(x) for x in (0, 0.49, 0.5, 0.74, 0.75, 1)] == [
        1, 1, 0.1, 0.1, 0.01, 0.01,
    ]  # fmt: skip
    assert [Schedule("linear", 0.0).find_factor(x) for x in (0, 0.25, 1)] == [1, 0.75, 0]
    assert Schedule("cosine", 0.0).find_factor(1 / 3) == pytest.approx(0.75)
    assert Schedule("constant", 0.5).find_factor(0.25) == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_samples_train_on_real_images(table, seed):
    data = table("fashion_mnist_prefix")
    images = next(torch.from_numpy(v[:256]) for v in data.values() if v.ndim >= 2).float() / 255
    labels = next(torch.from_numpy(v[:256]) for v in data.values() if v.ndim == 1).long()
    torch.manual_seed(seed)
    network = mlp.make_network((32,), inputs=images[0].numel())
    batches = [(images[i : i + 64], labels[i : i + 64]) for i in range(0, 256, 64)]
    training = pg.random_sample(make_space(), seed=seed)
    losses = list(train(network, batches, training, steps=30))
    assert len(losses) == 30
    assert min(losses[-4:]) < losses[0]


def test_the_schedule_spans_the_steps():
    weight = nn.Linear(1, 2)
    rates: list[float] = []
    training = Training(Optimizer("sgd", 1.0, 0.0, 0.0), Schedule("linear", 0.0))
    before = weight.bias.detach().clone()
    for _ in train(weight, [(torch.ones(1, 1), torch.tensor([0]))], training, steps=4):
        rates.append((weight.bias.detach() - before).abs().sum().item())
        before = weight.bias.detach().clone()
    assert rates == sorted(rates, reverse=True)


def test_wrong_arguments_are_refused():
    with pytest.raises(
        FieldValueError, match=r"the optimizers are sgd, .*; got 'adamw'; did you mean 'adam'"
    ):
        Optimizer("adamw").make(nn.Linear(1, 1))
    with pytest.raises(FieldValueError, match=r"the schedules are .*; got 'cosin'; did you mean 'cosine'"):
        Schedule("cosin").find_factor(0.5)
    for warmup in (1.0, -0.1):
        with pytest.raises(FieldValueError, match=r"is a share from 0 to below 1; got"):
            Schedule("linear", warmup).find_factor(0.5)
    with pytest.raises(FieldValueError, match=r"train\(steps=...\) is at least 1; got 0"):
        train(nn.Linear(1, 1), [], Training(), steps=0)
    with pytest.raises(FieldValueError, match="batches that can be passed over several times"):
        list(train(nn.Linear(1, 1), [], Training(), steps=1))
    once = iter([(torch.ones(1, 1), torch.tensor([0]))])
    with pytest.raises(FieldValueError, match="such as a list or a DataLoader; it found none"):
        list(train(nn.Linear(1, 2), once, Training(), steps=2))
