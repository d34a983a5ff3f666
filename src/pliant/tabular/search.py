"""``search_table``: searches networks that predict a column of a table, and returns the best as a ``TablePredictor``."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from time import monotonic
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.algorithms import to_algorithm
from pliant.algorithms.predictor import PredictorSearch
from pliant.hyper.template import Template
from pliant.launch import Processes
from pliant.space import Decisions
from pliant.study.interrupts import undisturbed
from pliant.tune.parallel import search
from pliant.tune.progress import open_progress, write_line
from pliant.tune.result import Tally
from pliant.tune.text import say, say_decisions, to_code
from pliant.values.errors import (
    EvaluationError,
    FieldTypeError,
    FieldValueError,
    UnknownFieldError,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.signature import read_signature
from pliant.zoo.tabular import make_space

from .describe import describe_program, list_choices
from .encoding import Encoder, encode, fit_encoder
from .entry import Entry, sort_entries
from .finish import MAX_REFIT, Chosen, Rows, average, refit, train_longer
from .predictor import Member, TablePredictor
from .reading.read import read_table
from .settings import Settings, find_epochs
from .split import split_rows, weigh_rows
from .stop import Limit, Stop
from .table import Table
from .target import Target, fit_target, split_target
from .together import Together, evaluate
from .training.trained import Trained
from .training.workers import PRELOAD

SEARCHED = 0.7
"""Share of a time limit that the search may use; the rest is for the best networks."""

_NAMED = 3  # columns with one reason that have a note each

_REASONS = {
    "stopped": "the time was over before its first epoch",
    "not finite": "its outputs were not finite numbers",
}


def search_table(
    data: Any,
    target: str | Sequence[str],
    *,
    task: str = "auto",
    balanced: bool = False,
    weights: Any = None,
    reading: dict[str, Any] | None = None,
    **settings: Any,
) -> TablePredictor:
    """Searches networks that predict a column of a table from the others.

    A part of the rows is held back to score networks.  The best ones are trained longer, averaged if that helps on these rows, and
    trained again on all rows.  Ctrl-C ends the search after the networks that are being trained, and keeps the best.

    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> height = draw.normal(1.7, 0.1, 60)
    >>> table = {"height": height, "name": ["x"] * 60, "tall": np.where(height > 1.7, "yes", "no")}
    >>> found = search_table(table, "tall", trials=2, epochs=30, progress=False)
    >>> found.predict({"height": [1.5, 1.9], "name": ["a", "b"]}).tolist()
    ['no', 'yes']

    Args:
      data: a table, as ``read_table`` takes it: a path, a data frame, an array, dicts.
      target: the name of the column to predict; several names for labels, or for several numbers.
      task: ``auto``, ``classification``, ``regression``, ``binary``, ``multiclass`` or ``multilabel``.
      balanced: whether each class has the same part in loss and score, however many rows it has.
      weights: of the rows in the loss and in scores, at least 0; None for equal ones.  A row of weight 0 is left out.
      reading: options of ``read_table``, such as ``{"delimiter": ";"}``.
      **settings: of ``Settings``: ``trials``, ``time_limit``, ``algorithm``, ``study``, ``epochs``, ``top``, ``seed``, ...

    Raises:
      OSError, LoadError: the file cannot be read, or is not a table.
      UnknownFieldError: the table has no such column, or a setting does not exist.
      FieldTypeError, FieldValueError: an argument is not allowed; nothing can be learned: one class, a constant target, no rows.
      EvaluationError: no network could be trained, or not in this time.
    """
    chosen = make_settings(settings)
    limit = Limit(chosen.seconds)
    is_one = isinstance(target, str) or not isinstance(target, Iterable)
    given: list[Any] = [target] if is_one else list(target)
    names = [name.strip() if isinstance(name, str) else name for name in given]
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise FieldTypeError(f"target is the name of a column, or names of several; got {quote(target)}.")
    table = read_table(data, **{"seed": chosen.seed, **_check_reading(reading)})
    shares = _check_weights(weights, table)
    gaps = table.rows
    whole, notes = split_target(table, names)
    if shares is not None and whole.rows < gaps:
        raise FieldValueError(
            "weights need a target in each row. Remove the rows without a target, and their weights."
        )
    found = fit_target(whole, names, task=task, balanced=balanced)
    features, targets, notes = whole.without(names), found.encode(whole), (*whole.notes, *notes)
    return search_rows(features, found, targets, chosen, weights=shares, notes=notes, limit=limit)


def make_settings(settings: dict[str, Any]) -> Settings:
    """Returns settings; an unknown name raises UnknownFieldError with the nearest one."""
    known = Settings.__dataclass_fields__
    for name in settings:
        if name not in known:
            raise UnknownFieldError(
                f"search_table has no argument {quote(name)}{suggest(name, known) or '.'} Settings: {listing(known, limit=20)}."
            )
    return Settings(**settings)


def _check_reading(reading: object) -> dict[str, Any]:
    """Returns options of ``read_table``; raises FieldTypeError or UnknownFieldError for what is not a dict of them."""
    if reading is None:
        return {}
    if not isinstance(reading, Mapping):
        raise FieldTypeError(
            f"reading is a dict of options of read_table, such as {{'delimiter': ';'}}; got {quote_typed(reading)}."
        )
    known = [name for name in read_signature(read_table).parameters if name != "data"]
    for name in reading:
        if name not in known:
            raise UnknownFieldError(
                f"read_table has no option {quote(name)}{suggest(name, known) or '.'} Options: {listing(known)}."
            )
    return dict(reading)


def _check_weights(weights: Any, table: Table) -> NDArray[Any] | None:
    if weights is None:
        return None
    try:
        found = np.asarray(weights, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise FieldTypeError(f"weights are numbers, one for each row; got {quote_typed(weights)}.") from None
    if found.shape != (table.rows,) or not np.isfinite(found).all() or (found < 0).any() or not found.any():
        raise FieldValueError(
            f"weights are finite numbers of at least 0, one for each of the {table.rows} rows, and not all 0; got shape {found.shape}."
        )
    return found


def search_rows(
    features: Table,
    target: Target,
    targets: NDArray[Any],
    settings: Settings,
    *,
    weights: NDArray[Any] | None = None,
    notes: tuple[str, ...] = (),
    limit: Limit | None = None,
) -> TablePredictor:
    """Searches networks for columns and targets that were read; see ``search_table``."""
    task, limit = target.task, limit or Limit(settings.seconds)
    if weights is not None and (weights == 0).any():  # such a row neither trains nor scores
        kept = weights > 0
        features, targets, weights = features.take(kept), targets[kept], weights[kept]
    if not features.columns:
        raise FieldValueError(
            f"the table has no column but the target {listing(target.names)}. Add columns to predict it from."
        )
    if features.rows < 2:
        raise FieldValueError(
            f"a search needs at least 2 rows, to train networks and to score them; got n_samples = {features.rows}. Add rows."
        )
    training, validation = split_rows(targets, task, share=settings.validation_share, seed=settings.seed)
    encoder = fit_encoder(features.take(training), scaling=settings.scaling)
    rows = Rows(encode(encoder, features), targets, weigh_rows(targets, task, weights), training, validation)
    with ExitStack() as stack:
        stop = stack.enter_context(Stop())
        if settings.workers is not None:
            launcher = Processes(settings.workers, preload=PRELOAD)
            stack.callback(undisturbed, launcher.close)
            rows = replace(rows, launcher=launcher)
        run = _Run(rows, target, settings, limit, stop)
        entries = run.search(encoder.numbers, encoder.cardinalities)
        return _collect(run, entries, encoder, notes)


def _collect(run: _Run, entries: list[Entry], encoder: Encoder, notes: tuple[str, ...]) -> TablePredictor:
    """Returns the predictor of what a search found."""
    chosen, rows, target = run.finish(), run.rows, run.target
    shares: dict[int, float] = {}
    for one, share in chosen.members:
        shares[id(one.program)] = shares.get(id(one.program), 0.0) + share
    members = tuple([Member(one.program, one.network(), share) for one, share in chosen.members])
    placed = [
        replace(one, share=sum(shares.get(i, 0.0) for i in run.programs_of(one.trial))) for one in entries
    ]
    said = (
        *_describe(target, rows),
        *_describe_columns(encoder),
    )
    count = f"{len(members)} network{'s' * (len(members) > 1)}"
    run.say(f"score {say(chosen.score)} on {len(rows.validation)} validation rows, by {count}")
    return TablePredictor(encoder, target, members, chosen.score, sort_entries(placed), (*notes, *said))


def _describe_columns(encoder: Encoder) -> list[str]:
    """Returns what was decided about columns; of many with one reason, in one sentence."""
    reasons: dict[str, list[str]] = {}
    for one in encoder.columns:
        if one.why:
            reasons.setdefault(one.why, []).append(one.name)
    return [
        f"{len(names)} columns, {listing(names, limit=5)}: {why}."
        if len(names) > _NAMED
        else f"column {name!r}: {why}."
        for why, names in reasons.items()
        for name in (names if len(names) <= _NAMED else names[:1])
    ]


def _describe(target: Target, rows: Rows) -> list[str]:
    """Returns what was decided about the target."""
    kind = {"binary": "two classes", "multiclass": f"{len(target.classes)} classes", "multilabel": "labels"}
    found = [
        f"target {', '.join(map(repr, target.names))}: {kind.get(target.kind, 'a number (regression)')}."
    ]
    if target.kind in ("binary", "multiclass") and not target.is_balanced:
        counts = np.bincount(rows.targets, minlength=len(target.classes))
        place = int(counts.argmin())
        share = counts[place] / counts.sum()
        if share < 0.3 / len(target.classes):
            found.append(
                f"the class {target.classes[place]!r} has {share:.1%} of the rows: balanced=True, `--balanced` on the "
                "command line, gives each class the same part in loss and score."
            )
    return found


@final
class _Run:
    """A search in progress: its time, and the best networks so far with their weights."""

    def __init__(self, rows: Rows, target: Target, settings: Settings, limit: Limit, stop: Stop) -> None:
        self.rows, self.target, self.task, self.settings = rows, target, target.task, settings
        self.limit, self.stop = limit, stop
        self.epochs = settings.epochs or find_epochs(len(rows.training))
        self.kept: list[tuple[float, int, Trained]] = []  # a heap; the worst first
        self.ended: list[Any] = []  # trials of this search
        self.count = 0  # of trials that ended
        self.tops: dict[int, Any] = {}  # the programs of the best trials that were stored before
        self._template: Template | None = None

    def say(self, text: str) -> None:
        """Writes a line of progress."""
        if self.settings.progress:
            write_line(f"tabular: {text}")

    def must_end(self) -> bool:
        """Returns whether the time is over, or Ctrl-C was pressed."""
        return self.stop.is_set or self.limit.is_over()

    def programs_of(self, trial: int) -> list[int]:
        """Returns the ids of the programs of a trial."""
        return [id(one.program) for _, number, one in self.kept if -number == trial]

    def search(self, numbers: int, cardinalities: tuple[int, ...]) -> list[Entry]:
        """Runs the trials; returns them, in order."""
        settings = self.settings
        program = (settings.space or make_space)(numbers, cardinalities, self.task.outputs)
        template = self._template = Template(program)
        algorithm = None if settings.algorithm is None else to_algorithm(settings.algorithm)
        tally = Tally(maximize=True)
        display = open_progress(settings.budget, tally) if settings.progress else None
        if display is not None:
            display.start()
        launcher = Together(self.evaluate, slots=min(settings.together, settings.budget or settings.together))
        limit = None if settings.seconds is None else max(self.limit.left(share=SEARCHED), 1e-3)
        try:
            found = search(
                program,
                evaluate,
                algorithm,
                settings.budget,
                study=settings.study,
                seed=settings.seed,
                timeout_seconds=limit,
                launcher=launcher,
                progress=False,
                max_failures=None if settings.budget is None else settings.budget + 1,
                callbacks=(self.ended.append, *(() if display is None else (display.add,))),
            )
            self.stop.is_set |= found.ended == "interrupted"
            trials = found.trials
        except KeyboardInterrupt:
            if not self.kept:
                raise
            self.stop.is_set, trials = True, sorted(self.ended, key=lambda one: int(one.id))
        finally:
            if display is not None:
                display.stop()
        self.count = len(trials)
        self._find_stored(trials, template)
        if not self.kept and not self.tops:
            raise EvaluationError(self._explain(trials))
        predicted = _find_predictions(algorithm)
        return [_to_entry(trial, template, predicted.get(trial.decisions.values)) for trial in trials]

    def _find_stored(self, trials: Sequence[Any], template: Template) -> None:
        """Notes the programs of the best trials whose networks another process trained."""
        known = {-number for _, number, _ in self.kept}
        best = sorted([one for one in trials if one.told is not None], key=lambda one: (-one.told, one.id))
        for trial in best[: max(self.settings.top, 1)]:
            if trial.id not in known:
                self.tops[trial.id] = template.materialize(trial.decisions)

    def _explain(self, trials: Sequence[Any]) -> str:
        if self.settings.seconds is not None:
            return (
                f"no network was trained for one epoch within {SEARCHED * self.settings.seconds:.3g} of {self.settings.seconds:g} "
                "seconds. Give more time, or fewer rows: sample_rows=10000."
            )
        why = next((trial.reason for trial in trials if trial.reason), "no trial ended")
        return f"none of the {len(trials)} networks could be trained; the first failed: {why}. Look for extreme numbers in the table."

    def evaluate(self, payloads: list[Any]) -> list[dict[str, Any]]:
        """Trains the networks of some trials; returns their scores, or why there is none."""
        template = self._template
        assert template is not None
        programs = [template.materialize(Decisions(template.space, one["decisions"])) for one in payloads]
        begun = monotonic()
        with Stop(passes=1) as second:  # the first Ctrl-C lets these networks finish, the second does not
            found = self.rows.train(
                programs,
                self.task,
                epochs=self.epochs,
                seed=self.settings.seed,
                should_stop=lambda: second.is_set or self.stop.is_set or self.limit.is_over(share=SEARCHED),
            )
        seconds = (monotonic() - begun) / len(found)
        if second.is_set or self.stop.is_set:
            for payload, trained in zip(payloads, found, strict=True):
                if trained.score is not None:
                    self._keep(payload["id"], trained)
            raise KeyboardInterrupt
        results: list[dict[str, Any]] = []
        for payload, trained in zip(payloads, found, strict=True):
            if trained.score is None:
                results.append({"failed": _REASONS.get(trained.reason, trained.reason)})
                continue
            self._keep(payload["id"], trained)
            size = sum(value.numel() for value in trained.state.values())
            metrics = {"epochs": float(trained.best_epoch), "parameters": float(size), "seconds": seconds}
            results.append({"reward": trained.score, "metrics": metrics})
        return results

    def _keep(self, trial: int, trained: Trained) -> None:
        heapq.heappush(self.kept, (float(trained.score or 0.0), -trial, trained))
        if len(self.kept) > max(self.settings.top, 1):
            heapq.heappop(self.kept)

    def finish(self) -> Chosen:
        """Trains the best networks longer, averages them if that helps, and trains them again on all rows."""
        best = [one for _, _, one in sorted(self.kept, key=lambda one: one[:2], reverse=True)]
        try:
            if self.tops:
                best = self._train_stored(best)
            if not best and self.stop.is_set:
                raise KeyboardInterrupt
            if not best:
                raise EvaluationError(self._explain([]))
            if not self.settings.top or self.stop.is_set:
                return average(best[:1], self.rows, self.task)
            self.say(f"training the best {len(best)} of {self.count} networks longer")
            options: dict[str, Any] = {"seed": self.settings.seed, "should_stop": self.must_end}
            pool = train_longer(best, self.rows, self.task, epochs=self.epochs, **options)
            chosen = average(pool, self.rows, self.task)
            if self.settings.refit and len(self.rows.targets) <= MAX_REFIT and not self.must_end():
                count = len(chosen.members)
                self.say(f"training {count} network{'s' * (count > 1)} again on all rows")
                chosen = refit(chosen, self.rows, self.task, **options)
            return chosen
        except KeyboardInterrupt:
            if not best:
                raise
            return average(best[:1], self.rows, self.task)

    def _train_stored(self, best: list[Trained]) -> list[Trained]:
        """Trains networks of trials that were stored before, whose weights are lost; returns the best, with the others."""
        self.say(f"training {len(self.tops)} of the best stored networks, whose weights are not stored")
        found = self.rows.train(
            list(self.tops.values()),
            self.task,
            epochs=self.epochs,
            seed=self.settings.seed,
            should_stop=self.must_end,
        )
        for trial, trained in zip(self.tops, found, strict=True):
            if trained.score is not None:
                self._keep(trial, trained)
        return [one for _, _, one in sorted(self.kept, key=lambda one: one[:2], reverse=True)]


def _find_predictions(algorithm: Any) -> dict[Any, float]:
    """Returns the rewards that an algorithm, or one inside it, predicted before trials, by the values of their decisions."""
    while algorithm is not None and not isinstance(algorithm, PredictorSearch):
        algorithm = getattr(algorithm, "algorithm", None)
    return {} if algorithm is None else {one.values: found for one, found, _ in algorithm.predictions}


def _to_entry(trial: Any, template: Template, predicted: float | None) -> Entry:
    metrics, program = trial.metrics or {}, template.materialize(trial.decisions)
    choices = list_choices(program)
    if choices is None:
        choices = {
            name: value if isinstance(value, str) else to_code(value)
            for name, value in trial.decisions.params.items()
        }
    return Entry(
        trial.id,
        None if trial.told is None else float(trial.told),
        int(metrics.get("epochs", 0)),
        int(metrics.get("parameters", 0)),
        round(metrics.get("seconds", 0.0), 3),
        0.0,
        describe_program(program) or say_decisions(trial.decisions),
        trial.reason or "",
        choices,
        predicted,
    )
