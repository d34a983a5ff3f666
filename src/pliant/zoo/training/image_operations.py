"""Operations on images that augmentation policies choose from: color, contrast, and affine changes (PyTorch).

Cubuk et al., "AutoAugment: Learning Augmentation Strategies From Data", CVPR 2019, table 6.  Images are floats from 0 to 1,
(batch, 3, rows, columns); a strength is from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

Operation = Callable[[Tensor, float], Tensor]
"""From images and a strength from -1 to 1 to images; the sign matters for operations with a direction only."""


def _transform(x: Tensor, matrix: list[list[float]]) -> Tensor:
    """Returns images under an affine map of coordinates from -1 to 1; grey where nothing is."""
    theta = torch.tensor(matrix, dtype=x.dtype, device=x.device).expand(len(x), 2, 3)
    grid = nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
    moved = nn.functional.grid_sample(x - 0.5, grid, mode="nearest", align_corners=False)
    return moved + 0.5


def _rotate(x: Tensor, strength: float) -> Tensor:
    """Returns images rotated by up to 30 degrees."""
    angle = math.radians(30 * strength)
    ratio = x.shape[-1] / x.shape[-2]
    sine, cosine = math.sin(angle), math.cos(angle)
    return _transform(x, [[cosine, -sine / ratio, 0.0], [sine * ratio, cosine, 0.0]])


def _blend(first: Tensor, second: Tensor, factor: float) -> Tensor:
    """Returns images from the first (factor 0) through the second (1) and beyond."""
    return (first + (second - first) * factor).clamp(0, 1)


def _to_grey(x: Tensor) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype, device=x.device)
    grey: Tensor = (x * weights[:, None, None]).sum(1, keepdim=True)
    return grey.expand_as(x)


def _to_factor(strength: float) -> float:
    return 1 + 0.9 * strength


def _autocontrast(x: Tensor, _: float) -> Tensor:
    """Returns images whose channels span 0 to 1; constant channels are unchanged."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / (high - low).clamp_min(1e-8), x)


def _equalize(x: Tensor, _: float) -> Tensor:
    """Returns images whose channels have even histograms of 256 levels."""
    flat = (x * 255).round().long().flatten(2)
    counts = torch.zeros(*flat.shape[:2], 256, dtype=torch.long, device=x.device)
    counts.scatter_add_(2, flat, torch.ones_like(flat))
    below = counts.cumsum(2) - counts
    first = counts.gather(2, flat.amin(2, keepdim=True))
    total = (flat.shape[2] - first).clamp_min(1)
    table = ((below - first).clamp_min(0) + counts).to(x.dtype) / total
    even: Tensor = table.gather(2, flat) * (below.gather(2, flat) > 0)
    return even.clamp(0, 1).view_as(x)


def _posterize(x: Tensor, strength: float) -> Tensor:
    """Returns images with 8 to 4 bits a channel."""
    width = 1 << round(4 * abs(strength))  # of 256 levels
    return (x * 255 / width).floor() * width / 255


def _solarize(x: Tensor, strength: float) -> Tensor:
    """Returns images in which values above a threshold are inverted; nothing at strength 0, all at 1."""
    return torch.where(x >= 1 - abs(strength), 1 - x, x) if strength else x


def _sharpness(x: Tensor, strength: float) -> Tensor:
    kernel = torch.ones(3, 1, 3, 3, dtype=x.dtype, device=x.device)
    kernel[:, :, 1, 1] = 5
    blurred = x.clone()
    blurred[:, :, 1:-1, 1:-1] = nn.functional.conv2d(x, kernel / 13, groups=3)
    return _blend(blurred, x, _to_factor(strength))


OPERATIONS: Final[dict[str, Operation]] = {
    "identity": lambda x, _: x,
    "shear_x": lambda x, s: _transform(x, [[1.0, 0.3 * s, 0.0], [0.0, 1.0, 0.0]]),
    "shear_y": lambda x, s: _transform(x, [[1.0, 0.0, 0.0], [0.3 * s, 1.0, 0.0]]),
    "translate_x": lambda x, s: _transform(x, [[1.0, 0.0, 0.9 * s], [0.0, 1.0, 0.0]]),
    "translate_y": lambda x, s: _transform(x, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.9 * s]]),
    "rotate": _rotate,
    "autocontrast": _autocontrast,
    "invert": lambda x, _: 1 - x,
    "equalize": _equalize,
    "solarize": _solarize,
    "posterize": _posterize,
    "contrast": lambda x, s: _blend(_to_grey(x).mean((1, 2, 3), keepdim=True), x, _to_factor(s)),
    "color": lambda x, s: _blend(_to_grey(x), x, _to_factor(s)),
    "brightness": lambda x, s: _blend(torch.zeros_like(x), x, _to_factor(s)),
    "sharpness": _sharpness,
    "cutout": lambda x, s: _cut_out(x, abs(s)),
}
"""The 16 operations of AutoAugment by name; sample pairing, which needs other images, is ``identity`` here."""


def _cut_out(x: Tensor, strength: float) -> Tensor:
    """Returns images with a grey square in the middle, of up to 0.4 of the rows."""
    rows, columns = x.shape[-2:]
    half = round(0.2 * strength * min(rows, columns))
    out = x.clone()
    out[:, :, rows // 2 - half : rows // 2 + half, columns // 2 - half : columns // 2 + half] = 0.5
    return out
