"""Training in the workers of a launcher: the same networks as in this process, and what happens to those that fail."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

import pliant as pg
from pliant.launch import InPlace, Processes
from pliant.launch.base import Ended, Outcome, Started
from pliant.tabular.encoded import Encoded
from pliant.tabular.task import Task
from pliant.tabular.training import workers
from pliant.tabular.training.batches import Rows
from pliant.tabular.training.loop import Plan
from pliant.tabular.training.train import train_networks
from pliant.values.errors import LaunchError
from pliant.zoo import tabular

DRAW = np.random.default_rng(0)
ROWS = Encoded(DRAW.normal(size=(40, 3)).astype(np.float32), DRAW.integers(0, 3, (40, 1)), (3,))
TARGETS = (ROWS.numbers[:, 0] > 0).astype(np.int64)


class Foreign(nn.Module):
    """A network of a class that workers do not know."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3, width)

    def forward(self, numbers, categories):
        return self.layer(numbers)[:, :1]


def make_programs(count: int = 5):
    made = [tabular.make_model(3, (3,), 1, width=4 + 4 * (i % 2), dropout=0.1 * i) for i in range(count)]
    return [*made, tabular.TableModel(pg.symbolize(Foreign)(2))] if count > 2 else made


def make_plan():
    rows = Rows(
        torch.zeros(300, 1), torch.zeros(300, 0, dtype=torch.long), torch.zeros(300, dtype=torch.long)
    )
    return Plan(rows, rows, Task("binary", 1), 1, 1, lambda: False)


def train(programs, launcher=None, **options):
    return train_networks(
        programs, ROWS, TARGETS, Task("binary", 1), validation=ROWS, validation_targets=TARGETS,
        **{"epochs": 3, "seed": 1, "launcher": launcher, **options},
    )  # fmt: skip


@pytest.mark.parametrize(
    "make", [InPlace, lambda: Processes(2, preload=workers.PRELOAD)], ids=["here", "workers"]
)
def test_workers_return_the_same_networks(make):
    programs = make_programs()
    wanted = train(programs)
    with make() as launcher:
        found = train(programs, launcher)
        again = train(programs[:2], launcher, weights=np.ones(40))
    assert len(again) == 2
    for one, other in zip(found, wanted, strict=True):
        assert one.program is other.program
        assert (one.seed, one.best_epoch, one.reason) == (other.seed, other.best_epoch, other.reason)
        assert one.score == pytest.approx(other.score, abs=1e-6)
        assert one.curve == pytest.approx(other.curve)
        assert one.losses == pytest.approx(other.losses)
        assert one.state.keys() == other.state.keys()
        for name, value in other.state.items():
            torch.testing.assert_close(one.state[name], value)


def test_stopping_ends_the_training_of_workers():
    with InPlace() as launcher:
        found = train(make_programs(2), launcher, epochs=10**6, patience=10**6, should_stop=lambda: True)
    assert [one.reason for one in found] == ["stopped", "stopped"]


def test_a_worker_that_is_killed_costs_only_its_group():
    killed: list[int] = []
    started: list[int] = []

    def kill_once() -> bool:
        if started and not killed:
            os.kill(started[0], signal.SIGKILL)
            killed.append(started[0])
        return bool(killed)

    with Processes(1, preload=workers.PRELOAD) as launcher:
        poll = launcher.poll

        def note(timeout):
            events = poll(timeout)
            started.extend(int(one.where.split()[1]) for one in events if isinstance(one, Started))
            return events

        launcher.poll = note
        found = train(make_programs(1), launcher, epochs=10**6, patience=10**6, should_stop=kill_once)
    assert killed
    assert found[0].score is None
    assert "SIGKILL" in found[0].reason


def test_an_error_in_a_worker_is_raised():
    with pytest.raises(LaunchError, match=r"training in a worker failed: RuntimeError: sizes\nlines"):
        workers._read(
            Ended("train0", Outcome("raised", reason="RuntimeError: sizes", tail="lines")), [], [], None
        )


@pytest.mark.parametrize(("count", "sizes"), [(10, [5, 5]), (130, [33, 33, 33, 31]), (1, [1])])
def test_groups_are_spread_over_the_workers(count, sizes, monkeypatch):
    found = []
    monkeypatch.setattr(
        workers, "train_group", lambda programs, seeds, plan: found.append(len(programs)) or programs
    )
    monkeypatch.setattr(workers, "_start", lambda *given: {})
    launcher = InPlace()
    launcher.slots = 2
    workers.train_in_workers([tabular.make_model(1, width=2)] * count, [0] * count, make_plan(), launcher)
    assert found == sizes
