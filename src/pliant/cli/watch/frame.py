"""``Frame``: what a view of a study shows at one time, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pliant.study import Trial, View
from pliant.tune.text import list_decisions, say

from .follow import Follower, is_waiting, to_seconds

RECENT = 50  # trials that the throughput and the remaining time follow from
COLUMNS = 48  # of the history
BLOCKS, PLAIN_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*#@"


@final
@dataclass(frozen=True, slots=True)
class Running:
    """A running trial.

    Attributes:
      id: the number of the trial.
      worker: its worker, or that it waits for one.
      seconds: since it was handed out.
      report: its last report, as text; empty without.
    """

    id: int
    worker: str
    seconds: float
    report: str = ""


@final
@dataclass(frozen=True, slots=True)
class Frame:
    """What is known of a study at one time.

    Attributes:
      name: of the study.
      state: ``complete``, ``paused``, ``running``, ``not running`` or ``new``.
      algorithm: as text.
      done: how many trials ended.
      failed: how many of them have no reward.
      total: how many trials there will be; None without a limit.
      seconds: from the first trial until now, or until the last end of a trial where no process has the study open.
      rate: trials per second, of late; None before the second.
      left: the seconds that remain at this rate; None if unknown.
      best: the best reward and its trial as text.
      decisions: those of the best trial, as names and values.
      metrics: of the best trial, likewise.
      history: the rewards over the trials: the best of each part; None for a part without.
      running: the running trials, the longest first.
      reasons: cause, reason and number of failed trials, the most frequent first.
    """

    name: str
    state: str
    algorithm: str
    done: int
    failed: int
    total: int | None
    seconds: float
    rate: float | None
    left: float | None
    best: str
    decisions: tuple[tuple[str, str], ...]
    metrics: tuple[tuple[str, str], ...]
    history: tuple[float | None, ...]
    running: tuple[Running, ...]
    reasons: tuple[tuple[str, str, int], ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to evaluate."""
        return self.state == "complete"


def make_frame(study: View, follower: Follower, now: float) -> Frame:
    """Reads what is new in a study, and returns what to show of it at a time, in seconds since the epoch."""
    follower.read()
    info, tally = study.info(), follower.tally
    is_held = info.holder is not None and not info.holder.endswith("which has died")
    state = "complete" if info.is_complete else "running" if is_held else "not running"
    state = "new" if state == "not running" and not info.proposed else state
    state = "paused" if info.paused is not None and not info.is_complete else state
    end = now if state == "running" or not follower.ended else max(follower.ended)
    rate = _find_rate(follower, end)
    total = tally.done if info.exhausted and info.is_complete else info.budget
    left = None
    if state == "running" and rate and total is not None:
        left = max(total - tally.done, 0) / rate
    best = None if tally.best_id is None else study.trial(tally.best_id)
    return Frame(
        name=info.name,
        state=state,
        algorithm=info.algorithm,
        done=tally.done,
        failed=tally.failed,
        total=total,
        seconds=0.0 if follower.started is None else max(end - follower.started, 0.0),
        rate=rate,
        left=left,
        best=tally.best_text,
        decisions=() if best is None else tuple(list_decisions(best.decisions, 60)),
        metrics=() if best is None else tuple((name, say(value)) for name, value in best.metrics.items()),
        history=_find_history(follower.rewards, maximize=study.maximize),
        running=tuple(_list_running(follower.running, now)),
        reasons=tuple((*key, count) for key, count in follower.reasons.most_common()),
    )


def draw_history(history: tuple[float | None, ...], blocks: str = BLOCKS) -> str:
    """Returns rewards as a line of blocks, higher for higher rewards; a blank for a part without rewards.

    >>> draw_history((0.0, 0.5, None, 1.0), PLAIN_BLOCKS)
    '_= @'
    """
    known = [one for one in history if one is not None]
    low, span = min(known, default=0.0), (max(known, default=0.0) - min(known, default=0.0)) or 1.0
    last = len(blocks) - 1
    return "".join(" " if one is None else blocks[int((one - low) / span * last)] for one in history)


def _find_rate(follower: Follower, end: float) -> float | None:
    """Returns how many trials end in a second, by the last ones and the time since then."""
    recent = sorted(follower.ended[-RECENT - 1 :])
    if not recent or follower.started is None:
        return None
    start, count = (recent[0], len(recent) - 1) if len(recent) > RECENT else (follower.started, len(recent))
    return count / max(end - start, 1e-3)


def _find_history(rewards: dict[int, float], *, maximize: bool) -> tuple[float | None, ...]:
    """Returns the best reward in each of some equal parts of the trials, in their order."""
    if not rewards:
        return ()
    first, last = min(rewards), max(rewards)
    size = max(-(-(last - first + 1) // COLUMNS), 1)
    parts: list[float | None] = [None] * ((last - first) // size + 1)
    choose = max if maximize else min
    for trial_id, reward in rewards.items():
        place = (trial_id - first) // size
        known = parts[place]
        parts[place] = reward if known is None else choose(known, reward)
    return tuple(parts)


def _list_running(running: dict[int, Trial], now: float) -> list[Running]:
    found = []
    for trial in running.values():
        last = trial.reports[-1] if trial.reports else None
        report = "" if last is None else f"step {last.step:g}: {say(last.reward)}"
        worker = (
            "waits to be handed out again"
            if is_waiting(trial)
            else trial.worker or "a process without a name"
        )
        found.append(Running(trial.id, worker, max(now - to_seconds(trial.started), 0.0), report))
    return sorted(found, key=lambda one: (-one.seconds, one.id))
