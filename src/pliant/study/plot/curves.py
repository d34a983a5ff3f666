"""Figures of single trials: learning curves, which trial continued which, and predicted against measured rewards."""

from __future__ import annotations

from pliant.values.errors import FieldValueError, quote

from .figure import Axis, Dots, Figure, Layer, Line
from .source import Source, find_values, say, say_trial, thin

_CURVES = 100


def curves(source: Source) -> Figure:
    """Returns the rewards that trials reported over their steps, with those that the algorithm stopped."""
    reported = [trial for trial in source.trials if trial.reports]
    ranked = sorted(
        (t for t in reported if t.reward is not None), key=lambda t: source.sign * float(t.reward or 0.0)
    )
    best = {trial.id for trial in ranked[-1:]}
    shown = thin(reported, best, _CURVES)
    layers: list[Layer] = []
    stops: list[tuple[float, float, str]] = []
    for trial in sorted(shown, key=lambda one: one.id in best):
        x, y = [one.step for one in trial.reports], [one.reward for one in trial.reports]
        is_best = trial.id in best
        layers.append(
            Line(
                x,
                y,
                "best trial" if is_best else "",
                "best" if is_best else "trial",
                strength=1.0 if is_best else 0.35,
            )
        )
        stops += [(one.step, one.reward, say_trial(trial)) for one in trial.reports[-1:] if one.stop]
    if stops:
        layers.append(
            Dots(
                [x for x, _, _ in stops],
                [y for _, y, _ in stops],
                "stopped early",
                "stopped",
                [t for _, _, t in stops],
            )
        )
    stopped = sum(trial.should_stop for trial in reported)
    notes = [f"{stopped} of {len(reported)} trials that reported were stopped early."] if reported else []
    if len(shown) < len(reported):
        notes.append(f"{len(shown)} trials are shown.")
    return Figure("Learning curves", Axis("step"), Axis("reported reward"), tuple(layers), tuple(notes))


def lineage(source: Source) -> Figure:
    """Returns which trial continued which, as lines between their rewards: those of successive halving, or of a population."""
    latest: dict[object, int] = {}
    rewards: dict[int, float] = {}
    layers: list[Layer] = []
    points: list[tuple[int, float, str]] = []
    for trial in source.trials:
        if trial.reward is not None:
            rewards[trial.id] = trial.reward
            points.append((trial.id, trial.reward, say_trial(trial)))
            origin = None if trial.parent is None else latest.get(trial.parent)
            if origin is not None and origin in rewards:
                layers.append(
                    Line([origin, trial.id], [rewards[origin], trial.reward], "", "reference", strength=0.6)
                )
        latest[trial.decisions] = trial.id
    count = len(layers)
    layers = thin(layers)
    layers.append(
        Dots(
            [x for x, _, _ in points], [y for _, y, _ in points], "trial", "trial", [t for _, _, t in points]
        )
    )
    return Figure(
        "Which trial continued which",
        Axis("trial", is_whole=True),
        Axis("reward"),
        tuple(layers),
        (f"{count} of {len(source.trials)} trials continued another.",),
    )


def predicted(source: Source, metric: str = "predicted", value: str = "reward") -> Figure:
    """Returns a prediction that each trial carries as a metric, against what was measured; on the diagonal both are equal.

    Args:
      source: trials.
      metric: the name of the prediction.
      value: ``reward``, ``reward 1``, ... or another metric.

    Raises:
      FieldValueError: no trial has one of the numbers, or none has both.
    """
    guesses, measured = find_values(source, metric), find_values(source, value)
    trials = [trial for trial in source.told if trial.id in guesses and trial.id in measured]
    if not trials:
        raise FieldValueError(f"no trial has both {quote(metric)} and {quote(value)}.")
    shown = thin(trials)
    x, y = [guesses[t.id] for t in shown], [measured[t.id] for t in shown]
    ends = [min(*x, *y), max(*x, *y)]
    error = sum(abs(guesses[t.id] - measured[t.id]) for t in trials) / len(trials)
    return Figure(
        f"{value} as predicted and as measured",
        Axis(f"predicted {value}"),
        Axis(f"measured {value}"),
        (
            Line(ends, ends, "both are equal", "reference"),
            Dots(x, y, "trial", "trial", [say_trial(trial) for trial in shown]),
        ),
        (f"Mean absolute error: {say(error)} over {len(trials):,} trials.",),
    )
