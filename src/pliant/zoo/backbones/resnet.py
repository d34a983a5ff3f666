"""ResNet-50, 101 and 152, with holes for the inner widths of bottlenecks and for depth (PyTorch).

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1; with the stride in the 3 x 3 convolution, as
PyTorch's networks have it (their 4.09G multiply-adds; 3.8G with the stride in the first convolution, as in the paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.objects.symbolize import symbolize

from ..layers import ConvNormAct, ImageClassifier, PooledHead, Stage
from ..sizes import checked

DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""The number of bottlenecks in each stage, for each network."""

RATIOS, RATIO_HINT = (0.125, 0.1875, 0.25, 0.3125), "ratio"
"""The inner widths of bottlenecks relative to their filters, the candidates of ``make_space``, and the hint of the holes."""


@symbolize
@final
class Bottleneck(nn.Module):
    """Bottleneck: 1 x 1, 3 x 3 and 1 x 1 convolutions, added to the input.

    Args:
      filters_in: channels that come in.
      filters: channels that go out.
      ratio: channels of the 3 x 3 convolution divided by ``filters``.
      stride: of the 3 x 3 convolution; the input gets a 1 x 1 convolution if its shape changes.
    """

    def __init__(self, filters_in: int, filters: int, ratio: float = 0.25, *, stride: int = 1) -> None:
        super().__init__()
        hidden = int(filters * ratio)
        self.body = nn.Sequential(
            ConvNormAct(filters_in, hidden, 1),
            ConvNormAct(hidden, hidden, 3, stride=stride),
            ConvNormAct(hidden, filters, 1, activation="none"),
        )
        keeps_shape = filters_in == filters and stride == 1
        self.shortcut: nn.Module = (
            nn.Identity()
            if keeps_shape
            else ConvNormAct(filters_in, filters, 1, stride=stride, activation="none")
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns images with ``filters`` channels."""
        out: Tensor = (self.body(x) + self.shortcut(x)).relu()
        return out


@symbolize
@final
class Stem(nn.Sequential):
    """7 x 7 convolution with stride 2 and 3 x 3 pooling; for small images a 3 x 3 convolution."""

    def __init__(self, filters: int = 64, *, small: bool = False) -> None:
        first = ConvNormAct(3, filters, 3 if small else 7, stride=1 if small else 2)
        super().__init__(first, *([] if small else [nn.MaxPool2d(3, 2, 1)]))


@checked()
def make_network(depths: Sequence[int] = DEPTHS[50], *, classes: int = 1000, small: bool = False) -> Any:
    """Returns the static network; by default ResNet-50: 25.6M parameters and 4.09G multiply-adds.

    >>> sum(p.numel() for p in make_network().parameters())
    25557032

    Args:
      depths: the number of bottlenecks in each stage; see ``DEPTHS``.
      classes: how many logits it returns.
      small: whether images are small, such as 32 x 32.
    """
    stages, width = [], 64
    for stage, count in enumerate(depths):
        filters, layers = 256 * 2**stage, []
        for layer in range(count):
            layers.append(Bottleneck(width, filters, stride=2 if stage and not layer else 1))
            width = filters
        stages.append(Stage(layers))
    return ImageClassifier(Stem(small=small), stages, PooledHead(width, classes, filters=0, dropout=0.0))


def relax_ratios(key: Any, value: Any, parent: Any) -> Any:
    """Rebind function: a hole for the inner width of each bottleneck."""
    is_ratio = isinstance(parent, Bottleneck) and key.key == "ratio"
    return oneof(RATIOS, hints=RATIO_HINT) if is_ratio else value


@checked()
def make_space(depths: Sequence[int] = DEPTHS[50], *, classes: int = 1000, small: bool = False) -> Any:
    """Returns the network with holes for the inner widths of its bottlenecks: 4 ** 16 networks for ResNet-50.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 4**16
    True

    Args:
      depths: the number of bottlenecks in each stage.
      classes: how many logits it returns.
      small: whether images are small, such as 32 x 32.
    """
    return rebind(make_network(depths, classes=classes, small=small), relax_ratios)
