"""What all zero-cost scores share: a copy of the network to measure, and the layers whose weights count."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from pliant.values.errors import FieldTypeError, FieldValueError, RewardError, quote_typed

from ..choices.evaluation import call_network

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
"""The layers whose weights the scores of gradients count, as in the published comparisons."""


@contextmanager
def probe(network: nn.Module, name: str, first: Callable[[nn.Module], object]) -> Iterator[nn.Module]:
    """Gives a copy of a network in training mode, without dropout and with fixed random numbers.

    Args:
      network: an ordinary module; it stays as it is.
      name: the score, for messages.
      first: runs the copy once, if it has lazy layers, which get their sizes so.

    Raises:
      FieldTypeError: it is not a module.
      FieldValueError: it has lazy layers with buffers that did not run yet.
    """
    if not isinstance(network, nn.Module):
        raise FieldTypeError(
            f"{name} takes a network, a torch.nn.Module; got {quote_typed(network)}. Give a program of the space, such as "
            "`pg.sample(space)` yields."
        )
    if any(map(nn.parameter.is_lazy, network.buffers())):
        raise FieldValueError(
            f"{name} measures a copy of the network, and a lazy layer with buffers, such as LazyBatchNorm2d, cannot be copied before "
            "it ran. Run the network once on a batch: `network(images)`."
        )
    with torch.inference_mode(mode=False):
        copied = copy.deepcopy(network).train()
    for module in copied.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    is_lazy = any(map(nn.parameter.is_lazy, copied.parameters()))
    devices = sorted({p.device.index for p in copied.parameters() if p.is_cuda})
    with torch.inference_mode(mode=False), torch.enable_grad(), torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(0)
        if is_lazy:
            with torch.no_grad():
                first(copied)
        copied.requires_grad_().zero_grad(set_to_none=True)
        yield copied


def run(network: nn.Module, inputs: object, name: str) -> Tensor:
    """Returns the output of a network as one tensor with the examples in its first dimension.

    Raises:
      FieldTypeError: it returns something else.
    """
    found: Any = call_network(network, inputs)
    if not isinstance(found, Tensor) or found.dim() < 1:
        raise FieldTypeError(
            f"{name} takes a network that returns one tensor; got {quote_typed(found)}. Wrap it in a module that returns "
            "the tensor of interest, such as its logits."
        )
    return found


def list_weights(network: nn.Module, name: str) -> list[nn.Parameter]:
    """Returns the weights of linear and convolutional layers, each once.

    Raises:
      FieldValueError: there are none.
    """
    found = {id(m.weight): m.weight for m in network.modules() if isinstance(m, LAYERS)}
    if not found:
        raise FieldValueError(
            f"{name} counts weights of linear and convolutional layers, and this {type(network).__name__} has none. Use "
            "naswot or jacobian_covariance, which look at outputs."
        )
    return [weight for weight in found.values() if isinstance(weight, nn.Parameter)]


def check_score(value: float, name: str) -> float:
    """Returns a score that is finite.

    Raises:
      RewardError: it is not.
    """
    if not torch.isfinite(torch.tensor(value, dtype=torch.float64)):
        raise RewardError(
            f"the {name} of this network is {value}: an output or a gradient is not finite at its initial weights. Check the "
            "inputs for NaN and infinities, and the initialization; a loop can `feedback.skip()` such a network."
        )
    return value
