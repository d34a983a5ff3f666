"""Once-for-All on MobileNetV3: elastic depth, width, kernel size and resolution (PyTorch).

Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020, section 3.1.  Without the
learned transformations of kernels: the smaller kernels of a super-network are the centres of the largest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError

from ..backbones.mobilenet_v3 import EfficientHead
from ..layers import ConvNormAct, ImageClassifier, InvertedResidual, Stage, round_filters
from ..operations import Identity
from ..sizes import checked

UNITS = (
    (24, 2, False, "relu"),
    (40, 2, True, "relu"),
    (80, 2, False, "hard_swish"),
    (112, 1, True, "hard_swish"),
    (160, 2, True, "hard_swish"),
)
"""For each unit its filters, first stride, squeeze-and-excitation, and activation."""

DEPTHS, EXPANSIONS, KERNEL_SIZES = (2, 3, 4), (3, 4, 6), (3, 5, 7)
"""Candidates: layers of a unit, and expansions and kernel sizes of each layer."""

RESOLUTIONS: Final = tuple(range(128, 225, 4))
"""Candidates: rows and columns of an image; 25 of them."""

DEPTH_HINT, EXPANSION_HINT, KERNEL_HINT, RESOLUTION_HINT = "depth", "expansion", "kernel_size", "resolution"
"""The hints of the holes."""


@symbolize
@final
class Resize(nn.Module):
    """Bilinear interpolation of images to a number of rows and columns."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.rows = resolution

    def forward(self, x: Tensor) -> Tensor:
        """Returns images of the new size; ``x`` if it has that size."""
        if x.shape[-1] == x.shape[-2] == self.rows:
            return x
        return nn.functional.interpolate(x, (self.rows, self.rows), mode="bilinear", align_corners=False)


@checked(depths=5)
def make_network(
    depths: Sequence[int] = (4,) * 5,
    *,
    expansion: int = 6,
    kernel_size: int = 7,
    width: float = 1.0,
    resolution: int = 224,
    classes: int = 1000,
) -> Any:
    """Returns a network with the same expansion and kernel size everywhere; by default the largest: 7.7M parameters.

    >>> sum(p.numel() for p in make_network().parameters())
    7664760

    Args:
      depths: the number of layers of each unit.
      expansion: of each layer.
      kernel_size: of each layer.
      width: multiplier of filters; 1.0 and 1.2 in the paper.
      resolution: rows and columns of an image.
      classes: how many logits it returns.

    Raises:
      FieldValueError: there are not five depths.
    """

    def make_unit(unit: int, layers: list[Any]) -> Any:
        return layers[: depths[unit]]

    return _build(lambda: (kernel_size, expansion), make_unit, max(depths), width, resolution, classes)


@checked()
def make_space(
    *,
    width: float = 1.0,
    resolutions: Sequence[int] = RESOLUTIONS,
    classes: int = 1000,
) -> Any:
    """Returns the space: 25 * (9**2 + 9**3 + 9**4) ** 5 networks, about 5 * 10**20; 2 * 10**19 for one resolution.

    The layers that a deeper unit adds are decided about only there, and have the same weights in a super-network.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space(resolutions=[224])).size == (9**2 + 9**3 + 9**4) ** 5
    True

    Args:
      width: multiplier of filters; 1.0 and 1.2 in the paper.
      resolutions: rows and columns of an image, to choose from.
      classes: how many logits it returns.
    """

    def make_unit(unit: int, layers: list[Any]) -> Any:
        rest: Any = None
        for layer in reversed(layers[DEPTHS[0] :]):
            rest = oneof([Identity(), Stage([layer, *([] if rest is None else [rest])])], hints=DEPTH_HINT)
        return [*layers[: DEPTHS[0]], rest]

    def make_choices() -> tuple[Any, Any]:
        return oneof(KERNEL_SIZES, hints=KERNEL_HINT), oneof(EXPANSIONS, hints=EXPANSION_HINT)

    resolution = resolutions[0] if len(resolutions) == 1 else oneof(list(resolutions), hints=RESOLUTION_HINT)
    return _build(make_choices, make_unit, DEPTHS[-1], width, resolution, classes)


