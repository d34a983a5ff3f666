"""Compares a super-network with a concrete network of the same weights: outputs, gradients and buffers.

The differences should be rounding errors only.  Use it to test a sharing rule, or a module that computes with its sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.algorithms.base import check_seed
from pliant.algorithms.options import check_flag

from .choices.nested import find_leaves
from .rewrite.network import Supernet, check_supernet
from .rewrite.weights import write_buffers


@final
@dataclass(frozen=True)
class Differences:
    """The largest differences, each relative to the largest entry of the compared tensor (or to 1, if that is larger).

    Attributes:
      output: the difference of the outputs.
      gradients: the difference of the gradients of weights and inputs; weights outside of the concrete network must have
        a gradient of zero.
      buffers: the difference of the buffers after a forward pass, such as running statistics.
      where: the name of the tensor in the super-network that differs most.
    """

    output: float
    gradients: float
    buffers: float
    where: str

    @property
    def largest(self) -> float:
        """The largest of the three differences."""
        return max(self.output, self.gradients, self.buffers)


def measure_differences(
    supernet: Supernet, *inputs: Any, decisions: object = None, training: bool = True, seed: int = 0
) -> Differences:
    """Returns the differences between a super-network and the concrete network of some decisions.

    >>> import pliant as pg
    >>> Linear, Sequential = map(pg.symbolize, (nn.Linear, nn.Sequential))
    >>> width = pg.oneof([4, 8], name="width")
    >>> net = pg.oneshot.supernet(Sequential(Linear(2, width), Linear(width, 1))).double()
    >>> measure_differences(net, torch.ones(5, 2, dtype=torch.double), decisions=[0]).largest < 1e-10
    True

    Args:
      supernet: its parameters, buffers and selection stay as they are.
      *inputs: the inputs of the network.
      decisions: in any decision format; if None, the current ones.
      training: the mode in which both networks run.
      seed: the seed of random numbers (dropout), the same in both networks.
    """
    seed, training = check_seed(seed), check_flag(training, "training", "measure_differences")
    before = check_supernet(supernet).decisions
    chosen = supernet.activate(before if decisions is None else decisions)
    mode, state = supernet.training, {n: b.detach().clone() for n, b in supernet.named_buffers()}
    child = supernet.materialize(chosen).train(training)
    supernet.train(training)
    try:
        found = dict(_compare(supernet, child, inputs, state, seed))
    finally:
        _restore(supernet, state)
        supernet.train(mode)
        supernet.activate(before)
    parts = {"output": 0.0, "gradient": 0.0, "buffer": 0.0}
    for name, difference in found.items():
        kind = name.split(" ")[0]
        parts[kind] = max(parts[kind], difference)
    where = max(found, key=lambda name: found[name])
    return Differences(parts["output"], parts["gradient"], parts["buffer"], where if found[where] else "")


def _compare(
    supernet: Supernet, child: nn.Module, inputs: tuple[Any, ...], state: dict[str, Tensor], seed: int
) -> Iterator[tuple[str, float]]:
    weights = dict(supernet.named_parameters())
    own_weights = dict(child.named_parameters())
    output, gradients, sources = _run(supernet, inputs, weights, seed)
    after = {name: buffer.detach().clone() for name, buffer in supernet.named_buffers()}
    wanted, own_gradients, own_sources = _run(child, inputs, own_weights, seed)
    if len(output) != len(wanted):
        yield "output", math.inf
    for i, (a, b) in enumerate(zip(output, wanted)):
        yield f"output {i}", _difference(a, b)
    for i, (a, b) in enumerate(zip(sources, own_sources)):
        yield f"gradient of input {i}", _difference(a, b)

    _restore(supernet, state)
    inherited = supernet.inherited()
    for name, gradient in own_gradients.items():
        if not inherited[name].requires_grad and gradient.any():
            yield f"gradient of {name}", math.inf  # the rule detaches the part from the maximal weight
    for name, wanted_gradient in _scatter(weights, inherited, own_gradients).items():
        yield f"gradient of {name}", _difference(gradients[name], wanted_gradient)
    buffers = {name: buffer for name, buffer in child.named_buffers() if name in inherited}
    write_buffers(supernet.network, supernet.selection, buffers)
    for name, buffer in supernet.named_buffers():
        yield f"buffer {name}", _difference(after[name], buffer)


def _run(
    module: Callable[..., Any], inputs: tuple[Any, ...], weights: Mapping[str, Tensor], seed: int
) -> tuple[list[Tensor], dict[str, Tensor], list[Tensor]]:
    """Returns the outputs, the gradients of weights by name, and those of the inputs."""
    is_real = [isinstance(x, Tensor) and x.is_floating_point() for x in inputs]
    own = [x.detach().clone().requires_grad_() if real else x for x, real in zip(inputs, is_real)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        output = [leaf for leaf in find_leaves(module(*own)) if isinstance(leaf, Tensor)]
    loss = torch.stack([_project(one) for one in output if one.is_floating_point()]).sum()
    sources = [x for x in own if isinstance(x, Tensor) and x.requires_grad]
    names = [name for name, weight in weights.items() if weight.requires_grad]
    if not loss.requires_grad:
        return output, {n: torch.zeros_like(weights[n]) for n in names}, []
    wanted = [*(weights[n] for n in names), *sources]
    found = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
    return [one.detach() for one in output], dict(zip(names, found)), list(found[len(names) :])


def _scatter(
    weights: Mapping[str, Tensor], parts: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Returns the gradients of the maximal weights that result from those of their parts."""
    names = [name for name, weight in weights.items() if weight.requires_grad]
    products = [(parts[name] * gradient).sum() for name, gradient in gradients.items()]
    if not products:
        return {name: torch.zeros_like(weights[name]) for name in names}
    total = torch.stack([p.to(products[0].dtype) for p in products]).sum()
    found = torch.autograd.grad(total, [weights[n] for n in names], allow_unused=True, materialize_grads=True)
    return dict(zip(names, found))


def _restore(supernet: Supernet, state: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, buffer in supernet.named_buffers():
            buffer.copy_(state[name])


def _project(output: Tensor) -> Tensor:
    """Returns a number with a different gradient in each entry."""
    places = torch.arange(output.numel(), dtype=output.dtype, device=output.device)
    return (output.flatten() * (places + 1).cos()).sum()


def _difference(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        return math.inf
    if a.numel() == 0:
        return 0.0
    gap = (a.double() - b.double()).abs().max().item()
    return math.inf if math.isnan(gap) else gap / max(1.0, b.double().abs().max().item())
