"""ConvNeXt-T, with holes for kernel sizes and the ratios of inner layers (PyTorch).

Liu et al., "A ConvNet for the 2020s", CVPR 2022, figure 4 and section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError

from ..sizes import checked

DEPTHS, WIDTHS = (3, 3, 9, 3), (96, 192, 384, 768)
"""The number of blocks and the channels of each stage of ConvNeXt-T."""

KERNEL_SIZES, RATIOS = (3, 5, 7, 9), (2, 3, 4)
"""The candidates of ``make_space``: depthwise kernels, and channels of the inner layer relative to the block's."""

KERNEL_HINT, RATIO_HINT = "kernel_size", "ratio"
"""The hints of the holes."""


@symbolize
@final
class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of images (batch, channels, rows, columns)."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns images in the shape of ``x``."""
        out: Tensor = super().forward(x.movedim(1, -1))
        return out.movedim(-1, 1)


@symbolize
@final
class Block(nn.Module):
    """Depthwise convolution, layer normalization, two linear layers on the channels, scaled and added to the input.

    Args:
      filters: channels.
      kernel_size: of the depthwise convolution.
      ratio: channels between the linear layers, relative to ``filters``.
      scale: the initial value of the scale of each channel.
    """

    def __init__(self, filters: int, kernel_size: int = 7, ratio: int = 4, *, scale: float = 1e-6) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(filters, filters, kernel_size, padding=kernel_size // 2, groups=filters)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(filters, 1e-6),
            nn.Linear(filters, filters * ratio),
            nn.GELU(),
            nn.Linear(filters * ratio, filters),
        )
        self.gamma = nn.Parameter(torch.full((filters,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """Returns images in the shape of ``x``."""
        out: Tensor = self.perceptron(self.depthwise(x).movedim(1, -1)) * self.gamma
        return x + out.movedim(-1, 1)


@symbolize
@final
class Downsample(nn.Sequential):
    """A convolution whose kernel is as large as its stride, with layer normalization.

    Args:
      filters_in: channels that come in.
      filters: channels that go out.
      stride: rows and columns become so many times fewer.
      first: whether it is the stem, whose normalization follows the convolution.
    """

    def __init__(self, filters_in: int, filters: int, stride: int, *, first: bool = False) -> None:
        norm = ChannelNorm(filters if first else filters_in, 1e-6)
        conv = nn.Conv2d(filters_in, filters, stride, stride)
        super().__init__(*((conv, norm) if first else (norm, conv)))


@symbolize
@final
class ConvNeXt(nn.Module):
    """Stages of blocks, each after a ``Downsample``; global average pooling, layer normalization, a linear layer.

    Args:
      stages: from images to features, in turn.
      filters: channels that the last stage returns.
      classes: how many logits it returns.
    """

    def __init__(self, stages: Sequence[nn.Module], filters: int, classes: int = 1000) -> None:
        super().__init__()
        self.body = nn.Sequential(*stages)
        self.norm, self.classifier = nn.LayerNorm(filters, 1e-6), nn.Linear(filters, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        out: Tensor = self.classifier(self.norm(self.body(x).mean(dim=(2, 3))))
        return out


@checked()
def make_network(
    depths: Sequence[int] = DEPTHS, widths: Sequence[int] = WIDTHS, *, classes: int = 1000, patch: int = 4
) -> Any:
    """Returns the static network; by default ConvNeXt-T: 28.6M parameters and 4.5G multiply-adds.

    >>> sum(p.numel() for p in make_network().parameters())
    28589128

    Args:
      depths: the number of blocks of each stage.
      widths: the channels of each stage.
      classes: how many logits it returns.
      patch: the stride of the first convolution; 1 or 2 for small images.

    Raises:
      FieldValueError: the numbers of depths and widths differ.
    """
    if len(depths) != len(widths):
        raise FieldValueError(
            f"convnext.make_network takes as many widths as depths; got {len(depths)} depths and {len(widths)} widths."
        )
    parts: list[Any] = []
    width = 3
    for stage, (count, wide) in enumerate(zip(depths, widths, strict=True)):
        parts.append(Downsample(width, wide, 2 if stage else patch, first=stage == 0))
        parts += [Block(wide) for _ in range(count)]
        width = wide
    return ConvNeXt(parts, width, classes)


def relax_blocks(key: Any, value: Any, parent: Any) -> Any:
    """Rebind function: holes for the kernel size and the inner width of each block."""
    if isinstance(parent, Block) and key.key == "kernel_size":
        return oneof(KERNEL_SIZES, hints=KERNEL_HINT)
    if isinstance(parent, Block) and key.key == "ratio":
        return oneof(RATIOS, hints=RATIO_HINT)
    return value


@checked()
def make_space(
    depths: Sequence[int] = DEPTHS, widths: Sequence[int] = WIDTHS, *, classes: int = 1000, patch: int = 4
) -> Any:
    """Returns the network with holes for kernel sizes and inner widths: 12 ** 18 networks for ConvNeXt-T.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 12**18
    True

    Args:
      depths: the number of blocks of each stage.
      widths: the channels of each stage.
      classes: how many logits it returns.
      patch: the stride of the first convolution; 1 or 2 for small images.
    """
    return rebind(make_network(depths, widths, classes=classes, patch=patch), relax_blocks)
