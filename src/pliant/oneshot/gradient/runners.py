"""Handlers of choices in gradient algorithms: a mixture of candidates, or one candidate behind binary gates.

A runner is the ``handler`` of the choices of one super-network.  A sampler sets the weights of the candidates; a choice without
weights runs the selected candidate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from functools import reduce
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as run_checkpointed

from pliant.values.errors import FieldTypeError

from ..choices.choice import InputChoice, LayerChoice, reduce_outputs
from ..choices.evaluation import keep_buffers
from ..choices.nested import NestedError, join_leaves

ZEROS = frozenset({"Zero", "ZeroLayer"})
SKIPS = frozenset({"Identity", "Skip", "SkipConnect", "FactorizedReduce"})
SKIP_NAMES = frozenset({"identity", "skip", "skip_connect"})


def is_zero(module: nn.Module) -> bool:
    """Returns whether a candidate multiplies by zero: the name of its class or of a base is ``Zero``, or it has ``is_zero``.

    Such a candidate does not change a mixture, and the gradient of its weight is zero, so it does not run.
    """
    return bool(getattr(module, "is_zero", False)) or any(c.__name__ in ZEROS for c in type(module).__mro__)


def is_skip(module: nn.Module, name: str = "") -> bool:
    """Returns whether a candidate skips: an identity, a candidate named ``skip_connect`` or the like, or one with ``is_skip``.

    >>> is_skip(nn.Identity()), is_skip(nn.Linear(2, 2)), is_skip(nn.Linear(2, 2), "skip_connect")
    (True, False, True)
    """
    says = name in SKIP_NAMES or bool(getattr(module, "is_skip", False))
    return says or any(c.__name__ in SKIPS for c in type(module).__mro__)


class Runner(ABC):
    """Runs the choices of one super-network by the weights that are selected.

    Args:
      checkpoint: whether the backward pass computes the inside of a choice again: memory of one choice at a time, for one
        more forward pass.
    """

    def __init__(self, *, checkpoint: bool = False) -> None:
        self.checkpoint = checkpoint

    def __call__(self, choice: LayerChoice | InputChoice, /, *args: Any, **fields: Any) -> tuple[Any, Any]:
        """Runs a choice; returns its output and its mask."""
        weights = choice.selection.weights.get(choice.key)
        if weights is None:
            mask = choice.selected
            return choice.run(mask, *args, **fields), mask
        numbers = choice.selection.numbers(choice.key)
        if isinstance(choice, InputChoice):
            return join(choice, weights, numbers, args[0]), weights
        if self.checkpoint and torch.is_grad_enabled():
            # The second run of the choice, in the backward pass, does not change running statistics.
            options: Any = {
                "use_reentrant": False,
                "context_fn": lambda: (nullcontext(), keep_buffers(choice)),
            }
            out = run_checkpointed(self._run, choice, weights, numbers, args, fields, **options)
        else:
            out = self._run(choice, weights, numbers, args, fields)
        return out, weights

    @abstractmethod
    def _run(self, choice: LayerChoice, weights: Tensor, numbers: list[float], args: Any, fields: Any) -> Any:
        """Runs the candidates of a choice."""


@final
class Mixture(Runner):
    """Mixture: runs a choice as the weighted sum of its candidates; those of weight zero do not run.

    >>> choice = LayerChoice([nn.Identity(), nn.ReLU()], key="op")
    >>> choice.handler = Mixture()
    >>> choice.selection.weights["op"] = torch.tensor([0.25, 0.75])
    >>> choice(torch.tensor([-4.0, 4.0]))
    tensor([-1.,  4.])
    """

    def _run(self, choice: LayerChoice, weights: Tensor, numbers: list[float], args: Any, fields: Any) -> Any:
        return _mix(choice, weights, numbers, args, fields)


@final
class Gates(Runner):
    """Binary gates: runs the candidate whose gate is open; without an open gate, runs the mixture.

    Each considered gate gets the gradient ``<what its candidate returns, gradient of the output>``; Cai et al.,
    "ProxylessNAS", ICLR 2019, section 3.2.1.  Candidates with closed gates run in the backward pass, one at a time and
    without gradients, so that memory is that of a single path.

    Attributes:
      considered: by key, the candidates whose gates get gradients; without an entry, all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.considered: dict[str, tuple[int, ...]] = {}

    def _run(self, choice: LayerChoice, weights: Tensor, numbers: list[float], args: Any, fields: Any) -> Any:
        if 1.0 not in numbers:
            return _mix(choice, weights, numbers, args, fields)
        modules, active = list(choice), numbers.index(1.0)
        out = modules[active](*args, **fields)
        if not (weights.requires_grad and torch.is_grad_enabled()):
            return out
        out = check_output(choice, active, out)
        considered = self.considered.get(choice.key, tuple(range(len(modules))))
        inputs = [_detach(one) for one in args], {name: _detach(one) for name, one in fields.items()}
        kind = out.device.type
        cast = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)

        def evaluate(index: int) -> Tensor | None:
            """Returns the output of a candidate with a closed gate; None for zeros."""
            if is_zero(modules[index]):
                return None
            with torch.no_grad(), torch.autocast(kind, enabled=cast[0], dtype=cast[1]):
                found = check_output(choice, index, modules[index](*inputs[0], **inputs[1]))
            if found.shape != out.shape:
                reduce_outputs([out, found], "sum", choice.key)  # raises with the reason
            return found

        apply: Any = _Gate.apply
        return apply(out, weights, active, considered, evaluate)


