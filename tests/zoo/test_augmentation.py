"""Augmentation policies: sizes, operations, and the same images for the same seed."""

from __future__ import annotations

import math

import pytest
import torch

import pliant as pg
from pliant.zoo.training import augmentation
from pliant.zoo.training.image_operations import OPERATIONS

IMAGES = torch.rand(6, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_sizes_are_the_published():
    assert pg.abstract_search_space(augmentation.make_space()).size == (16 * 10 * 11) ** 10
    assert pg.abstract_search_space(augmentation.make_small_space()).size == 3 * 10


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("strength", [-1.0, -0.3, 0.0, 0.5, 1.0])
def test_operations_keep_shape_and_range(name, strength):
    before = IMAGES.clone()
    out = OPERATIONS[name](IMAGES, strength)
    assert out.shape == IMAGES.shape
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(IMAGES, before)


@pytest.mark.parametrize(
    "name",
    [
        "shear_x",
        "shear_y",
        "translate_x",
        "translate_y",
        "rotate",
        "solarize",
        "color",
        "contrast",
        "brightness",
        "cutout",
    ],
)
def test_strength_zero_changes_nothing_and_one_does(name):
    assert torch.allclose(OPERATIONS[name](IMAGES, 0.0), IMAGES, atol=1e-6)
    assert not torch.allclose(OPERATIONS[name](IMAGES, 1.0), IMAGES, atol=1e-2)


def test_directions_are_opposite():
    image = torch.full((1, 3, 10, 10), 0.5)
    image[:, :, 4:6, 4:6] = 1.0
    columns = torch.arange(10.0)

    def center(x: torch.Tensor) -> float:
        mass = (x[0, 0] - 0.5).sum(0)
        return float((mass * columns).sum() / mass.sum())

    left, right = (center(OPERATIONS["translate_x"](image, s)) for s in (0.4, -0.4))
    assert left < center(image) < right
    assert math.isclose(left + right, 2 * center(image), abs_tol=1.0)


def test_equalized_histogram_is_even():
    dark = (torch.arange(256.0) / 255).square().reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    out = OPERATIONS["equalize"](dark, 1.0)
    assert abs(out.mean().item() - 0.5) < 0.05 < abs(dark.mean().item() - 0.5)


def test_posterized_images_have_few_levels():
    assert len(OPERATIONS["posterize"](IMAGES, 1.0).unique()) <= 16


@pytest.mark.parametrize("make", [augmentation.make_space, augmentation.make_small_space])
def test_policies_depend_on_their_seed_alone(make):
    state = torch.get_rng_state()
    for seed in range(4):
        policy = pg.random_sample(make(), seed=seed)
        assert torch.equal(policy(IMAGES, seeded(1)), policy(IMAGES, seeded(1)))
    assert torch.equal(state, torch.get_rng_state())


def test_probability_decides_how_many_images_change():
    step = augmentation.Step("invert", 0.5, 0)
    many = torch.full((2000, 3, 1, 1), 0.2)
    share = (step.apply(many, seeded()) != many).float().mean().item()
    assert 0.45 < share < 0.55
    assert torch.equal(augmentation.Step("invert", 0.0, 0).apply(many, seeded()), many)
    assert torch.equal(augmentation.Step("invert", 1.0, 0).apply(many, seeded()), 1 - many)


def test_each_image_gets_one_sub_policy():
    invert, keep = augmentation.Step("invert", 1.0, 0), augmentation.Step("identity", 1.0, 0)
    policy = augmentation.AutoAugment([[invert], [keep], [invert, invert]])
    many = torch.full((900, 3, 1, 1), 0.25)
    changed = (policy(many, seeded()) != many).float().mean().item()
    assert 0.28 < changed < 0.39
