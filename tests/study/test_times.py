"""What a trial took is recorded, and replayed as it was recorded."""

from __future__ import annotations

import json

from pliant.algorithms import Auto
from pliant.space import choice, flatten
from pliant.study import Study
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
