"""Synthetic functions: Branin, Hartmann-6, an ellipsoid over integers, a tree of choices, and a round trip."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random
from typing import Any, final

from pliant.algorithms.options import check_count
from pliant.hyper import floatv, intv, oneof, permute
from pliant.space import Decisions

from ..task import Optimum, Result, Task
from .formula import Formula

# Hartmann-6: sum_i A_i exp(-sum_j B_ij (x_j - P_ij)^2); the published constants.
_WEIGHTS = (1.0, 1.2, 3.0, 3.2)
_SHARPNESS = (
    (10.0, 3.0, 17.0, 3.5, 1.7, 8.0),
    (0.05, 10.0, 17.0, 0.1, 8.0, 14.0),
    (3.0, 3.5, 1.7, 10.0, 17.0, 8.0),
    (17.0, 8.0, 0.05, 10.0, 0.1, 14.0),
)
_CENTRES = (
    (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
    (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
    (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
    (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
)

_TARGETS = (3, 17, 8, 12, 5)
_STEEPNESS = (1.0, 3.0, 10.0, 30.0, 100.0)
_UNITS = 96


def branin() -> Formula:
    """Returns the negated Branin function: two reals, three optima of -0.397887.

    Branin, IBM J. Res. Dev. 16, 1972; constants and range as in Dixon and Szegö, 1978: x1 in [-5, 10], x2 in [0, 15].
    The optimum is exact: at x1 = pi (1 + 2i), i in -1..1, the square can be made zero and the cosine is -1, which
    gives 10 / (8 pi).

    >>> round(branin().evaluate([3.141592653589793, 2.275]).reward, 6)
    -0.397887
    """
    program = {"x1": floatv(-5.0, 10.0), "x2": floatv(0.0, 15.0)}
    return Formula("branin", program, _branin, optimum=-10 / (8 * math.pi))


def _branin(decisions: Decisions) -> float:
    x1, x2 = decisions.values
    parabola = x2 - 5.1 / (4 * math.pi**2) * x1**2 + 5 / math.pi * x1 - 6
    return -(parabola**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x1) + 10)


def hartmann6() -> Formula:
    """Returns the negated Hartmann function of six reals in [0, 1]: six local optima, the best 3.32237.

    Hartmann, 1973, with the constants of Dixon and Szegö, 1978.

    >>> round(hartmann6().evaluate([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]).reward, 5)
    3.32237
    """
    program: dict[str, Any] = {f"x{j}": floatv(0.0, 1.0) for j in range(1, 7)}
    return Formula("hartmann6", program, _hartmann6, optimum=3.322368011415515)


def _hartmann6(decisions: Decisions) -> float:
    total = 0.0
    for weight, sharpness, centre in zip(_WEIGHTS, _SHARPNESS, _CENTRES):
        distance = sum(b * (x - p) ** 2 for b, x, p in zip(sharpness, decisions.values, centre))
        total += weight * math.exp(-distance)
    return total


def ellipsoid() -> Formula:
    """Returns an ill-conditioned bowl over ordered decisions: five integers in 0..20 and one of 1..1024 in log scale.

    The reward is minus the sum of squared distances to a hidden target, weighted from 1 to 100; the distance of the
    last is in powers of two.  The optimum is 0, at the target.

    >>> ellipsoid().evaluate([3, 17, 8, 12, 5, 96]).reward
    -0.0
    """
    program: dict[str, Any] = {f"x{j}": intv(0, 20) for j in range(1, 6)}
    program["units"] = intv(1, 1024, "log")
    return Formula("ellipsoid", program, _ellipsoid, optimum=0.0)


def _ellipsoid(decisions: Decisions) -> float:
    *places, units = decisions.values
    bowl = sum(w * ((x - t) / 20) ** 2 for w, x, t in zip(_STEEPNESS, places, _TARGETS))
    return -(bowl + 10 * (math.log2(units / _UNITS) / 10) ** 2)


OFFSETS = ((0.1, 0.2), (0.3, 0.4))
"""The smallest value of each leaf, by the first and second choice."""


def tree() -> Formula:
    """Returns the negated tree-structured function of Jenatton et al., ICML 2017, section 4.

    A choice, a second one below it, and a leaf with the value x^2 + offset + r, where r in [0, 1] is shared by the
    leaves below the first choice and x in [-1, 1] belongs to the leaf.  Four of nine decisions are active; the optimum
    is -0.1.

    >>> tree().evaluate([0, 0, 0.0, 0.0]).reward
    -0.1
    >>> tree().evaluate([1, 1, 0.5, 0.25]).reward
    -0.9
    """
    program = {"x1": oneof([_branch("x2", "x4", "x5", shared="r8"), _branch("x3", "x6", "x7", shared="r9")])}
    return Formula("tree", program, _tree, optimum=-OFFSETS[0][0])


def _branch(choice: str, *leaves: str, shared: str) -> dict[str, Any]:
    return {choice: oneof([{leaf: floatv(-1.0, 1.0)} for leaf in leaves]), shared: floatv(0.0, 1.0)}


def _tree(decisions: Decisions) -> float:
    first, second, x, r = decisions.values
    return -(x**2 + OFFSETS[int(first)][int(second)] + r)


def tour(n: int = 10, *, seed: int = 0) -> Formula:
    """Returns the permutation task of ordering ``n`` shuffled points on the unit circle into a short closed tour.

    The reward is minus the length.  The optimum is known: a shortest tour through points in convex position
    follows their hull, so it is minus the perimeter of the polygon.  Each tour occurs 2n times (start, direction).

    >>> task = tour(4)
    >>> task.space.size
    24

    Args:
      n: the number of points, at least 3.
      seed: of the positions and order of the points.

    Raises:
      FieldTypeError, FieldValueError: ``n`` is not such a number.
    """
    n = check_count(n, "n", "tour", least=3)
    random = Random(f"tour/{seed}")
    angles = [2 * math.pi * (i + 0.8 * random.random()) / n for i in range(n)]
    hull = _length([_point(a) for a in angles])
    random.shuffle(angles)
    points = [_point(a) for a in angles]

    def score(decisions: Decisions) -> float:
        return -_length([points[int(i)] for i in decisions.values])

    return Formula(f"tour/{n}", {"order": permute(list(range(n)))}, score, optimum=-hull)


def _point(angle: float) -> tuple[float, float]:
    return math.cos(angle), math.sin(angle)


def _length(points: list[tuple[float, float]]) -> float:
    """Returns the length of the closed polygon."""
    return math.fsum(math.dist(a, b) for a, b in pairwise([*points, points[0]]))


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
