"""Predictors: they learn, their members differ, and the same seed makes the same model."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from pliant.algorithms.predictor import FeedForwardPredictor, LSTMPredictor, OneHotEncoding, SequenceEncoding
from pliant.algorithms.predictor.feedforward import _backward, _forward, _start, example_weights
from pliant.algorithms.predictor.predictor import standardize
from pliant.space import choice, flatten, integer
from pliant.values.errors import FieldTypeError, FieldValueError

SPACE = flatten([*[choice(f"x{i}", 3) for i in range(5)], integer("n", 1, 64, scale="log")])
TRIED = [SPACE.sample(seed) for seed in range(120)]
REWARDS = np.array(
    [90 + sum(one.values[:5]) - (one.values[1] == one.values[2]) for one in TRIED], dtype=float
)

FEED = (FeedForwardPredictor(layers=2, epochs=40), OneHotEncoding())
LSTM = (LSTMPredictor(members=2, hidden=16, epochs=20), SequenceEncoding())
BOTH = pytest.mark.parametrize("predictor, encoding", [FEED, LSTM])


def table(encoding):
    return encoding.prepare(SPACE, TRIED)(TRIED)


@BOTH
def test_it_learns_what_it_did_not_see(predictor, encoding):
    x = table(encoding)
    found = predictor.fit(x[:90], REWARDS[:90], seed=1)(x[90:])
    assert found.shape == (predictor.members, 30)
    assert found.dtype == np.float64
    assert np.corrcoef(found.mean(0), REWARDS[90:])[0, 1] > 0.85
    assert abs(found.mean() - REWARDS[90:].mean()) < 1  # in the units of the rewards
    assert (found.std(0) > 0).all()


@BOTH
def test_same_seed_same_model(predictor, encoding):
    x = table(encoding)
    np.random.seed(3)  # noqa: NPY002 - the global generator is what is tested
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - as above
    first, again, other = (predictor.fit(x[:20], REWARDS[:20], seed=seed)(x) for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002 - as above


def test_the_global_generator_of_pytorch_is_left_alone():
    torch = pytest.importorskip("torch")
    before = torch.random.get_rng_state()
    LSTMPredictor(hidden=3, epochs=1).fit(table(SequenceEncoding())[:5], REWARDS[:5], seed=0)
    assert (torch.random.get_rng_state() == before).all()


@BOTH
@pytest.mark.parametrize("rewards", [[3.0], [2.0, 2.0], [0.0, 0.0], [1e300, -1e300, 0.0], [1e-300, 0.0]])
def test_few_equal_and_extreme_rewards(predictor, encoding, rewards):
    x = table(encoding)
    found = predictor.fit(x[: len(rewards)], np.array(rewards), seed=0)(x)
    assert np.isfinite(found).all()
    if len(set(rewards)) == 1:
        assert np.abs(found - rewards[0]).max() < 3


@BOTH
def test_no_queries(predictor, encoding):
    x = table(encoding)
    assert predictor.fit(x[:4], REWARDS[:4], seed=0)(x[:0]).shape == (predictor.members, 0)


def test_gradients_are_those_of_finite_differences():
    random = np.random.default_rng(0)
    nets = _start(2, [4, 5, 3, 1], random)
    x, slope = random.standard_normal((2, 6, 4)), random.standard_normal((2, 6, 1))
    nets.flat[:] = random.standard_normal(nets.flat.shape)
    outputs = _forward(nets, x.astype(np.float32))
    _backward(nets, outputs, slope.astype(np.float32))
    for at in random.choice(nets.flat.size, 25, replace=False):
        kept, values = nets.flat[at], []
        for move in (1e-3, -1e-3):
            nets.flat[at] = kept + np.float32(move)
            values.append(float((_forward(nets, x.astype(np.float32))[-1] * slope).sum()))
        nets.flat[at] = kept
        assert nets.slopes[at] == pytest.approx((values[0] - values[1]) / 2e-3, rel=0.05, abs=0.05)


def test_each_loss_learns():
    x = table(OneHotEncoding())
    for loss in ("mae", "mape", "mse"):
        found = FeedForwardPredictor(layers=2, epochs=40, loss=loss).fit(x, REWARDS, seed=0)(x)
        assert np.corrcoef(found.mean(0), REWARDS)[0, 1] > 0.9


def test_errors_near_the_best_count_more_as_parts_of_the_distance_from_the_bound():
    rewards = np.array([0.0, 1.0, 2.0])
    weights = example_weights(rewards, "mape")  # the bound is 2 + 0.1 * (2 - 1)
    assert weights / weights[0] == pytest.approx([1, 2.1 / 1.1, 2.1 / 0.1])
    assert weights.mean() == pytest.approx(1)
    assert example_weights(rewards, "mae").tolist() == [1, 1, 1]
    assert np.isfinite(example_weights(np.zeros(3), "mape")).all()
    assert np.isfinite(example_weights(np.array([0.0, 1.0, 1.0]), "mape")).all()


@pytest.mark.parametrize("y", [[5.0, 7.0], [1e308, -1e308], [4.0], [0.0], [1e-310, 2e-310]])
def test_standardized_rewards_return(y):
    y = np.array(y)
    scaled, centre, spread = standardize(y)
    assert np.isfinite(scaled).all()
    assert scaled * spread + centre == pytest.approx(y)


def test_a_reader_knows_the_order_of_tokens():
    x = np.zeros((2, 2, 2), np.float32)
    x[0, :, 0], x[1, :, 0] = (1, 2), (2, 1)
    model = LSTMPredictor(hidden=8, epochs=60, reward_range=(0, 1)).fit(x, np.array([0.1, 0.9]), seed=0)
    assert model(x)[0].round(1).tolist() == [0.1, 0.9]


def test_fillings_and_unknown_tokens_say_nothing():
    x = table(SequenceEncoding())[:40]
    model = LSTMPredictor(hidden=8, epochs=2).fit(x, REWARDS[:40], seed=0)
    longer = np.concatenate([x, np.zeros((40, 3, 2), np.float32)], axis=1)
    assert model(longer) == pytest.approx(model(x))
    strange = x[:1].copy()
    strange[:, 0, 0] = 999
    moved = strange.copy()
    moved[:, 0, :] = 888, 0.5
    assert (model(strange) == model(moved)).all()
    assert (model(strange) != model(x[:1])).any()


def test_a_range_holds_predictions():
    x = table(SequenceEncoding())
    model = LSTMPredictor(hidden=8, epochs=3, reward_range=(80, 120)).fit(x, REWARDS, seed=0)
    assert ((model(x) > 80) & (model(x) < 120)).all()


# ---------------------------------------------------------------------- what is refused


def test_the_wrong_kind_of_encoding_is_refused():
    with pytest.raises(
        FieldValueError, match=r"reads a row of numbers.*\(120, 6, 2\).*OneHotEncoding\(\), or LSTM"
    ):
        FEED[0].fit(table(SequenceEncoding()), REWARDS, seed=0)
    with pytest.raises(
        FieldValueError, match=r"reads sequences of a token .*\(120, 16\).*Use SequenceEncoding\(\)"
    ):
        LSTM[0].fit(table(OneHotEncoding()), REWARDS, seed=0)


def test_a_reward_outside_of_the_range_is_refused():
    with pytest.raises(
        FieldValueError, match=r"the reward \S+ is outside of LSTMPredictor\(reward_range=\(0.0, 1.0\)"
    ):
        LSTMPredictor(reward_range=(0, 1)).fit(table(SequenceEncoding()), REWARDS, seed=0)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (
            lambda: FeedForwardPredictor(0),
            FieldValueError,
            r"\(members=...\) takes an integer of at least 1; got 0",
        ),
        (
            lambda: FeedForwardPredictor(layers=1.5),
            FieldTypeError,
            r"\(layers=...\) takes an integer of at least 1",
        ),
        (
            lambda: FeedForwardPredictor(learning_rate=0),
            FieldValueError,
            r"takes a finite number above 0; got 0",
        ),
        (
            lambda: FeedForwardPredictor(learning_rate="x"),
            FieldTypeError,
            r"takes a finite number above 0; got 'x' of type",
        ),
        (
            lambda: FeedForwardPredictor(loss="maep"),
            FieldValueError,
            r"one of mae, mape, mse; got 'maep'.*did you",
        ),
        (
            lambda: LSTMPredictor(epochs=0),
            FieldValueError,
            r"\(epochs=...\) takes an integer of at least 1; got 0",
        ),
        (
            lambda: LSTMPredictor(clip=-1),
            FieldValueError,
            r"\(clip=...\) takes a finite number above 0; got -1",
        ),
        (
            lambda: LSTMPredictor(reward_range=1),
            FieldTypeError,
            r"takes two numbers, such as \(0, 1\), or None; got 1",
        ),
        (
            lambda: LSTMPredictor(reward_range=(1, 0)),
            FieldValueError,
            r"lowest reward and then the highest; got \(1",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_without_pytorch_a_lesson(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        ImportError, match=r"pip install \"pliant\[torch\]\"`, or use FeedForwardPredictor\(\)"
    ):
        LSTMPredictor()
