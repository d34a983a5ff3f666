"""ProxylessNAS: a kernel size, an expansion ratio or nothing at each of 21 places, and the networks found (PyTorch).

Cai, Zhu and Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", ICLR 2019, section 3 and
figure 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pliant.hyper import oneof
from pliant.values.errors import FieldValueError, quote, suggest

from ..layers import ConvNormAct, ImageClassifier, InvertedResidual, PooledHead, Stage
from ..operations import Identity
from ..sizes import checked

KERNEL_SIZES, EXPANSIONS = (3, 5, 7), (3, 6)
"""The candidates of a place; where the shape stays, the layer can also be absent."""

STRIDES, REPEATS = (2, 2, 2, 1, 2, 1), (4, 4, 4, 4, 4, 1)
"""The strides of the first layers of the six stages, and their numbers of places."""

OP_HINT = "op"
"""The hint of the holes."""


class Found(NamedTuple):
    """A network: filters of stem, first layer, stages and head; for each stage (kernel, expansion), None if absent."""

    filters: tuple[int, ...]
    layers: tuple[tuple[tuple[int, int] | None, ...], ...]


NETWORKS = {
    "mobile": Found(
        (32, 16, 32, 40, 80, 96, 192, 320, 1280),
        (
            ((5, 3), (3, 3), None, None),
            ((7, 3), (3, 3), (5, 3), (5, 3)),
            ((7, 6), (5, 3), (5, 3), (5, 3)),
            ((5, 6), (5, 3), (5, 3), (5, 3)),
            ((7, 6), (7, 6), (7, 3), (7, 3)),
            ((7, 6),),
        ),
    ),
    "cpu": Found(
        (40, 24, 32, 48, 88, 104, 216, 360, 1432),
        (
            ((3, 6), (3, 3), (3, 3), (3, 3)),
            ((3, 6), (3, 3), (3, 3), (5, 3)),
            ((3, 6), None, None, (3, 3)),
            ((5, 6), (3, 3), (3, 3), (3, 3)),
            ((5, 6), (5, 3), (5, 3), (3, 3)),
            ((5, 6),),
        ),
    ),
    "gpu": Found(
        (40, 24, 32, 56, 112, 128, 256, 432, 1728),
        (
            ((5, 3), None, None, None),
            ((7, 3), None, None, (3, 3)),
            ((7, 6), None, None, (5, 3)),
            ((5, 6), None, (3, 3), (5, 3)),
            ((7, 6), (7, 6), (7, 6), (5, 6)),
            ((7, 6),),
        ),
    ),
}
"""The networks that the paper found for a phone, a CPU and a GPU."""


@checked()
def make_network(name: str = "mobile", *, classes: int = 1000, stride: int = 2) -> Any:
    """Returns a network of the paper; by default ProxylessNAS-Mobile: 4.1M parameters and 0.32G multiply-adds.

    >>> sum(p.numel() for p in make_network().parameters())
    4080512

    Args:
      name: a key of ``NETWORKS``.
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.

    Raises:
      FieldValueError: the name is unknown.
    """
    if name not in NETWORKS:
        raise FieldValueError(
            f"the networks of ProxylessNAS are {', '.join(NETWORKS)}; got {quote(name)}{suggest(name, NETWORKS) or '.'}"
        )
    found = NETWORKS[name]

    def choose(stage: int, place: int, filters_in: int, filters: int, step: int) -> Any:
        layer = found.layers[stage][place]
        return None if layer is None else _make_layer(filters_in, filters, *layer, stride=step)

    return _build(choose, found.filters, classes, stride)


@checked(filters=9)
def make_space(
    filters: Sequence[int] = NETWORKS["mobile"].filters, *, classes: int = 1000, stride: int = 2
) -> Any:
    """Returns the space: 6 ** 6 * 7 ** 15 networks.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 6**6 * 7**15
    True

    Args:
      filters: of stem, first layer, six stages and head.
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.
    """

    def choose(stage: int, place: int, filters_in: int, filters: int, step: int) -> Any:
        made: list[Any] = [
            _make_layer(filters_in, filters, kernel_size, expansion, stride=step)
            for expansion in EXPANSIONS
            for kernel_size in KERNEL_SIZES
        ]
        return oneof(made if place == 0 else [*made, Identity()], hints=OP_HINT)

    return _build(choose, filters, classes, stride)


def _make_layer(filters_in: int, filters: int, kernel_size: int, expansion: int, *, stride: int) -> Any:
    return InvertedResidual(filters_in, filters, kernel_size, expansion, stride=stride)


def _build(choose: Any, filters: Sequence[int], classes: int, stride: int) -> Any:
    """Returns the network whose layers a function (stage, place, filters_in, filters, stride) makes; None for none."""
    first, width, *wide, last = filters
    stages: list[Any] = [InvertedResidual(first, width, 3, 1)]
    for stage, (count, step) in enumerate(zip(REPEATS, STRIDES, strict=True)):
        layers = []
        for place in range(count):
            layer = choose(stage, place, width, wide[stage], 1 if place else step)
            layers += [] if layer is None else [layer]
            width = wide[stage]
        stages.append(Stage(layers))
    stem = ConvNormAct(3, first, 3, stride=stride, activation="relu6")
    return ImageClassifier(stem, stages, PooledHead(width, classes, filters=last, dropout=0.0))
