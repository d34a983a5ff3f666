"""ProxylessNAS: binary gates open one path, and the architecture parameters learn from the gradients of the gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

import torch
from torch import Tensor

from pliant.algorithms.options import refuse_unknown
from pliant.values.errors import FieldValueError, quote, suggest

from ..capability import CAPABILITIES
from ..sampler import Step
from .learner import Draw, GradientSampler
from .runners import Gates, Runner

MODES = ("two", "full")


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class ProxylessNAS(GradientSampler):
    """ProxylessNAS: samples one path, and differentiates by the gates that open it.

    Cai, Zhu and Han, "ProxylessNAS", ICLR 2019, section 3.2.  The weights are trained on one path, sampled by the
    probabilities.  Then the parameters learn on a validation batch, again with one path running:
    ``dL/da_i = sum_j dL/dg_j * p_j * (delta_ij - p_i)`` where ``dL/dg_j`` is the product of what candidate ``j`` returns and the
    gradient of the output (equation 4).  With ``two``, two candidates are drawn without replacement, and ``p`` is that of
    the two; after the step both are shifted, so that the probabilities of all others are unchanged.  With ``full``, all
    gates get gradients; their candidates run one at a time in the backward pass.  A decision whose open gate is that of a
    ``Zero`` does not learn from the step, as in the published code.

    A penalty takes the probabilities that the gates were drawn with; the published one is ``LogCost(cost, exponent=0.3,
    reference=...)``.  The final network has the most probable candidates.

    Other options are those of ``GradientSampler``, except ``checkpoint``.

    Args:
      mode: ``two`` or ``full``.
      betas: of Adam; without momentum, so that only drawn candidates change.
      warmup: the share of the training in which the parameters are constant; 40 of 160 epochs.
    """

    capabilities: ClassVar[frozenset[str]] = CAPABILITIES["ProxylessNAS"]

    mode: str = "two"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.0, 0.999)
    warmup: float = 0.25
    every: int = 5
    checkpoint: bool = field(default=False, init=False, repr=False)  # only one path is kept

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in MODES:
            raise FieldValueError(
                f"ProxylessNAS(mode=...) takes {' or '.join(MODES)}; got {quote(self.mode)}{suggest(self.mode, MODES) or '.'}"
            )

    def _make_runner(self) -> Runner:
        self._gates = Gates()
        return self._gates

    def before_weights(self, step: Step) -> None:
        """Selects one path for the weights to be trained on, sampled by the probabilities."""
        with torch.no_grad():
            rows = self._architecture.probabilities()
        self.supernet.selection.replace({key: self._pick(row.tolist()) for key, row in rows.items()})

    def select_mixture(self) -> bool:
        return False  # single paths are trained

    def _draw(self, step: Step) -> Draw:
        """Draws the gates that the parameters learn from."""
        values, soft, resting = dict[str, Tensor](), dict[str, Tensor](), set[str]()
        for key, row in self._architecture.probabilities().items():
            open_gate, kept = self._open(row)
            self._gates.considered[key] = kept
            values[key] = torch.zeros_like(row).index_fill_(0, torch.tensor(open_gate), 1.0).detach()
            if len(kept) == len(row):
                soft[key] = row
            else:
                part = self._architecture.parameters[key][list(kept)].softmax(0)
                soft[key] = torch.zeros_like(row).index_copy(0, torch.tensor(kept), part)
            if open_gate in self._architecture.zeros(key):
                resting.add(key)
        return Draw(values, soft, {key: row.detach() for key, row in soft.items()}, frozenset(resting))

    def _open(self, row: Tensor) -> tuple[int, tuple[int, ...]]:
        """Returns the gate that opens, and the gates that get gradients."""
        numbers = [max(p, 1e-300) for p in row.tolist()]  # every candidate is possible
        first = self._pick(numbers)
        if self.mode == "full" or len(numbers) < 3:
            return first, tuple(range(len(numbers)))
        second = self._pick([0.0 if i == first else p for i, p in enumerate(numbers)])
        pair = [numbers[first], numbers[second]]
        return (first, second)[self._pick(pair)], (first, second)

    def _pick(self, weights: list[float]) -> int:
        return self.random.choices(range(len(weights)), weights)[0]

    def _settle(self, draw: Draw, before: Mapping[str, Tensor]) -> None:
        """Shifts the two that changed, so that their share of the probability is unchanged."""
        with torch.no_grad():
            for key, vector in self._architecture.parameters.items():
                kept = list(self._gates.considered[key])
                if len(kept) < len(vector):
                    vector[kept] -= vector[kept].logsumexp(0) - before[key][kept].logsumexp(0)
