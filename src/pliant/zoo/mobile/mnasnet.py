"""MnasNet: seven blocks with six choices each, as the cloud service's NAS searches them, and MnasNet-A1 (PyTorch).

Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", CVPR 2019, section 4.1 and figure 7.  A block
repeats one layer; its choices are the number of layers, the kind of layer, expansion ratio, kernel size, the ratio of
squeeze-and-excitation, and filters.  The filters of a block and the input width of the next one are one decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from ..layers import ConvNormAct, ImageClassifier, InvertedResidual, PooledHead
from ..sizes import checked

STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""The strides of the first layers of the blocks."""

KINDS, EXPANSIONS, KERNEL_SIZES, SQUEEZE_RATIOS = ("conv", "mbconv"), (1, 3, 6), (3, 5), (0.0, 0.25)
"""Candidates: kinds of layer (plain convolution, inverted residual), expansions, kernels, squeeze-and-excitation ratios."""

REFERENCES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "mobilenet_v2": ((1, 2, 3, 4, 3, 3, 1), (16, 24, 32, 64, 96, 160, 320)),
    "mnasnet_a1": ((1, 2, 3, 4, 2, 3, 1), (16, 24, 40, 80, 112, 160, 320)),
}
"""For each reference network the layers and the filters of its blocks, around which the space has its candidates."""

HINTS = ("repeats", "kind", "expansion", "kernel_size", "squeeze_ratio", "filters")
"""The hints of the six holes of a block, in order."""


class Setting(NamedTuple):
    """The six choices of a block."""

    repeats: int
    kind: str
    expansion: int
    kernel_size: int
    squeeze_ratio: float
    filters: int


MNASNET_A1 = (
    Setting(1, "mbconv", 1, 3, 0.0, 16),
    Setting(2, "mbconv", 6, 3, 0.0, 24),
    Setting(3, "mbconv", 3, 5, 0.25, 40),
    Setting(4, "mbconv", 6, 3, 0.0, 80),
    Setting(2, "mbconv", 6, 3, 0.25, 112),
    Setting(3, "mbconv", 6, 5, 0.25, 160),
    Setting(1, "mbconv", 6, 3, 0.0, 320),
)
"""The blocks of MnasNet-A1 (figure 7)."""


@symbolize
@final
class Block(nn.Module):
    """Equal layers in turn, of which the first may have a stride.

    Args:
      filters_in: channels that come in.
      filters: channels of each layer.
      repeats: the number of layers.
      kind: ``"conv"`` or ``"mbconv"``; for ``"conv"``, ``expansion`` and ``squeeze_ratio`` have no effect.
      expansion: see ``InvertedResidual``.
      kernel_size: of the plain or of the depthwise convolutions.
      squeeze_ratio: hidden channels of squeeze-and-excitation, relative to the input of the layer; 0 without it.
      stride: of the first layer.
    """

    def __init__(
        self,
        filters_in: int,
        filters: int,
        repeats: int = 1,
        kind: str = "mbconv",
        *,
        expansion: int = 1,
        kernel_size: int = 3,
        squeeze_ratio: float = 0.0,
        stride: int = 1,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise FieldValueError(f"Block(kind=...) is 'conv' or 'mbconv'; got {quote(kind)}.")
        layers: list[Any] = []
        for width, step in [(filters_in, stride)] + [(filters, 1)] * (repeats - 1):
            squeeze = int(width * squeeze_ratio)
            layers.append(
                ConvNormAct(width, filters, kernel_size, stride=step)
                if kind == "conv"
                else InvertedResidual(
                    width,
                    filters,
                    kernel_size,
                    expansion,
                    stride=step,
                    squeeze=squeeze,
                    activation="relu",
                )
            )
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Returns images with ``filters`` channels."""
        out: Tensor = self.body(x)
        return out


@checked()
def make_network(settings: Sequence[Setting] = MNASNET_A1, *, classes: int = 1000, stride: int = 2) -> Any:
    """Returns the network of seven blocks; by default MnasNet-A1: 3.9M parameters and 0.31G multiply-adds.

    >>> sum(p.numel() for p in make_network().parameters())
    3887038

    Args:
      settings: the choices of each block.
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.

    Raises:
      FieldValueError: there are not seven settings.
    """
    if len(settings) != len(STRIDES):
        raise FieldValueError(f"MnasNet has {len(STRIDES)} blocks; got settings of {len(settings)}.")
    return _build([Setting(*setting) for setting in settings], classes, stride)


@checked()
def make_space(reference: str = "mobilenet_v2", *, classes: int = 1000, stride: int = 2) -> Any:
    """Returns the network with holes for the six choices of each block.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size
    9749755840167936

    Args:
      reference: ``"mobilenet_v2"`` or ``"mnasnet_a1"``, around whose layers and filters there are candidates: one layer
        fewer or more, and filters times 0.75 and 1.25.
      classes: how many logits it returns.
      stride: of the first convolution; 1 for small images.

    Raises:
      FieldValueError: the reference is unknown.
    """
    if reference not in REFERENCES:
        raise FieldValueError(
            f"the references of MnasNet are {', '.join(REFERENCES)}; got {quote(reference)}"
            f"{suggest(reference, REFERENCES) or '.'}"
        )
    settings = []
    for block, (count, wide) in enumerate(zip(*REFERENCES[reference], strict=True)):
        repeats = [count, count - 1, count + 1] if count > 1 else [1, 2]
        candidates = (repeats, KINDS, EXPANSIONS, KERNEL_SIZES, SQUEEZE_RATIOS)
        holes = [oneof(found, hints=hint) for found, hint in zip(candidates, HINTS)]
        widths = [int(wide * 0.75), wide, int(wide * 1.25)]
        settings.append((*holes, oneof(widths, name=f"filters of block {block}", hints=HINTS[-1])))
    return _build(settings, classes, stride)


def _build(settings: Sequence[Any], classes: int, stride: int) -> Any:
    """Returns the network of settings, which may be holes."""
    blocks: list[Any] = []
    width: Any = 32
    for (*choices, filters), step in zip(settings, STRIDES):
        blocks.append(Block(clone(width), filters, **dict(zip(HINTS, choices)), stride=step))
        width = filters
    stem = ConvNormAct(3, 32, 3, stride=stride)
    return ImageClassifier(stem, blocks, PooledHead(clone(width), classes, activation="relu"))