def _build(make_choices: Any, make_unit: Any, depth: int, width: float, resolution: Any, classes: int) -> Any:
    """Returns a network, or a space, of the choices of each layer and the layers of each unit."""
    filters_in = round_filters(16 * width)
    stem = Stage(
        [Resize(resolution), ConvNormAct(3, filters_in, 3, stride=2, activation="hard_swish")],
    )
    units: list[Any] = [InvertedResidual(filters_in, filters_in, 3, 1, activation="relu")]
    for unit, (wide, stride, has_squeeze, activation) in enumerate(UNITS):
        layers = []
        for layer in range(depth):
            kernel_size, expansion = make_choices()
            layers.append(
                InvertedResidual(
                    filters_in,
                    round_filters(wide * width),
                    kernel_size,
                    expansion,
                    stride=1 if layer else stride,
                    squeeze_ratio=0.25 if has_squeeze else 0.0,
                    activation=activation,
                    gate="hard_sigmoid",
                )
            )
            filters_in = round_filters(wide * width)
        units.append(Stage(make_unit(unit, layers)))
    head = EfficientHead(
        filters_in, filters_in * 6, round_filters(1280 * width), classes, dropout=0.1, bias=False
    )
    return ImageClassifier(stem, units, head)


def layer_keys(network: Any) -> Iterator[str]:
    """Yields the key of each layer of a concrete network in the paper's latency tables (such as that of a Note10 phone).

    >>> list(layer_keys(make_network(resolution=160, width=1.2)))[1]
    'expanded_conv-input:80x80x24-output:80x80x24-expand:24-kernel:3-stride:1-idskip:1-se:0-hs:0'

    Args:
      network: of ``make_network`` or of the space; tables are for networks of width 1.2.
    """
    rows = network.stem.layers[0].resolution
    first = network.stem.layers[1].filters
    yield f"Conv-input:{rows}x{rows}x3-output:{_halve(rows)}x{_halve(rows)}x{first}"
    rows = _halve(rows)
    for layer in _find_layers(network.stages):
        out = _halve(rows) if layer.stride == 2 else rows
        yield (
            f"expanded_conv-input:{rows}x{rows}x{layer.filters_in}-output:{out}x{out}x{layer.filters}"
            f"-expand:{round(layer.filters_in * layer.expansion)}-kernel:{layer.kernel_size}-stride:{layer.stride}"
            f"-idskip:{int(layer.stride == 1 and layer.filters_in == layer.filters)}-se:{int(layer.squeeze_ratio > 0)}"
            f"-hs:{int(layer.activation == 'hard_swish')}"
        )
        rows = out
    head = network.head
    yield f"Conv_1-input:{rows}x{rows}x{head.filters_in}-output:{rows}x{rows}x{head.filters}"
    yield f"AvgPool2D-input:{rows}x{rows}x{head.filters}-output:1x1x{head.filters}"
    yield f"Conv_2-input:1x1x{head.filters}-output:1x1x{head.hidden}"
    yield f"Logits-input:1x1x{head.hidden}-output:{head.classes}"


def find_latency(network: Any, table: Mapping[str, float]) -> float:
    """Returns the latency of a concrete network: the sum of its layers' entries in a table.

    Args:
      network: of ``make_network`` or of the space.
      table: milliseconds by the keys of ``layer_keys``; ``pg.cost.CostTable`` is one.

    Raises:
      FieldValueError: the table lacks a layer.
    """
    total = 0.0
    for key in layer_keys(network):
        if key not in table:
            raise FieldValueError(
                f"the latency table has no entry {key!r}. The published tables are for networks of width 1.2 and 1000 classes, "
                "with resolutions from 160 to 224: make the space by `make_space(width=1.2)`."
            )
        total += table[key]
    return total


def _find_layers(parts: Any) -> Iterator[Any]:
    """Yields the inverted residuals of stages, in order."""
    for part in parts:
        if isinstance(part, InvertedResidual):
            yield part
        elif isinstance(part, Stage):
            stage: Any = part
            yield from _find_layers(stage.layers)


def _halve(rows: int) -> int:
    return (rows + 1) // 2
