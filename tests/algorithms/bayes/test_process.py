"""The Gaussian process: its gradient is that of its loss, its posterior that of the textbook."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.algorithms.bayes.encoding import Encoding
from pliant.algorithms.bayes.process import Posterior, Process, covary
from pliant.space import choice, flatten
from pliant.testing.algorithms import SPACES, score


def make(name, count):
    space = SPACES[name]()
    many = list({d.values: d for d in map(space.sample, range(4 * count))}.values())[:count]
    encoding = Encoding(space)
    targets = np.array([score(one) for one in many])
    return Process(encoding), encoding.encode(many), (targets - targets.mean()) / targets.std()


@pytest.mark.parametrize("name", ["flat", "conditional", "permutation", "mixed", "repeated"])
def test_the_gradient_is_that_of_the_loss(name):
    process, rows, targets = make(name, 15)
    luck = np.random.default_rng(3)
    parameters = process.start + 0.5 * luck.normal(size=len(process.start))
    parameters[-1] = -2.0  # enough noise for differences to have digits
    _, gradient = process.loss(parameters, rows, targets)
    for at in range(len(parameters)):
        step = np.zeros_like(parameters)
        step[at] = 1e-5
        above, below = (process.loss(parameters + s, rows, targets)[0] for s in (step, -step))
        assert gradient[at] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-5)


def test_the_loss_is_the_density_of_the_targets_and_the_prior():
    process, rows, targets = make("conditional", 12)
    parameters = process.start + 0.3
    a, b, c = np.exp(parameters[-3:])
    scaled = rows * process.roots(parameters)
    product, matern, _ = covary(scaled, scaled)
    covariance = a * matern + b * product + (c + 1e-6) * np.eye(12)
    density = -targets @ np.linalg.solve(covariance, targets) / 2 - np.linalg.slogdet(covariance)[1] / 2
    prior = -np.square((parameters - process.start) / process._spread).sum() / 2
    assert process.loss(parameters, rows, targets)[0] == pytest.approx(-density - prior)


def test_the_posterior_is_that_of_the_textbook():
    process, rows, targets = make("flat", 20)
    posterior = Posterior(process, process.start, rows[:18], targets[:15])
    a, b, c = np.exp(process.start[-3:])
    scaled = rows * process.roots(process.start)
    product, matern, _ = covary(scaled, scaled)
    covariance = a * matern + b * product
    noise = (c + 1e-6) * np.eye(18)
    told, seen, asked = slice(0, 15), slice(0, 18), slice(18, 20)
    mean = covariance[asked, told] @ np.linalg.solve(
        (covariance[seen, seen] + noise)[told, told], targets[:15]
    )
    explained = np.linalg.solve(covariance[seen, seen] + noise, covariance[seen, asked])
    variance = np.diag(covariance[asked, asked] - covariance[asked, seen] @ explained)
    found = posterior.predict(rows[asked])
    assert found[0] == pytest.approx(mean)
    assert found[1] == pytest.approx(np.sqrt(variance))
    assert posterior.expected == pytest.approx(posterior.predict(rows[:18])[0])


def test_the_slope_of_the_kernel():
    first = np.array([[0.3, 0.1]])
    for square in (1e-4, 0.1, 1.0, 5.0):
        near, far = (first + np.array([[np.sqrt(square + s), 0.0]]) for s in (-1e-6, 1e-6))
        slope = (covary(first, far)[1] - covary(first, near)[1]) / 2e-6
        assert covary(first, first + np.array([[square**0.5, 0.0]]))[2][0, 0] == pytest.approx(
            float(slope[0, 0]), rel=1e-3
        )


def test_a_fit_tells_what_matters_from_what_does_not():
    ops = ["a", "b", "c", "d"]
    space = flatten([choice(f"x{i}", 4, literals=ops) for i in range(6)])
    many = [space.sample(seed) for seed in range(80)]
    # Only the first two count; c and d are alike.
    worth = [0.0, 2.0, -1.0, -1.0]
    targets = np.array([worth[d.values[0]] * (1 + worth[d.values[1]]) for d in many])
    targets = (targets - targets.mean()) / targets.std()
    encoding = Encoding(space)
    process = Process(encoding)
    fitted = process.fit(encoding.encode(many), targets, [process.start])
    assert min(fitted[:2]) > max(fitted[2:6]) + 1
    assert fitted[7] > max(fitted[8:10]) + 0.5
    held = [space.sample(seed) for seed in range(1000, 1100)]
    truth = np.array([worth[d.values[0]] * (1 + worth[d.values[1]]) for d in held])
    mean = Posterior(process, fitted, encoding.encode(many), targets).predict(encoding.encode(held))[0]
    assert np.corrcoef(mean, truth)[0, 1] > 0.98


def test_equal_rows_and_no_features_are_no_fault():
    space = flatten([])
    encoding = Encoding(space)
    process = Process(encoding)
    rows = encoding.encode([space.sample(0)] * 5)
    fitted = process.fit(rows, np.zeros(5), [process.start])
    mean, deviation = Posterior(process, fitted, rows, np.zeros(5)).predict(rows[:1])
    assert mean[0] == 0
    assert 0 < deviation[0] < 1
    process, rows, targets = make("flat", 5)
    repeated = np.repeat(rows, 20, axis=0)
    low = process.start.copy()
    low[-1] = -30.0  # hardly any noise
    posterior = Posterior(process, low, repeated, np.repeat(targets, 20))
    assert posterior.predict(rows)[0] == pytest.approx(targets, abs=0.05)
