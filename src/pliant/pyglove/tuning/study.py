"""``MemoryStudy``: the trials of one search in memory, shared by the workers of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, final

from pliant.values.errors import FieldValueError

from ..geno.dna import DNA
from ..geno.parts.attributes import AttributeDict
from .protocols import Measurement, RaceConditionError, Trial


@final
class MemoryStudy:
    """One search: an algorithm that proposes trials, the trials, and which group of workers has which.

    Args:
      name: its name, or None.
      dna_spec: the genotype.
      algorithm: what proposes, of PyGlove's kind.
      metrics_to_optimize: what the algorithm receives of each trial.
      policy: an early stopping policy, or None.
      num_examples: the most trials; None for no limit.
    """

    def __init__(
        self,
        name: str | None,
        dna_spec: Any,
        algorithm: Any,
        metrics_to_optimize: Sequence[str],
        *,
        policy: Any,
        num_examples: int | None,
    ) -> None:
        self.name, self.dna_spec, self.algorithm = name, dna_spec, algorithm
        self.metrics_to_optimize, self.policy = list(metrics_to_optimize), policy
        self.num_examples = num_examples
        self.lock = threading.RLock()
        self.trials: list[Trial] = []
        self.metadata = AttributeDict()
        self.is_active = True
        self.last_updated = datetime.now(UTC)
        self._pending: dict[Any, Trial] = {}
        self._started: dict[int, float] = {}

    def next_trial(self, group: Any) -> Trial:
        """Returns the trial that a group works on, or a new one; raises StopIteration at the end."""
        with self.lock:
            trial = self._pending.get(group)
            if self.is_active and trial is not None and trial.status == "PENDING":
                return trial
            while self.is_active and (self.num_examples is None or len(self.trials) < self.num_examples):
                trial = self._create(self.algorithm.propose())
                if "reward" not in trial.dna.metadata:
                    self._pending[group] = trial
                    return trial
                self._complete_at_once(trial, trial.dna.metadata["reward"])
            raise StopIteration

    def _create(self, dna: DNA) -> Trial:
        trial: Trial = Trial(id=len(self.trials) + 1, dna=dna, created_time=int(time.time()))
        self.trials.append(trial)
        self._started[trial.id] = time.monotonic()
        self._touch()
        return trial

    def _complete_at_once(self, trial: Trial, reward: Any) -> None:
        """Ends a trial whose reward the algorithm gave with the DNA."""
        values = list(reward) if isinstance(reward, (list, tuple)) else [reward]
        if len(values) != len(self.metrics_to_optimize):
            raise FieldValueError(
                f"The number of items in the reward ({len(values)}) that the algorithm gave does not match with the number of metrics to "
                f"optimize ({len(self.metrics_to_optimize)}). Give metrics_to_optimize=[...] to pg.sample, one name for each."
            )
        named = dict(zip(self.metrics_to_optimize, map(float, values), strict=True))
        number = named.pop("reward", None)
        if number is None and len(values) == 1:
            number = float(values[0])
        trial.measurements.append(Measurement(0, 0.0, number, named))
        self.complete(trial)

    def elapsed(self, trial: Trial) -> float:
        """Returns the seconds since the start of a trial."""
        return time.monotonic() - self._started.get(trial.id, time.monotonic())

    def add_measurement(self, trial: Trial, measurement: Measurement) -> None:
        """Adds a measurement to a trial that has not ended.

        Raises:
          RaceConditionError: the trial has ended.
        """
        with self.lock:
            if trial.status != "PENDING":
                raise RaceConditionError(
                    f"Measurements can only be added to PENDING trials. Trial {trial.id} is {trial.status}: it has ended already. "
                    "Use `with feedback.ignore_race_condition():` where several workers share a trial."
                )
            trial.measurements.append(measurement)
            self._touch()

    def complete(self, trial: Trial) -> None:
        """Ends a trial with its measurement at the largest step, which goes to the algorithm.

        Raises:
          FieldValueError: the trial has no measurement.
        """
        with self.lock:
            if trial.status != "PENDING":
                return
            if not trial.measurements:
                raise FieldValueError(
                    f"At least one measurement should be added for trial {trial.id}. Call feedback(reward), or feedback.skip()."
                )
            trial.final_measurement = max(reversed(trial.measurements), key=lambda one: one.step)
            self._end(trial)
            reward = trial.get_reward_for_feedback(self.metrics_to_optimize)
            if reward is not None:
                self.algorithm.feedback(trial.dna, reward)

    def skip(self, trial: Trial, reason: str | None) -> None:
        """Ends a trial without a result."""
        with self.lock:
            if trial.status != "PENDING":
                return
            trial.infeasible, trial.description = True, reason
            trial.final_measurement = Measurement(0, 0.0, 0.0)
            self._end(trial)
            tell = getattr(self.algorithm, "skip", None)
            if tell is not None:
                tell(trial.dna)

    def _end(self, trial: Trial) -> None:
        trial.status, trial.completed_time = "COMPLETED", int(time.time())
        self._touch()

    def should_stop_early(self, trial: Trial) -> bool:
        """Returns whether the policy gives a trial up."""
        with self.lock:
            return self.policy is not None and bool(self.policy.should_stop_early(trial))

    def end(self) -> None:
        """Ends the search."""
        with self.lock:
            self.is_active = False
            self._touch()

    def find_best(self) -> Trial | None:
        """Returns the trial with the highest reward; None without one."""
        with self.lock:
            best: tuple[float, Trial] | None = None
            for trial in self.trials:
                measured = trial.final_measurement
                if trial.status != "COMPLETED" or trial.infeasible or measured is None:
                    continue
                reward = measured.reward
                if (
                    reward is not None and reward == reward and (best is None or reward > best[0])
                ):  # NaN is not
                    best = (reward, trial)
            return best[1] if best is not None else None

    def _touch(self) -> None:
        self.last_updated = datetime.now(UTC)