class _Gate(torch.autograd.Function):
    """Returns the output of the active candidate; computes the gradients of the gates in the backward pass."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, gates: Tensor, active: int, considered: Any, evaluate: Any) -> Tensor:
        ctx.save_for_backward(out, gates)
        ctx.active, ctx.considered, ctx.evaluate = active, considered, evaluate
        return out.view_as(out)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        out, gates = ctx.saved_tensors
        found = torch.zeros_like(gates)
        for index in ctx.considered:
            value = out if index == ctx.active else ctx.evaluate(index)
            if value is not None:
                found[index] = (value * grad).sum()
        return grad, found, None, None, None


def _mix(choice: LayerChoice, weights: Tensor, numbers: list[float], args: Any, fields: Any) -> Any:
    """Returns the weighted sum of the candidates' outputs; those of weight zero, and zeros, do not run.

    Weights without gradients are multiplied and added in one pass.
    """
    modules = list(choice)
    active = [i for i, number in enumerate(numbers) if number != 0.0]
    running = [i for i in active if not is_zero(modules[i])] or active[:1]
    learned = weights.requires_grad and torch.is_grad_enabled()
    if len(running) == 1 and not learned and numbers[running[0]] == 1.0:
        return modules[running[0]](*args, **fields)
    total: Tensor | None = None
    parts: list[Tensor] = []
    for i in running:
        part: Any = modules[i](*args, **fields)
        if not isinstance(part, Tensor) and not parts:
            rest = [modules[k](*args, **fields) for k in running[1:]]
            return _mix_nested(choice, weights, running, [part, *rest])
        part = check_output(choice, i, part)
        if parts and part.shape != parts[0].shape:
            reduce_outputs([parts[0], part], "sum", choice.key)  # raises with the reason
        if learned or not parts:
            parts.append(part)
        if learned:
            continue
        if total is None:
            total = part * numbers[i]
        elif part.dtype != total.dtype:
            total = total + part * numbers[i]
        else:
            total.add_(part, alpha=numbers[i])
    return sum_by_weight(weights, numbers, running, parts) if learned else total


def _mix_nested(choice: LayerChoice, weights: Tensor, running: list[int], parts: list[Any]) -> Any:
    """Returns the weighted sum of outputs that are tuples or otherwise nested, tensor by tensor."""

    def join_tensors(places: list[int], found: list[Tensor]) -> Tensor:
        scaled = [weights[running[place]].to(part.dtype) * part for place, part in zip(places, found)]
        total: Tensor = reduce_outputs(scaled, "sum", choice.key)
        return total

    try:
        return join_leaves(parts, join_tensors)
    except NestedError as error:
        names = " and ".join(repr(choice.names[i]) for i in running)
        raise FieldTypeError(
            f"the candidates {names} of the choice {choice.key!r} cannot be mixed: {error}. Let all candidates return the same "
            "structure, or use an algorithm that runs single paths, such as SPOS."
        ) from None


def join(choice: InputChoice, weights: Tensor, numbers: list[float], tensors: Any) -> Tensor:
    """Returns the weighted sum of tensors, or for the reduction ``mean`` their weighted mean."""
    scalars: Any = weights.unbind() if weights.requires_grad else numbers
    found = [scalars[i] * tensor for i, tensor in enumerate(tensors) if numbers[i] != 0.0]
    total: Tensor = reduce_outputs(found, "sum", choice.key)
    return total / choice.n_chosen if choice.reduction == "mean" and choice.n_chosen else total


def check_output(choice: LayerChoice, index: int, out: object) -> Tensor:
    """Returns the output of a candidate, if it is a tensor.

    Raises:
      FieldTypeError: it is not.
    """
    if not isinstance(out, Tensor):
        raise FieldTypeError(
            f"candidate {choice.names[index]!r} of the choice {choice.key!r} returns a {type(out).__name__}; only tensors can be mixed. "
            "Let all candidates return one tensor, or use an algorithm that runs single paths, such as SPOS."
        )
    return out


def _detach(value: object) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def sum_by_weight(
    weights: Tensor, numbers: Sequence[float], places: Sequence[int], parts: Sequence[Tensor]
) -> Tensor:
    """Weighted sum of tensors, ``weights[place] * part``, with gradients for both (of first order).

    One pass over memory per part forward and two backward; a product and a sum take two and four.

    >>> weights = torch.tensor([0.5, 0.0, 2.0], requires_grad=True)
    >>> out = sum_by_weight(weights, weights.tolist(), [0, 2], [torch.ones(3), torch.full((3,), 4.0)])
    >>> out, torch.autograd.grad(out.sum(), weights)
    (tensor([8.5000, 8.5000, 8.5000], grad_fn=<_WeightedSumBackward>), (tensor([ 3.,  0., 12.]),))

    Args:
      weights: a vector.
      numbers: the same weights as numbers.
      places: the index of each part's weight.
      parts: tensors of one shape.
    """
    dtype = reduce(torch.promote_types, (part.dtype for part in parts))
    alike = [part.to(dtype) for part in parts]
    apply: Any = _WeightedSum.apply
    found = apply(weights, numbers, places, *alike)
    assert isinstance(found, Tensor)
    return found


class _WeightedSum(torch.autograd.Function):
    """Adds scaled tensors in place; the gradient of a weight is a dot product."""

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
            places = torch.tensor(ctx.places, device=weights.device)
            by_weight = torch.zeros_like(weights).index_copy_(0, places, slopes)
        needs = ctx.needs_input_grad[3:]
        by_part = [grad * scale if needed else None for scale, needed in zip(ctx.scales, needs)]
        return by_weight, None, None, *by_part


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Dot product of two tensors of one shape, without a tensor of products if their memory layout allows.

    >>> dot(torch.ones(2, 3), torch.full((2, 3), 2.0))
    tensor(12.)
    """
    exact = a.dtype == b.dtype and a.dtype in (torch.float32, torch.float64)
    is_image = a.dim() == 4 and a.is_contiguous(memory_format=torch.channels_last)
    if exact and a.stride() == b.stride() and (a.is_contiguous() or is_image):
        flat = (a.numel(),), (1,)
        return torch.dot(a.as_strided(*flat), b.as_strided(*flat))
    return (a * b).sum() if exact else (a.float() * b.float()).sum()
