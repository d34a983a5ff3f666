"""``to_optuna``: a study, or the result of a search, as an Optuna study in memory, for Optuna's figures and dashboard."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pliant.space import Choice, Float, Int, Space
from pliant.values.errors import FieldTypeError, quote_typed
from pliant.values.packages import require

from ..trials.constraint import Constraint, measure_excess, parse_constraints
from ..trials.trial import COMPLETED, FAILED, RUNNING, STOPPED, Trial
from .columns import decided, list_candidates, name_points
from .formats import Tried, trials_of

_STATES = {RUNNING: "RUNNING", COMPLETED: "COMPLETE", STOPPED: "PRUNED", FAILED: "FAIL"}
_NOTES = ("id", "cause", "reason", "worker", "origin", "attempts", "seconds", "copied_from")


def to_optuna(study: Tried) -> Any:
    """Returns the trials of a study, or of the result of ``pg.sample`` or ``pg.search``, as an ``optuna.Study`` in memory.

    Parameters have the names of the decisions, or their paths, and the values of ``to_rows``: a trial has those that apply
    to it. Metrics are user attributes, and so is ``pliant.NAME`` for the other fields of a trial. Reports are intermediate values.
    Trials that were stopped early are pruned, so they are not among Optuna's best. Trials that break a constraint of the study
    are complete and infeasible, as Optuna records them. Numbers of trials start at 0: that of trial 1 is 0.

    >>> import pliant as pg
    >>> space = pg.Dict(op=pg.oneof(["conv", "pool"]), width=pg.intv(1, 9))
    >>> for program, feedback in (search := pg.sample(space, "sweep", progress=False)):
    ...     feedback(program.width + (program.op == "pool"))
    >>> found = to_optuna(search)
    >>> len(found.trials), found.best_value, found.best_params
    (18, 10.0, {'op': 'pool', 'width': 9})

    Args:
      study: where the trials are; later ones do not show up.

    Returns:
      An ``optuna.Study`` with storage in memory: ``optuna.visualization`` and ``optuna_dashboard.run_server(found._storage)``
      take it.

    Raises:
      MissingLibraryError: Optuna is not installed.
      FieldTypeError: it has no trials of a space.
    """
    require("to_optuna(...)", "optuna", instead="use to_csv or to_pandas")
    if not isinstance(getattr(study, "space", None), Space) or not hasattr(study, "trials"):
        raise FieldTypeError(
            f"to_optuna takes a study, or the result of pg.sample or pg.search; got {quote_typed(study)}. "
            "Open a study with `pliant.study.Study.open(path)`."
        )
    import optuna

    trials = list(trials_of(study))
    count = next((len(trial.rewards) for trial in trials if trial.rewards), 1)
    limits = parse_constraints(getattr(study, "constraints", ()))
    kinds = {space: _make_distributions(space) for space in {trial.decisions.space for trial in trials}}
    direction = optuna.study.StudyDirection.MAXIMIZE
    if not getattr(study, "maximize", True):
        direction = optuna.study.StudyDirection.MINIMIZE
    storage, name = optuna.storages.InMemoryStorage(), str(getattr(study, "name", "") or "search")
    storage.create_new_study([direction] * count, name)
    made = optuna.load_study(study_name=name, storage=storage)
    made.add_trials([_make_trial(trial, kinds[trial.decisions.space], limits, count) for trial in trials])
    return made


def _make_distributions(space: Space) -> dict[str, Any]:
    """Returns Optuna's distribution of each decision, by its name or path."""
    return {
        label: _make_distribution(point)
        for label, point in zip(name_points(space), space.points, strict=True)
    }


def _make_distribution(point: Choice | Int | Float) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(point, Choice):
        return CategoricalDistribution(tuple(list_candidates(point)))
    if isinstance(point, Float):
        return FloatDistribution(point.min_value, point.max_value, log=point.scale == "log")
    is_log = point.scale == "log" and point.step == 1  # Optuna has no logarithmic steps
    return IntDistribution(point.min_value, point.last, log=is_log, step=point.step)


def _make_trial(trial: Trial, kinds: dict[str, Any], limits: tuple[Constraint, ...], count: int) -> Any:
    from optuna.trial import FrozenTrial, TrialState

    params = decided(trial)
    rewards = list(trial.rewards or ([] if trial.reward is None else [trial.reward]))
    if trial.cause == "constraint":  # its rewards are among its metrics
        names = ["reward"] if count == 1 else [f"reward {place}" for place in range(1, count + 1)]
        rewards = [trial.metrics[name] for name in names if name in trial.metrics]
    is_infeasible = trial.cause == "constraint" and len(rewards) == count
    state = "COMPLETE" if is_infeasible else _STATES[trial.status]
    notes = {name: getattr(trial, name) for name in _NOTES}
    excess = measure_excess(limits, trial.metrics)
    steps = [report.step for report in trial.reports]
    is_whole = all(step == int(step) and step >= 0 for step in steps)
    return FrozenTrial(
        number=-1,  # Optuna counts
        trial_id=-1,
        state=TrialState[state],
        value=None,
        values=rewards if len(rewards) == count and state != "FAIL" else None,
        datetime_start=_to_local(trial.started),
        datetime_complete=None if trial.ended is None else _to_local(trial.ended),
        params=params,
        distributions={name: kinds[name] for name in params},
        user_attrs={
            **{f"pliant.{name}": value for name, value in notes.items() if value is not None},
            **trial.metrics,
        },
        system_attrs={} if excess is None else {"constraints": list(excess)},
        intermediate_values={
            int(report.step) if is_whole else place: report.reward
            for place, report in enumerate(trial.reports)
        },
    )


def _to_local(time: str) -> datetime:
    """Returns a time in ISO 8601 as Optuna has it: local, without its zone."""
    return datetime.fromisoformat(time).astimezone().replace(tzinfo=None)
