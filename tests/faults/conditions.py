"""What must hold of a search that came to its end, whatever was killed on its way.  Kills nothing, and searches nothing."""

from __future__ import annotations

from collections import Counter

from searches import ATTEMPTS, SPACE, report_of, reward_of

from pliant.study import Study


def read_events(study):
    """Returns the events of a study, without the times of trials, which differ between searches."""
    events = study._store.read(lambda record: list(record.events_after(0)))
    return [event._replace(seconds=None) for event in events]


def find_faults(place, make, trials, told, *, deaths=None):
    """Returns what is wrong with a search that came to its end, as text; nothing where all holds.

    Args:
      place: of the study.
      make: makes the algorithm.
      trials: how many there are to be.
      told: the numbers of the trials whose end somebody was told of.
      deaths: how often the trainer of a trial is killed, where nothing else was.
    """
    faults = []
    if doubled := [key for key, count in Counter(told).items() if count > 1]:
        faults.append(f"told twice: {doubled}")
    with Study.open(place, SPACE) as study:
        found, events = list(study.trials()), read_events(study)
        if not study.is_complete:
            faults.append("not complete")
    if [trial.id for trial in found] != list(range(1, trials + 1)):
        faults.append(f"numbers: {[trial.id for trial in found]}")
    fatal = {trial.id for trial in found if deaths and deaths(trial.decisions) >= ATTEMPTS}
    completed = {trial.id for trial in found if trial.told is not None}
    if lost := (set(told) - fatal - completed) | (set(range(1, trials + 1)) - fatal - completed):
        reasons = [trial.reason for trial in found if trial.id in lost and trial.reason]
        faults.append(f"lost: {sorted(lost)}{f' ({reasons[0]})' if reasons else ''}")
    if any(trial.reward != reward_of(trial.decisions) for trial in found if trial.id not in fatal):
        faults.append("another reward than was told")
    if deaths:
        faults += [fault for trial in found if (fault := find_wrong_end(trial, deaths(trial.decisions)))]
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        faults.append("events have gaps")
    if Counter(event.kind for event in events)["tell"] != trials:
        faults.append("not one end for each trial")
    return faults + find_divergence(make, found, events)


def find_wrong_end(trial, deaths):
    """Returns how a trial did not end as it should whose trainer was killed so often; nothing where it did."""
    if trial.attempts != min(deaths + 1, ATTEMPTS):
        return f"trial {trial.id} had {trial.attempts} attempts, and {deaths} of its trainers were killed"
    if deaths >= ATTEMPTS:
        reason = trial.reason or ""
        if trial.status != "failed" or "SIGKILL" not in reason or "(attempt 3 of 3)" not in reason:
            return f"trial {trial.id} is {trial.status}, for the reason {reason!r}"
    return ""


def find_divergence(make, trials, events):
    """Returns where the algorithm alone does something else, told in the recorded order."""
    alone = make()
    alone.setup(SPACE)
    for event in events:
        if event.kind == "ask":
            if alone.propose() != event.decisions:
                return [f"trial {event.trial} is another one"]
            if alone.parent(event.decisions) != trials[event.trial - 1].parent:
                return [f"trial {event.trial} goes on from another one"]
        elif event.kind == "report":
            if event.reward != report_of(event.decisions, event.step):
                return [f"trial {event.trial} reported something else"]
            if alone.report(event.decisions, event.reward, step=event.step) != event.stop:
                return [f"trial {event.trial} was stopped otherwise"]
        else:
            alone.feedback(event.decisions, event.reward)
    return []


def find_difference(place, reference):
    """Returns where two records differ, event by event."""
    with Study.open(place, SPACE) as study, Study.open(reference, SPACE) as other:
        mine, theirs = read_events(study), read_events(other)
    if mine == theirs:
        return []
    at = next((i for i, (a, b) in enumerate(zip(mine, theirs)) if a != b), min(len(mine), len(theirs)))
    return [f"event {at + 1} is not that of a search that nobody killed"]
