"""PC-DARTS: first-order DARTS in which candidates run on a part of the channels, and the others pass by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from pliant.algorithms.options import check_count, refuse_unknown

from ..capability import CAPABILITIES
from ..choices.choice import LayerChoice
from ..choices.evaluation import keep_buffers
from ..sampler import Step
from .learner import Draw, GradientSampler
from .runners import Mixture, Runner


@final
class PartialMixture(Runner):
    """Runs a choice as ``S * mixture(S * x) + (1 - S) * x``, where S is 1 for a part of the channels, and otherwise 0.

    A choice whose candidates change the shape of their input, or take no tensor with channels, runs as the mixture of all channels.

    >>> from torch import nn
    >>> choice = LayerChoice([nn.Identity(), nn.ReLU()], key="op")
    >>> choice.handler = PartialMixture(2)
    >>> choice.selection.weights["op"] = torch.tensor([0.0, 1.0])
    >>> choice(torch.tensor([[-4.0, -4.0]])).sum()  # one of both channels is rectified
    tensor(-4.)

    Args:
      divisor: one channel of so many runs.
      checkpoint: see ``Runner``.

    Attributes:
      draw: the number that decides which channels run.
    """

    def __init__(self, divisor: int, *, checkpoint: bool = False) -> None:
        super().__init__(checkpoint=checkpoint)
        self.divisor, self.draw = divisor, 0
        self._mixture = Mixture()
        self._is_partial: dict[str, bool] = {}

    def _run(self, choice: LayerChoice, weights: Tensor, numbers: list[float], args: Any, fields: Any) -> Any:
        x = args[0] if args else None
        if not isinstance(x, Tensor) or not x.is_floating_point() or x.dim() < 2 or x.shape[1] < self.divisor:
            return self._mixture._run(choice, weights, numbers, args, fields)
        if choice.key not in self._is_partial:
            with torch.no_grad(), torch.random.fork_rng(devices=[]), keep_buffers(choice):
                found = self._mixture._run(choice, weights, numbers, args, fields)
            self._is_partial[choice.key] = isinstance(found, Tensor) and found.shape == x.shape
        if not self._is_partial[choice.key]:
            return self._mixture._run(choice, weights, numbers, args, fields)
        mask = self._draw_mask(x)
        found = self._mixture._run(choice, weights, numbers, (x * mask, *args[1:]), fields)
        return found * mask + x * (1 - mask)

    def _draw_mask(self, x: Tensor) -> Tensor:
        """Returns 1 for the channels that run, of a shape that broadcasts to ``x``."""
        channels = x.shape[1]
        generator = torch.Generator().manual_seed(self.draw)
        kept = torch.randperm(channels, generator=generator)[: channels // self.divisor]
        mask = torch.zeros(channels).index_fill_(0, kept, 1.0)
        return mask.to(x).reshape(1, channels, *[1] * (x.dim() - 2))


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class PCDARTS(GradientSampler):
    """PC-DARTS: as first-order DARTS, with candidates that run on one of ``divisor`` channels, drawn for each step.

    Xu, Xie, Zhang, Chen, Qi, Tian and Xiong, "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020:
    a choice returns ``S * sum(softmax(parameters) * candidate(S * x)) + (1 - S) * x``, with a mask S of channels, so that
    candidates with weights and those without differ less in what they return. The numbers are those of the published code
    (``train_search.py``): the parameters are constant in the first 15 of 50 epochs.

    Edges are normalized where the space has a choice of inputs, whose softmax is over the edges of a node. Differences: candidates have the
    weights of all channels, as those of other algorithms here, so this saves no memory; channels are drawn for each step, where the published code
    takes the first ones and shuffles the output; a choice that changes the shape of its input runs on all channels.

    >>> from torch import nn
    >>> from pliant.oneshot import LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act")))
    >>> PCDARTS(divisor=2).bind(net, seed=0)

    Other options are those of ``GradientSampler``.

    Args:
      divisor: one channel of so many runs (K in the paper); a choice of an input with fewer channels runs on all.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["PCDARTS"]
    learns_first: ClassVar[bool] = True

    divisor: int = 4
    learning_rate: float = 6e-4
    weight_decay: float = 1e-3
    warmup: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.divisor = check_count(self.divisor, "divisor", self)

    def _make_runner(self) -> Runner:
        self._partial = PartialMixture(self.divisor, checkpoint=self.checkpoint)
        return self._partial

    def _draw(self, step: Step) -> Draw:
        self._partial.draw = self.random.getrandbits(63)
        return self._draw_probabilities()

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "channels": self._partial.draw}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._partial.draw = state["channels"]
