"""The sum of tensors by weights that learn, in as few passes over memory as there can be.  Knows no choices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor


def sum_by_weight(
    weights: Tensor, numbers: Sequence[float], places: Sequence[int], parts: Sequence[Tensor]
) -> Tensor:
    """Returns the sum of ``weights[place] * part``; gradients flow to both, once.

    It is one pass per part forward and two backward, where a product and a sum are two and four.

    >>> weights = torch.tensor([0.5, 0.0, 2.0], requires_grad=True)
    >>> out = sum_by_weight(weights, weights.tolist(), [0, 2], [torch.ones(3), torch.full((3,), 4.0)])
    >>> out, torch.autograd.grad(out.sum(), weights)
    (tensor([8.5000, 8.5000, 8.5000], grad_fn=<_WeightedSumBackward>), (tensor([ 3.,  0., 12.]),))

    Args:
      weights: a vector.
      numbers: the same as numbers.
      places: which of the weights the parts have.
      parts: tensors of one shape.
    """
    dtype = reduce(torch.promote_types, (part.dtype for part in parts))
    alike = [part.to(dtype) for part in parts]
    found: Any = _WeightedSum.apply(weights, numbers, places, *alike)  # type: ignore[no-untyped-call]  # torch's own
    assert isinstance(found, Tensor)
    return found


class _WeightedSum(torch.autograd.Function):
    """Adds scaled tensors up in place; the gradient of a weight is a dot product."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, numbers: Any, places: Any, *parts: Tensor) -> Tensor:
        ctx.save_for_backward(weights, *parts)
        ctx.scales, ctx.places = [numbers[place] for place in places], places
        total: Tensor = parts[0] * ctx.scales[0]
        for part, scale in zip(parts[1:], ctx.scales[1:]):
            total.add_(part, alpha=scale)
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        weights, *parts = ctx.saved_tensors
        by_weight = None
        if ctx.needs_input_grad[0]:
            slopes = torch.stack([dot(grad, part) for part in parts]).to(weights)
            by_weight = torch.zeros_like(weights).index_copy_(
                0, torch.tensor(ctx.places, device=weights.device), slopes
            )
        by_part = [
            grad * scale if needed else None for scale, needed in zip(ctx.scales, ctx.needs_input_grad[3:])
        ]
        return by_weight, None, None, *by_part


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Returns the sum of the products of two tensors of one shape, without a tensor of products where memory allows.

    >>> dot(torch.ones(2, 3), torch.full((2, 3), 2.0))
    tensor(12.)
    """
    exact = a.dtype == b.dtype and a.dtype in (torch.float32, torch.float64)
    if exact and a.stride() == b.stride() and is_dense(a):
        flat = (a.numel(),), (1,)
        return torch.dot(a.as_strided(*flat), b.as_strided(*flat))
    return (a * b).sum() if exact else (a.float() * b.float()).sum()


def is_dense(tensor: Tensor) -> bool:
    """Returns whether the items of a tensor lie one after another, in one of PyTorch's two usual orders."""
    return tensor.is_contiguous() or (
        tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    )
