"""EfficientNet-B0 to B7, with holes for kernel sizes, expansions and depth (PyTorch).

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, table 1 and section 3.3.
"""

from __future__ import annotations

import math
from typing import Any

from pliant.hyper import oneof
from pliant.symbolic.edit.rebind import rebind

from ..layers import ConvNormAct, ImageClassifier, InvertedResidual, PooledHead, Stage, round_filters
from ..sizes import checked

STAGES = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
"""Table 1: for each stage the expansion, kernel size, filters, number of layers, and first stride."""

COEFFICIENTS = (
    (1.0, 1.0, 224, 0.2), (1.0, 1.1, 240, 0.2), (1.1, 1.2, 260, 0.3), (1.2, 1.4, 300, 0.3),
    (1.4, 1.8, 380, 0.4), (1.6, 2.2, 456, 0.4), (1.8, 2.6, 528, 0.5), (2.0, 3.1, 600, 0.5),
)  # fmt: skip
"""For B0 to B7: multipliers of width and of depth, rows of an image, dropout (the paper's code)."""

KERNEL_SIZES, EXPANSIONS = (3, 5, 7), (3, 4, 6)
"""The candidates of ``make_space``."""

KERNEL_HINT, EXPANSION_HINT = "kernel_size", "expansion"
"""The hints of the holes."""


@checked()
def make_network(
    width: float = 1.0, depth: float = 1.0, *, classes: int = 1000, dropout: float = 0.2, stride: int = 2
) -> Any:
    """Returns the static network; by default EfficientNet-B0: 5.3M parameters and 0.39G multiply-adds.

    >>> sum(p.numel() for p in make_network().parameters())
    5288548

    Args:
      width: multiplier of filters, rounded to multiples of 8.
      depth: multiplier of the number of layers of a stage, rounded up.
      classes: how many logits it returns.
      dropout: probability, before the last layer.
      stride: of the first convolution; 1 for small images.
    """
    first = filters_in = round_filters(32 * width)
    stages = []
    for expansion, kernel_size, filters, count, step in STAGES:
        layers = []
        for layer in range(math.ceil(count * depth)):
            layers.append(
                InvertedResidual(
                    filters_in,
                    round_filters(filters * width),
                    kernel_size,
                    expansion,
                    stride=1 if layer else step,
                    squeeze=max(1, filters_in // 4),
                    activation="swish",
                )
            )
            filters_in = round_filters(filters * width)
        stages.append(Stage(layers))
    stem = ConvNormAct(3, first, 3, stride=stride, activation="swish")
    wide = round_filters(1280 * width)
    head = PooledHead(filters_in, classes, filters=wide, activation="swish", dropout=dropout)
    return ImageClassifier(stem, stages, head)


def relax_layers(key: Any, value: Any, parent: Any) -> Any:
    """Rebind function: holes for the kernel size of each layer, and for its expansion where it has one."""
    if not isinstance(parent, InvertedResidual):
        return value
    if key.key == "kernel_size":
        return oneof(KERNEL_SIZES, hints=KERNEL_HINT)
    if key.key == "expansion" and value != 1:
        return oneof(EXPANSIONS, hints=EXPANSION_HINT)
    return value


@checked()
def make_space(*, classes: int = 1000, stride: int = 2) -> Any:
    """Returns EfficientNet-B0 with holes for kernel sizes and expansions: 3 ** 31 networks.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 3**31
    True

    Args:
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.
    """
    return rebind(make_network(classes=classes, stride=stride), relax_layers)
