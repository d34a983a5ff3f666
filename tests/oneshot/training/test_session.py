from __future__ import annotations

from itertools import cycle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau
from torch import nn

import pliant as pg
from pliant.oneshot import DARTS, GDAS, SNAS, SPOS, FBNet, ProxylessNAS, Session, TuNAS, kendall_tau, supernet
from pliant.oneshot.training import Feed, make_report
from pliant.oneshot.training.report import count_skips
from pliant.values.errors import FieldValueError

from .conftest import loader, make_space


def loss_of(network, batch):
    return nn.functional.cross_entropy(network(batch[0]), batch[1])


def accuracy_of(network, batch):
    return float((network(batch[0]).argmax(1) == batch[1]).float().mean())


def run(sampler, *, quality=accuracy_of, epochs=2):
    """A custom training loop."""
    net, data = supernet(make_space()), list(loader(shuffle=False))
    valid = cycle(loader(seed=1, shuffle=False))
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    session = Session(
        net,
        sampler,
        valid=lambda: next(valid),
        loss=loss_of,
        quality=quality,
        steps=epochs * len(data),
        optimizer=optimizer,
        train_batches=lambda: iter(data),
    )
    progress = []
    for _ in range(epochs):
        for batch in data:
            step = session.begin(batch)
            progress.append(step.progress)
            optimizer.zero_grad()
            loss_of(net, batch).backward()
            optimizer.step()
            session.end()
        session.end_epoch()
    return session, progress


@pytest.mark.parametrize("make", [SPOS, TuNAS, DARTS])
def test_a_loop_of_ones_own(make):
    sampler = SPOS(evaluations=3, batches=1) if make is SPOS else make()
    session, progress = run(sampler)
    assert progress == [i / 8 for i in range(8)]
    assert session.epoch == 2
    best = session.finish()
    assert best == sampler.decisions()
    assert best.space == session.supernet.space


def test_without_a_quality_it_is_the_negative_loss():
    session, _ = run(TuNAS(), quality=None)
    batch = next(iter(loader()))
    session.supernet.eval()
    with torch.no_grad():
        assert session.quality(batch) == pytest.approx(-float(loss_of(session.supernet, batch)))


def test_a_report_has_a_baseline_and_a_gap():
    session, _ = run(DARTS())
    report = make_report(session, batches=2, baseline=8)
    assert len(report.random) == 8
    assert report.gap == report.mixture - report.quality
    text = str(report)
    assert "of 8 random networks, on 32 examples of the validation data used to select it" in text
    assert "gap" in text
    assert session.supernet.decisions == report.decisions
    with pytest.raises(FieldValueError, match="one batch and one random network at least; got batches=0"):
        make_report(session, batches=0)


@pytest.mark.parametrize("make", [SPOS, TuNAS, GDAS, ProxylessNAS])
def test_a_report_has_no_gap_where_there_is_no_mixture(make):
    session, _ = run(make(evaluations=2, batches=1) if make is SPOS else make())
    session.finish()
    report = make_report(session, batches=1, baseline=2)
    assert (report.mixture, report.gap) == (None, None)
    assert "gap" not in str(report)


@pytest.mark.parametrize("make", [DARTS, SNAS, FBNet])
def test_the_gap_is_the_same_at_every_report(make):
    session, _ = run(make(learning_rate=0.3), epochs=3)
    session.supernet.double()  # so that qualities differ where networks do
    batch = [one.double() if one.is_floating_point() else one for one in next(iter(loader(seed=1)))]
    object.__setattr__(session, "_valid", lambda: batch)
    object.__setattr__(session, "_quality", None)
    session.step, session.has_train_batches = session._make_step(None), False
    first = make_report(session, batches=1, baseline=2)
    assert first.gap
    assert make_report(session, batches=1, baseline=2) == first


def test_skips_are_counted():
    space = pg.abstract_search_space(make_space())
    assert count_skips(space.parse([0, 1, 2])) == pytest.approx(2 / 3)
    assert count_skips(space.parse([0, 0, 0])) == 0


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=20))
def test_kendalls_tau(pairs):
    first, second = zip(*pairs, strict=True)
    if len(set(first)) < 2 or len(set(second)) < 2:
        with pytest.raises(FieldValueError, match="nothing is ranked"):
            kendall_tau(first, second)
    else:
        assert kendall_tau(first, second) == pytest.approx(kendalltau(first, second).statistic)


def test_kendalls_tau_of_unequal_lists():
    with pytest.raises(FieldValueError, match="two lists of the same length, 2 at least; got 1 and 2"):
        kendall_tau([1], [1, 2])


@given(st.integers(1, 7), st.integers(0, 20), st.integers(0, 9))
def test_a_feed_goes_on_from_its_place(length, read, seed):
    def make():
        torch.manual_seed(seed)
        return Feed(torch.utils.data.DataLoader(list(range(length)), shuffle=True), "train")

    feed = make()
    for _ in range(read):
        feed.next()
    state, now = feed.state(), torch.get_rng_state()
    rest = [feed.next() for _ in range(2 * length)]
    again = make()
    again.restore(state)
    torch.set_rng_state(now)
    assert [again.next() for _ in range(2 * length)] == rest


def test_looking_over_the_data_changes_nothing():
    feed = Feed(loader(), "train")
    before = torch.get_rng_state()
    assert len(list(feed.pass_over())) == 4
    assert torch.equal(torch.get_rng_state(), before)
