"""MobileNetV3-Large, with holes for kernel sizes, expansions and squeeze-and-excitation (PyTorch).

Howard et al., "Searching for MobileNetV3", ICCV 2019, table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.objects.symbolize import symbolize

from ..layers import ConvNormAct, ImageClassifier, InvertedResidual
from ..sizes import checked


class Row(NamedTuple):
    """A row of table 1: an inverted residual."""

    kernel_size: int
    hidden: int
    filters: int
    squeeze: bool
    activation: str
    stride: int


LARGE = (
    Row(3, 16, 16, False, "relu", 1),
    Row(3, 64, 24, False, "relu", 2),
    Row(3, 72, 24, False, "relu", 1),
    Row(5, 72, 40, True, "relu", 2),
    Row(5, 120, 40, True, "relu", 1),
    Row(5, 120, 40, True, "relu", 1),
    Row(3, 240, 80, False, "hard_swish", 2),
    Row(3, 200, 80, False, "hard_swish", 1),
    Row(3, 184, 80, False, "hard_swish", 1),
    Row(3, 184, 80, False, "hard_swish", 1),
    Row(3, 480, 112, True, "hard_swish", 1),
    Row(3, 672, 112, True, "hard_swish", 1),
    Row(5, 672, 160, True, "hard_swish", 2),
    Row(5, 960, 160, True, "hard_swish", 1),
    Row(5, 960, 160, True, "hard_swish", 1),
)
"""The inverted residuals of MobileNetV3-Large."""

KERNEL_SIZES, EXPANSIONS = (3, 5, 7), (3, 4, 6)
"""The candidates of ``make_space``, those of Once-for-All."""

KERNEL_HINT, EXPANSION_HINT = "kernel_size", "expansion"
"""The hints of the holes."""


@symbolize
@final
class EfficientHead(nn.Module):
    """The redesigned last stage (figure 5): 1 x 1 convolution, pooling, hidden linear layer, linear layer.

    Args:
      filters_in: channels that come in.
      filters: channels of the convolution.
      hidden: width of the hidden layer.
      classes: how many logits it returns.
      dropout: probability.
      bias: whether the hidden layer has a bias.
    """

    def __init__(
        self,
        filters_in: int,
        filters: int = 960,
        hidden: int = 1280,
        classes: int = 1000,
        *,
        dropout: float = 0.2,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.features = ConvNormAct(filters_in, filters, 1, activation="hard_swish")
        self.classifier = nn.Sequential(
            nn.Linear(filters, hidden, bias=bias),
            nn.Hardswish(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        out: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return out


@checked()
def make_network(rows: Sequence[Row] = LARGE, *, classes: int = 1000, stride: int = 2) -> Any:
    """Returns the static network: 5.5M parameters (5.4M in the paper) and 217M multiply-adds (219M).

    >>> sum(p.numel() for p in make_network().parameters())
    5483032

    Args:
      rows: its inverted residuals.
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.
    """
    layers, width = [], 16
    for row in rows:
        layers.append(
            InvertedResidual(
                width,
                row.filters,
                row.kernel_size,
                row.hidden / width,
                stride=row.stride,
                squeeze_ratio=0.25 if row.squeeze else 0.0,
                activation=row.activation,
                gate="hard_sigmoid",
            )
        )
        width = row.filters
    stem = ConvNormAct(3, 16, 3, stride=stride, activation="hard_swish")
    return ImageClassifier(stem, layers, EfficientHead(width, classes=classes))


def relax_layers(key: Any, value: Any, parent: Any) -> Any:
    """Rebind function: holes for the kernel size and the expansion of each inverted residual but the first."""
    if not isinstance(parent, InvertedResidual) or parent.expansion == 1:
        return value
    if key.key == "kernel_size":
        return oneof(KERNEL_SIZES, hints=KERNEL_HINT)
    if key.key == "expansion":
        return oneof(EXPANSIONS, hints=EXPANSION_HINT)
    return value


@checked()
def make_space(*, classes: int = 1000, stride: int = 2) -> Any:
    """Returns the network with holes for kernel sizes and expansions: 9 ** 14 networks.

    The number of layers, filters and activations are those of MobileNetV3-Large.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 9**14
    True

    Args:
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.
    """
    return rebind(make_network(classes=classes, stride=stride), relax_layers)
