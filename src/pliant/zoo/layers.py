"""Layers that networks for images share: convolution blocks, squeeze-and-excitation, inverted residuals (PyTorch).

Their arguments are symbolic, so each can be a hole: ``InvertedResidual(16, 24, kernel_size=pg.oneof([3, 5, 7]))``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from torch import Tensor, nn

from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "swish": nn.SiLU,
    "hard_swish": nn.Hardswish,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "sigmoid": nn.Sigmoid,
    "hard_sigmoid": nn.Hardsigmoid,
}
"""Activation functions by name."""


def make_activation(name: str) -> nn.Module:
    """Returns the activation function of a name.

    >>> make_activation("relu6")
    ReLU6()

    Raises:
      FieldValueError: the name is unknown.
    """
    if name not in ACTIVATIONS:
        raise FieldValueError(
            f"the activations are {', '.join(ACTIVATIONS)}; got {quote(name)}{suggest(name, ACTIVATIONS) or '.'}"
        )
    return ACTIVATIONS[name]()


def round_filters(filters: float, divisor: int = 8) -> int:
    """Returns the multiple of ``divisor`` nearest to a width, at least 90 % of it (as MobileNetV2's code).

    >>> round_filters(17.0), round_filters(3.0), round_filters(240 * 0.25)
    (16, 8, 64)
    """
    near = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * filters else near


@symbolize
@final
class ConvNormAct(nn.Sequential):
    """Convolution without bias, batch normalization, activation.

    >>> import torch
    >>> ConvNormAct(3, 8, 3, stride=2)(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 8, 4, 4])

    Args:
      filters_in: channels that come in.
      filters: channels that go out.
      kernel_size: an odd number; the output has ceil(rows / stride) rows.
      stride: of the convolution.
      groups: of the convolution; ``filters`` for a depthwise one.
      activation: a name in ``ACTIVATIONS``; ``"none"`` leaves it out.
    """

    def __init__(
        self,
        filters_in: int,
        filters: int,
        kernel_size: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: str = "relu",
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(filters_in, filters, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
            nn.BatchNorm2d(filters),
        ]
        if activation != "none":
            layers.append(make_activation(activation))
        super().__init__(*layers)


@symbolize
@final
class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation: scales each channel by a gate that the means of all channels determine.

    Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018, equations 2 to 4.

    >>> import torch
    >>> SqueezeExcite(8, 2)(torch.ones(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])

    Args:
      filters: the number of channels.
      hidden: channels of the hidden layer.
      activation: of the hidden layer.
      gate: ``"sigmoid"``, or ``"hard_sigmoid"`` as in MobileNetV3.
    """

    def __init__(self, filters: int, hidden: int, *, activation: str = "relu", gate: str = "sigmoid") -> None:
        super().__init__()
        self.reduce = nn.Conv2d(filters, hidden, 1)
        self.expand = nn.Conv2d(hidden, filters, 1)
        self.activation, self.gate = make_activation(activation), make_activation(gate)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``x`` with scaled channels."""
        scale: Tensor = self.gate(self.expand(self.activation(self.reduce(x.mean((2, 3), keepdim=True)))))
        return x * scale


@symbolize
@final
class InvertedResidual(nn.Module):
    """Inverted residual: 1 x 1 expansion, depthwise convolution, optional squeeze-and-excitation, 1 x 1 projection.

    Sandler et al., "MobileNetV2", CVPR 2018, figure 4; with squeeze-and-excitation after the depthwise convolution, as
    in MnasNet and MobileNetV3.  An expansion of 1 leaves the first convolution out.  The input is added if the stride is
    1 and the widths are equal.

    >>> import torch
    >>> InvertedResidual(8, 8, 5, 3, squeeze=4)(torch.ones(1, 8, 4, 4)).shape
    torch.Size([1, 8, 4, 4])

    Args:
      filters_in: channels that come in.
      filters: channels that go out.
      kernel_size: of the depthwise convolution.
      expansion: channels of the depthwise convolution divided by ``filters_in``.
      stride: of the depthwise convolution.
      squeeze: hidden channels of the squeeze-and-excitation; 0 without one.
      squeeze_ratio: the same relative to the channels of the depthwise convolution, rounded by ``round_filters``.
      activation: of the two inner convolutions.
      gate: see ``SqueezeExcite``.
      residual: False never adds the input.
    """

    def __init__(
        self,
        filters_in: int,
        filters: int,
        kernel_size: int = 3,
        expansion: float = 6,
        *,
        stride: int = 1,
        squeeze: int = 0,
        squeeze_ratio: float = 0.0,
        activation: str = "relu6",
        gate: str = "sigmoid",
        residual: bool = True,
    ) -> None:
        super().__init__()
        hidden = round(filters_in * expansion)
        parts: list[Any] = []
        if expansion != 1:
            parts.append(ConvNormAct(filters_in, hidden, 1, activation=activation))
        parts.append(
            ConvNormAct(hidden, hidden, kernel_size, stride=stride, groups=hidden, activation=activation)
        )
        if squeeze or squeeze_ratio:
            squeeze = squeeze or round_filters(hidden * squeeze_ratio)
            inner = "relu" if gate == "hard_sigmoid" else activation
            parts.append(SqueezeExcite(hidden, squeeze, activation=inner, gate=gate))
        parts.append(ConvNormAct(hidden, filters, 1, activation="none"))
        self.body = nn.Sequential(*parts)
        self.adds_input = residual and stride == 1 and filters_in == filters

    def forward(self, x: Tensor) -> Tensor:
        """Returns images with ``filters`` channels."""
        out: Tensor = self.body(x)
        return x + out if self.adds_input else out


@symbolize
@final
class Stage(nn.Module):
    """A sequence of layers, given as a list, so that programs can change each."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Runs the layers in turn."""
        out: Tensor = self.body(x)
        return out


@symbolize
@final
class ImageClassifier(nn.Module):
    """A stem, stages, and a head, in turn; the skeleton of networks for image classification.

    Args:
      stem: from images to features.
      stages: from features to features.
      head: from features to logits, such as ``PooledHead``.
    """

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.first, self.body, self.top = stem, nn.Sequential(*stages), head

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class, for images (batch, channels, rows, columns)."""
        out: Tensor = self.top(self.body(self.first(x)))
        return out


@symbolize
@final
class PooledHead(nn.Module):
    """A head: a 1 x 1 convolution (optional), global average pooling, dropout, a linear layer.

    Args:
      filters_in: channels that come in.
      classes: how many logits it returns.
      filters: channels of the convolution; 0 without one.
      activation: of the convolution.
      dropout: probability.
    """

    def __init__(
        self,
        filters_in: int,
        classes: int = 1000,
        *,
        filters: int = 1280,
        activation: str = "relu6",
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.features: nn.Module = (
            ConvNormAct(filters_in, filters, 1, activation=activation) if filters else nn.Identity()
        )
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(filters or filters_in, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        out: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return out
