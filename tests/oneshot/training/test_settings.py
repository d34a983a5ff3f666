"""Settings and random state of a resumed search."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest
import torch

from pliant.algorithms import generators
from pliant.oneshot import (
    DARTS,
    ENAS,
    SPOS,
    FairNAS,
    Perturbation,
    Phase,
    ProgressiveShrinking,
    Recalibrated,
    RunningStatistics,
    Trainer,
    TuNAS,
)
from pliant.oneshot.training.batches import Feed
from pliant.oneshot.training.randomness import read_random, write_random
from pliant.oneshot.training.settings import describe, describe_settings
from pliant.values.errors import FieldValueError, LoadError

from .conftest import loader, make_data, make_space


def adam(weights):
    return torch.optim.Adam(weights, 0.01)


def train(path, sampler=None, *, stop=None, data=None, **options):
    """Trains for ``stop`` epochs, or to the end."""
    trainer = Trainer(
        make_space(),
        DARTS() if sampler is None else sampler,
        loader() if data is None else data,
        loader(seed=1),
        checkpoint=path,
        **{"epochs": 2, "seed": 3, "optimizer": adam, **options},
    )
    if stop is None:
        return trainer, trainer.fit()
    for _ in range(stop):
        trainer.run_epoch()
    return trainer, None


@pytest.mark.parametrize(
    ("sampler", "options", "lesson"),
    [
        (DARTS, {"seed": 4}, r"seed: 3 in the checkpoint, 4 here"),
        (DARTS, {"clip": 0.1}, r"clip: 5.0 in the checkpoint, 0.1 here"),
        (DARTS, {"clip": None}, r"clip: 5.0 in the checkpoint, None here"),
        (DARTS, {"accumulate": 2}, r"accumulate: 1 in the checkpoint, 2 here"),
        (DARTS, {"autocast": torch.bfloat16}, r"autocast: None in the checkpoint, torch.bfloat16 here"),
        (DARTS, {"schedule": None}, r"schedule: cosine in the checkpoint, None here"),
        (
            DARTS,
            {"optimizer": torch.optim.SGD},
            r"optimizer: Adam\(lr=0.01, .*\) in the checkpoint, SGD\(lr=0.001, .* here",
        ),
        (
            DARTS,
            {"optimizer": lambda w: torch.optim.Adam(w, 0.02)},
            r"Adam\(lr=0.01.* in the checkpoint, Adam\(lr=0.02",
        ),
        (
            lambda: DARTS(order=2, learning_rate=1.0),
            {},
            r"DARTS\(learning_rate\): 0.0003 in the checkpoint, 1.0 here\n  DARTS\(order\): 1 in the checkpoint, 2 here",
        ),
    ],
)
def test_other_settings_are_refused(tmp_path, sampler, options, lesson):
    path = tmp_path / "a.pt"
    train(path, stop=1)
    kept = path.read_bytes()
    with pytest.raises(
        FieldValueError, match=rf"a.pt' is of a search with other settings:(.|\n)*{lesson}"
    ) as found:
        train(path, sampler(), **options)
    assert "the number of epochs may differ" in str(found.value)
    assert path.read_bytes() == kept


@pytest.mark.parametrize(
    "make",
    [
        DARTS,
        lambda: TuNAS(cost=lambda d: sum(d.values), target=2.0),
        lambda: SPOS(evaluations=3, batches=1, search=generators.TPE(), normalization=Recalibrated(20)),
        lambda: Perturbation(DARTS(), batches=1, tuning=1),
        lambda: FairNAS(evaluations=2, batches=1),
        lambda: ENAS(updates=1, draws=2),
        lambda: ProgressiveShrinking([Phase(1, {}), Phase(1, {"*": 1})], evaluations=2, batches=1),
    ],
)
def test_the_same_settings_go_on_and_for_more_epochs(tmp_path, make):
    path = tmp_path / "a.pt"
    train(path, make())
    trainer, report = train(path, make(), epochs=3)
    assert [record.epoch for record in trainer.records] == [3]
    assert trainer.session.progress == 1.0
    assert report.decisions == trainer.sampler.decisions()


def test_a_search_that_goes_on_after_its_end_is_finished_anew(tmp_path):
    path = tmp_path / "a.pt"
    make = lambda: SPOS(evaluations=16, batches=2, normalization=RunningStatistics())  # noqa: E731
    first, _ = train(path, make(), epochs=1)
    second, _ = train(path, make(), epochs=6)
    assert first.sampler.results.keys() == second.sampler.results.keys()  # all 16 networks
    assert first.sampler.results != second.sampler.results


def test_descriptions_are_the_same_in_every_process():
    code = (
        "from pliant.oneshot import *; from pliant.algorithms import generators;"
        "from pliant.oneshot.training.settings import describe_settings as d;"
        "print([d(s, {}) for s in (DARTS(penalty=AddedCost(sum)), ENAS(), TuNAS(cost=len, target=1.),"
        "SPOS(search=generators.TPE()), ProgressiveShrinking([Phase(1, {})]))])"
    )
    here = io.StringIO()
    with redirect_stdout(here):
        exec(code, {})
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", code]
    there = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = {here.getvalue(), there.stdout}
    assert len(found) == 1
    text = found.pop()
    assert " at 0x" not in text
    assert "AddedCost(cost=sum, weight=0.1, reference=1.0)" in text
    assert "Phase(share=1.0, free={}, networks=1)" in text
    assert "Reinforce(batch_size=10" in text


class Shy:
    """Keeps one argument, forgets another, and does not like to be asked for the third."""

    def __init__(self, kept, forgotten=1, secret=2):
        self.kept = kept

    @property
    def secret(self):
        raise RuntimeError


class Hidden:
    """Keeps its argument under another name."""

    def __init__(self, value):
        self._value = value


class Picky(SPOS):
    """Keeps what it makes of an argument, not the argument."""

    def __init__(self, strength, *rest, **more):
        super().__init__(evaluations=1, batches=1)
        self._factor = strength * 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (lambda: Picky(1), lambda: Picky(2)),
        (lambda: Picky(1, 2), lambda: Picky(1, 3)),
        (lambda: Picky(1, a=2), lambda: Picky(1, b=2)),
        (lambda: Picky(torch.zeros(2)), lambda: Picky(torch.ones(2))),
        (lambda: Picky(1, Hidden(1)), lambda: Picky(1, Hidden(2))),
    ],
    ids=["argument", "rest", "options", "tensor", "object"],
)
def test_arguments_of_a_custom_sampler_are_compared(before, after, tmp_path):
    def start(sampler):
        path = tmp_path / "a.pt"
        return Trainer(make_space(), sampler, loader(), loader(), epochs=1, checkpoint=path)

    start(before()).fit()
    start(before()).fit()
    with pytest.raises(FieldValueError, match=r"is of a search with other settings:\n  Picky\("):
        start(after())


def test_what_is_said_of_options():
    assert describe_settings(TuNAS(exponent=-0.5), {})["TuNAS(exponent)"] == "-0.5"
    assert describe_settings(SPOS(search=generators.Random()), {})["SPOS(search)"].startswith("Random")
    assert describe(np.float64(0.5)) == "0.5"
    assert describe([torch.zeros(2, 3), len]).startswith("(Tensor of shape (2, 3), checksum ")
    assert describe(torch.zeros(2)) == describe(torch.zeros(2)) != describe(torch.ones(2))
    assert describe(np.arange(3)) != describe(np.arange(3) + 1)
    assert describe(Hidden(3)) == "Hidden(value=3)"
    assert describe(Shy(3)) == "Shy(kept=3)"
    knot: list = []
    knot.append(knot)
    assert "list" in describe(knot)


# ---------------------------------------------------------------------- the random numbers of the surroundings


class Noisy(torch.utils.data.Dataset):
    """Examples with noise from a global generator."""

    def __init__(self, draw):
        self.draw, self.inner, self.read, self.stop = draw, make_data(), 0, None

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        self.read += 1
        if self.read == self.stop:
            raise KeyboardInterrupt
        x, y = self.inner[index]
        return x + 0.1 * self.draw(), y


@pytest.mark.parametrize(
    "draw", [random.random, np.random.rand, lambda: torch.rand(()).item()], ids=["python", "numpy", "torch"]
)
@pytest.mark.parametrize("generator", [False, True])
def test_augmentation_by_global_generators_goes_on_exactly(tmp_path, draw, generator):
    def make():
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002 - the global generator is what this is about
        own = torch.Generator().manual_seed(7) if generator else None
        return torch.utils.data.DataLoader(Noisy(draw), 16, shuffle=True, generator=own)

    kept = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global generator is what this is about
    try:
        whole, report = train(None, TuNAS(), data=make(), epochs=3)
        path, data = tmp_path / "a.pt", make()
        data.dataset.stop = 64 + 40
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            train(path, TuNAS(), data=data, epochs=3, checkpoint_steps=1)
        data = make()
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002 - the global generator is what this is about
        again, second = train(path, TuNAS(), data=data, epochs=3, checkpoint_steps=1)
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002 - the global generator is what this is about
    for key, value in whole.supernet.state_dict().items():
        assert torch.equal(value, again.supernet.state_dict()[key]), key
    assert str(second) == str(report)


def test_generators_go_back():
    before = read_random()
    draw = lambda: (random.random(), np.random.rand(), torch.rand(3).tolist())  # noqa: E731, NPY002 - global ones
    first = draw()
    write_random(before)
    assert draw() == first


def test_numpy_is_not_imported_for_it():
    code = (
        "import builtins, sys; import torch; from pliant.oneshot.training.randomness import read_random, write_random;"
        "[sys.modules.pop(m) for m in list(sys.modules) if m.split('.')[0] == 'numpy'];"
        "state = read_random(); write_random(state); assert 'numpy' not in state and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fewer_batches_than_were_read():
    feed = Feed([1, 2, 3], "train")
    [feed.next() for _ in range(3)]
    with pytest.raises(LoadError, match=r"train has 2 batches, and 3 of them had been read.*batch size"):
        Feed([1, 2], "train").restore(feed.state())
