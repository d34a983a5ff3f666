"""The recipe of table 6: its numbers, its optimizer by the formula, its schedule, and steps of training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant import zoo
from pliant.values.errors import FieldValueError
from pliant.zoo.training.recipe import Recipe, RMSProp, make_space, train


def test_defaults_are_table_6():
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.rate, recipe.warmup) == (360, 4096, 2.64, 5)
    assert (recipe.momentum, recipe.decay, recipe.epsilon, recipe.weight_decay) == (0.9, 0.9, 1.0, 2e-5)
    assert (recipe.dropout, recipe.norm_momentum, recipe.norm_epsilon) == (0.15, 0.99, 0.001)


def test_rate_rises_for_five_epochs_and_decays_to_zero():
    recipe = Recipe()
    rates = [recipe.find_rate(epoch / 10) for epoch in range(3601)]
    peak = rates.index(max(rates))
    assert peak == 50
    assert rates[:51] == sorted(rates[:51])
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert recipe.find_rate(5 + 355 / 2) == pytest.approx(2.64 / 2)


def test_optimizer_follows_its_formula():
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = RMSProp([weight], 0.5, decay=0.8, momentum=0.9, eps=1.0, weight_decay=0.1)
    value, square, moved = weight.detach().clone(), torch.ones(2), torch.zeros(2)
    for step in range(5):
        gradient = torch.tensor([0.3, -1.0]) * (step + 1)
        weight.grad = gradient.clone()
        optimizer.step()
        gradient = gradient + 0.1 * value
        square = 0.8 * square + 0.2 * gradient**2
        moved = 0.9 * moved + 0.5 * gradient / (square + 1.0).sqrt()
        value = value - moved
        assert torch.allclose(weight, value)


def test_network_gets_the_recipes_dropout_and_normalization():
    network = Recipe(dropout=0.3).prepare(zoo.get("mobilenet_v2").make_network(classes=3))
    assert {part.p for part in network.modules() if isinstance(part, nn.Dropout)} == {0.3}
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert {(round(norm.momentum, 6), norm.eps) for norm in norms} == {(0.01, 0.001)}


def test_steps_train_mobilenet_and_average_its_weights():
    torch.manual_seed(0)
    network = zoo.get("mobilenet_v2").make_network(classes=4, stride=1)
    batch = (torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 2, 3]))
    recipe = Recipe(epochs=4, rate=0.2, warmup=0.0, average=0.5, dropout=0.0)
    losses, before = [], None
    for loss, averaged in train(network, [batch] * 2, recipe, steps_per_epoch=2):
        losses.append(loss)
        now = next(averaged.parameters()).detach().clone()
        assert before is None or not torch.equal(before, now)
        before = now
    assert len(losses) == 8
    assert min(losses[4:]) < losses[0]
    assert not torch.equal(now, next(network.parameters()))  # the average lags behind
    assert averaged(batch[0]).shape == (4, 4)


def test_one_step_of_the_published_setup():
    """The network, the images and the recipe of the study, but for the number of images in the step."""
    torch.manual_seed(0)
    network, recipe = zoo.get("mobilenet_v2").make_network(), Recipe()
    images, steps = torch.randn(2, 3, 224, 224), 1_281_167 // recipe.batch_size + 1
    before = [parameter.detach().clone() for parameter in network.parameters()]
    loss, averaged = next(train(network, [(images, torch.tensor([0, 999]))], recipe, steps_per_epoch=steps))
    assert loss == pytest.approx(6.9, abs=1.0)  # the logarithm of 1000 classes
    moved = [not torch.equal(old, new) for old, new in zip(before, network.parameters())]
    assert sum(moved) > 0.9 * len(moved)
    assert averaged(images).shape == (2, 1000)
    assert steps == 313


def test_wrong_number_of_steps_is_said():
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    batch = (torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(FieldValueError, match="is at least 1; got 0"):
        train(network, [batch], Recipe(), steps_per_epoch=0)
    with pytest.raises(
        FieldValueError, match=r"epoch 1 had 0 batches, but steps_per_epoch is 1: .*such as a list"
    ):
        list(train(network, iter([batch]), Recipe(epochs=2), steps_per_epoch=1))
    assert len(list(train(network, [batch], Recipe(epochs=2), steps_per_epoch=1))) == 2  # the advice


def test_recipe_is_a_space():
    drawn = [pg.random_sample(make_space(), seed=seed) for seed in range(20)]
    assert all(0.01 <= recipe.rate <= 10 and recipe.epochs == 360 for recipe in drawn)
    assert len({recipe.warmup for recipe in drawn}) == 4
