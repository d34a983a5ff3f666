"""``Stack``: several networks of one structure as one batched model, and ``Single``, one network of any structure (PyTorch)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from .layers import Batched, BatchedDropout, BatchedLinear, find_rule


def describe(network: nn.Module) -> Hashable | None:
    """Returns what networks have in common that can be stacked; None for one that can not, which trains alone.

    Probabilities of dropout, activations and weights may differ.

    >>> describe(nn.Linear(2, 3)) == describe(nn.Linear(2, 3)) != describe(nn.Linear(2, 4))
    True
    """
    rule = find_rule(network)
    if rule is None:
        return None
    if rule.make is not None:
        return rule.make.__name__, rule.describe(network)
    parts = {name: describe(part) for name, part in network.named_children()}
    if None in parts.values() or network._parameters or network._buffers:
        return None
    return type(network).__qualname__, tuple(parts.items())


class Networks(ABC):
    """Networks that train together; each has a row of ``weights``.

    Attributes:
      weights: of shape (candidates, weights).
      gradients: those of the last step that were taken, of the same shape.
      decayed: how many of the first columns are weights that weight decay applies to: matrices, and no biases or normalizations.
    """

    weights: Tensor
    gradients: Tensor
    decayed: int

    @abstractmethod
    def train(self, mode: bool) -> None:
        """Switches dropout and batch normalization between training and evaluation."""

    @abstractmethod
    def run(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Returns the outputs (candidates, rows, outputs)."""

    @abstractmethod
    def take_gradients(self) -> None:
        """Completes ``gradients`` after a backward pass, and forgets those of autograd."""

    @abstractmethod
    def state(self, candidate: int) -> dict[str, Tensor]:
        """Returns a copy of the state of a candidate, by the names of its own network."""

    @abstractmethod
    def keep(self, candidates: Sequence[int]) -> None:
        """Drops all other candidates."""


@final
class Stack(Networks):
    """Networks of one structure as one batched model.

    Args:
      networks: with equal descriptions; the first one is used up.
      seeds: of the random numbers of dropout, one for each.
    """

    def __init__(self, networks: Sequence[nn.Module], seeds: Sequence[int]) -> None:
        self._model = _stack(networks)
        parameters = sorted(self._model.named_parameters(), key=lambda pair: not _decays(*pair))
        self._parameters = dict(parameters)
        whole = [value.detach().flatten(1) for value in self._parameters.values()]
        self.decayed = sum(
            part.shape[1] for part, pair in zip(whole, parameters, strict=True) if _decays(*pair)
        )
        self._bind(torch.cat(whole, dim=1))
        dropouts = [part for part in self._model.modules() if isinstance(part, BatchedDropout)]
        for place, part in enumerate(dropouts):
            part.seed(seeds, place)

    def train(self, mode: bool) -> None:
        self._model.train(mode)

    def run(self, numbers: Tensor, categories: Tensor) -> Tensor:
        out: Tensor = self._model(numbers, categories)
        return out

    def take_gradients(self) -> None:
        _take_gradients(self._targets)

    def state(self, candidate: int) -> dict[str, Tensor]:
        named = [*self._parameters.items(), *self._model.named_buffers()]
        return {name: value.detach()[candidate].clone() for name, value in named}

    def keep(self, candidates: Sequence[int]) -> None:
        index = torch.tensor(candidates, dtype=torch.long)
        for part in self._model.modules():
            for name, buffer in part._buffers.items():
                if buffer is not None:
                    part._buffers[name] = buffer[index]
            if isinstance(part, Batched):
                part.keep(index)
        self._bind(self.weights[index])

    def _bind(self, weights: Tensor) -> None:
        """Makes all weights views of one matrix with a row for each candidate, and their gradients views of another one."""
        self.weights = weights.contiguous()
        self.gradients = torch.zeros_like(self.weights)
        targets: dict[int, tuple[Tensor, Tensor]] = {}  # by the identity of the parameter
        start = 0
        for value in self._parameters.values():
            end, shape = start + value[0].numel(), (len(weights), *value.shape[1:])
            value.data = self.weights[:, start:end].view(shape)
            targets[id(value)] = value, self.gradients[:, start:end].view(shape)
            start = end
        for part in self._model.modules():
            if isinstance(part, BatchedLinear):
                bias = None if part.bias is None else targets.pop(id(part.bias))[1]
                part.gradients = targets.pop(id(part.weight))[1], bias
        self._targets = list(targets.values())


@final
class Single(Networks):
    """One network of any structure.

    Its layers may draw from torch's global generator, which has a state of its own here and is put back after each run.
    """

    def __init__(self, network: nn.Module, seed: int) -> None:
        self._network = network
        named = sorted(network.named_parameters(), key=lambda pair: not _decays(pair[0], pair[1][None]))
        self.decayed = sum(value.numel() for name, value in named if _decays(name, value[None]))
        whole = [value.detach().flatten() for _, value in named]
        self.weights = torch.cat(whole)[None] if whole else torch.zeros(1, 0)
        self.gradients = torch.zeros_like(self.weights)
        self._targets: list[tuple[Tensor, Tensor]] = []
        start = 0
        for _, value in named:
            end = start + value.numel()
            value.data = self.weights[0, start:end].view(value.shape)
            self._targets.append((value, self.gradients[0, start:end].view(value.shape)))
            start = end
        self._random = torch.Generator().manual_seed(seed).get_state()

    def train(self, mode: bool) -> None:
        self._network.train(mode)

    def run(self, numbers: Tensor, categories: Tensor) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            out: Tensor = self._network(numbers, categories)
            self._random = torch.get_rng_state()
        return out[None]

    def take_gradients(self) -> None:
        _take_gradients(self._targets)

    def state(self, candidate: int) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def keep(self, candidates: Sequence[int]) -> None:
        """Does nothing: there is one candidate."""


def _decays(name: str, value: Tensor) -> bool:
    """Whether weight decay applies to a stacked weight: as in the work of Gorishniy et al., to matrices of layers."""
    return value.dim() > 2 and name.rpartition(".")[2] != "bias"


def _take_gradients(targets: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Moves the gradient of each parameter to its place; 0 where it has none."""
    for value, target in targets:
        if value.grad is None:
            target.zero_()
        else:
            target.copy_(value.grad)
            value.grad = None


def _stack(networks: Sequence[nn.Module]) -> nn.Module:
    first = networks[0]
    rule = find_rule(first)
    assert rule is not None, "networks that have a description"
    make: Callable[[Any], nn.Module] | None = rule.make
    if make is not None:
        return make(networks)
    for name, _ in list(first.named_children()):
        first._modules[name] = _stack([network._modules[name] for network in networks])  # type: ignore[misc]
    return first
