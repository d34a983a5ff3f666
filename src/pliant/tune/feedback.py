"""``Feedback``: receives the reward of one trial of a search loop."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, final

from pliant.algorithms.rewards import check_number, check_step, check_told
from pliant.space import Decisions
from pliant.values.errors import FeedbackError, FieldTypeError, quote
from pliant.values.exceptions import catching, check_exceptions

if TYPE_CHECKING:
    from pliant.study import Cause

    from .files import TrialFiles

Reward = float | tuple[float, ...]
Metrics = Mapping[str, float] | None


class Receiver(Protocol):
    """Receives the feedback of a trial: a source of trials, or a part of one in another process."""

    def report(self, trial: Feedback, reward: float, step: float, /) -> bool:
        """Receives an intermediate reward; returns whether the trial should stop."""

    def tell(self, trial: Feedback, told: Told, /) -> bool:
        """Receives the reward; returns whether it counts."""

    def end(self, trial: Feedback, told: Told, /, *, counts: bool) -> None:
        """Notes that the trial has ended."""


class Told(NamedTuple):
    """The feedback of a trial: its reward, or why it has none; and other metrics."""

    reward: Reward | None
    reason: str = ""
    metrics: Metrics = None
    cause: Cause = "skipped"  # of a failure


@final
class Feedback:
    """Receives the reward of one trial: call it with the reward, once per turn of the loop.

    A long trial may report intermediate rewards, and stop when the algorithm asks for it::

        for program, feedback in pg.sample(space, "median-stopping"):
            for epoch, accuracy in enumerate(train(program), 1):
                if feedback.report(accuracy, step=epoch):
                    break
            feedback(accuracy)

    Attributes:
      id: the number of the trial, from 1.
      decisions: what was decided.
      parent: the decisions of the earlier trial that this trial continues, for algorithms that promote or copy trials; None
        where training starts from the beginning. ``folder`` then starts as a copy of that trial's folder.
      should_stop: whether a report of this trial was answered with a stop.
    """

    __slots__ = ("_files", "_source", "decisions", "id", "parent", "should_stop")

    def __init__(
        self,
        source: Receiver,
        id: int,
        decisions: Decisions,
        *,
        parent: Decisions | None,
        files: TrialFiles | None = None,
    ) -> None:
        # Not the search, which refers to this: a loop that is left must be freed at once.
        self._source: Receiver | None = source
        self.id = id
        self.decisions = decisions
        self.parent = parent
        self.should_stop = False
        self._files = files

    def save(self, name: str, source: object) -> None:
        """Saves a file of this trial under a name, to be read after the search: ``search.best.artifact("weights.pt")``.

        It is complete on the disk when the call returns. A second file of this name replaces the first::

            def evaluate(network, feedback):
                accuracy = train(network)
                torch.save(network.state_dict(), feedback.folder / "weights.pt")
                feedback.save("weights.pt", feedback.folder / "weights.pt")
                return accuracy

        Args:
          name: such as ``weights.pt`` or ``plots/loss.png``: a relative path, which is never used as a path where it is stored.
          source: the path of a file, or its content as bytes.

        Raises:
          FieldTypeError, FieldValueError: the name is not allowed; the file does not exist, or is larger than the limit of the search.
          FeedbackError: this trial has its feedback already.
          StudyError: it cannot be stored, such as on a full disk.
        """
        if self._source is None:
            raise FeedbackError(
                f"trial {self.id} has its feedback already, so it cannot save files; call feedback.save before feedback."
            )
        self._open_files().save(name, source)

    @property
    def folder(self) -> Path:
        """A folder for this trial, in which it can go on after a crash.

        A trial that is tried again gets the folder of its last attempt, with all files in it; its path is another one, so that a
        worker that was given up cannot write there. A trial with a ``parent`` starts with a copy of the parent's folder. So the same
        lines resume a trial and continue a parent::

            checkpoint = feedback.folder / "checkpoint.pt"
            start = 0
            if checkpoint.exists():
                state = torch.load(checkpoint, weights_only=True)
                network.load_state_dict(state["network"])
                start = state["epoch"] + 1

        Where artifacts are stored at a URL, the folder is a temporary one, and its files are stored at each ``report`` and at the end.

        Raises:
          StudyError: it cannot be made, or a later attempt of this trial has it.
        """
        return self._open_files().folder

    @property
    def parent_id(self) -> int | None:
        """The id of the trial that this trial continues; None without a ``parent``."""
        return None if self._files is None else self._files.parent

    def report(self, reward: Any, *, step: float) -> bool:
        """Reports an intermediate reward; returns whether this trial should stop now.

        Call feedback with the final reward as well, also after a stop.  Algorithms that stop no trial return False.

        Args:
          reward: a finite number.
          step: how far the trial is, in any unit that grows; of two reports for one step the last counts.

        Raises:
          RewardError: the reward or the step is not a finite number.
          FeedbackError: this trial has its feedback already.
        """
        if self._source is None:
            raise FeedbackError(
                f"trial {self.id} has its feedback already, so it cannot report; call feedback.report before feedback."
            )
        number, at = check_number(reward, takes_bool=False), check_step(step)
        if self._files is not None:
            self._files.synchronize()
        stop = self._source.report(self, number, at)
        self.should_stop = self.should_stop or stop
        return stop

    def __call__(self, reward: Any, *, metrics: Metrics = None) -> None:
        """Records the reward of this trial.

        Args:
          reward: a finite number; a tuple of them for several objectives.
          metrics: other numbers that the trial measured, by name; a study stores them, and checks its constraints.

        Raises:
          RewardError: the reward or a metric is not a finite number; the trial stays open.
          FieldTypeError: the metrics are not a mapping with names.
          FeedbackError: this trial has its feedback already.
        """
        checked = check_reward(reward)
        if metrics is not None and self._source is not None:
            from pliant.study.trials.constraint import check_metrics  # loops without metrics need no study

            metrics = check_metrics(self.id, metrics)
        self._tell(Told(checked, metrics=metrics))

    def skip(self, reason: str = "", *, cause: Cause = "skipped") -> None:
        """Ends this trial without a reward: it failed, or its program cannot be built (*infeasible*).

        Args:
          reason: why, for people who read the study.
          cause: the kind of failure, for programs, such as ``error``; one of ``pliant.study.Cause``.

        Raises:
          FeedbackError: this trial has its feedback already.
        """
        if not isinstance(reason, str):
            raise FieldTypeError(
                f"skip takes the reason as text, such as 'out of memory'; got {quote(reason)}."
            )
        self._tell(Told(None, reason or "skipped", cause=cause))

    infeasible = skip

    def catch(self, *exceptions: type[Exception]) -> AbstractContextManager[None]:
        """Returns a context in which an exception of these types ends only this trial: it failed, and the loop goes on.

        The reason of the trial is the type and the text of the exception.  Others propagate, and so does one after the feedback::

            for program, feedback in pg.sample(space, trials=100):
                with feedback.catch(MemoryError, ValueError):
                    feedback(train(program))

        Raises:
          FieldTypeError: one is not a type of exceptions, or one that ends the program, such as ``KeyboardInterrupt``.
        """
        return catching(check_exceptions(exceptions, "feedback.catch"), self._fail)

    @property
    def is_told(self) -> bool:
        """Whether this trial has its feedback."""
        return self._source is None

    def keep_weights(self, program: Any) -> None:
        """Saves the weights of the program of this trial, where the search keeps them.  Searches call this."""
        if self._files is not None:
            self._files.keep_weights(program)

    def _open_files(self) -> TrialFiles:
        if self._files is None:
            raise FeedbackError(
                f"the search of trial {self.id} stores no files. Save and read files in trials of pg.search and pg.sample."
            )
        return self._files

    def _fail(self, error: Exception) -> bool:
        from .worker import describe_failure  # brings the launchers

        if self.is_told:
            return False
        failure = describe_failure(error)
        self.skip(failure["failed"], cause=failure["cause"])
        return True

    def _tell(self, told: Told) -> None:
        source = self._source
        if source is None:
            raise FeedbackError(
                f"trial {self.id} has its feedback already; call feedback once per turn of the loop. "
                "Return several numbers as metrics: feedback(reward, metrics={...})."
            )
        if self._files is not None:  # before the reward, so that a result always has its files
            self._files.synchronize()
        counts = source.tell(self, told)
        self._source = None  # so that a study is free when only this is left of its loop
        source.end(self, told, counts=counts)


def check_reward(reward: Any) -> Reward:
    """Returns a reward of a search loop as a float or a tuple of floats; see ``check_told``."""
    return check_told(reward, takes_bool=False)
