"""The weighted sum, against numerical differentiation, in all orders of memory."""

from __future__ import annotations

import pytest
import torch

from pliant.oneshot.gradient.runners import dot, sum_by_weight

LAYOUTS = {
    "contiguous": lambda t: t.contiguous(),
    "channels last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "neither": lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
    "a part": lambda t: torch.cat([t, t], 1)[:, :3],
}


def make(layout, dtype=torch.float64, count=3):
    generator = torch.Generator().manual_seed(0)
    return [LAYOUTS[layout](torch.randn(2, 3, 4, 5, generator=generator, dtype=dtype)) for _ in range(count)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients(layout):
    weights = torch.tensor([0.3, 0.0, 0.5, -0.2], dtype=torch.float64).requires_grad_()
    parts = [part.detach().requires_grad_() for part in make(layout)]

    def run(weights, *parts):
        return sum_by_weight(weights, weights.tolist(), [0, 2, 3], parts)

    assert torch.autograd.gradcheck(run, (weights, *parts))
    expected = 0.3 * parts[0] + 0.5 * parts[1] - 0.2 * parts[2]
    torch.testing.assert_close(run(weights, *parts), expected)


@pytest.mark.parametrize("one", LAYOUTS)
@pytest.mark.parametrize("other", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dot(one, other, dtype):
    a, b = make(one, dtype)[0], make(other, dtype)[1]
    expected = (a.double() * b.double()).sum()
    torch.testing.assert_close(dot(a, b).double(), expected, rtol=1e-5, atol=1e-5)


def test_parts_of_several_types_have_the_wider_one():
    weights = torch.tensor([0.5, 0.25]).requires_grad_()
    parts = [torch.ones(3, dtype=torch.bfloat16).requires_grad_(), torch.ones(3).requires_grad_()]
    out = sum_by_weight(weights, [0.5, 0.25], [0, 1], parts)
    assert out.dtype is torch.float32
    out.sum().backward()
    assert parts[0].grad.dtype is torch.bfloat16
    assert weights.grad.tolist() == [3.0, 3.0]
