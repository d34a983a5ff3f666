"""``Follower``: reads what is new in a study since the last look, so that a look is quick in a study of any length."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import final

from pliant.study import Trial, View
from pliant.study.trials.trial import INTERRUPTED
from pliant.tune.result import Tally
from pliant.values.exceptions import one_line


@final
class Follower:
    """Counts and times of the trials of a study, up to the last ``read``.

    Attributes:
      tally: how many trials ended and failed, and the best.
      running: the running trials, by id.
      ended: when each trial ended, as seconds since the epoch, in the order in which they were read.
      rewards: the first reward of each trial that has one, by id.
      reasons: how many trials failed, by cause and first line of the reason.
      started: when the first trial started, as seconds since the epoch; None before it.
    """

    def __init__(self, study: View) -> None:
        self._study = study
        self._last = 0  # the largest id that was read
        self.tally = Tally(maximize=study.maximize)
        self.running: dict[int, Trial] = {}
        self.ended: list[float] = []
        self.rewards: dict[int, float] = {}
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.started: float | None = None

    def read(self) -> None:
        """Reads the trials that are new, and those that were running at the last look."""
        now_running = {trial.id: trial for trial in self._study.trials("running")}
        for trial_id in [one for one in self.running if one not in now_running]:
            del self.running[trial_id]
            self._note(self._study.trial(trial_id))
        self.running.update({one: trial for one, trial in now_running.items() if one in self.running})
        for trial in self._study.trials(after=self._last):
            self._last = trial.id
            self.started = to_seconds(trial.started) if self.started is None else self.started
            self._note(trial)

    def _note(self, trial: Trial) -> None:
        if trial.ended is None:
            self.running[trial.id] = trial
            return
        self.ended.append(to_seconds(trial.ended))
        told = trial.told
        space = trial.decisions.space
        if space is not self._study.space and space != self._study.space:  # from before a change of the space
            self.tally.done += 1
            self.tally.failed += told is None
        else:
            self.tally.add(trial.id, trial.decisions, told)
            if told is not None:
                self.rewards[trial.id] = told[0] if isinstance(told, tuple) else told
        if told is None:
            self.reasons[trial.cause or "error", one_line(trial.reason or "")] += 1


def is_waiting(trial: Trial) -> bool:
    """Returns whether a running trial has no worker at present: it will be handed out again."""
    return trial.cause == INTERRUPTED or trial.reason is not None


def to_seconds(time: str) -> float:
    """Returns a time in ISO 8601 as seconds since the epoch."""
    return datetime.fromisoformat(time).timestamp()
