"""An upper bound of the regret of a search: how much better than its best trial a program can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pliant.space import Decisions

from .. import twister
from .candidates import maximize
from .encoding import Encoding
from .process import Posterior, Process

_RISK = 0.1  # the probability that the bound does not hold
_SCALE = 5.0  # beta is divided by this, as its theory is pessimistic
_STARTS = 5
_MOST = 400  # observations of the process: the best half, and the newest of the others


def bound_regret(decisions: Sequence[Decisions], rewards: Sequence[Any]) -> float:
    """Returns the highest upper confidence bound of the space minus the highest lower one of the trials.

    Makarova et al., "Automatic termination for hyperparameter optimization", AutoML 2022.  beta is
    2 log(d t^2 pi^2 / (6 risk)) / 5 for d holes and t trials, as in Optuna's terminator.  In units of the rewards;
    infinite while all rewards are equal, which say nothing of their scale.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("x", 4)])
    >>> bound_regret([space.parse([i]) for i in (0, 1, 2, 3)], [0.0, 1.0, 3.0, 2.0]) < 2.0
    True

    Args:
      decisions: of trials with a reward, of one space.
      rewards: a number each, higher is better.
    """
    values = np.array(rewards, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    if len(order) > _MOST:
        order = np.concatenate([order[: _MOST // 2], np.sort(order[_MOST // 2 :])[-_MOST // 2 :]])
    space = decisions[0].space
    chosen, known = [decisions[place] for place in order], values[order]
    centre, spread = float(known.mean()), float(known.std())
    if spread <= 1e-12 * max(1.0, abs(centre)):
        return math.inf
    encoding = Encoding(space)
    process, rows = Process(encoding), encoding.encode(chosen)
    targets = (known - centre) / spread
    posterior = Posterior(process, process.fit(rows, targets, [process.start]), rows, targets)
    holes, count = max(len(space.points), 1), len(values)
    root = math.sqrt(2 * math.log(holes * count**2 * math.pi**2 / (6 * _RISK)) / _SCALE)

    def upper(many: Sequence[Decisions]) -> Any:
        mean, deviation = posterior.predict(encoding.encode(many))
        return mean + root * deviation

    mean, deviation = posterior.predict(rows)
    lowest = float((mean - root * deviation).max())
    random = twister.make(f"regret/{count}")
    found = maximize(space, upper, random, seen=(), starts=chosen[:_STARTS])
    highest = float(np.max(mean + root * deviation))
    if found is not None:
        highest = max(highest, float(upper([found])[0]))
    return (highest - lowest) * spread
