"""NASNet's cells: the size by formula, the published cells, what a cell computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import measure_differences
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
    ("genotype", "filters", "parameters", "published"),
    [
        (nasnet.NASNET_A, 32, 3_328_234, 3.3),
        (nasnet.AMOEBANET_A, 32, 2_558_858, 2.6),
        (nasnet.AMOEBANET_A, 36, 3_207_106, 3.2),
    ],
    ids=["nasnet_a", "amoebanet_a_32", "amoebanet_a_36"],
)
def test_published_cells_have_the_published_size(genotype, filters, parameters, published):
    network = nasnet.make_network(genotype, filters=filters)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert round(parameters / 1e6, 1) == published


def test_authors_do_not_adapt_the_older_input_of_the_first_cell():
    """Their code then has 3,346,538 parameters in NASNet-A: operations on the stem's 96 channels, not on 32."""
    narrow, wide, operation = 32, 96, 0
    for kernel in (3, 5, 3):  # the first of two convolutions of three separable ones on the older input
        operation += (wide - narrow) * (kernel**2 + narrow)
    project = wide * narrow + 2 * narrow  # a 1 x 1 convolution and its normalization
    operation += 4 * project  # skip, two of pooling, and at the end
    assert 3_328_234 - project + operation == 3_346_538


def test_published_cells_are_points_of_the_space():
    def index(pairs, ops):
        return [value for op, source in pairs for value in (ops.index(op), source)]

    for genotype, ops in ((nasnet.NASNET_A, nasnet.OPS), (nasnet.AMOEBANET_A, nasnet.AMOEBANET_OPS)):
        keeps = (genotype.normal_keeps, genotype.reduction_keeps)
        space = nasnet.make_space(ops=ops, keeps=keeps, filters=4, repeats=1)
        decisions = index(genotype.normal, ops) + index(genotype.reduction, ops)
        network = pg.materialize(space, decisions)
        assert pg.eq(network, nasnet.make_network(genotype, filters=4, repeats=1))


def test_nasnet_a_concatenates_what_its_authors_do():
    network = nasnet.make_network(filters=4, repeats=1)
    assert [cell.ends for cell in network.cells[:2]] == [[0, 2, 3, 4, 5, 6], [3, 4, 5, 6]]
    assert (
        network.classifier.in_features == 768 // 8
    )  # 768 of NASNet-A (6 @ 768), with an eighth of the filters


def test_inputs_that_no_block_takes_are_concatenated():
    for halves, rows in ((False, 16), (True, 8)):
        cell = nasnet.Cell([[nasnet.Branch("skip_connect", 1)] * 2], 4, (3, 3), halves=halves)
        assert cell.ends == [0, 2]
        assert cell(IMAGES, IMAGES).shape == (2, 8, rows, rows)


def test_cells_that_differ_in_order_have_one_structure():
    genotype = nasnet.AMOEBANET_A
    names = [(("skip_connect", 0), ("sep_conv_3x3", 1)), (("max_pool_3x3", 1), ("sep_conv_5x5", 0))]
    normal = [names[0], names[1], (("conv_1x1", 2), ("conv_3x3", 3))]
    other = [names[1][::-1], names[0], (("conv_3x3", 2), ("conv_1x1", 3))]
    wrong = [names[1], names[0], (("conv_1x1", 2), ("conv_3x3", 3))]  # other sources
    one, two, three = (
        nasnet.read_structure(
            nasnet.make_network(
                nasnet.Genotype(tuple(pair for block in cell for pair in block), genotype.reduction)
            )
        )
        for cell in (normal, other, wrong)
    )
    assert one == two != three


def test_small_spaces_have_as_many_structures_as_graphs():
    """Cells of two blocks with one operation, counted as graphs by hand: a block is a pair of sources."""
    space = nasnet.make_space(blocks=2, ops=("skip_connect",), filters=4, repeats=1)
    found = {nasnet.read_structure(network)[0] for network in pg.iter(space)}
    pairs = {tuple(sorted(pair)) for pair in ((0, 0), (0, 1), (1, 0), (1, 1))}  # of the first block
    graphs = set()
    for first in pairs:
        for second in ((i, j) for i in range(3) for j in range(i, 3)):
            blocks = [first, second]
            if 2 not in second:
                blocks.sort()  # independent blocks in either order
            graphs.add(tuple(blocks))
    assert len(found) == len(graphs) == 15


@pytest.mark.parametrize("op", nasnet.OPS)
def test_operations_have_their_kernels(op):
    """Large convolutions work on a share of the channels, as in the code of AmoebaNet's authors."""
    cell = nasnet.Cell([[nasnet.Branch(op, 0)] * 2], 16, (3, 3))
    kernels = [
        (*one.kernel_size, one.in_channels // one.groups)
        for one in cell.operations[0].modules()
        if isinstance(one, nn.Conv2d)
    ]
    assert kernels == {
        "conv_1x1": [(1, 1, 16)],
        "conv_3x3": [(1, 1, 16), (3, 3, 4), (1, 1, 4)],
        "dil_conv_3x3": [(1, 1, 16), (3, 3, 4), (1, 1, 4)],
        "conv_1x3_3x1": [(1, 1, 16), (1, 3, 6), (3, 1, 6), (1, 1, 6)],
        "conv_1x7_7x1": [(1, 1, 16), (1, 7, 4), (7, 1, 4), (1, 1, 4)],
        "sep_conv_3x3": [(3, 3, 1), (1, 1, 16)] * 2,
        "sep_conv_5x5": [(5, 5, 1), (1, 1, 16)] * 2,
        "sep_conv_7x7": [(7, 7, 1), (1, 1, 16)] * 2,
    }.get(op, [])


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


def test_super_network_is_exact():
    torch.manual_seed(0)
    ops = ("sep_conv_3x3", "skip_connect", "conv_1x7_7x1", "avg_pool_3x3")
    space = nasnet.make_space(blocks=2, ops=ops, filters=4, repeats=1, classes=3)
    net = pg.oneshot.supernet(space).double()
    for seed in range(6):
        decisions = net.space.sample(seed)
        found = measure_differences(net, IMAGES.double(), decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_wrong_tensors_to_keep_are_refused():
    for kept in (-1, 3):
        with pytest.raises(
            FieldValueError,
            match=rf"a cell of 1 blocks has tensors 0 to 2, and keeps some of them; got {kept}",
        ):
            nasnet.Cell([[KEEP, KEEP]], 4, (3, 3), keeps=[kept]).ends  # noqa: B018


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
