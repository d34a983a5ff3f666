"""Trials, measurements and results, and ``Feedback``, which a search loop reports to."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from pliant.values.errors import FieldValueError, PliantError

from ..geno.dna import DNA
from ..symbolic import Object
from ..values.formatting import Formattable

Status = Literal["UNKNOWN", "REQUESTED", "PENDING", "COMPLETED", "DELETED", "STOPPING"]


class RaceConditionError(PliantError, RuntimeError):
    """Two workers changed one trial: one finished it, and the other reported to it afterwards."""


class _Record(Object):
    """A symbolic object whose fields may be assigned."""

    allow_symbolic_assignment = True


class Measurement(_Record):
    """What was measured of a trial at one step.

    Attributes:
      step: the step, such as the epoch.
      elapse_secs: seconds since the start of the trial.
      reward: the reward, or the one metric that is optimized; None where several are.
      metrics: further numbers by name.
      checkpoint_path: where a checkpoint is.
    """

    step: int
    elapse_secs: float
    reward: float | None = None
    metrics: dict[str, float] | None = None
    checkpoint_path: str | None = None


class Trial(_Record):
    """One evaluation of one DNA.

    Attributes:
      id: its number, from 1.
      description: why it was skipped, or None.
      dna: the decisions.
      status: ``"PENDING"`` or ``"COMPLETED"``; other back-ends have further ones.
      final_measurement: that of the largest step, when it is completed.
      infeasible: whether it was skipped.
      measurements: all, in order.
      metadata: data by name.
      related_links: URLs by name.
      created_time: seconds since 1970.
      completed_time: seconds since 1970.
    """

    id: int
    description: str | None = None
    dna: DNA = DNA()
    status: Status = "PENDING"
    final_measurement: Measurement | None = None
    infeasible: bool = False
    measurements: list[Measurement] = []  # noqa: RUF012  # a default of a field is copied
    metadata: dict[str, Any] = {}  # noqa: RUF012  # a default of a field is copied
    related_links: dict[str, str] = {}  # noqa: RUF012  # a default of a field is copied
    created_time: int = 0
    completed_time: int | None = None

    def get_reward_for_feedback(self, metric_names: Sequence[str] | None = None) -> Any:
        """Returns what an algorithm receives: the reward, or the values of metrics; None for a trial without a result.

        Args:
          metric_names: ``"reward"`` or names of metrics; several give a tuple.

        Raises:
          FieldValueError: the trial has no such metric.
        """
        measured = self.final_measurement
        if self.status != "COMPLETED" or self.infeasible or measured is None:
            return None
        names = ["reward"] if metric_names is None else list(metric_names)
        found = []
        for name in names:
            value = measured.reward if name == "reward" else (measured.metrics or {}).get(name)
            if value is None:
                raise FieldValueError(
                    f"Metric {name!r} does not exist in the final measurement of trial {self.id}. Report it with `metrics={{...}}`."
                )
            found.append(value)
        return found[0] if len(found) == 1 else tuple(found)


class Result(Formattable):
    """What a search has found so far; it stays up to date."""

    @property
    @abstractmethod
    def metadata(self) -> dict[str, Any]:
        """The data of the search by name."""

    @property
    @abstractmethod
    def is_active(self) -> bool:
        """Whether the search goes on."""

    @property
    @abstractmethod
    def last_updated(self) -> Any:
        """When the search changed last, a ``datetime``."""

    @property
    @abstractmethod
    def trials(self) -> list[Trial]:
        """All trials."""

    @property
    @abstractmethod
    def best_trial(self) -> Trial | None:
        """The trial with the highest reward; None without one."""


class Feedback(ABC):
    """What a search loop reports of one trial: measurements, the end, data and links.

    ``feedback(reward)`` reports a measurement and ends the trial.
    """

    def __init__(self, metrics_to_optimize: Sequence[str]) -> None:
        self._metrics_to_optimize = list(metrics_to_optimize)

    @property
    @abstractmethod
    def id(self) -> int:
        """The number of the trial, from 1."""

    @property
    @abstractmethod
    def dna(self) -> DNA:
        """The decisions of the trial."""

    @property
    @abstractmethod
    def checkpoint_to_warm_start_from(self) -> str | None:
        """A checkpoint to start from, or None."""

    @abstractmethod
    def get_trial(self) -> Trial:
        """Returns the trial as it is now."""

    @abstractmethod
    def set_metadata(self, key: str, value: Any, per_trial: bool = True) -> None:
        """Keeps a value with the trial, or without ``per_trial`` with the search."""

    @abstractmethod
    def get_metadata(self, key: str, per_trial: bool = True) -> Any:
        """Returns a value that ``set_metadata`` kept; None without one."""

    @abstractmethod
    def add_link(self, name: str, url: str) -> None:
        """Keeps a link with the trial."""

    @abstractmethod
    def done(
        self, metadata: dict[str, Any] | None = None, related_links: dict[str, str] | None = None
    ) -> None:
        """Ends the trial: its measurement at the largest step goes to the algorithm.  A trial that has ended stays as it is.

        Args:
          metadata: data to keep with the trial.
          related_links: links to keep with the trial.

        Raises:
          FieldValueError: the trial has no measurement.
        """

    @abstractmethod
    def skip(self, reason: str | None = None) -> None:
        """Ends the trial without a result: the algorithm receives no reward for it."""

    @abstractmethod
    def should_stop_early(self) -> bool:
        """Returns whether the early stopping policy gives the trial up."""

    @abstractmethod
    def end_loop(self) -> None:
        """Ends the search for all workers after their current trials."""

    @abstractmethod
    def _add_measurement(self, measurement: Any) -> None:
        """Adds a measurement that was checked."""

    @abstractmethod
    def _elapsed(self) -> float:
        """Returns the seconds since the start of the trial."""

    def add_measurement(
        self,
        reward: Any = None,
        metrics: dict[str, float] | None = None,
        step: int = 0,
        checkpoint_path: str | None = None,
        elapse_secs: float | None = None,
    ) -> None:
        """Reports a measurement; several may be reported before the trial ends.

        Args:
          reward: the reward, or one number for each metric that is optimized.
          metrics: further numbers by name.
          step: the step, such as the epoch.
          checkpoint_path: where a checkpoint is.
          elapse_secs: seconds since the start of the trial; None measures it.

        Raises:
          FieldValueError: a metric that is optimized is missing, or one is given twice.
          RaceConditionError: the trial has ended.
        """
        number, found = self._sort_out(reward, metrics or {})
        self._add_measurement(
            Measurement(
                int(step),
                self._elapsed() if elapse_secs is None else float(elapse_secs),
                number,
                found,
                checkpoint_path,
            )
        )

    def _sort_out(self, reward: Any, given: dict[str, float]) -> tuple[float | None, dict[str, float]]:
        """Returns the reward and the metrics as they are optimized."""
        names = self._metrics_to_optimize
        metrics = {name: float(value) for name, value in given.items()}
        if isinstance(reward, (list, tuple)) or getattr(reward, "shape", ()) != ():
            values = [float(value) for value in reward]
            if len(values) != len(names):
                raise FieldValueError(
                    f"The number of items in the reward ({len(values)}) does not match with the number of metrics to optimize "
                    f"({len(names)}: {', '.join(names)}). Give metrics_to_optimize=[...] to pg.sample, one name for each."
                )
            reward = None
            for name, value in zip(names, values, strict=True):
                if name == "reward":
                    reward = value
                elif metrics.setdefault(name, value) != value:
                    raise FieldValueError(
                        f"The value for metric {name!r} is provided from both the reward ({value}) and the metrics ({metrics[name]}) "
                        "with different values. Give it once."
                    )
        for name in names:
            if name == "reward" and reward is None:
                raise FieldValueError(
                    "'reward' must be provided as it is a goal to optimize. Call feedback(reward)."
                )
            if name != "reward" and name not in metrics:
                raise FieldValueError(
                    f"Metric {name!r} must be provided as it is a goal to optimize. Give metrics={{{name!r}: ...}}."
                )
        if len(names) == 1 and names[0] != "reward":
            if reward is not None:
                raise FieldValueError(
                    f"'reward' ({reward}) is provided while it is not a goal to optimize: {', '.join(names)}. Leave it out."
                )
            reward = metrics[names[0]]
        return None if reward is None else float(reward), metrics

    def __call__(
        self,
        reward: Any = None,
        metrics: dict[str, float] | None = None,
        step: int = 0,
        checkpoint_path: str | None = None,
        metadata: dict[str, Any] | None = None,
        related_links: dict[str, str] | None = None,
    ) -> None:
        """Reports a measurement, and ends the trial; arguments as in ``add_measurement`` and ``done``."""
        self.add_measurement(reward, metrics, step, checkpoint_path)
        self.done(metadata, related_links)

    @contextmanager
    def skip_on_exceptions(self, exceptions: Sequence[Any]) -> Iterator[None]:
        """Skips the trial if one of these errors is raised inside a ``with`` block.

        Args:
          exceptions: classes of errors, or pairs of a class and a regular expression that the message contains.
        """
        try:
            yield
        except Exception as error:
            if not any(_matches(error, expected) for expected in exceptions):
                raise
            self.skip(f"{type(error).__name__}: {error}")

    @contextmanager
    def ignore_race_condition(self) -> Iterator[None]:
        """Ignores ``RaceConditionError`` inside a ``with`` block."""
        try:
            yield
        except RaceConditionError:
            return


def _matches(error: Exception, expected: Any) -> bool:
    kind, pattern = expected if isinstance(expected, tuple) else (expected, None)
    return isinstance(error, kind) and (pattern is None or re.search(pattern, str(error)) is not None)
