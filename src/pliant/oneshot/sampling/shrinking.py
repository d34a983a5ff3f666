"""Progressive shrinking (Once-for-all): trains the largest network first, then smaller ones with distillation from it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from pliant.algorithms import Algorithm
from pliant.algorithms.options import check_count, check_number, keep_checked, refuse_unknown
from pliant.algorithms.policy.draw import draw_decisions
from pliant.space import Choice, Decisions, Int, from_unit
from pliant.values.errors import (
    DecisionError,
    FieldTypeError,
    FieldValueError,
    check_items,
    quote,
    quote_typed,
)

from ..capability import DECISION_KINDS
from ..choices.evaluation import call_network
from ..choices.patterns import find_decisions
from ..sampler import Step
from .extremes import largest, rank
from .search import SearchedSampler, make_evolution


@final
@dataclass(frozen=True, slots=True)
class Phase:
    """Phase of progressive shrinking: which decisions are drawn, each from how many of its largest values.

    Attributes:
      share: of the training, relative to the other phases.
      free: by the name of a hole, its path, or a pattern of these (``"layers[*].kernel"``; ``"*"`` for all), how many of
        the largest values are drawn; None for all.  Other decisions take their largest value.
      networks: the number of networks that are drawn in each step.

    Values are ranked as numbers; candidates that are not numbers are taken in the order in which they are listed.

    Raises:
      FieldTypeError, FieldValueError: a share of 0, no networks, names that are not text, a count below 1.
    """

    share: float
    free: dict[str, int | None]
    networks: int = 1

    def __post_init__(self) -> None:
        keep_checked(self, "share", check_number, above=0.0)
        keep_checked(self, "networks", check_count)
        if not isinstance(self.free, dict):
            raise FieldTypeError(
                f"Phase(free=...) maps names, paths or patterns to numbers of values, such as {{'width': 2}}; got {quote(self.free)}."
            )
        for pattern, count in self.free.items():
            if count is not None:
                self.free[pattern] = check_count(count, f"free[{pattern!r}]", "Phase")
            if not isinstance(pattern, str):
                raise FieldTypeError(
                    f"Phase(free=...) maps names, paths or patterns to numbers of values; got the key {quote_typed(pattern)}."
                )


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class ProgressiveShrinking(SearchedSampler):
    """Progressive shrinking of Once-for-all: Cai et al., ICLR 2020, section 3.3 and appendix B.

    Each phase draws from more networks: first the largest alone, then smaller kernels, fewer layers, narrower layers.  A
    step adds up the gradients of some networks, which also learn the soft labels of the trained largest network.
    Afterwards any algorithm searches the trained super-network: ``results`` are the networks that were judged and their
    qualities, ``decisions()`` is the best of them; before that, the largest.

    Theirs transforms a larger kernel to a smaller one by learned matrices, and sorts channels by importance before each
    phase of widths; here the middle of the kernel and the first channels are used.

    >>> phases = [Phase(180, {}), Phase(120, {"kernel": None}), Phase(25, {"kernel": None, "depth": 2}, networks=2)]
    >>> sampler = ProgressiveShrinking(phases)

    Args:
      phases: one after the other.
      distillation: the weight of the soft labels; 0 for no distillation.
      search: the algorithm that searches after training; evolution with a population of 100 when None.
      evaluations: the number of networks that it judges.
      batches: the number of validation batches.
      normalization: the statistics of normalization layers; recalibrated ones when None.
      cost: a function of decisions.
      limit: the largest cost.
      fill: the share of the limit that the network should cost at least, where that costs no quality; see ``SearchedSampler``.

    Raises:
      FieldTypeError, FieldValueError: no phases; a first phase that draws although it trains the teacher; a cost without
        a limit; no evaluations or batches; and from ``bind``, a phase that names a missing decision, or one twice.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    phases: Sequence[Phase] = field(kw_only=False)
    distillation: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.distillation = check_number(self.distillation, "distillation", self)
        phases, distillation = self.phases, self.distillation
        for phase in check_items(phases, "ProgressiveShrinking(phases=...)", "[Phase(...)]"):
            if not isinstance(phase, Phase):
                raise FieldTypeError(f"ProgressiveShrinking takes Phase objects; got {quote(phase)}.")
        if not phases:
            raise FieldValueError("ProgressiveShrinking needs phases; got none. Start with Phase(1, {}).")
        if distillation and phases[0].free:
            raise FieldValueError(
                "the first phase trains the largest network alone, because it teaches the others: Phase(share, {}). For training "
                "without a teacher, set distillation=0."
            )
        self.phases = tuple(phases)

    def _make_search(self) -> Algorithm:
        return make_evolution(population_size=100, parents=25)

    def _guess(self) -> Decisions:
        return largest(self.supernet.space)

    def _bind(self) -> None:
        self._teacher: nn.Module | None = None
        self._phase = 0
        self._largest = largest(self.supernet.space)
        self._free = [self._resolve(phase) for phase in self.phases]

    def _resolve(self, phase: Phase) -> dict[int, int | None]:
        """Returns by point how many of its values are drawn."""
        points, found, by = self.supernet.space.points, dict[int, int | None](), dict[int, str]()
        for text, count in phase.free.items():
            try:
                indices = find_decisions(self.supernet.space, text)
            except DecisionError as error:
                raise FieldValueError(f"Phase(free={{{text!r}: ...}}): {error}") from None
            for index in indices:
                if index in found and found[index] != count:
                    raise FieldValueError(
                        f"a phase names the decision at {points[index].path!r} twice: {by[index]!r} gives {found[index]!r}, and {text!r} "
                        f"gives {count!r}. Keep one of them."
                    )
                found[index], by[index] = count, text
        return found

    @property
    def phase(self) -> Phase:
        """The current phase."""
        return self.phases[self._phase]

    @property
    def networks_per_step(self) -> int:
        """The number of networks that are drawn in each step of the current phase."""
        return self.phase.networks

    def before_weights(self, step: Step) -> None:
        whole, done, now = sum(p.share for p in self.phases), 0.0, 0
        for index, phase in enumerate(self.phases):
            if step.progress >= done / whole:
                now = index
            done += phase.share
        self._phase = now
        if self.phase.free and self._teacher is None and self.distillation:
            self._teacher = self._make_teacher()  # before any smaller network is trained
        self.supernet.activate(self.draw())

    def _make_teacher(self) -> nn.Module:
        """Returns a frozen copy of the largest network."""
        teacher = copy.deepcopy(self.supernet).requires_grad_(requires_grad=False).eval()
        teacher.zero_grad(set_to_none=True)
        teacher.activate(self._largest)
        return teacher

    def draw(self) -> Decisions:
        """Returns a random network of the current phase."""
        return draw_decisions(self.supernet.space, self._draw_value)

    def _draw_value(self, at: int, allowed: Sequence[int] | None) -> int | float:
        point, free = self.supernet.space.points[at], self._free[self._phase]
        is_free, most = at in free, free.get(at)
        if not isinstance(point, (Choice, Int)):
            return from_unit(point, self.random.random()) if is_free else point.max_value
        if isinstance(point, Int) and is_free and most is None:
            return from_unit(point, self.random.random())
        ranked = rank(point, allowed)
        count = 1 if not is_free else len(ranked) if most is None else min(most, len(ranked))
        return ranked[len(ranked) - 1 - int(self.random.random() * count)]

    def auxiliary_loss(self, step: Step, outputs: Tensor) -> Tensor | None:
        """Returns the cross-entropy with the teacher's soft labels, weighted."""
        if self._teacher is None:
            return None
        if outputs.dim() < 2 or outputs.shape[-1] < 2:
            raise FieldValueError(
                f"ProgressiveShrinking distils class probabilities, and the network returns shape {tuple(outputs.shape)}, one number "
                "per example. Write ProgressiveShrinking(..., distillation=0)."
            )
        inputs = step.batch[0] if isinstance(step.batch, (tuple, list)) else step.batch
        with torch.no_grad():
            soft = torch.softmax(call_network(self._teacher, inputs), dim=-1)
        return self.distillation * -(soft * torch.log_softmax(outputs, dim=-1)).sum(-1).mean()

    def metrics(self) -> dict[str, float]:
        return {"phase": float(self._phase)}

    def _state(self) -> dict[str, Any]:
        return {
            **super()._state(),
            "phase": self._phase,
            "teacher": None if self._teacher is None else self._teacher.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._phase = int(state["phase"])
        self._teacher = None
        if state["teacher"] is not None:
            self._teacher = self._make_teacher()
            self._teacher.load_state_dict(state["teacher"])
