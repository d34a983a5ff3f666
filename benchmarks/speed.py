"""How many proposals a second, by how much a search has seen, beside Optuna's samplers in memory.

The space has 30 decisions: 15 choices of 5, 5 integers, 10 floats, 5 of them on a logarithmic scale.  A history of
random decisions is told first, untimed; then proposals are timed one after another, each with its feedback, as CPU
seconds of this process.  A round goes through all searches in turn, so that a slow moment hits all; the median of the
rounds counts.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

from quality import format_table, make_entrant

from pliant.space import Choice, Float, Int, Space, choice, flatten, floating, integer

HISTORIES = (100, 1_000, 10_000)
OURS = (
    "random",
    "re",
    "hill_climb",
    "local_search",
    "tpe",
    "reinforce",
    "ppo",
    "bayesian",
    "predictor",
    "bananas",
)
PEERS = ("optuna RandomSampler", "optuna TPESampler")
ROUNDS = 3
BUDGET = 0.5  # CPU seconds of proposals in one round of one search
PATIENCE = 120.0  # CPU seconds that a history may take to be told

Step = Callable[[], None]  # proposes once, and tells a reward


def make_space() -> Space:
    """Returns the space of 30 decisions."""
    return flatten(
        [
            *(choice(f"op{i}", 5) for i in range(15)),
            *(integer(f"width{i}", 1, 64) for i in range(5)),
            *(floating(f"rate{i}", 1e-5, 1e-1, scale="log") for i in range(5)),
            *(floating(f"drop{i}", 0.0, 1.0) for i in range(5)),
        ]
    )


def score(values: Any) -> float:
    """Returns a reward that depends on every decision a little."""
    return -sum((float(value) % 7) * 0.1 for value in values)


def prepare(label: str, history: int) -> Step | None:
    """Returns a search that was told so much; None where telling it takes too long."""
    return _prepare_optuna(label, history) if label in PEERS else _prepare_ours(label, history)


def _prepare_ours(label: str, history: int) -> Step | None:
    space, random = make_space(), Random(0)
    algorithm = make_entrant(label).make(seed=0)  # type: ignore[attr-defined]  # ours
    algorithm.setup(space)
    limit = time.process_time() + PATIENCE
    for _ in range(history):
        decisions = space.sample(random)
        algorithm.feedback(decisions, score(decisions.values))
        if time.process_time() > limit:
            return None

    def step() -> None:
        decisions = algorithm.propose()
        algorithm.feedback(decisions, score(decisions.values))

    return step


def _prepare_optuna(label: str, history: int) -> Step | None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, random = make_space(), Random(0)
    spread = {point.path: _distribution(optuna, point) for point in space.points}
    study = optuna.create_study(sampler=getattr(optuna.samplers, label.split()[1])(seed=0))
    trials = []
    for _ in range(history):
        decisions = space.sample(random)
        trials.append(
            optuna.trial.create_trial(
                params=decisions.to_dict(), distributions=spread, value=-score(decisions.values)
            )
        )
    study.add_trials(trials)

    def step() -> None:
        trial = study.ask()
        values = [_suggest(trial, point) for point in space.points]
        study.tell(trial, -score(values))

    return step


def _distribution(optuna: Any, point: Any) -> Any:
    distributions = optuna.distributions
    if isinstance(point, Choice):
        return distributions.CategoricalDistribution(range(point.count))
    if isinstance(point, Int):
        return distributions.IntDistribution(point.min_value, point.max_value)
    assert isinstance(point, Float)
    return distributions.FloatDistribution(point.min_value, point.max_value, log=point.scale == "log")


def _suggest(trial: Any, point: Any) -> Any:
    if isinstance(point, Choice):
        return trial.suggest_categorical(point.path, range(point.count))
    if isinstance(point, Int):
        return trial.suggest_int(point.path, point.min_value, point.max_value)
    return trial.suggest_float(point.path, point.min_value, point.max_value, log=point.scale == "log")


def time_steps(step: Step) -> float:
    """Returns the CPU seconds of a step: the mean over as many as fill the budget, at least three."""
    start, count = time.process_time(), 0
    while (took := time.process_time() - start) < BUDGET or count < 3:
        step()
        count += 1
    return took / count if count else BUDGET


def measure(labels: list[str], history: int) -> dict[str, float | None]:
    """Returns seconds per proposal of each search after a history; None where it could not be measured."""
    steps: dict[str, Step | None] = {}
    for label in labels:
        print(f"... speed: {label} after {history:,} trials", file=sys.stderr, flush=True)
        try:
            steps[label] = prepare(label, history)
        except (ImportError, AttributeError) as error:
            print(f"... {label} is left out: {error}", file=sys.stderr, flush=True)
            steps[label] = None
    rounds: dict[str, list[float]] = {label: [] for label in labels}
    for _ in range(ROUNDS):
        for label, step in steps.items():
            if step is not None:
                rounds[label].append(time_steps(step))
    return {label: statistics.median(times) if times else None for label, times in rounds.items()}


def report() -> str:
    """Measures, and returns the table with its verdicts."""
    labels = [*OURS, *PEERS]
    found = {history: measure(labels, history) for history in HISTORIES}
    tpe = {history: found[history][PEERS[1]] for history in HISTORIES}

    def against(label: str, history: int) -> str:
        mine, theirs = found[history][label], tpe[history]
        return "-" if not mine or not theirs or label == PEERS[1] else f"{theirs / mine:,.3g}x"

    def rate(seconds: float | None) -> str:
        return "-" if not seconds else f"{1 / seconds:,.0f}" if seconds < 0.1 else f"{1 / seconds:.2g}"

    rows = [
        [label, *(rate(found[h][label]) for h in HISTORIES), *(against(label, h) for h in HISTORIES)]
        for label in labels
    ]
    head = ["search", *(f"after {h:,}" for h in HISTORIES), *(f"/ Optuna TPE at {h:,}" for h in HISTORIES)]
    lead = (
        "Proposals a second, feedback included, on 30 decisions (15 choices, 5 integers, 10 floats), by trials told before. "
        f"CPU time, median of {ROUNDS} rounds; a dash: not here, or its history takes over {PATIENCE:.0f} s to tell."
    )
    return f"{lead}\n\n{format_table(head, rows)}\n\n" + "\n".join(judge(found, tpe))


def judge(found: dict[int, dict[str, float | None]], tpe: dict[int, float | None]) -> list[str]:
    """Returns a line for each target."""
    lines = []
    re, short, long = found[1_000]["re"], found[100]["re"], found[10_000]["re"]
    if re and tpe[1_000]:
        ratio = tpe[1_000] / re
        lines.append(
            f"- evolution is {ratio:,.0f}x Optuna's TPE at 1,000 trials (>= 50x): {_yes(ratio >= 50)}"
        )
    if short and long:
        lines.append(
            f"- evolution at 10,000 takes {long / short:.2f}x of its time at 100 (flat: <= 1.25x): {_yes(long <= 1.25 * short)}"
        )
    ours = found[1_000]["tpe"]
    if ours and tpe[1_000]:
        ratio = tpe[1_000] / ours
        lines.append(f"- our TPE is {ratio:.1f}x Optuna's at 1,000 trials (>= 20x): {_yes(ratio >= 20)}")
    return lines


def _yes(met: bool) -> str:
    return "yes" if met else "NO"
