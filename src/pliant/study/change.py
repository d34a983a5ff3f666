"""Gives a study another space: maps what it has, teaches a new algorithm, and goes on from there; one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from pliant.algorithms import Algorithm
from pliant.algorithms.description import rebuild
from pliant.space import Decisions, Space
from pliant.space.mapping import Change, check_change, map_decisions
from pliant.values.errors import LoadError, StudyError

from .loop import Loop, no_writer
from .store.change import change_priors, change_queue, replace_state, write_decisions, write_space
from .store.record import Record
from .trials import check
from .trials.constraint import Constraint
from .trials.learner import Learner
from .trials.trial import RUNNING, SpaceChange, Trial, end_trial

if TYPE_CHECKING:
    from .view import View

_UNFIT = "its decisions do not fit the new space of the study"


def change_space(study: View, space: Space, change: Change, algorithm: Algorithm | None) -> SpaceChange:
    """Gives a study that is open for writing another space; see ``Study.change_space``."""
    check.check_arguments(space, algorithm, None)
    loop: Loop | None = getattr(study, "_loop", None)
    if loop is None:
        raise no_writer(study.path)
    old = study.space
    mapped = check_change(change, old)
    if space == old and mapped is None:
        return SpaceChange(sum(study.counts().values()), 0, 0)
    store = study._store
    make = _make_learner(study, space, algorithm)
    try:
        found, new = loop.exchange(lambda record, seq: _change(record, seq, make, mapped))
    except BaseException:
        store.record.space = old
        raise
    study.space = store.record.space = new
    store.record.space_text = None
    return found


def _make_learner(
    study: View, space: Space, algorithm: Algorithm | None
) -> Callable[[Record], tuple[Learner, Space]]:
    """Returns a function that makes a new algorithm as that of a study, for a space."""

    def make(record: Record) -> tuple[Learner, Space]:
        settings = record.settings()
        if algorithm is not None:
            check.check_algorithm(str(study.path), settings["algorithm"], algorithm)
        try:
            made = rebuild(settings["algorithm"]) if algorithm is None else algorithm
        except LoadError as error:
            raise StudyError(
                f"{error} Pass a new one to change_space, made as that of the study: study.change_space(space, algorithm=...)."
            ) from error
        # Another seed, so that the new algorithm does not repeat the first proposals of the old one.
        text = f"{settings['seed']} {made.seed} {record.progress().proposed} {space.fingerprint}"
        seed = int.from_bytes(sha256(text.encode()).digest()[:4])
        made.setup(space, seed=seed, trials=record.progress().budget)
        limits = tuple(map(Constraint.parse, study.constraints))
        return Learner(made, maximize=study.maximize, constraints=limits), made.space

    return make


def _change(
    record: Record, seq: int, make: Callable[[Record], tuple[Learner, Space]], change: Change
) -> tuple[tuple[SpaceChange, Space], Learner, int]:
    """Changes the record; returns what was done with the new space, the new algorithm, and the number of the last event."""
    learner, new = make(record)
    old = record.space

    def fit(decisions: Decisions) -> Decisions | None:
        return map_decisions(decisions, new, change)

    number = write_space(record, json.dumps(new.to_json(), separators=(",", ":")))
    counts = {True: 0, False: 0}
    for decisions, reward in change_priors(record, fit, number):
        learner.feedback(decisions, reward)
    dropped = change_queue(record, fit)
    for trial in _read_all(record):
        is_present = trial.decisions.space == old
        found = fit(trial.decisions) if is_present or change is None else None
        counts[found is not None] += 1
        if found is not None:
            parent = None if trial.parent is None else fit(trial.parent)
            write_decisions(record, replace(trial, decisions=found, parent=parent), None)
            if trial.ended is not None:
                noted = (trial.seconds, trial.metrics) if trial.copied_from is None else ()
                learner.feedback(found, trial.told, *noted)
        elif is_present:
            if trial.status == RUNNING:
                seq += 1
                trial = end_trial(trial, None, _UNFIT, None, cause="skipped")
                record.finish_trial(trial, seq)
            write_decisions(record, trial, number)
    replace_state(record, seq, learner.save())
    done = SpaceChange(counts[True], counts[False], dropped)
    record.add_note(
        None,
        f"the space was changed: {done.mapped} trials were mapped, {done.history} do not fit, {dropped} were dropped from the queue",
    )
    record.space = new
    return (done, new), learner, seq


def _read_all(record: Record) -> Iterator[Trial]:
    """Returns all trials, a page at a time; those that were returned may be changed meanwhile."""
    last = 0
    while page := record.page(last):
        last = page[-1].id
        yield from page
