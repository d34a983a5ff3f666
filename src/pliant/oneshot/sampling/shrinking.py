"""Progressive shrinking: train the largest network, then smaller and smaller ones with it, each taught by the largest."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from pliant.algorithms import Algorithm
from pliant.algorithms.options import check_count, check_number, refuse_unknown
from pliant.algorithms.policy.draw import draw_decisions
from pliant.space import Choice, Decisions, Int, from_unit
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError

from ..capability import DECISION_KINDS
from ..choices.evaluation import call_network
from ..choices.patterns import find_decisions
from ..sampler import Step
from .extremes import largest, rank
from .search import SearchedSampler, make_evolution


@final
@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training in which some decisions are free, each down to so many of its largest values.

    Attributes:
      share: of all training, as a weight beside the other phases'.
      free: by the name of a hole, its path, or a pattern of these (``"layers[*].kernel"``; ``"*"`` for all), how many of
        the largest values may be drawn; None for all.  What is not in here stays at the largest.
      networks: how many networks are drawn in each step.

    Values are ranked as numbers; candidates that are no numbers count as listed from small to large.

    Raises:
      FieldTypeError, FieldValueError: a share of nothing, no networks, no names, a count below 1.
    """

    share: float
    free: dict[str, int | None]
    networks: int = 1

    def __post_init__(self) -> None:
        check_number(self.share, "share", self, above=0.0)
        check_count(self.networks, "networks", "Phase")
        if not isinstance(self.free, dict):
            raise FieldTypeError(
                f"Phase(free=...) says by name, path or pattern how many values are free, such as {{'width': 2}}; got {self.free!r:.80}."
            )
        for pattern, count in self.free.items():
            if count is not None:
                check_count(count, f"free[{pattern!r}]", "Phase")
            if not isinstance(pattern, str):
                raise FieldTypeError(
                    f"Phase(free=...) says by name, path or pattern how many values are free; got the key {pattern!r:.80} of type "
                    f"{type(pattern).__name__}."
                )


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class ProgressiveShrinking(SearchedSampler):
    """Once-for-all's training: Cai et al., ICLR 2020, section 3.3 and appendix B.

    Phases widen what may be drawn: first the largest network alone, then smaller kernels, fewer layers, narrower layers; each
    step adds up the gradients of some networks, whose outputs are also held to those of the trained largest one
    (soft labels).  Afterwards any algorithm searches the trained super-network: ``results`` are the networks that were
    judged and their qualities, ``decisions()`` is the best of them; before that, the largest.

    Theirs transforms a larger kernel to a smaller one by learned matrices, and sorts channels by importance before each
    phase of widths; here the middle of the kernel and the first channels are used as they are.

    >>> phases = [Phase(180, {}), Phase(120, {"kernel": None}), Phase(25, {"kernel": None, "depth": 2}, networks=2)]
    >>> sampler = ProgressiveShrinking(phases)

    Args:
      phases: one after the other.
      distillation: the weight of the soft labels; 0 for none.
      search: what searches in the end; evolution with a population of 100 when None.
      evaluations: how many networks are judged then.
      batches: on how many validation batches each is judged.
      normalization: which statistics are used then.
      cost: a cost of decisions.
      limit: what it must not exceed.

    Raises:
      FieldTypeError, FieldValueError: there are no phases, or something else than phases; the first one frees something
        and there is to be a teacher; when it is bound, a phase frees what is not there, or frees something twice; a cost without a limit; no evaluations or batches.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    phases: Sequence[Phase] = field(kw_only=False)
    distillation: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        phases, distillation = self.phases, self.distillation
        for phase in phases:
            if not isinstance(phase, Phase):
                raise FieldTypeError(f"ProgressiveShrinking takes Phase objects; got {phase!r:.80}.")
        if not phases:
            raise FieldValueError("ProgressiveShrinking needs phases; got none. Start with Phase(1, {}).")
        check_number(distillation, "distillation", self)
        if distillation and phases[0].free:
            raise FieldValueError(
                "the largest network is trained alone before it teaches: the first phase frees nothing, Phase(share, {}). "
                "Without a teacher: distillation=0."
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
        """Returns by point how many of its values are free."""
        points, found, by = self.supernet.space.points, dict[int, int | None](), dict[int, str]()
        for text, count in phase.free.items():
            try:
                indices = find_decisions(self.supernet.space, text)
            except DecisionError as error:
                raise FieldValueError(f"Phase(free={{{text!r}: ...}}): {error}") from None
            for index in indices:
                if index in found and found[index] != count:
                    raise FieldValueError(
                        f"a phase frees the decision at {points[index].path!r} twice: {by[index]!r} says {found[index]!r}, and {text!r} says "
                        f"{count!r}. Let one of them mean it."
                    )
                found[index], by[index] = count, text
        return found

    @property
    def phase(self) -> Phase:
        """The phase that training is in."""
        return self.phases[self._phase]

    @property
    def networks_per_step(self) -> int:
        """How many networks are drawn in each step of the present phase."""
        return self.phase.networks

    def before_weights(self, step: Step) -> None:
        whole, done, now = sum(p.share for p in self.phases), 0.0, 0
        for index, phase in enumerate(self.phases):
            if step.progress >= done / whole:
                now = index
            done += phase.share
        self._phase = now
        if self.phase.free and self._teacher is None and self.distillation:
            self._teacher = self._make_teacher()  # the largest network, before anything smaller is trained
        self.supernet.activate(self.draw())

    def _make_teacher(self) -> nn.Module:
        """Returns the largest network as it is now, frozen."""
        teacher = copy.deepcopy(self.supernet).requires_grad_(requires_grad=False).eval()
        teacher.zero_grad(set_to_none=True)
        teacher.activate(self._largest)
        return teacher

    def draw(self) -> Decisions:
        """Returns a network that the present phase allows, at random."""
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
