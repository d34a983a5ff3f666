"""The TuNAS spaces: kernel sizes, expansions and removable layers, optionally with filters (PyTorch).

Bender et al., "Can Weight Sharing Outperform Random Architecture Search? An Investigation With TuNAS", CVPR 2020, section 3;
figure 12 of the PyGlove paper.  The layers of a block but the first are removable: their operation can be ``Zero`` on a
residual connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.values.errors import FieldValueError

from ..layers import ConvNormAct, ImageClassifier, InvertedResidual, PooledHead, Stage, round_filters
from ..mobilenet_v2 import MULTIPLIERS, Layer
from ..operations import Zero
from ..sizes import checked

KERNEL_SIZES, EXPANSIONS = (3, 5, 7), (3, 6)
"""The candidates of each layer; a layer that is not the first of its block can also be removed."""

REPEATS, STRIDES = (1, 4, 4, 4, 4, 4, 1), (1, 2, 2, 2, 1, 2, 1)
"""The layers and the first stride of each block."""

FILTERS = (32, 16, 32, 40, 80, 96, 192, 320, 1280)
"""Filters of stem, seven blocks and head, those of ProxylessNAS-Mobile: the ``ProxylessNAS`` space."""

BASE_FILTERS = (16, 16, 16, 32, 64, 128, 256, 512, 1024)
"""Filters that the ``ProxylessNAS-Enlarged`` space multiplies by one of seven numbers each."""

OP_HINT, KERNEL_HINT, EXPANSION_HINT, FILTERS_HINT = "op", "kernel_size", "expansion", "filters"
"""The hints of the holes."""


@checked()
def make_space(
    *,
    enlarged: bool = False,
    filters: Sequence[int] | None = None,
    classes: int = 1000,
    stride: int = 2,
) -> Any:
    """Returns one of the two spaces of mobile networks.

    ``ProxylessNAS`` has 3 * 6**6 * 7**15 networks; the paper's 10**21 counts the kernel and the expansion of removed
    layers as decisions: 3 * 6**6 * 12**15.  ``ProxylessNAS-Enlarged`` also decides the filters of stem, blocks and head; the
    same count gives its 10**28.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 3 * 6**6 * 7**15
    True
    >>> f"{pg.abstract_search_space(make_space(enlarged=True)).size:.0e}"
    '4e+24'

    Args:
      enlarged: whether filters are decided as well.
      filters: of stem, seven blocks and head, to multiply or to keep; the paper's when None.
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.

    Raises:
      FieldValueError: there are not nine filters.
    """
    base = (BASE_FILTERS if enlarged else FILTERS) if filters is None else tuple(filters)
    if len(base) != len(REPEATS) + 2:
        raise FieldValueError(
            f"make_space(filters=...) takes those of stem, {len(REPEATS)} blocks and head; got {len(base)} numbers."
        )
    widths = [_open_filters(width, place) if enlarged else width for place, width in enumerate(base)]
    stages, filters_in = [], widths[0]
    for block, (count, step) in enumerate(zip(REPEATS, STRIDES, strict=True)):
        layers = []
        for i in range(count):
            op = _make_op(filters_in, widths[block + 1], 1 if i else step, fixed=block == 0)
            choice = oneof([op, Zero(clone(widths[block + 1]))], hints=OP_HINT) if i else op
            layers.append(Layer(clone(widths[block + 1]), choice, is_first=i == 0))
            filters_in = widths[block + 1]
        stages.append(Stage(layers))
    stem = ConvNormAct(3, clone(widths[0]), 3, stride=stride)
    head = PooledHead(clone(filters_in), classes, filters=widths[-1], activation="relu")
    return ImageClassifier(stem, stages, head)


def _make_op(filters_in: Any, filters: Any, stride: int, *, fixed: bool) -> Any:
    """Returns the operation of a layer; the first layer of the network has no expansion."""
    return InvertedResidual(
        clone(filters_in),
        clone(filters),
        oneof(KERNEL_SIZES, hints=KERNEL_HINT),
        1 if fixed else oneof(EXPANSIONS, hints=EXPANSION_HINT),
        stride=stride,
        activation="relu",
        residual=False,
    )


def _open_filters(filters: int, place: int) -> Any:
    candidates = sorted({round_filters(filters * multiplier) for multiplier in MULTIPLIERS})
    return oneof(candidates, name=f"filters {place}", hints=FILTERS_HINT)
