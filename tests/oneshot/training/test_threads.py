"""Trainings in threads: the result is that of the same training alone, and the process keeps its random state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import pliant as pg
from pliant import oneshot

Linear, Sequential, ReLU, Tanh, Dropout, BatchNorm1d = map(
    pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh, nn.Dropout, nn.BatchNorm1d)
)
X = torch.rand(32, 2, generator=torch.Generator().manual_seed(1))
Y = (X[:, 0] > 0.5).long()
BATCHES = list(zip(X.split(8), Y.split(8)))


def trainer(seed: int, data: Any = BATCHES, epochs: int = 2) -> oneshot.Trainer:
    width = pg.oneof([4, 8], name="width")
    space = Sequential(Linear(2, width), pg.oneof([ReLU(), Tanh()]), Dropout(0.5), Linear(width, 2))
    return oneshot.Trainer(
        space, oneshot.SPOS(evaluations=2, batches=1), data, BATCHES, epochs=epochs, seed=seed
    )


def run(seed: int, data: Any = BATCHES) -> tuple[list[torch.Tensor], Any]:
    made = trainer(seed, data)
    decisions = made.fit().decisions
    return [p.detach().clone() for p in made.supernet.parameters()], decisions


def run_together(*calls: Callable[[], Any]) -> list[Any]:
    """Returns the results of calls that run at once, each in a thread."""
    found: list[Any] = [None] * len(calls)

    def call(index: int) -> None:
        try:
            found[index] = calls[index]()
        except Exception as error:  # noqa: BLE001  # it is handed to the test
            found[index] = error

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def assert_same(found: Any, expected: Any) -> None:
    assert not isinstance(found, Exception), found
    assert found[1] == expected[1]
    for one, other in zip(found[0], expected[0], strict=True):
        assert torch.equal(one, other)


def test_trainings_in_threads_are_as_each_alone():
    alone, before = [run(seed) for seed in range(3)], torch.get_rng_state()
    for found, expected in zip(run_together(*(lambda s=seed: run(s) for seed in range(3))), alone):
        assert_same(found, expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_data_loader_with_workers_in_a_thread():
    def load() -> Any:
        return DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True, num_workers=1)

    assert_same(run_together(lambda: run(1, load()))[0], run(1, load()))


def test_the_network_is_taken_between_two_epochs_of_another_thread():
    made, calls = trainer(0), range(3)
    found = run_together(made.fit, *(lambda: made.network([0, 1])(X).shape for _ in calls))
    assert found[1:] == [(32, 2)] * len(calls)
    assert_same(([*made.supernet.parameters()], found[0].decisions), run(0))


def test_one_training_after_another_one_has_failed():
    def fail(network: nn.Module, batch: Any) -> torch.Tensor:
        raise ZeroDivisionError("of the loss")

    bad = oneshot.Trainer(
        Sequential(Linear(2, pg.oneof([2, 4]))), oneshot.SPOS(), BATCHES, BATCHES, epochs=1, loss=fail
    )
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError, match="of the loss"):
        bad.fit()
    assert torch.equal(torch.get_rng_state(), before)
    assert_same(run_together(lambda: run(2))[0], run(2))
