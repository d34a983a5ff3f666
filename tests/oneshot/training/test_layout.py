"""Channels-last on the CPU: networks with a faulty kernel of PyTorch are trained in the other order."""

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import SPOS, Trainer, supernet
from pliant.oneshot.training.layout import is_channels_last_safe

CPU = torch.device("cpu")
Conv, Sequential, ReLU = map(pg.symbolize, (nn.Conv2d, nn.Sequential, nn.ReLU))


@pytest.mark.parametrize(
    ("layer", "is_safe"),
    [
        (nn.Conv2d(7, 4, 1, stride=2), False),
        (nn.Conv2d(4, 4, 1, stride=(1, 2)), False),
        (nn.Conv2d(8, 4, 1, stride=2), True),
        (nn.Conv2d(4, 4, 1), True),
        (nn.Conv2d(4, 4, 3, stride=2), True),
        (nn.Conv2d(16, 16, 1, stride=2, groups=16), True),
        (nn.LazyConv2d(4, 1, stride=2), False),
    ],
    ids=["narrow", "one stride", "wide", "no stride", "a kernel of 3", "depthwise", "lazy"],
)
def test_layers(layer, is_safe):
    assert is_channels_last_safe(nn.Sequential(nn.ReLU(), layer), CPU) is is_safe
    assert is_channels_last_safe(layer, torch.device("cuda"))


def test_searched_widths():
    width = pg.oneof([4, 64], name="width")
    space = Sequential(Conv(3, width, 3, padding=1), ReLU(), Conv(width, 8, 1, stride=2))
    assert not is_channels_last_safe(supernet(space), CPU)
    width = pg.oneof([64, 128], name="width")
    space = Sequential(Conv(3, width, 3, padding=1), ReLU(), Conv(width, 8, 1, stride=2))
    assert is_channels_last_safe(supernet(space), CPU)


def test_a_choice_of_layers():
    choice = pg.oneof([Conv(4, 8, 3, stride=2, padding=1), Conv(4, 8, 1, stride=2)])
    assert not is_channels_last_safe(supernet(Sequential(Conv(3, 4, 3), choice)), CPU)


def test_the_order_of_weights():
    batch = torch.randn(8, 3, 8, 8), torch.randint(0, 8, (8,))
    for stride, order in ((1, torch.channels_last), (2, torch.contiguous_format)):
        space = Sequential(Conv(3, 4, 3), pg.oneof([Conv(4, 8, 1, stride), ReLU()]))
        trainer = Trainer(
            space, SPOS(evaluations=1), [batch], [batch], epochs=1, loss=lambda out, y: out.mean()
        )
        weight = next(p for p in trainer.supernet.parameters() if p.dim() == 4)
        assert weight.is_contiguous(memory_format=order)
