"""FBNet: one of nine blocks at each of 22 places, and the networks A, B and C (PyTorch).

Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", CVPR 2019, tables 1
and 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from ..layers import ConvNormAct, ImageClassifier, PooledHead, Stage
from ..sizes import checked

BLOCKS = {
    "k3_e1": (3, 1, 1),
    "k3_e1_g2": (3, 1, 2),
    "k3_e3": (3, 3, 1),
    "k3_e6": (3, 6, 1),
    "k5_e1": (5, 1, 1),
    "k5_e1_g2": (5, 1, 2),
    "k5_e3": (5, 3, 1),
    "k5_e6": (5, 6, 1),
    "skip": None,
}
"""Table 2: kernel size, expansion and groups of each block; a decision is an index into them."""

STAGES = ((16, 1, 1), (24, 4, 2), (32, 4, 2), (64, 4, 2), (112, 4, 1), (184, 4, 2), (352, 1, 1))
"""Table 1: filters, number of places, and first stride of each stage."""

NETWORKS = {
    "a": (
        "skip k3_e3 k3_e1 skip skip k5_e6 k3_e3 k5_e1 k3_e3 k5_e6 k5_e3 k3_e1_g2 k5_e6 "
        "k3_e6 k3_e1_g2 k5_e3 k3_e1_g2 k5_e6 k5_e6 k5_e3 k5_e6 k5_e6"
    ),
    "b": (
        "k3_e1 k3_e6 k5_e1 k3_e1 k3_e1 k5_e6 k5_e3 k3_e6 k5_e6 k5_e6 k5_e1 skip k5_e3 "
        "k5_e6 k3_e1 k5_e1 k5_e3 k5_e6 k5_e1 k5_e6 k5_e6 k3_e6"
    ),
    "c": (
        "k3_e1 k3_e6 skip k3_e1 k3_e1 k5_e6 k5_e3 k5_e6 k3_e6 k5_e6 k5_e3 k5_e6 k5_e6 "
        "k5_e6 k5_e6 k5_e6 k5_e3 k5_e6 k5_e6 k5_e6 k5_e6 k3_e6"
    ),
}
"""The blocks of the networks that the paper found, in order, as in the models that its authors published."""

BLOCK_HINT = "block"
"""The hint of the holes."""


@symbolize
@final
class Block(nn.Module):
    """1 x 1, depthwise and 1 x 1 convolutions, added to the input if the shape stays (figure 3).

    With two groups in the 1 x 1 convolutions, the channels of the groups are interleaved after the first of them.

    Args:
      filters_in: channels that come in.
      filters: channels that go out.
      kernel_size: of the depthwise convolution.
      expansion: channels of the depthwise convolution divided by ``filters_in``.
      groups: of the 1 x 1 convolutions.
      stride: of the depthwise convolution.
    """

    def __init__(
        self,
        filters_in: int,
        filters: int,
        kernel_size: int = 3,
        expansion: int = 6,
        *,
        groups: int = 1,
        stride: int = 1,
    ) -> None:
        super().__init__()
        hidden = filters_in * expansion
        shuffle = [nn.ChannelShuffle(groups)] if groups > 1 else []
        self.body = nn.Sequential(
            ConvNormAct(filters_in, hidden, 1, groups=groups),
            *shuffle,
            ConvNormAct(hidden, hidden, kernel_size, stride=stride, groups=hidden),
            ConvNormAct(hidden, filters, 1, groups=groups, activation="none"),
        )
        self.adds_input = stride == 1 and filters_in == filters

    def forward(self, x: Tensor) -> Tensor:
        """Returns images with ``filters`` channels."""
        out: Tensor = self.body(x)
        return x + out if self.adds_input else out


@symbolize
@final
class Skip(nn.Module):
    """Returns its input; where the shape changes, through a 1 x 1 convolution."""

    def __init__(self, filters_in: int, filters: int, *, stride: int = 1) -> None:
        super().__init__()
        keeps_shape = stride == 1 and filters_in == filters
        self.body: nn.Module = (
            nn.Identity() if keeps_shape else ConvNormAct(filters_in, filters, 1, stride=stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns images with ``filters`` channels."""
        out: Tensor = self.body(x)
        return out


@checked()
def make_network(name: str = "c", *, classes: int = 1000, stride: int = 2) -> Any:
    """Returns a network of the paper; by default FBNet-C: 5.6M parameters and 0.38G multiply-adds.

    The published models of B and C have two 3 x 3 depthwise convolutions in place of a 5 x 5 one in one or two blocks, and
    normalization folded into convolutions: 4.8M and 5.5M parameters, 295.6M and 383.0M multiply-adds.

    >>> sum(p.numel() for p in make_network().parameters())
    5572200

    Args:
      name: ``"a"``, ``"b"`` or ``"c"``.
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.

    Raises:
      FieldValueError: the name is unknown.
    """
    if name not in NETWORKS:
        raise FieldValueError(
            f"the networks of FBNet are {', '.join(NETWORKS)}; got {quote(name)}{suggest(name, NETWORKS) or '.'}"
        )
    blocks = NETWORKS[name].split()
    last = 1504 if name == "a" else 1984
    return _build(lambda place, *shape: _make_block(blocks[place], *shape), STAGES, last, classes, stride)


@checked()
def make_space(
    stages: Sequence[tuple[int, int, int]] = STAGES, *, last: int = 1984, classes: int = 1000, stride: int = 2
) -> Any:
    """Returns the space: 9 ** 22 networks, about 10 ** 21.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 9**22
    True

    Args:
      stages: see ``STAGES``.
      last: channels of the last convolution.
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.
    """

    def choose(place: int, filters_in: int, filters: int, step: int) -> Any:
        return oneof([_make_block(name, filters_in, filters, step) for name in BLOCKS], hints=BLOCK_HINT)

    return _build(choose, stages, last, classes, stride)


def _make_block(name: str, filters_in: int, filters: int, stride: int) -> Any:
    setting = BLOCKS[name]
    if setting is None:
        return Skip(filters_in, filters, stride=stride)
    kernel_size, expansion, groups = setting
    return Block(filters_in, filters, kernel_size, expansion, groups=groups, stride=stride)


def _build(choose: Any, stages: Sequence[tuple[int, int, int]], last: int, classes: int, stride: int) -> Any:
    """Returns the network whose blocks a function (place, filters_in, filters, stride) makes."""
    width, place, made = stages[0][0], 0, []
    stem = ConvNormAct(3, width, 3, stride=stride)
    for filters, count, step in stages:
        blocks = []
        for i in range(count):
            blocks.append(choose(place, width, filters, 1 if i else step))
            width, place = filters, place + 1
        made.append(Stage(blocks))
    head = PooledHead(width, classes, filters=last, activation="relu")
    return ImageClassifier(stem, made, head)
