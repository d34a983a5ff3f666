"""DARTS: the softmax over candidates is learned on validation data while the weights are learned on training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from torch import Tensor

from pliant.algorithms.policy.options import check_number, refuse_unknown
from pliant.values.errors import FieldValueError

from ..capability import CAPABILITIES
from ..sampler import Step
from .learner import Draw, GradientSampler
from .unroll import differentiate_unrolled


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class DARTS(GradientSampler):
    """Runs all candidates, weighted by a softmax, and descends the validation loss in its parameters.

    Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, algorithm 1, with the numbers of
    the published code: before each step of the weights, the parameters take one on a validation batch.  First order
    takes the weights as they are; second order, as they will be after their next step (``differentiate_unrolled``),
    for about twice the time.

    The published rule for a cell keeps two edges per node: give it as ``derivation=CellRule(...)``.  A candidate
    ``Zero`` competes in the softmax and need not run.  Ours: the steps of the parameters leave the running statistics
    of normalization layers as they are (the published code lets the validation data into them).

    >>> from torch import nn
    >>> from pliant.oneshot import LayerChoice, supernet
    >>> net = supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act")))
    >>> darts = DARTS(order=2)
    >>> darts.bind(net, seed=0)
    >>> net.selection.weights["act"].round(decimals=1)
    tensor([0.5000, 0.5000])

    All options that are not here are those of ``GradientSampler``.

    Args:
      order: 1, or 2 for the gradient through a step of the weights.
      epsilon: the length of the finite difference of the second order.
      learning_rate: of Adam, for the architecture parameters.
      betas: of Adam.
      weight_decay: of Adam, in the L2 form.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["DARTS"]

    order: int = 1
    epsilon: float = 0.01
    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.order, bool) or self.order not in (1, 2):
            raise FieldValueError(
                f"DARTS(order=...) is 1 (the weights as they are) or 2 (after their next step); got {self.order!r:.80}."
            )
        self.epsilon = check_number(self.epsilon, "epsilon", self, above=0.0)

    def _draw(self, step: Step) -> Draw:
        soft = self._chosen(self._architecture.probabilities())
        return Draw({key: row.detach() for key, row in soft.items()}, soft)

    def before_weights(self, step: Step) -> None:
        """Lets the parameters take a step, and then selects the mixture."""
        if self._is_due(step):
            self._learn(step)
        super().before_weights(step)

    def after_weights(self, step: Step) -> None:
        """Counts."""
        self._steps += 1

    def _differentiate(
        self, step: Step, draw: Draw, leaf: Tensor
    ) -> tuple[Tensor | None, dict[str, Tensor | None]]:
        if self.order == 1:
            return super()._differentiate(step, draw, leaf)
        batch = step.next_valid()
        priced: dict[str, Tensor] = {}

        def valid() -> tuple[Tensor, list[Any]]:
            total, leaves = self._objective(step.loss(batch), draw)
            priced.update(leaves)
            return total, list(leaves.values())

        gradient, direct = differentiate_unrolled(
            lambda: step.loss(step.batch),
            valid,
            leaf,
            [weight for weight in step.weights if weight.requires_grad],
            optimizer=step.weight_optimizer,
            learning_rate=step.learning_rate,
            epsilon=self.epsilon,
        )
        return gradient, dict(zip(priced, direct))
