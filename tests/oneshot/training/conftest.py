"""A small problem: which side of a line points are on, and a space of networks for it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg

Linear, Sequential, Tanh, ReLU, Identity, BatchNorm, Dropout = map(
    pg.symbolize, (nn.Linear, nn.Sequential, nn.Tanh, nn.ReLU, nn.Identity, nn.BatchNorm1d, nn.Dropout)
)


def make_space(*, widths=False):
    """16 networks; with ``widths``, 64, of which some layers come in several sizes."""
    width = pg.oneof([4, 8], name="width") if widths else 8
    return Sequential(
        Linear(4, width),
        pg.oneof([ReLU(), Tanh()]),
        BatchNorm(width),
        Dropout(0.1),
        pg.oneof([Sequential(Linear(width, width), ReLU()), Identity()]),
        Linear(width, pg.oneof([4, 6], name="last")) if widths else Linear(8, 6),
        pg.oneof([ReLU(), Tanh(), Identity(), Sequential(ReLU(), Tanh())]),
        Linear(pg.oneof([4, 6], name="last") if widths else 6, 2),
    )


def make_data(count=64, seed=0):
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    return torch.utils.data.TensorDataset(x, (x[:, 0] * x[:, 1] > 0).long())


def loader(seed=0, *, shuffle=True, batch=16):
    return torch.utils.data.DataLoader(make_data(seed=seed), batch, shuffle=shuffle)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
