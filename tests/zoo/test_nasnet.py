"""NASNet's cells: the size by formula, the published cells, what a cell computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo import nasnet

IMAGES = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
KEEP = nasnet.Branch("skip_connect", 0)


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_size_is_that_of_the_formula(blocks):
    cell = 1
    for block in range(blocks):
        cell *= ((block + 2) * len(nasnet.OPS)) ** 2
    assert pg.abstract_search_space(nasnet.make_space(blocks=blocks)).size == cell**2


@pytest.mark.parametrize(
    ("genotype", "filters", "parameters"),
    [(nasnet.NASNET_A, 32, 3_061_738), (nasnet.AMOEBANET_A, 36, 3_145_078)],
    ids=["nasnet_a", "amoebanet_a"],
)
def test_published_cells_have_nearly_the_published_size(genotype, filters, parameters):
    network = nasnet.make_network(genotype, filters=filters)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_published_cells_are_points_of_the_space():
    def index(pairs):
        return [value for op, source in pairs for value in (nasnet.OPS.index(op), source)]

    space = nasnet.make_space(filters=4, repeats=1)
    for genotype in (nasnet.NASNET_A, nasnet.AMOEBANET_A):
        network = pg.materialize(space, index(genotype.normal) + index(genotype.reduction))
        assert pg.eq(network, nasnet.make_network(genotype, filters=4, repeats=1))


def test_nasnet_a_concatenates_what_the_paper_does():
    cells = nasnet.make_network(filters=4, repeats=1).cells
    assert [(cell.passes, cell.ends) for cell in cells[:2]] == [([], [2, 3, 4, 5, 6]), ([], [4, 5, 6])]


@pytest.mark.parametrize("op", nasnet.OPS)
@pytest.mark.parametrize("halves", [False, True])
def test_operations_keep_or_halve_images(op, halves):
    cell = nasnet.Cell([[nasnet.Branch(op, 0), nasnet.Branch(op, 1)]], 4, (3, 3), halves=halves)
    rows = 8 if halves else 16
    assert cell(IMAGES, IMAGES).shape == (2, 4, rows, rows)


def test_block_adds_its_branches():
    cell = nasnet.Cell(
        [[KEEP, nasnet.Branch("skip_connect", 1)], [KEEP, nasnet.Branch("skip_connect", 2)]], 1, (1, 1)
    )
    cell.inputs[0] = cell.inputs[1] = nn.Identity()
    out = cell(torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 3.0))
    assert out.unique().tolist() == [7.0]  # 2 + (2 + 3)


@pytest.mark.parametrize("seed", range(4))
def test_samples_train(seed):
    network = pg.random_sample(nasnet.make_space(blocks=3, filters=4, repeats=1, classes=3), seed=seed)
    nn.functional.cross_entropy(network(IMAGES), torch.tensor([0, 2])).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_wrong_branches_are_refused():
    for branch, message in (
        (
            nasnet.Branch("skip_connect", 2),
            r"block 0 takes tensors 0 to 1 \(0 and 1 are the cell's inputs\); got 2",
        ),
        (
            nasnet.Branch("sep_conv_9x9", 0),
            r"the operations of NASNet are .*; got 'sep_conv_9x9'; did you mean",
        ),
    ):
        with pytest.raises(FieldValueError, match=message):
            nasnet.Cell([[branch, KEEP]], 4, (3, 3)).sources  # noqa: B018
