"""What a trial took and by how much it broke a limit is recorded, and replayed as it was recorded."""

from __future__ import annotations

import json

from pliant.algorithms import Auto, Bayesian
from pliant.space import choice, flatten
from pliant.study import Study
from pliant.study.trials.constraint import parse_constraints
from pliant.study.trials.learner import TELL, Learner

SPACE = flatten([choice(f"x{i}", 3) for i in range(8)])


def test_auto_repeats_its_choices_from_recorded_times(tmp_path):
    study, now = Study.create(tmp_path / "a.db", SPACE, Auto(seed=3), trials=30), 0.0
    study._loop.leases.clock = lambda: now
    while (trial := study.ask()) is not None:
        now += 60.0 if trial.id < 20 else 0.25  # long trials, then short ones
        study.tell(trial.id, float(sum(trial.decisions.values)))
    said = study._loop._learner._algorithm.explain()
    assert said.startswith("TPE: one objective, and 2 % of a trial of 0.25 s is less than")
    study.close()
    with Study.open(tmp_path / "a.db") as kept:
        events = list(kept._store.record.events_after(0))
    assert [event.seconds for event in events if event.kind == TELL] == [60.0] * 19 + [0.25] * 11
    again = Auto(seed=3)
    again.setup(SPACE, trials=30)
    Learner(again, maximize=True).resume(json.dumps(again.state()), events)  # compares every proposal
    assert again.explain() == said


def test_the_size_of_violations_reaches_the_algorithm_and_is_replayed(tmp_path):
    make, limits = lambda: Bayesian(initial=4, samples=20, climbs=1, seed=3), ["cost <= 6", "gain >= -1"]
    study = Study.create(tmp_path / "a.db", SPACE, make(), trials=9, constraints=limits)
    while (trial := study.ask()) is not None:
        total = float(sum(trial.decisions.values))
        if trial.id == 2:
            study.fail(trial.id, "no reason")
        else:
            study.tell(trial.id, total, metrics={"cost": total, "gain": 0.5})
    noted = study._loop._learner._algorithm._excess
    study.close()
    with Study.open(tmp_path / "a.db") as kept:
        events = list(kept._store.record.events_after(0))
        sums = [sum(trial.decisions.values) for trial in kept.trials()]
    assert noted == [None if i == 1 else (total - 6.0, -1.5) for i, total in enumerate(sums)]
    again = make()
    again.setup(SPACE, trials=9)
    learner = Learner(again, maximize=True, constraints=parse_constraints(limits))
    learner.resume(json.dumps(again.state()), events)  # compares every proposal
    assert again._excess == noted
