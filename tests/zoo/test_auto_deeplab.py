"""Auto-DeepLab: published sizes, paths through resolutions, and a training step."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo.dense import auto_deeplab as zoo


def test_sizes_are_the_published():
    assert f"{zoo.count_paths():.1e}" == "2.9e+04"
    assert 10**19 < zoo.count_cells() * zoo.count_paths() < 2 * 10**19
    assert pg.abstract_search_space(zoo.make_space()).size == zoo.count_cells() * 3 ** (zoo.LAYERS - 1)


@pytest.mark.parametrize("layers", [1, 2, 3, 5, 7])
def test_count_of_paths_is_that_of_an_enumeration(layers):
    paths = {tuple(zoo.follow_path(steps)) for steps in product((0, 1, -1), repeat=layers - 1)}
    assert len(paths) == zoo.count_paths(layers)


@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=20))
def test_paths_stay_within_the_resolutions(steps):
    path = zoo.follow_path(steps)
    assert len(path) == len(steps) + 1
    assert set(path) <= set(range(zoo.LEVELS))
    assert all(abs(a - b) <= 1 for a, b in pairwise(path))


@pytest.mark.parametrize("seed", range(5))
def test_samples_learn_to_segment(seed):
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 32, 40, generator=draw)
    labels = (images.mean(1) > 0).long()
    network = pg.random_sample(zoo.make_space(blocks=2, layers=5, filters=4, classes=2), seed=seed)
    out = network(images)
    assert out.shape == (2, 2, 32, 40)
    nn.functional.cross_entropy(out, labels).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_cell_adds_two_branches_in_each_block():
    blocks = [
        [zoo.Branch("skip_connect", 0), zoo.Branch("skip_connect", 1)],
        [zoo.Branch("none", 0), zoo.Branch("skip_connect", 2)],
    ]
    cell = zoo.Cell(blocks, 1, (1, 1))
    cell.inputs[0] = cell.inputs[1] = nn.Identity()
    out = cell(torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 3.0))
    assert out[0, :, 0, 0].tolist() == [5.0, 5.0]


def test_wrong_blocks_are_refused():
    for branch, message in (
        (
            zoo.Branch("skip_connect", 2),
            r"block 0 takes tensors 0 to 1 \(0 and 1 are the cell's inputs\); got 2",
        ),
        (
            zoo.Branch("sep_conv_7x7", 0),
            "the operations of Auto-DeepLab are none, .*; got 'sep_conv_7x7'; did you mean",
        ),
    ):
        with pytest.raises(FieldValueError, match=message):
            zoo.Segmenter([[branch, zoo.Branch("none", 0)]], [0]).path  # noqa: B018
