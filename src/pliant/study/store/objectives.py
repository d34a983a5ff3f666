"""What a study of several objectives adds to reading its record: how many there are, and the Pareto front.

Rewards are compared here, never written.
"""

from __future__ import annotations

import sqlalchemy as sa

from pliant.algorithms.objectives import ParetoFront

from ..trials.trial import Trial
from .record import Record
from .rows import read_rewards
from .tables import HAS_SEVERAL, trials

_several = sa.select(trials.c.id, trials.c.rewards).where(HAS_SEVERAL).order_by(trials.c.id)
_one = sa.select(trials.c.id).where(trials.c.reward.is_not(None)).limit(1)


def count_objectives(record: Record) -> int | None:
    """Returns how many rewards each trial has; None while none has any."""
    first = record.connection.execute(_several.limit(1)).one_or_none()
    if first is not None:
        return len(read_rewards(record.path, *first))
    return None if record.connection.execute(_one).scalar() is None else 1


def find_front(record: Record, *, maximize: bool) -> list[Trial]:
    """Returns the trials that no other beats in all objectives, the best in the first objective first.

    With one objective that is the best trial; of equal rewards it is the earliest.
    """
    if (count_objectives(record) or 1) == 1:
        return record.best(1, maximize=maximize)
    front, sign = ParetoFront(), 1.0 if maximize else -1.0
    for trial_id, text in record.connection.execute(_several):
        front.add(tuple([sign * reward for reward in read_rewards(record.path, trial_id, text)]), trial_id)
    found = [record.find_trial(member.item) for member in front]
    return [trial for trial in found if trial is not None]
