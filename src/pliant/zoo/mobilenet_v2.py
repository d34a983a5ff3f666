"""MobileNetV2, and the search spaces S1, S2 and S3 of the PyGlove paper (PyTorch).

Sandler et al., "MobileNetV2", CVPR 2018; Peng et al., "PyGlove", NeurIPS 2020, table 7 and figures 21 to 23.  A space
is the static network with one or two functions applied: ``make_network().rebind([relax_filters, relax_operations])``.
The output width of a layer and the input width of the next one are one decision.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from .operations import Zero
from .sizes import checked

BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Table 2 of MobileNetV2: for each block the expansion ratio, filters, number of layers, and first stride."""

KERNEL_SIZES, EXPANSION_RATIOS = (3, 5, 7), (3, 6)
MULTIPLIERS = (0.5, 0.625, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Table 7: the kernel sizes and expansion ratios of S1, and the multipliers of filters of S2."""

OP_HINT, FILTERS_HINT = "op", "filters"
"""The hints of the holes over operations and over filters, to partition S3 by."""


@symbolize
@final
class InvertedBottleneck(nn.Sequential):
    """Inverted bottleneck: 1 x 1 expansion (if the ratio is not 1), depthwise convolution, linear 1 x 1 projection."""

    def __init__(
        self,
        filters_in: int,
        filters: int,
        kernel_size: int = 3,
        expansion_ratio: int = 6,
        *,
        stride: int = 1,
    ) -> None:
        hidden = filters_in * expansion_ratio
        expand = [nn.Conv2d(filters_in, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        super().__init__(
            *(expand if expansion_ratio != 1 else []),
            nn.Conv2d(hidden, hidden, kernel_size, stride, kernel_size // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, filters, 1, bias=False),
            nn.BatchNorm2d(filters),
        )


@symbolize
@final
class Layer(nn.Module):
    """A layer: an operation, with a residual connection except in the first layer of a block.

    With the operation ``Zero`` the layer returns its input, so it is removed.  If input and output widths differ, which
    only happens in the spaces, the residual is padded with zero channels or cut (He et al., CVPR 2016, option A; like
    the masks of TuNAS).
    """

    def __init__(self, filters: int, op: nn.Module, *, is_first: bool) -> None:
        super().__init__()
        self.filters, self.op, self.is_first = filters, op, is_first

    def forward(self, x: Tensor) -> Tensor:
        """Returns images of ``filters`` channels."""
        out: Tensor = self.op(x)
        return out if self.is_first else out + fit(x, self.filters)


@symbolize
@final
class Block(nn.Module):
    """A block of layers, of which the first may have a stride."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Runs the layers in turn."""
        out: Tensor = self.body(x)
        return out


@symbolize
@final
class Head(nn.Module):
    """The head: a 1 x 1 convolution, global average pooling, dropout, and a linear layer."""

    def __init__(
        self, filters_in: int, filters: int = 1280, classes: int = 1000, *, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(filters_in, filters, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU6()
        )
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(filters, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        out: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return out


@symbolize
@final
class MobileNetV2(nn.Module):
    """The network: a convolution with stride 2, the blocks, the head."""

    def __init__(
        self, filters: int, blocks: Sequence[nn.Module], head: nn.Module, *, stride: int = 2
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU6()
        )
        self.body, self.top = nn.Sequential(*blocks), head

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class, for images of any size from 32 x 32."""
        out: Tensor = self.top(self.body(self.stem(x)))
        return out


def fit(x: Tensor, filters: int) -> Tensor:
    """Returns images with ``filters`` channels: those of ``x``, cut or padded with zeros.

    >>> import torch
    >>> fit(torch.ones(1, 2, 1, 1), 3).flatten().tolist()
    [1.0, 1.0, 0.0]
    """
    missing = filters - x.shape[1]
    return x[:, :filters] if missing <= 0 else nn.functional.pad(x, (0, 0, 0, 0, 0, missing))


def scale_filters(filters: int, multiplier: float) -> int:
    """Returns the multiple of 8 nearest to a product, at least 8 and at least 90 % of the product (as MobileNetV2).

    >>> [scale_filters(24, multiplier) for multiplier in MULTIPLIERS]
    [16, 16, 24, 24, 32, 40, 48]
    """
    scaled = filters * multiplier
    near = max(8, int(scaled + 4) // 8 * 8)
    return near + 8 if near < 0.9 * scaled else near


@checked()
def make_network(
    classes: int = 1000,
    *,
    blocks: Sequence[tuple[int, int, int, int]] = BLOCKS,
    filters: tuple[int, int] = (32, 1280),
    stride: int = 2,
) -> Any:
    """Returns the static network: 300.774M multiply-adds at 224 x 224, and 3.505M parameters.

    >>> sum(p.numel() for p in make_network().parameters())
    3504872

    Args:
      classes: how many logits it returns.
      blocks: its blocks, as in ``BLOCKS``.
      filters: those of the first convolution and of the last.
      stride: that of the first convolution; 1 for small images.
    """
    made, width = [], filters[0]
    for ratio, wide, count, step in blocks:
        layers = []
        for i in range(count):
            op = InvertedBottleneck(width, wide, 3, ratio, stride=1 if i else step)
            layers.append(Layer(wide, op, is_first=i == 0))
            width = wide
        made.append(Block(layers))
    return MobileNetV2(filters[0], made, Head(width, filters[1], classes), stride=stride)


def relax_operations(key: Any, value: Any, parent: Any) -> Any:
    """Rebind function: holes for kernel size and expansion ratio of each layer, and for its removal.

    As figure 21: 3 kernel sizes times 2 ratios (in the first layer only the ratio 1), and ``Zero`` except in the first
    layers of blocks.
    """
    if not isinstance(parent, Layer) or key.key != "op" or not isinstance(value, InvertedBottleneck):
        return value
    op: Any = value  # its filters may be a hole
    found = [
        rebind(clone(op), kernel_size=kernel_size, expansion_ratio=ratio)
        for kernel_size in KERNEL_SIZES
        for ratio in ((1,) if op.expansion_ratio == 1 else EXPANSION_RATIOS)
    ]
    removed = [] if parent.is_first else [Zero(op.filters)]
    return oneof(found + removed, hints=OP_HINT)


def relax_filters(key: Any, value: Any, parent: Any) -> Any:
    """Rebind function for the whole network: holes for the filters of each layer.

    As figure 22; all uses of a layer's filters, in this layer or in the next, are the same decision.
    """
    if value.__class__ is not int or key.key not in ("filters", "filters_in"):
        return value
    writer = _find_writer(str(key), parent)
    scaled = sorted({scale_filters(value, multiplier) for multiplier in MULTIPLIERS})
    if writer is None or len(scaled) == 1:
        return value if writer is None else scaled[0]
    return oneof(scaled, name=f"filters of layer {writer}", hints=FILTERS_HINT)


def make_space(name: str, network: Any = None) -> Any:
    """Returns one of the three spaces.

    S1 has 3 * 6**6 * 7**10 networks, S2 one per choice of the filters of 17 layers; S3 is their product.  In figure 23
    the filters are inside each candidate, so a removed layer lacks them; here they belong to the layer, because the next
    one needs them.

    >>> import pliant as pg
    >>> [f"{pg.abstract_search_space(make_space(name)).size:.1e}" for name in ("S1", "S2", "S3")]
    ['4.0e+13', '4.3e+13', '1.7e+27']

    Args:
      name: ``S1``, ``S2`` or ``S3``.
      network: what to relax; ``make_network()`` when None.

    Raises:
      FieldValueError: the space is unknown.
    """
    relax = {"S1": [relax_operations], "S2": [relax_filters], "S3": [relax_filters, relax_operations]}
    if name not in relax:
        raise FieldValueError(
            f"the spaces of MobileNetV2 are S1, S2 and S3; got {quote(name)}{suggest(name, relax) or '.'}"
        )
    return rebind(make_network() if network is None else clone(network), relax[name])


def _find_writer(path: str, parent: Any) -> int | None:
    """Returns the index of the layer, over all blocks, whose filters are at a path; None for the stem's."""
    found = re.match(r"blocks\[(\d+)\]\.layers\[(\d+)\]", path)
    root = parent
    while root.sym_parent is not None:
        root = root.sym_parent
    sizes = [len(block.layers) for block in root.blocks]
    if found is None:
        return sum(sizes) - 1 if path == "head.filters_in" else None
    number = sum(sizes[: int(found[1])]) + int(found[2])
    number -= path.endswith("filters_in")
    return None if number < 0 else number
