"""What an epoch is: all batches, also those that fill no step; of a list, a loader, or a stream without a length."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import DARTS, SNAS, SPOS, BatchStatistics, Trainer, TuNAS
from pliant.oneshot.training import Feed
from pliant.values.errors import FieldValueError

from .conftest import Identity, Linear, Sequential, loader, make_data, make_space

BATCHES = list(loader(shuffle=False, batch=10))  # 7, the last of which has 4 examples


def make_linear():
    """Two networks that compute the same, without randomness."""
    return Sequential(pg.oneof([Identity(), Identity()]), Linear(4, 2))


def train(data, space=None, sampler=None, **options):
    trainer = Trainer(
        make_linear() if space is None else space,
        TuNAS(normalization=BatchStatistics()) if sampler is None else sampler,
        data,
        loader(seed=1),
        **{
            "epochs": 2,
            "seed": 3,
            "schedule": None,
            "optimizer": lambda w: torch.optim.SGD(w, 0.5),
            **options,
        },
    )
    trainer.fit()
    return trainer


def weights_of(trainer):
    return {name: p.detach().clone() for name, p in trainer.supernet.named_parameters()}


def train_by_hand(groups, *, epochs, clip):
    """The same weights, trained on the mean loss of each group of batches."""
    start = Trainer(make_linear(), TuNAS(), BATCHES, BATCHES, epochs=1, seed=3)
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        for mine, first in zip(layer.parameters(), start.supernet.parameters(), strict=True):
            mine.copy_(first)
    optimizer = torch.optim.SGD(layer.parameters(), 0.5)
    for _ in range(epochs):
        for group in groups:
            optimizer.zero_grad()
            losses = [nn.functional.cross_entropy(layer(x), y) for x, y in group]
            (sum(losses) / len(losses)).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(layer.parameters(), clip)
            optimizer.step()
    return list(layer.parameters())


@pytest.mark.parametrize("count", [3, 6, 7])
@pytest.mark.parametrize("accumulate", [1, 2, 3, 100])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_what_is_left_of_an_epoch_makes_a_step(count, accumulate, clip):
    data = BATCHES[:count]
    groups = [data[i : i + accumulate] for i in range(0, count, accumulate)]
    expected = train_by_hand(groups, epochs=2, clip=clip)
    found = train(data, accumulate=accumulate, clip=clip)
    for mine, other in zip(weights_of(found).values(), expected, strict=True):
        torch.testing.assert_close(mine, other.detach(), rtol=1e-5, atol=1e-6)


def test_the_step_that_is_left_is_resumed(tmp_path):
    path = tmp_path / "a.pt"
    options = {"accumulate": 2, "space": make_space(), "data": BATCHES}
    whole = train(**options, epochs=3, optimizer=torch.optim.Adam)
    train(**{**options, "space": make_space()}, epochs=1, optimizer=torch.optim.Adam, checkpoint=path)
    again = train(**{**options, "space": make_space()}, epochs=3, optimizer=torch.optim.Adam, checkpoint=path)
    assert again._steps == whole._steps == 3 * 4
    assert again.session.done == whole.session.done == 3 * 7


# ---------------------------------------------------------------------- streams


class Stream(torch.utils.data.IterableDataset):
    """Examples of an unknown number."""

    def __init__(self, count=64):
        self.count = count

    def __iter__(self):
        data = make_data()
        return (data[i] for i in range(self.count))


class Passes:
    """Makes an iterator at each call, without a length."""

    def __iter__(self):
        return iter(BATCHES)


@pytest.mark.parametrize("make", [lambda: torch.utils.data.DataLoader(Stream(), 10), Passes])
@pytest.mark.parametrize("sampler", [TuNAS, DARTS, SNAS, lambda: SPOS(evaluations=2, batches=1)])
def test_a_stream_without_a_length(make, sampler):
    progress = []
    trainer = Trainer(make_space(), sampler(), make(), make(), epochs=3, seed=0)
    before = trainer.sampler.before_weights

    def told(step):
        progress.append(step.progress)
        before(step)

    trainer.sampler.before_weights = told
    report = trainer.fit()
    assert len(trainer.records) == 3
    assert trainer.session.done == 21
    assert progress == [0.0] * 7 + [(7 + i) / 21 for i in range(14)]
    assert 0 <= report.quality <= 1


def test_a_stream_goes_on_for_more_epochs(tmp_path):
    for epochs, progress in ((1, 1.0), (3, 1.0)):
        found = train(Passes(), make_space(), epochs=epochs, checkpoint=tmp_path / "a.pt")
        assert (found.session.done, found.session.progress) == (7 * epochs, progress)


def test_a_stream_that_is_resumed_amid_an_epoch(tmp_path):
    def make(path):
        options = {"epochs": 3, "seed": 0, "checkpoint": path, "checkpoint_steps": 1}
        return Trainer(make_space(), TuNAS(learning_rate=0.1), Passes(), loader(seed=1), **options)

    whole = make(None)
    whole.fit()
    first = make(tmp_path / "a.pt")
    step = first._train_on

    def stopped(batch):
        if first.session.done == 10:
            raise KeyboardInterrupt
        step(batch)

    first._train_on = stopped
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        first.fit()
    again = make(tmp_path / "a.pt")
    assert again.session.progress == 10 / 21
    again.fit()
    for key, value in whole.supernet.state_dict().items():
        assert torch.equal(value, again.supernet.state_dict()[key]), key


class Once:
    """Hands out one iterator again and again."""

    def __init__(self, batches):
        self.iterator = iter(batches)

    def __iter__(self):
        return self.iterator


def test_data_that_can_be_gone_through_once():
    with pytest.raises(
        FieldValueError, match=r"train has no more batches: an earlier pass had some.*make a list"
    ):
        train(Once(BATCHES))
    with pytest.raises(FieldValueError, match=r"train has no batches; at least one is needed"):
        train(Once([]))
    with pytest.raises(FieldValueError, match=r"train has no batches"):
        train(torch.utils.data.DataLoader(Stream(0), 10))
    with pytest.raises(FieldValueError, match=r"valid has no more batches"):
        Trainer(make_linear(), TuNAS(), BATCHES, Once(BATCHES), epochs=2).fit()


def test_a_feed_of_a_loader_with_a_generator_of_its_own():
    def make():
        own = torch.Generator().manual_seed(3)
        return Feed(torch.utils.data.DataLoader(list(range(9)), shuffle=True, generator=own), "train")

    feed = make()
    [feed.next() for _ in range(13)]
    assert len(list(feed.pass_over())) == 9
    state = feed.state()
    rest = [int(feed.next()) for _ in range(20)]
    again = make()
    again.restore(state)
    assert [int(again.next()) for _ in range(20)] == rest


# ---------------------------------------------------------------------- scaled losses


@pytest.mark.parametrize("accumulate", [1, 3])
def test_losses_are_scaled_for_half_precision(accumulate, monkeypatch):
    scaled = []
    scale = torch.amp.GradScaler.scale

    def told(self, loss):
        scaled.append(self.get_scale())
        return scale(self, loss)

    monkeypatch.setattr(torch.amp.GradScaler, "scale", told)
    options = {"accumulate": accumulate, "clip": 0.05, "optimizer": lambda w: torch.optim.SGD(w, 0.1)}
    half = train(BATCHES, autocast=torch.float16, **options)
    assert len(scaled) == 14
    assert min(scaled) > 1
    whole = train(BATCHES, **options)
    for key, value in weights_of(whole).items():  # equal to training without scaling
        torch.testing.assert_close(weights_of(half)[key], value, rtol=0.01, atol=0.003)
    assert train(BATCHES, autocast=torch.bfloat16)._scaler is None
