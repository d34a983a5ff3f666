"""``StepWise``: gives trials up at given steps, by the value or the rank of what they measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pliant.values.errors import FieldValueError, quote
from pliant.values.numbers import to_real, to_whole

from .. import symbolic
from .. import typing as pg_typing
from ..tuning.protocols import Measurement, Trial
from .base import EarlyStopingPolicyBase

Metric = str | Callable[[Measurement], float]


@symbolic.members(
    [
        (
            "plan",
            pg_typing.List(pg_typing.Any(), min_size=1),
            "Pairs of a step and a function that decides there.",
        )
    ]
)
class StepWise(EarlyStopingPolicyBase):
    """Decides at given steps (gates): a trial that reaches one is given up if the gate's function says so.

    The function takes the measurement and those of earlier trials at the gate.  A trial that skipped the step of a gate is measured at
    the next one that it reports; each gate decides once for each trial.

    Attributes:
      plan: pairs of a step and a function.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._gates: list[Any] = sorted(self.plan, key=lambda pair: pair[0])
        self._gate_history: list[list[Any]] = [[] for _ in self._gates]
        self._trial_gate_decision: list[dict[int, bool]] = [{} for _ in self._gates]

    def should_stop_early(self, trial: Trial) -> bool:
        if not trial.measurements:
            return False
        measured = trial.measurements[-1]
        passed = [i for i, (step, _) in enumerate(self._gates) if step <= measured.step]
        if not passed:
            return False
        gate = passed[-1]
        decisions = self._trial_gate_decision[gate]
        if trial.id not in decisions:
            history = self._gate_history[gate]
            decisions[trial.id] = bool(self._gates[gate][1](measured, history))
            history.append(measured)
        return decisions[trial.id]

    def recover(self, history: Iterable[Trial]) -> None:
        steps: list[tuple[int, int, Trial, Measurement]] = [
            (measured.step, order, trial, measured)
            for order, trial in enumerate(history)
            for measured in trial.measurements
        ]
        for _, _, trial, measured in sorted(steps, key=lambda one: one[:2]):
            self.should_stop_early(Trial(id=trial.id, dna=trial.dna, measurements=[measured]))


def _measure(measured: Measurement, metric: Metric) -> float:
    """Returns the number of a measurement that is compared."""
    if callable(metric):
        return float(metric(measured))
    value = measured.reward if metric == "reward" else (measured.metrics or {}).get(metric)
    if value is None:
        raise FieldValueError(
            f"the measurement at step {measured.step} has no {quote(metric)}. Report it with metrics={{...}}."
        )
    return float(value)


def _is_step(value: object) -> bool:
    return to_whole(value) is not None


def _refuse(argument: str, given: object, form: str) -> FieldValueError:
    return FieldValueError(f"Invalid definition in `{argument}`: {quote(given)}. Each item is {form}.")


@symbolic.functor()  # type: ignore[untyped-decorator]  # makes a class of the function
def early_stop_by_value(step_values: list[Any], metric: Metric = "reward", maximize: bool = True) -> Any:
    """Returns a policy that gives up trials whose value at a step is worse than a threshold.

    Args:
      step_values: pairs of a step and the threshold there.
      metric: the name of a metric, or a function of a measurement.
      maximize: whether values below the threshold are worse.
    """

    def make(threshold: float) -> Callable[[Measurement, Sequence[Measurement]], bool]:
        def decide(measured: Measurement, history: Sequence[Measurement]) -> bool:
            value = _measure(measured, metric)
            return value < threshold if maximize else value > threshold

        return decide

    plan = []
    for item in step_values:
        if not isinstance(item, tuple) or len(item) != 2 or not _is_step(item[0]) or to_real(item[1]) is None:
            raise _refuse("step_values", item, "a pair of a step and a number, such as (1, 0.5)")
        plan.append((item[0], make(float(item[1]))))
    return StepWise(plan)


@symbolic.functor()  # type: ignore[untyped-decorator]  # makes a class of the function
def early_stop_by_rank(step_ranks: list[Any], metric: Metric = "reward", maximize: bool = True) -> Any:
    """Returns a policy that gives up trials whose rank at a step among earlier trials is too low.

    Args:
      step_ranks: triples of a step, the rank (an int: how many may be better; a float: the best fraction) and how many earlier trials
        the step needs before it decides.
      metric: the name of a metric, or a function of a measurement.
      maximize: whether higher values are better.
    """

    def make(rank: int | float, least: int) -> Callable[[Measurement, Sequence[Measurement]], bool]:
        def decide(measured: Measurement, history: Sequence[Measurement]) -> bool:
            if not history or len(history) < least:
                return False
            place = int(rank * (len(history) - 1)) if isinstance(rank, float) else max(rank - 1, 0)
            if place >= len(history):
                return False
            threshold = sorted((_measure(one, metric) for one in history), reverse=maximize)[place]
            value = _measure(measured, metric)
            return value < threshold if maximize else value > threshold

        return decide

    plan = []
    for item in step_ranks:
        if (
            not isinstance(item, tuple)
            or len(item) != 3
            or not _is_step(item[0])
            or to_real(item[1]) is None
            or not _is_step(item[2])
        ):
            raise _refuse(
                "step_ranks", item, "a triple of a step, a rank and a number of trials, such as (1, 0.5, 10)"
            )
        if isinstance(item[1], float) and not 0.0 <= item[1] <= 1.0:
            raise FieldValueError(
                f"Rank must be within range [0.0, 1.0] if it is a float. Encountered: {item[1]}."
            )
        plan.append((item[0], make(item[1], item[2])))
    return StepWise(plan)
