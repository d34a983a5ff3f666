"""The network that NAS-Bench-Macro trains: three stages of eight layers, with a hole for the block of each (PyTorch).

Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, section 5.  ``nasbench_macro`` has
the networks as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pliant.hyper import oneof
from pliant.values.errors import FieldValueError, quote, suggest

from .layers import ConvNormAct, ImageClassifier, InvertedResidual, PooledHead
from .nasbench_macro import BLOCK_HINT, BLOCKS, LAYERS
from .operations import Identity
from .sizes import checked

STAGES = (2, 3, 3)
"""The layers of each stage; the first layer of a stage has stride 2 and doubles the channels."""


@checked()
def make_network(blocks: Sequence[str], *, width: int = 32, classes: int = 10) -> Any:
    """Returns the network of eight blocks.

    >>> sum(p.numel() for p in make_network(["identity"] * 8).parameters())  # as in the published table
    387882

    Args:
      blocks: the block of each layer, as ``nasbench_macro.Network.blocks``.
      width: channels of the stem.
      classes: how many logits it returns.

    Raises:
      FieldValueError: a block is unknown, or there are not eight.
    """
    for name in blocks:
        if name not in BLOCKS:
            raise FieldValueError(
                f"the blocks of NAS-Bench-Macro are {', '.join(BLOCKS)}; got {quote(name)}{suggest(name, BLOCKS) or '.'}"
            )
    if len(blocks) != LAYERS:
        raise FieldValueError(f"a network of NAS-Bench-Macro has {LAYERS} layers; got {len(blocks)} blocks.")
    chosen = iter(blocks)
    return _build(lambda *shape: _make_block(next(chosen), *shape), width, classes)


@checked()
def make_space(*, width: int = 32, classes: int = 10) -> Any:
    """Returns the network with holes for its blocks: 3 ** 8 = 6,561 networks.

    A decision is an index into ``nasbench_macro.BLOCKS``, as in ``nasbench_macro.make_space()``.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size
    6561

    Args:
      width: channels of the stem.
      classes: how many logits it returns.
    """
    return _build(
        lambda *shape: oneof([_make_block(name, *shape) for name in BLOCKS], hints=BLOCK_HINT), width, classes
    )


def _make_block(name: str, filters_in: int, filters: int, stride: int) -> Any:
    if name == "identity":  # where the shape changes, a 1 x 1 convolution
        if filters == filters_in:
            return Identity()
        return ConvNormAct(filters_in, filters, 1, stride=stride, activation="none")
    expansion, kernel_size = int(name[2]), int(name[-1])
    return InvertedResidual(filters_in, filters, kernel_size, expansion, stride=stride)


def _build(choose: Any, width: int, classes: int) -> Any:
    """Returns the network whose blocks a function (filters_in, filters, stride) makes."""
    layers, filters = [], width
    for count in STAGES:
        for i in range(count):
            layers.append(choose(filters, filters if i else 2 * filters, 1 if i else 2))
            filters *= 1 if i else 2
    stem = ConvNormAct(3, width, 3, activation="relu6")
    return ImageClassifier(stem, layers, PooledHead(filters, classes, filters=40 * width, dropout=0.0))
