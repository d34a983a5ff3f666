"""DARTS-PT: after training, each decision is made by what the mixture loses without a candidate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.algorithms.options import check_count, refuse_unknown
from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, FieldValueError, quote_typed

from ..capability import CAPABILITIES
from ..choices.evaluation import evaluating, keep_buffers
from ..normalization import BatchStatistics, Normalization, mean_quality
from ..sampler import Sampler, Step
from .gumbel import one_hot
from .learner import Draw, GradientSampler


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class Perturbation(Sampler):
    """Perturbation-based selection: the candidate whose removal hurts the trained mixture most is chosen.

    Wang, Cheng, Chen, Tang and Hsieh, "Rethinking Architecture Selection in Differentiable NAS", ICLR 2021, algorithm 1: the
    largest parameter does not show which candidate matters, and skips have large ones.  Decisions are made one after another in
    random order.  For each, the mixture is judged without each candidate in turn (the weights of the others are scaled to a sum of 1),
    the one with the lowest quality without it stays alone, and the weights are trained for some batches by SGD with momentum at
    the last learning rate.  Afterwards the super-network has the weights that it had.

    >>> from torch import nn
    >>> from pliant.oneshot import DARTS, LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act")))
    >>> Perturbation(DARTS()).bind(net, seed=0)

    Args:
      search: the algorithm that trains the mixture, such as ``DARTS()``; one that trains single networks is refused.
      batches: the number of validation batches, the same ones within a decision.
      tuning: the number of training batches after each decision; the paper trains for five epochs.
      normalization: the statistics of normalization layers while it judges; those of each batch when None.

    Raises:
      FieldTypeError, FieldValueError: the search is not a gradient sampler, or trains single networks.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["Perturbation"]

    search: GradientSampler = field(kw_only=False)
    batches: int = 4
    tuning: int = 20
    normalization: Normalization | None = None

    def __post_init__(self) -> None:
        super().__init__()
        given: object = self.search
        if not isinstance(given, GradientSampler):
            raise FieldTypeError(
                f"Perturbation takes an algorithm that trains a mixture, such as DARTS(); got {quote_typed(given)}."
            )
        if type(given).select_mixture is not GradientSampler.select_mixture:
            raise FieldValueError(
                f"Perturbation removes candidates from a trained mixture, and {type(given).__name__} trains single networks. Use "
                "DARTS(), GAEA(), DrNAS(), BetaDARTS(), SNAS() or FBNet()."
            )
        self.batches = check_count(self.batches, "batches", self)
        self.tuning = check_count(self.tuning, "tuning", self, least=0)
        self._normalization = BatchStatistics() if self.normalization is None else self.normalization
        self._chosen: Decisions | None = None

    def _bind(self) -> None:
        self.search.bind(self.supernet, seed=self.random.getrandbits(32))

    def before_weights(self, step: Step) -> None:
        self.search.before_weights(step)

    def after_weights(self, step: Step) -> None:
        self.search.after_weights(step)

    def end_epoch(self, step: Step) -> None:
        self.search.end_epoch(step)

    def select_mixture(self) -> bool:
        return self.search.select_mixture()

    def metrics(self) -> dict[str, float]:
        return self.search.metrics()

    def finish(self, step: Step) -> None:
        """Makes the decisions; the weights of the super-network stay as they are."""
        self.search.finish(step)
        with torch.no_grad():
            rows = {key: row.clone() for key, row in self.search.architecture.probabilities().items()}
        keys = [key for key, row in rows.items() if len(row) > 1]
        self.random.shuffle(keys)
        with _keep_weights(step.weights), keep_buffers(self.supernet.network):
            tuner = (
                torch.optim.SGD(step.weights, lr=step.learning_rate, momentum=0.9) if step.weights else None
            )
            for key in keys:
                data = [step.next_valid() for _ in range(self.batches)]
                left = [self._judge(rows, key, index, data, step) for index in range(len(rows[key]))]
                kept = self.search.architecture.count(key)
                harm = torch.tensor([-quality for quality in left], dtype=torch.float64).nan_to_num(
                    nan=-math.inf
                )
                rows[key] = one_hot(harm, kept) / kept
                if tuner is not None:
                    self._tune(rows, tuner, step)
        self._chosen = self.search.architecture.leading(rows)
        self.search.relax()

    def _judge(self, rows: dict[str, Tensor], key: str, index: int, data: list[Any], step: Step) -> float:
        """Returns the quality of the mixture without one candidate."""
        without = rows[key].clone()
        without[index] = 0.0
        rest = without.sum()
        if rest <= 0.0:  # it is all that is left of this decision
            without = torch.ones_like(without)
            without[index], rest = 0.0, torch.tensor(len(without) - 1.0)
        self._mix({**rows, key: without / rest})
        with evaluating(self.supernet):
            applied = self._normalization.applied(self.supernet, step.train_batches, step.loss)
            with applied, torch.no_grad():
                return mean_quality(step.quality, data)

    def _tune(self, rows: dict[str, Tensor], tuner: Optimizer, step: Step) -> None:
        """Trains the weights on some batches, under the decisions so far."""
        self._mix(rows)
        modes = [(module, module.training) for module in self.supernet.modules()]
        self.supernet.train()
        try:
            for _, batch in zip(range(self.tuning), step.train_batches()):
                loss = step.loss(batch)
                if not loss.requires_grad:  # all that is left has no weights
                    return
                slopes = torch.autograd.grad(loss, step.weights, allow_unused=True)
                for weight, slope in zip(step.weights, slopes):
                    weight.grad = slope
                tuner.step()
                tuner.zero_grad()
        finally:
            for module, mode in modes:
                module.training = mode

    def _mix(self, rows: dict[str, Tensor]) -> None:
        counts = self.search.architecture.count
        self.search._select(Draw({key: row * counts(key) for key, row in rows.items()}, {}))

    def decisions(self) -> Decisions:
        """Returns the decisions that were made; before that, those of the search."""
        return self.search.decisions() if self._chosen is None else self._chosen

    def _state(self) -> dict[str, Any]:
        chosen = None if self._chosen is None else self._chosen.to_json()
        return {"search": self.search.state(), "chosen": chosen}

    def _restore(self, state: dict[str, Any]) -> None:
        self.search.restore(state["search"])
        chosen = state["chosen"]
        self._chosen = None if chosen is None else Decisions.from_json(self.supernet.space, chosen)


@contextmanager
def _keep_weights(weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """Gives weights the values and gradients back that they had."""
    before = [(weight.detach().clone(), weight.grad) for weight in weights]
    for weight in weights:
        weight.grad = None
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, (value, slope) in zip(weights, before):
                weight.copy_(value)
                weight.grad = slope
