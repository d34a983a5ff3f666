"""Synthetic learning curves: a task with several fidelities, for multi-fidelity search."""

from __future__ import annotations

import math
from typing import final

from pliant.hyper import floatv, oneof
from pliant.space import Decisions

from ..task import Optimum, Result, Task

EPOCHS = (1, 3, 9, 27, 81)
FINAL = (0.88, 0.91, 0.93, 0.935)
"""The best accuracy of each width."""


@final
class Curves(Task):
    """A model with a width and a learning rate, whose reward rises with epochs.

    After t epochs of T = 81 the reward is ``final - gap (t^-rate - T^-rate)``, a power law as of learning
    curves.  Wider networks end higher and start lower, and smaller learning rates learn longer, so that curves cross:
    the best after one epoch is not the best after 81.  The optimum is 0.935, of the widest network at the learning
    rate 0.1.  An epoch costs 1; the task is deterministic.

    >>> task = Curves()
    >>> wide, narrow = task.space.parse([3, 0.1]), task.space.parse([0, 0.1])
    >>> task.evaluate(wide, 1).reward < task.evaluate(narrow, 1).reward
    True
    >>> task.regret(task.evaluate(wide)), task.regret(task.evaluate(narrow)) > 0.05
    (0.0, True)
    """

    def __init__(self) -> None:
        program = {"width": oneof([16, 32, 64, 128]), "lr": floatv(1e-4, 1.0, "log")}
        super().__init__("curves", program, fidelities=EPOCHS, cost_unit="epochs")

    def _evaluate(self, decisions: Decisions, fidelity: int, repeat: int) -> Result:
        width, lr = int(decisions.values[0]), decisions.values[1]
        distance = math.log10(lr) + 1
        best = FINAL[width] - 0.03 * distance**2
        gap = 0.3 + 0.1 * width
        rate = 0.6 + 0.1 * distance
        left = gap * (fidelity**-rate - EPOCHS[-1] ** -rate)
        return Result(reward=best - left, cost=float(fidelity), test=best)

    def _find_optimum(self) -> Optimum:
        return Optimum(reward=max(FINAL), test=max(FINAL))
