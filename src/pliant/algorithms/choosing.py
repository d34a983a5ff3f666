"""Which algorithm suits a search: rules over plain facts, the same for the same facts.  ``Auto`` follows them.

Nothing is measured here.  How long a proposal takes is predicted from counts, so that a search can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

Method = Literal["Bayesian", "TPE", "RegularizedEvolution", "NSGA2"]

SHARE = 0.02
"""The part of the time of a trial that proposing the next one may take."""
LONG = 500
"""Up to this number of trials a model of all trials proposes."""
VERY_LONG = 5_000
"""From this number of trials on, evolution proposes."""
POPULATION = 50
"""The population of evolution after a long history: the best trials so far."""
_BASE, _PER_ROW, _ROWS = 0.010, 0.0001, 400  # seconds of a proposal of Bayesian


@final
@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a search.

    Attributes:
      told: how many trials have ended.
      pending: how many trials are running.
      objectives: of each reward; None before the first.
      seconds: how long a trial takes, in the median; None if it is not known.
      is_exhausted: whether everything in the space was proposed.
    """

    told: int = 0
    pending: int = 0
    objectives: int | None = None
    seconds: float | None = None
    is_exhausted: bool = False


def choose(facts: Facts) -> tuple[Method, str]:
    """Returns the algorithm for a search, and why, as the end of a line.

    >>> choose(Facts(told=40, objectives=1, seconds=30.0))
    ('Bayesian', 'one objective, and a trial takes 30 s, more than 50 times the 0.014 s of a proposal')
    >>> choose(Facts(told=40, objectives=1, seconds=0.2))
    ('TPE', 'one objective, and 2 % of a trial of 0.2 s is less than a proposal of Bayesian takes (0.014 s)')
    >>> choose(Facts(told=5_000, objectives=1))
    ('RegularizedEvolution', 'one objective, and at least 5000 trials')
    """
    count = facts.objectives or 1
    known = f"{count} objectives" if count > 1 else "one objective"
    known = known if facts.objectives else "one objective is assumed until the first reward"
    if facts.is_exhausted:
        return "TPE", f"{known}, and all of the space was proposed, so decisions are repeated"
    if facts.told >= VERY_LONG:
        return ("NSGA2" if count > 1 else "RegularizedEvolution"), f"{known}, and at least {VERY_LONG} trials"
    if facts.told >= LONG:
        return "TPE", f"{known}, and at least {LONG} trials"
    cost = count * predict_seconds(facts.told + facts.pending)
    if facts.seconds is None:
        return "Bayesian", f"{known}, and fewer than {LONG} trials"
    each = facts.seconds / max(1, facts.pending)  # with so many workers, a proposal is wanted this often
    at_once = f" on {facts.pending} workers" if facts.pending > 1 else ""
    if cost <= SHARE * each:
        why = f"a trial takes {facts.seconds:.3g} s{at_once}, more than {1 / SHARE:g} times the {cost:.2g} s of a proposal"
        return "Bayesian", f"{known}, and {why}"
    why = f"{SHARE:.0%} of a trial of {facts.seconds:.3g} s{at_once} is less than a proposal of Bayesian takes ({cost:.2g} s)"
    return "TPE", f"{known}, and {why.replace('%', ' %')}"


def predict_seconds(rows: int) -> float:
    """Returns how long a proposal of ``Bayesian`` takes with this number of trials, in seconds of an ordinary core."""
    return _BASE + _PER_ROW * min(rows, _ROWS)
