"""Operations of published cells as symbolic modules: convolutions, pooling, identity, zero (PyTorch).

After Liu et al., "DARTS", ICLR 2019, and Dong and Yang, "NAS-Bench-201", ICLR 2020.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote

Identity: Any = symbolize(nn.Identity)
"""Returns its input."""


@symbolize
@final
class Zero(nn.Module):
    """Returns zeros: the absence of an operation.

    >>> Zero(8, stride=2)(torch.ones(1, 3, 4, 4)).shape
    torch.Size([1, 8, 2, 2])

    Args:
      filters: output channels; None for as many as in the input.
      stride: of the output.
    """

    def __init__(self, filters: int | None = None, stride: int = 1) -> None:
        super().__init__()
        self.filters, self.stride = filters, stride

    def forward(self, x: Tensor) -> Tensor:
        """Returns zeros."""
        x = x[:, :, :: self.stride, :: self.stride]
        return x.new_zeros(x.shape[0], self.filters or x.shape[1], *x.shape[2:])

    def extra_repr(self) -> str:
        return f"filters={self.filters}, stride={self.stride}"


@symbolize
@final
class Convolution(nn.Sequential):
    """ReLU, convolution, batch normalization.

    >>> Convolution(3, 8, 3, stride=2)(torch.ones(1, 3, 4, 4)).shape
    torch.Size([1, 8, 2, 2])
    """

    def __init__(
        self, filters_in: int, filters: int, kernel_size: int, *, stride: int = 1, affine: bool = True
    ) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(filters_in, filters, kernel_size, stride, kernel_size // 2, bias=False),
            nn.BatchNorm2d(filters, affine=affine),
        )


@symbolize
@final
class Separable(nn.Sequential):
    """Separable convolution: ReLU, depthwise and pointwise convolution, batch normalization; ``repeats`` times.

    ``sep_conv`` of DARTS with two repeats, the first of which has the stride; ``dil_conv`` with one, and dilation 2.

    >>> Separable(4, 5, stride=2, repeats=2)(torch.ones(1, 4, 6, 6)).shape
    torch.Size([1, 4, 3, 3])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        repeats: int = 1,
        affine: bool = True,
    ) -> None:
        padding = dilation * (kernel_size // 2)
        layers: list[nn.Module] = []
        for repeat in range(repeats):
            step = 1 if repeat else stride
            layers += [
                nn.ReLU(),
                nn.Conv2d(filters, filters, kernel_size, step, padding, dilation, groups=filters, bias=False),
                nn.Conv2d(filters, filters, 1, bias=False),
                nn.BatchNorm2d(filters, affine=affine),
            ]
        super().__init__(*layers)


@symbolize
@final
class Pooling(nn.Sequential):
    """3 x 3 pooling that ignores padding, optionally with normalization without weights.

    >>> Pooling("avg", 4, stride=2)(torch.ones(1, 4, 6, 6)).unique()
    tensor([1.])

    Args:
      kind: ``avg`` or ``max``.
      filters: the number of channels.
      stride: 1 or 2.
      normalized: whether batch normalization follows, as where DARTS searches.
    """

    def __init__(self, kind: str, filters: int, *, stride: int = 1, normalized: bool = False) -> None:
        if kind not in ("avg", "max"):
            raise FieldValueError(f"Pooling(kind) is 'avg' or 'max'; got {quote(kind)}.")
        pool: nn.Module = (
            nn.MaxPool2d(3, stride, 1)
            if kind == "max"
            else nn.AvgPool2d(3, stride, 1, count_include_pad=False)
        )
        super().__init__(pool, *([nn.BatchNorm2d(filters, affine=False)] if normalized else []))


@symbolize
@final
class FactorizedReduce(nn.Module):
    """An identity with stride 2: two 1 x 1 convolutions, one of the odd and one of the even rows and columns.

    >>> FactorizedReduce(4, 8)(torch.ones(1, 4, 6, 6)).shape
    torch.Size([1, 8, 3, 3])

    Args:
      filters_in: channels that come in.
      filters: channels that go out, an even number.
      affine: whether the normalization has weights.
    """

    def __init__(self, filters_in: int, filters: int, *, affine: bool = True) -> None:
        super().__init__()
        if filters % 2:
            raise FieldValueError(
                f"FactorizedReduce(filters) is even, as two convolutions have half each; got {filters}."
            )
        self.first = nn.Conv2d(filters_in, filters // 2, 1, stride=2, bias=False)
        self.second = nn.Conv2d(filters_in, filters // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(filters, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """Returns half the rows and columns of ``x``; of an odd number of them, half rounded up."""
        x = x.relu()
        shifted = nn.functional.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))[:, :, 1:, 1:]
        out: Tensor = self.norm(torch.cat([self.first(x), self.second(shifted)], dim=1))
        return out
