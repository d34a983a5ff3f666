"""NAS-FPN: the published size, the shapes of features, and a detector that learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo.backbones import resnet
from pliant.zoo.dense import nas_fpn


def make_features(*widths: int, rows: int = 16) -> list[torch.Tensor]:
    """Returns features of levels 3, 4, ... of two images."""
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(2, wide, rows >> i, rows >> i, generator=draw) for i, wide in enumerate(widths)]


def test_space_has_the_size_of_the_service():
    assert pg.abstract_search_space(nas_fpn.make_space()).size == 1_931_334_451_200_000


def test_size_by_formula():
    from math import comb, factorial

    inner, count = 3, 5
    expected = factorial(count) * 4**inner
    for place in range(inner + count):
        expected *= 2 * comb(count + place, 2)
    assert pg.abstract_search_space(nas_fpn.make_space(intermediate=inner)).size == expected


@pytest.mark.parametrize("seed", range(8))
def test_every_pyramid_returns_all_levels(seed):
    space = nas_fpn.make_space((4, 6, 8), filters=4, repeats=2)
    pyramid = pg.random_sample(space, seed=seed)
    out = pyramid(make_features(4, 6, 8))
    assert [tuple(one.shape) for one in out] == [(2, 4, rows, rows) for rows in (16, 8, 4, 2, 1)]
    sum(one.square().mean() for one in out).backward()
    assert all(torch.isfinite(p.grad).all() for p in pyramid.parameters() if p.grad is not None)


def test_odd_sizes_keep_their_rows():
    features = [torch.randn(1, 4, rows, rows + 1) for rows in (25, 13, 7)]
    out = nas_fpn.make_network((4, 4, 4), filters=4, repeats=1)(features)
    assert [tuple(one.shape[-2:]) for one in out] == [(25, 26), (13, 14), (7, 8), (4, 4), (2, 2)]


def test_attention_scales_the_finer_by_the_coarser_maximum():
    node = nas_fpn.Node("attention", [0, 1])
    other = nas_fpn.Node("sum", [0, 1])
    cell = nas_fpn.Cell([node, other], [3, 4], 1, min_level=3)
    cell.convolutions[0] = cell.convolutions[1] = nn.Identity()
    fine, coarse = torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 1, 1), 3.0)
    first, second = cell([fine, coarse])
    assert torch.allclose(first, 3.0 + 2.0 * torch.tensor(3.0).sigmoid().expand(1, 1, 2, 2))
    assert torch.equal(second, torch.full((1, 1, 1, 1), 5.0))


def test_unused_features_reach_the_output_of_their_level():
    nodes = [nas_fpn.Node("sum", [0, 1], 4), nas_fpn.Node("sum", [0, 1]), nas_fpn.Node("sum", [0, 1])]
    cell = nas_fpn.Cell(nodes, [3, 4], 1)
    for place in range(3):
        cell.convolutions[place] = nn.Identity()
    ones = [torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1)]
    assert [out.mean().item() for out in cell(ones)] == [
        2.0,
        4.0,
    ]  # the intermediate node is added to level 4


def test_cells_have_separate_weights():
    pyramid = nas_fpn.make_network((4,), filters=4, repeats=2)
    first, second = (cell.convolutions[0][1][0].weight for cell in pyramid.cells)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("nodes", "levels", "message"),
    [
        ([((0, 1), None)], [4], "a node for each level from 3; got levels"),
        (
            [((0, 2), None), ((0, 1), None)],
            [3, 4],
            "node 0 merges two different features of the 2 before it; got",
        ),
        ([((1, 1), None), ((0, 1), None)], [3, 4], "node 0 merges two different features"),
        ([((0, 1), None)] * 3, [3, 4], "node 0 is intermediate, so it needs a level"),
    ],
)
def test_wrong_cells_are_refused(nodes, levels, message):
    with pytest.raises(FieldValueError, match=message):
        nas_fpn.Cell([nas_fpn.Node("sum", list(i), level) for i, level in nodes], levels, 4).plan  # noqa: B018


class Detector(nn.Module):
    """Scores of an object at each place of each level, on a small ResNet."""

    def __init__(self, pyramid: nn.Module) -> None:
        super().__init__()
        self.backbone = resnet.make_network((1, 1, 1), classes=1, small=True)
        self.pyramid, self.score = pyramid, nn.Conv2d(8, 1, 1)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        features, x = [], self.backbone.first(x)
        for stage in self.backbone.body:
            x = stage(x)
            features.append(x)
        return [self.score(one) for one in self.pyramid(features)]


def test_detector_on_any_backbone_learns_to_find_squares():
    draw = torch.Generator().manual_seed(0)
    images, masks = torch.randn(8, 3, 16, 16, generator=draw) * 0.1, torch.zeros(8, 1, 16, 16)
    for i in range(8):
        row, column = torch.randint(0, 10, (2,), generator=draw).tolist()
        images[i, :, row : row + 6, column : column + 6] += 1
        masks[i, :, row : row + 6, column : column + 6] = 1
    torch.manual_seed(0)
    space = nas_fpn.make_space((256, 512, 1024), filters=8, repeats=1)
    detector = Detector(pg.random_sample(space, seed=3))
    optimizer, losses = torch.optim.Adam(detector.parameters(), 3e-3), []
    for _ in range(12):
        scores = detector(images)
        found = [nn.functional.adaptive_max_pool2d(masks, one.shape[-2:]) for one in scores]
        loss = sum(
            nn.functional.binary_cross_entropy_with_logits(one, mask) for one, mask in zip(scores, found)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
