"""Scores from how differently a network treats the examples of a batch: NASWOT and the covariance of Jacobians."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pliant.values.errors import FieldValueError

from .probing import check_score, probe, run

SMALLEST = 1e-5
"""Added to or put under eigenvalues, so that equal examples give a low score and not minus infinity."""

ACTIVATIONS = frozenset(
    f"aten::{name}{end}"
    for name in (
        "relu",
        "leaky_relu",
        "hardtanh",
        "elu",
        "gelu",
        "silu",
        "hardswish",
        "clamp_min",
        "threshold",
    )
    for end in ("", "_")
)
"""PyTorch's operations whose input decides by its sign whether a unit is active."""


class _Codes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Adds up, over all activations that run, for each pair of examples the number of units on which both agree."""

    def __init__(self, examples: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.examples, self.kernel, self.units = (
            examples,
            torch.zeros(examples, examples, dtype=torch.float64),
            0,
        )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name in ACTIVATIONS and args[0].dim() > 1 and len(args[0]) == self.examples:
            code = (args[0].detach() > 0).flatten(1).float()
            off = 1.0 - code
            self.kernel += (code @ code.T + off @ off.T).double().cpu()
            self.units += code.shape[1]
        return func(*args, **(kwargs or {}))


def naswot(network: nn.Module, inputs: Any) -> float:
    """Returns the logarithm of the determinant of the kernel of activation codes.

    Entry (i, j) of the kernel is the number of units that are both active or both inactive for the examples i and j: Mellor et
    al., "Neural Architecture Search without Training", ICML 2021.  Examples that a network distinguishes
    give a large determinant.  A unit is active where the input of its ReLU (or GELU, SiLU, ...) is positive.

    >>> from torch import nn
    >>> images = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    >>> narrow, wide = (nn.Sequential(nn.Linear(4, n), nn.ReLU()) for n in (8, 64))
    >>> naswot(narrow, images) < naswot(wide, images)
    True

    Args:
      network: with its initial weights; stays as it is.
      inputs: the inputs of a batch of different examples: a tensor, a tuple of positional arguments or a dict of named ones.

    Raises:
      FieldTypeError, FieldValueError: it is not a module, or has no such activation.
      RewardError: an output is not finite.
    """
    codes = _Codes(_count_examples(inputs, "naswot"))
    probing = probe(network, "naswot", lambda net: run(net, inputs, "naswot"))
    with probing as copied, torch.no_grad(), codes:
        out = run(copied, inputs, "naswot")
    if not codes.units:
        raise FieldValueError(
            f"naswot compares which units are active, and no ReLU, GELU, SiLU or the like ran in this {type(network).__name__} on "
            "a tensor with the examples first. Use jacobian_covariance, which needs no activations."
        )
    check_score(float(out.double().abs().max()), "naswot")
    return float(torch.linalg.eigvalsh(codes.kernel).clamp_min(SMALLEST).log().sum())


def jacobian_covariance(network: nn.Module, inputs: Tensor) -> float:
    """Returns ``-sum(log(v + k) + 1 / (v + k))`` over the eigenvalues ``v`` of the correlations between Jacobians.

    A row per example: the derivative of the sum of the outputs by the input.  A network for which these differ between examples
    can fit them separately.  Mellor et al., "Neural Architecture Search without Training", version 1, arXiv:2006.04647;
    ``jacob_cov`` in Abdelfattah et al., ICLR 2021.  ``k`` is 1e-5.

    >>> from torch import nn
    >>> images = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))
    >>> linear, deep = nn.Linear(4, 8), nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 8))
    >>> jacobian_covariance(linear, images) < jacobian_covariance(deep, images)
    True

    Args:
      network: with its initial weights; stays as it is.
      inputs: a tensor of numbers with the examples in its first dimension, at least two.

    Raises:
      FieldTypeError, FieldValueError: it is not a module, the inputs have no gradients, or the output is not one tensor.
      RewardError: an output or a derivative is not finite.
    """
    given: Any = inputs
    if not isinstance(given, Tensor) or not given.is_floating_point() or len(given) < 2:
        raise FieldValueError(
            "jacobian_covariance differentiates by the inputs: it takes one tensor of floats with at least two examples. For "
            "token ids, use naswot or grad_norm."
        )
    name = "jacobian_covariance"
    with probe(network, name, lambda net: run(net, inputs, name)) as copied:
        leaf = inputs.detach().clone().requires_grad_()
        total = run(copied, leaf, "jacobian_covariance").sum()
        found: Any = torch.autograd.grad(total, leaf, allow_unused=True)
    rows = torch.zeros_like(inputs) if found[0] is None else found[0]
    rows = rows.flatten(1).double()
    check_score(float(rows.abs().max()), "jacobian_covariance")
    rows = rows - rows.mean(1, keepdim=True)
    lengths = rows.norm(dim=1, keepdim=True)
    rows = torch.where(lengths > 0, rows / lengths, torch.zeros_like(rows))
    values = torch.linalg.eigvalsh(rows @ rows.T).clamp_min(0.0) + SMALLEST
    return float(-(values.log() + 1.0 / values).sum())


def _count_examples(inputs: Any, name: str) -> int:
    tensors = (
        inputs.values()
        if isinstance(inputs, dict)
        else inputs
        if isinstance(inputs, (tuple, list))
        else [inputs]
    )
    for tensor in tensors:
        if isinstance(tensor, Tensor) and tensor.dim() and len(tensor) > 1:
            return len(tensor)
    raise FieldValueError(
        f"{name} compares examples: it takes inputs with at least two of them in the first dimension. Give a batch, such as "
        "`images[:64]`."
    )
