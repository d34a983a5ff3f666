"""Sources of trials for a search loop: an algorithm in memory, or a study in a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, final

from pliant.algorithms import Algorithm, Exhausted, Random
from pliant.algorithms.base import check_arity
from pliant.algorithms.objectives import ParetoFront
from pliant.hyper.template import Template
from pliant.space import Decisions
from pliant.values.errors import FieldTypeError

from .feedback import Feedback, Metrics, Reward

if TYPE_CHECKING:
    from pliant.study import Study


class Source(ABC):
    """Where a loop's trials come from, and where its rewards go; keeps the best in mind.

    Args:
      maximize: whether higher rewards are better.
    """

    def __init__(self, *, maximize: bool) -> None:
        self.maximize = maximize
        self.best_reward: float | None = None
        self.best_decisions: Decisions | None = None
        self.ended: str | None = None  # why there is no next trial, where it is the algorithm that has none
        self._front: ParetoFront | None = None  # of several objectives

    @abstractmethod
    def ask(self) -> Feedback | None:
        """Returns the feedback of the next trial, or None at the end."""

    @abstractmethod
    def report(self, id: int, decisions: Decisions, reward: float, step: float) -> bool:
        """Passes an intermediate reward on; returns whether the trial should stop."""

    @abstractmethod
    def tell(
        self, id: int, decisions: Decisions, reward: Reward | None, reason: str, *, metrics: Metrics
    ) -> bool:
        """Passes a reward on; or why there is none.  Returns whether the reward counts: not where a constraint is broken."""

    def close(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Gives back what was opened for the loop."""

    def note(self, decisions: Decisions, reward: Reward | None) -> None:
        """Keeps the best reward in mind; of several objectives there is no best one, but a front."""
        if reward.__class__ is float and (
            self.best_reward is None or self.is_better(reward, self.best_reward)
        ):
            self.best_reward, self.best_decisions = reward, decisions
        elif isinstance(reward, tuple):
            if self._front is None:
                self._front = ParetoFront()
            self._front.add(self.turn(reward), (decisions, reward))

    def front(self) -> list[tuple[Decisions, Reward]]:
        """Returns what nothing else beats: decisions and rewards, the best in the first objective first."""
        if self._front is not None:
            return [member.item for member in self._front]
        if self.best_decisions is None or self.best_reward is None:
            return []
        return [(self.best_decisions, self.best_reward)]

    def turn(self, reward: Reward) -> Any:
        """Returns a reward so that higher is better."""
        if self.maximize:
            return reward
        return tuple([-one for one in reward]) if isinstance(reward, tuple) else -reward

    def is_better(self, reward: Any, other: Any) -> bool:
        """Returns whether one reward is better than another."""
        return bool(reward > other if self.maximize else reward < other)


@final
class MemorySource(Source):
    """Trials from an algorithm, which alone remembers them."""

    def __init__(self, algorithm: Algorithm, trials: int | None, *, maximize: bool) -> None:
        super().__init__(maximize=maximize)
        self.algorithm = algorithm
        self.trials = trials
        self.count = 0
        self.arity: int | None = None  # how many numbers a reward has, once it is known

    def ask(self) -> Feedback | None:
        if self.trials is not None and self.count >= self.trials:
            return None
        try:
            decisions = self.algorithm.propose()
        except Exhausted as error:
            if not self.count:
                raise
            self.ended = str(error)
            return None
        self.count += 1
        return Feedback(self, self.count, decisions, parent=self.algorithm.parent(decisions))

    def report(self, id: int, decisions: Decisions, reward: float, step: float) -> bool:
        return self.algorithm.report(decisions, self.turn(reward), step=step)

    def tell(
        self, id: int, decisions: Decisions, reward: Reward | None, reason: str, *, metrics: Metrics
    ) -> bool:
        arity = self.arity if reward is None else check_arity(id, reward, self.arity)
        self.algorithm.feedback(decisions, None if reward is None else self.turn(reward))
        self.arity = arity
        return reward is not None


@final
class StudySource(Source):
    """Trials from a study, which keeps them in a file."""

    def __init__(self, study: Study, *, owned: bool) -> None:
        super().__init__(maximize=study.maximize)
        self.study = study
        self.owned = owned  # opened for this loop, to be closed when it ends
        for trial in study.front():
            self.note(trial.decisions, trial.told)

    def ask(self) -> Feedback | None:
        trial = self.study.ask()
        if trial is None:
            info = self.study.info()
            if info.exhausted:
                self.ended = (
                    self.study.exhaustion or "the algorithm of this study had nothing left to propose."
                )
            self.close()
            if self.ended and not info.proposed:
                raise Exhausted(self.ended)
            return None
        return Feedback(self, trial.id, trial.decisions, parent=trial.parent)

    def report(self, id: int, decisions: Decisions, reward: float, step: float) -> bool:
        return self.study.report(id, reward, step=step)

    def close(self) -> None:
        if self.owned:
            self.study.close()

    def tell(
        self, id: int, decisions: Decisions, reward: Reward | None, reason: str, *, metrics: Metrics
    ) -> bool:
        study = self.study
        ended = study.fail(id, reason) if reward is None else study.tell(id, reward, metrics=metrics)
        return ended.reason is None


def study_source(
    study: Any,
    template: Template,
    algorithm: Algorithm | None,
    *,
    trials: int | None,
    seed: int | None,
    maximize: bool | None,
) -> StudySource:
    """Returns the trials of a study, given or to be opened."""
    from pliant.study import Study  # brings SQLAlchemy, which most loops do not need
    from pliant.study.trials.check import check_space

    if not isinstance(study, Study):
        up = True if maximize is None else maximize
        study = Study.open_or_create(
            study, template.space, algorithm or Random(), trials=trials, seed=seed, maximize=up
        )
        template.space = study.space
        return StudySource(study, owned=True)
    given = {"algorithm": algorithm, "trials": trials, "seed": seed, "maximize": maximize}
    for name, value in given.items():
        if value is not None and not (name == "maximize" and value == study.maximize):
            raise FieldTypeError(
                f"an open study has its own {name}; leave out {name}={value!r:.80}, or pass the study's path as `study`."
            )
    check_space(study.path, study.space, template.space)
    template.space = study.space
    return StudySource(study, owned=False)
