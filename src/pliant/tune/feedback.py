"""``Feedback``: receives the reward of one trial in a search loop; checks rewards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, final

from pliant.algorithms.base import LARGEST, check_size, check_step
from pliant.space import Decisions
from pliant.values.errors import FeedbackError, FieldTypeError, RewardError

if TYPE_CHECKING:
    from .source import Source

Reward = float | tuple[float, ...]
Metrics = Mapping[str, float] | None


@final
class Feedback:
    """What one turn of the loop says about its program: call it with the reward, once.

    A program that takes long may report how good it is on its way, and stop when the algorithm says so::

        for program, feedback in pg.sample(space, pg.generators.MedianStopping()):
            for epoch, accuracy in enumerate(train(program), 1):
                if feedback.report(accuracy, step=epoch):
                    break
            feedback(accuracy)

    Attributes:
      id: the number of the trial, from 1.
      decisions: what was decided.
      parent: the decisions of the earlier trial from whose result this one should go on (load the checkpoint that it
        saved), for algorithms that promote or copy trials; None where training begins anew.
      should_stop: whether a report in this turn was answered with a stop.
    """

    __slots__ = ("_source", "decisions", "id", "parent", "should_stop")

    def __init__(self, source: Source, id: int, decisions: Decisions, *, parent: Decisions | None) -> None:
        self._source: Source | None = (
            source  # not the search, which refers to this: a loop that is left must end at once
        )
        self.id = id
        self.decisions = decisions
        self.parent = parent
        self.should_stop = False

    def report(self, reward: Any, *, step: float) -> bool:
        """Tells how good this trial is so far; returns whether it should stop now.

        The final reward is told all the same. Algorithms that stop no trial always answer False.

        Args:
          reward: a finite number.
          step: how far the trial is, in any unit that grows; of two reports for one step the last counts.

        Raises:
          RewardError: the reward or the step is no finite number.
          FeedbackError: this trial was told already.
        """
        if self._source is None:
            raise FeedbackError(
                f"trial {self.id} has its feedback already, so it reports no more; call feedback.report before feedback."
            )
        stop = self._source.report(self.id, self.decisions, _check_number(reward, reward), check_step(step))
        self.should_stop = self.should_stop or stop
        return stop

    def __call__(self, reward: Any, *, metrics: Metrics = None) -> None:
        """Tells the reward of this trial.

        Args:
          reward: a finite number; a tuple of them for an algorithm of several objectives.
          metrics: other numbers that it measured, by name, for a study: kept there, and held to its constraints.

        Raises:
          RewardError: it is no finite number; the trial stays open.
          FeedbackError: this trial was told already.
        """
        self._tell(check_reward(reward), "", metrics)

    def skip(self, reason: str = "") -> None:
        """Ends this trial without a reward: it failed, or its program cannot be built (*infeasible*).

        Args:
          reason: why, for whoever reads the study.

        Raises:
          FeedbackError: this trial was told already.
        """
        if not isinstance(reason, str):
            raise FieldTypeError(
                f"skip takes the reason as text, such as 'out of memory'; got {reason!r:.80}."
            )
        self._tell(None, reason or "skipped")

    infeasible = skip

    @property
    def is_told(self) -> bool:
        """Whether this trial has its feedback."""
        return self._source is None

    def _tell(self, reward: Reward | None, reason: str, metrics: Mapping[str, float] | None = None) -> None:
        source = self._source
        if source is None:
            raise FeedbackError(
                f"trial {self.id} has its feedback already; call feedback once per turn of the loop "
                "(to say more about a trial, tell it before, or start another trial)."
            )
        counts = source.tell(self.id, self.decisions, reward, reason, metrics=metrics)
        source.note(self.decisions, reward if counts else None)
        self._source = None  # so that a study is free when only this is left of its loop


def check_reward(reward: Any) -> Reward:
    """Returns a reward as a float or a tuple of floats.

    Raises:
      RewardError: it is no finite number.
    """
    if reward.__class__ is float and -LARGEST <= reward <= LARGEST:
        return float(reward)
    if isinstance(reward, (tuple, list)) and reward:
        return tuple([_check_number(r, reward) for r in reward])
    return _check_number(reward, reward)


def _check_number(value: Any, reward: Any) -> float:
    """Returns a number of any library as a float; ``reward`` is all that was told."""
    number = math.nan
    if not isinstance(value, (bool, str, bytes)):
        with suppress(TypeError, ValueError, OverflowError, RuntimeError):
            number = float(value)
    if math.isfinite(number):
        return check_size(number)
    raise RewardError(
        f"a reward is a finite number, or a tuple of them; got {reward!r:.80} of type {type(reward).__name__}. "
        "For a trial that failed or diverged, call feedback.skip('why')."
    )
