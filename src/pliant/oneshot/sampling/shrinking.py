"""Progressive shrinking: train the largest network, then smaller and smaller ones with it, each taught by the largest."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from pliant.algorithms import Algorithm
from pliant.space import Choice, Decisions, from_unit
from pliant.values.errors import FieldTypeError, FieldValueError

from ..capability import NEEDS
from ..normalization import Normalization, Recalibrated
from ..sampler import Sampler, Step
from .trained import TrainedSearch, make_evolution
from .tunas import largest, largest_value


@final
@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training in which some decisions are free, each down to so many of its largest values.

    Attributes:
      share: of all training, as a weight beside the other phases'.
      free: by pattern of paths (a regular expression that is searched for), how many of the largest values may be
        drawn; None for all. What matches no pattern stays at the largest.
      networks: how many networks are drawn in each step.
    """

    share: float
    free: dict[str, int | None]
    networks: int = 1


@final
class ProgressiveShrinking(Sampler):
    """Once-for-all's training: Cai et al., ICLR 2020, section 3.3 and appendix B.

    Phases widen what may be drawn: first the largest network alone, then smaller kernels, fewer layers, narrower layers; each
    step adds up the gradients of some networks, whose outputs are also held to those of the trained largest one
    (soft labels).  Afterwards any algorithm searches the trained super-network.

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
      FieldTypeError, FieldValueError: there are no phases, or something else than phases.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(NEEDS)

    def __init__(
        self,
        phases: Sequence[Phase],
        *,
        distillation: float = 1.0,
        search: Algorithm | None = None,
        evaluations: int = 1000,
        batches: int = 10,
        normalization: Normalization | None = None,
        cost: Callable[[Decisions], float] | None = None,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        for phase in phases:
            if not isinstance(phase, Phase):
                raise FieldTypeError(f"ProgressiveShrinking takes Phase objects; got {phase!r:.80}.")
        if not phases or min(phase.share for phase in phases) <= 0:
            raise FieldValueError(
                "ProgressiveShrinking needs phases, each with a share above 0 of the training."
            )
        self.phases, self.distillation = tuple(phases), distillation
        self._search = TrainedSearch(
            make_evolution(population_size=100, parents=25) if search is None else search,
            evaluations=evaluations,
            batches=batches,
            normalization=Recalibrated() if normalization is None else normalization,
            cost=cost,
            limit=limit,
        )

    @property
    def results(self) -> dict[Decisions, float]:
        """The networks that were judged after training, and their qualities."""
        return self._search.results

    def _bind(self) -> None:
        self._best: Decisions | None = None
        self._teacher: nn.Module | None = None
        self._phase = 0
        self._largest = largest(self.supernet.space)
        for phase in self.phases:
            for pattern in phase.free:
                if not any(re.search(pattern, point.path) for point in self.supernet.space.points):
                    raise FieldValueError(
                        f"the pattern {pattern!r} of a phase matches no decision of this space; its paths are "
                        f"{', '.join(point.path for point in self.supernet.space.points[:6])}, ..."
                    )

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
        if now != self._phase and self._teacher is None and self.distillation:
            self._teacher = self._make_teacher()  # the largest network, before anything smaller is trained
        self._phase = now
        self.supernet.activate(self.draw())

    def _make_teacher(self) -> nn.Module:
        """Returns the largest network as it is now, frozen."""
        self.supernet.activate(self._largest)
        return copy.deepcopy(self.supernet).requires_grad_(requires_grad=False).eval()

    def draw(self) -> Decisions:
        """Returns a network that the present phase allows, at random."""
        space, found = self.supernet.space, list[int | float]()

        def walk(indices: tuple[int, ...]) -> None:
            for index in indices:
                point = space.points[index]
                value = self._draw_value(point)
                found.append(value)
                if isinstance(point, Choice):
                    walk(point.branches[int(value)])

        walk(space.top)
        return Decisions(space, found)

    def _draw_value(self, point: Any) -> int | float:
        group = point.group if isinstance(point, Choice) else None
        if group is not None and (group.distinct or group.sorted):  # picks that depend on one another stay
            return int(point.count - group.picks + point.pick)
        for pattern, count in self.phase.free.items():
            if not re.search(pattern, point.path):
                continue
            if not isinstance(point, Choice):
                return from_unit(point, self.random.random())
            ranks = (
                sorted(range(point.count), key=point.values.__getitem__)
                if point.values
                else range(point.count)
            )
            allowed = list(ranks)[-(count or point.count) :]
            return allowed[int(self.random.random() * len(allowed))]
        return largest_value(point)

    def auxiliary_loss(self, step: Step, outputs: Tensor) -> Tensor | None:
        """Returns the cross-entropy with the teacher's soft labels, weighted."""
        if self._teacher is None:
            return None
        inputs = step.batch[0] if isinstance(step.batch, (tuple, list)) else step.batch
        with torch.no_grad():
            soft = torch.softmax(self._teacher(inputs), dim=-1)
        return self.distillation * -(soft * torch.log_softmax(outputs, dim=-1)).sum(-1).mean()

    def finish(self, step: Step) -> None:
        self._best = self._search.run(self.supernet, step)

    def decisions(self) -> Decisions:
        """Returns the best network that was judged; before that, the largest."""
        return self._largest if self._best is None else self._best

    def metrics(self) -> dict[str, float]:
        return {"phase": float(self._phase)}

    def _state(self) -> dict[str, Any]:
        return {
            "phase": self._phase,
            "best": None if self._best is None else self._best.to_json(),
            "teacher": None if self._teacher is None else self._teacher.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._phase = int(state["phase"])
        best = state["best"]
        self._best = None if best is None else Decisions.from_json(self.supernet.space, best)
        self._teacher = None
        if state["teacher"] is not None:
            self._teacher = self._make_teacher()
            self._teacher.load_state_dict(state["teacher"])
