"""How good searches are, in tables: who takes part, what is compared, and what may be said of a difference.

Runs nothing itself.  Numbers in a table are test scores in percent of what had the best validation reward so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peers import PEERS, Peer

from pliant.bench.curves import Curve, Spread, student, summarize
from pliant.bench.entrant import Entrant, Named

BEST = "bayesian"
"""Our best default: the algorithm that is held against every peer."""

OURS = (
    "random",
    "re",
    "re(population_size=20, tournament_size=5)",
    "hill_climb",
    "local_search",
    "local_search(first_improvement=False)",
    "reinforce",
    "ppo",
    "tpe",
    "bananas",
    "predictor",
    BEST,
)
"""Our entrants, as the command line names them: their defaults, and the small population that the peer has too."""

SLOW = {"optuna-gp": 100, "smac": 30, "botorch": 10}
"""Peers whose run takes a minute of processor time or more, and how many runs they get at most."""

BUDGETS = (50, 100, 200, 300)
TASKS = ("nasbench201/cifar10", "nasbench_macro")

PROTOCOL = "nasbench201/cifar10-12"
"""The published protocol on NAS-Bench-201: the 12-epoch validation accuracy is the reward."""

PUBLISHED = {
    "random": (93.70, 0.36),
    "re(population_size=10, tournament_size=3)": (93.92, 0.30),
    "reinforce": (93.85, 0.37),
}
"""Test accuracy on NAS-Bench-201/CIFAR-10 over 500 runs of 12,000 simulated seconds: Dong and Yang, ICLR 2020, table 5."""

MACRO = {
    "random": (92.862, 0.155),
    "re(population_size=20, tournament_size=5)": (93.070, 0.099),
    "local_search": (93.059, 0.112),
    "reinforce": (93.061, 0.090),
}
"""A reference run on NAS-Bench-Macro: 200 runs of 200 evaluations of plain implementations, mean and deviation."""


def make_entrant(label: str) -> Entrant:
    """Returns an entrant by its label: a peer's name, or an algorithm of ours as the command line names it."""
    return Peer(label) if label in PEERS else Named(label)


@dataclass(frozen=True)
class Difference:
    """How the mean test score of one set of runs differs from that of another.

    Attributes:
      mean: the first minus the second.
      ci: half the width of its 95% confidence interval (Welch: unequal variances, unequal counts).
    """

    mean: float
    ci: float

    @property
    def verdict(self) -> str:
        """What may be said of it."""
        if not abs(self.mean) > self.ci:
            return "not significant"
        return "better" if self.mean > 0 else "worse"


def compare(ours: Spread, theirs: Spread) -> Difference:
    """Returns the difference of two means, and its confidence interval.

    >>> compare(Spread(100, 94.0, 0.1, 0.02), Spread(100, 93.9, 0.1, 0.02)).verdict
    'better'
    """
    if min(ours.count, theirs.count) < 2:
        return Difference(ours.mean - theirs.mean, math.inf)
    a, b = ours.std**2 / ours.count, theirs.std**2 / theirs.count
    if a + b == 0:
        return Difference(ours.mean - theirs.mean, 0.0)
    freedom = (a + b) ** 2 / (a**2 / (ours.count - 1) + b**2 / (theirs.count - 1))
    return Difference(ours.mean - theirs.mean, student(max(1, int(freedom))) * math.sqrt(a + b))


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns rows as an aligned Markdown table."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in [head, *rows]]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def report_task(
    title: str, curves: Mapping[str, Sequence[Curve]], budgets: Sequence[int], optimum: float
) -> str:
    """Returns what every entrant had found at each budget, best last."""
    head = ["search", "runs", *(f"test at {budget}" for budget in budgets), "proposing, ms/trial"]
    rows = []
    for label, runs in sorted(curves.items(), key=lambda item: _order(item[1], budgets[-1])):
        if not runs:
            continue
        cells = [
            f"{row.test.mean:.3f} ± {row.test.std:.3f} [±{row.test.ci:.3f}]"
            for row in summarize(runs, budgets)
        ]
        cost = sum(run.seconds for run in runs) / max(1, sum(run.evaluated for run in runs)) * 1e3
        rows.append([f"**{label}**" if label not in PEERS else label, str(len(runs)), *cells, f"{cost:.3g}"])
    lead = (
        f"{title}: test accuracy in percent of the incumbent, mean ± standard deviation "
        f"[95% interval of the mean]; optimum {optimum:.3f}. Ours in bold."
    )
    return f"{lead}\n\n{format_table(head, rows)}"


def report_duel(best: str, curves: Mapping[str, Sequence[Curve]], budgets: Sequence[int]) -> str:
    """Returns our best default held against every peer at each budget."""
    mine = dict(zip(budgets, summarize(curves.get(best, ()), budgets)))
    rows = []
    for label in PEERS:
        runs = curves.get(label, ())
        if not runs or not curves.get(best):
            continue
        cells = []
        for row in summarize(runs, budgets):
            found = compare(mine[row.budget].test, row.test)
            cells.append(f"{found.mean:+.3f} ±{found.ci:.3f} {found.verdict}")
        rows.append([label, str(len(runs)), *cells])
    head = [f"{best} minus", "its runs", *(f"at {budget}" for budget in budgets)]
    return f"{best} against every peer: difference of the means, 95% interval.\n\n{format_table(head, rows)}"


def report_published(
    title: str,
    curves: Mapping[str, Sequence[Curve]],
    published: Mapping[str, tuple[float, float]],
    budgets: Sequence[int],
) -> str:
    """Returns our means beside published ones, and whether they are within a standard error of two or better."""
    rows = []
    for label, (mean, std) in published.items():
        runs = curves.get(label, ())
        if not runs:
            continue
        cells = []
        for row in summarize(runs, budgets):
            slack = 1.96 * math.hypot(std / math.sqrt(200), row.test.std / math.sqrt(row.test.count))
            word = (
                "better"
                if row.test.mean > mean
                else "within noise"
                if row.test.mean > mean - slack
                else "below"
            )
            cells.append(f"{row.test.mean:.3f} ± {row.test.std:.3f} {word}")
        rows.append([label, str(len(runs)), f"{mean:.3f} ± {std:.3f}", *cells])
    head = ["search", "runs", "published", *(f"ours at {budget}" for budget in budgets)]
    return f"{title}\n\n{format_table(head, rows)}"


def _order(runs: Sequence[Curve], budget: int) -> float:
    return summarize(runs, [budget])[0].test.mean if runs else -math.inf
