"""Gaussian process regression over encoded decisions: kernel, fit, posterior mean and deviation.

Rasmussen and Williams, "Gaussian processes for machine learning", 2006, chapters 2 and 5.  With X the features
of ``Encoding``, w a weight for each feature, S = X sqrt(w) and R_ij the squared distance of rows i and j of S, the
covariance of the rewards is

    K = a M(R) + b S S' + c I,    M(r) = (1 + t + t^2 / 3) exp(-t), t = sqrt(10 r),

a Matern kernel of smoothness 5/2 for interactions of decisions, a linear one for their separate effects, and noise.
The weight of a feature is the product of that of its hole (its relevance) and that of its candidate (how much it
differs from others, shared by all holes that offer it).  Loss and gradient are products of matrices, so a fit costs
little more than its Cholesky factors.
"""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

from .encoding import Encoding, Matrix

Vector = NDArray[np.float64]

_RELEVANCE = 2.0  # the median weights of all holes together
_NUMBER = 8.0  # the median weight of an integer or a float, in those of a choice
_JITTER = 1e-6  # added to the noise, for K to be positive definite
_BOUND = 4.0  # how many deviations a parameter may lie off its prior mean
_REFUSED = 1e10  # the loss where K is not positive definite in floating point


@final
class Process:
    """The prior process: its parameters, their priors, and the fit to data.

    Parameters are one vector of logarithms: the weights of holes, the weights of candidates, then a, b and c.
    Their priors are normal.  The medians of the holes add up to 2, so that the distance of two random
    decisions, and with it the prior's roughness, does not grow with the number of holes (Hvarfner et al., "Vanilla
    Bayesian optimization performs great in high dimensions", 2024, do so by length scales).  A number has eight times
    the median of a choice: rewards are seldom close to linear over the whole range of a learning rate, however many
    choices are beside it.  Targets have mean 0 and deviation 1.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("x", 3), choice("y", 2)])
    >>> seen = [space.parse(values) for values in ([0, 0], [0, 1], [1, 0], [1, 1])]
    >>> encoding = Encoding(space)
    >>> process, rows, targets = Process(encoding), encoding.encode(seen), np.array([1.0, 1.0, -1.0, -1.0])
    >>> fitted = process.fit(rows, targets, [process.start])
    >>> mean, deviation = Posterior(process, fitted, rows, targets).predict(rows[:1])
    >>> bool(mean[0] > 0.8 and deviation[0] < 0.3)
    True

    Args:
      encoding: makes the features.
    """

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        holes, candidates = encoding.holes, encoding.candidates
        shares = np.ones(holes)
        shares[encoding.numbers] = _NUMBER
        relevance = np.log(_RELEVANCE * shares / shares.sum())
        self.start: Vector = np.concatenate([relevance, np.zeros(candidates), np.log([1.0, 0.5, 1e-3])])
        """The prior mean."""
        self._spread = np.concatenate([np.ones(holes), np.full(candidates, 0.7), [1.0, 1.0, 2.0]])
        self._holes, self._candidates = holes, candidates
        # Features without a candidate have weight 1, stored after the last candidate.
        self._candidate = np.where(encoding.candidate < 0, candidates, encoding.candidate)

    def roots(self, parameters: Vector) -> Vector:
        """Returns the square root of each feature's weight, [width]."""
        holes, split = self._holes, self._holes + self._candidates
        candidates = np.append(parameters[holes:split], 0.0)
        found: Vector = np.exp((parameters[:holes][self.encoding.hole] + candidates[self._candidate]) / 2)
        return found

    def fit(self, rows: Matrix, targets: Vector, starts: list[Vector], *, steps: int = 40) -> Vector:
        """Returns the parameters of the highest posterior density that L-BFGS finds from any of ``starts``."""
        low, high = self.start - _BOUND * self._spread, self.start + _BOUND * self._spread
        found = [
            minimize(
                self.loss,
                np.clip(start, low, high),
                args=(rows, targets),
                jac=True,
                method="L-BFGS-B",
                bounds=list(zip(low, high, strict=True)),
                options={"maxiter": steps},
            )
            for start in starts
        ]
        best: Vector = min(found, key=lambda result: float(result.fun)).x
        return best

    def loss(self, parameters: Vector, rows: Matrix, targets: Vector) -> tuple[float, Vector]:
        """Returns minus the log of marginal likelihood times prior (up to a constant), and its gradient.

        Rasmussen and Williams, equations 2.30 and 5.9.
        """
        a, b, c = np.exp(parameters[-3:])
        scaled = rows * self.roots(parameters)
        product, matern, slope = covary(scaled, scaled)
        covariance = a * matern + b * product
        covariance.flat[:: len(rows) + 1] += c + _JITTER
        factor, failed = lapack.dpotrf(covariance, lower=1)
        if failed:
            return _REFUSED, np.zeros_like(parameters)
        alpha, _ = lapack.dpotrs(factor, targets, lower=1)
        off = (parameters - self.start) / self._spread
        loss = targets @ alpha / 2 + np.log(np.diag(factor)).sum() + off @ off / 2
        lower, _ = lapack.dpotri(factor, lower=1)
        by_covariance = np.tril(lower, -1)
        by_covariance += by_covariance.T
        by_covariance.flat[:: len(rows) + 1] = np.diag(lower)
        by_covariance -= np.outer(alpha, alpha)
        by_covariance *= 0.5
        gradient = np.empty_like(parameters)
        linear = b * np.einsum("if,if->f", scaled, by_covariance @ scaled)
        gradient[-3] = a * np.vdot(by_covariance, matern)
        gradient[-2] = linear.sum()
        gradient[-1] = c * np.trace(by_covariance)
        pull = np.multiply(by_covariance, slope, out=slope)
        pull *= a
        apart = np.square(scaled).T @ pull.sum(1) - np.einsum("if,if->f", scaled, pull @ scaled)
        by_weight, split = 2 * apart + linear, self._holes + self._candidates
        gradient[: self._holes] = np.bincount(self.encoding.hole, by_weight, minlength=self._holes)
        gradient[self._holes : split] = np.bincount(
            self._candidate, by_weight, minlength=self._candidates + 1
        )[: self._candidates]
        return float(loss), gradient + off / self._spread


@final
class Posterior:
    """The posterior process, after data.

    Args:
      process: the prior.
      parameters: the fitted ones.
      rows: features of decisions, [n + pending, width].
      targets: of the first n rows, [n].  The other rows are pending: they lower the deviation near them and do not
        change the mean, as if each had its expected target (Desautels, Krause and Burdick,
        "Parallelizing exploration-exploitation tradeoffs in Gaussian process bandit optimization", 2014).
    """

    def __init__(self, process: Process, parameters: Vector, rows: Matrix, targets: Vector) -> None:
        self._roots = process.roots(parameters)
        self._a, self._b, noise = np.exp(parameters[-3:])
        self._scaled = rows * self._roots
        covariance = self._covary(self._scaled)
        covariance.flat[:: len(rows) + 1] += noise + _JITTER
        factor, failed = lapack.dpotrf(covariance, lower=1, clean=1)
        if failed:  # duplicates at the lowest noise, rounded badly
            covariance.flat[:: len(rows) + 1] += 1e-3 * self._a
            factor, _ = lapack.dpotrf(covariance, lower=1, clean=1)
        self._factor, known = factor, len(targets)
        self._known = known
        # The leading block of the factor is the factor of the leading block.
        self._alpha, _ = lapack.dpotrs(factor[:known, :known], targets, lower=1)
        added = (covariance[:known, :known].diagonal() - self._a) - self._b * np.square(
            self._scaled[:known]
        ).sum(1)
        self.expected: Vector = np.concatenate(
            [targets - added * self._alpha, covariance[known:, :known] @ self._alpha]
        )
        """The mean at the rows, [n + pending]: K alpha, where (K + noise) alpha = targets."""

    def predict(self, rows: Matrix) -> tuple[Vector, Vector]:
        """Returns mean and standard deviation at rows, without noise, [m] each."""
        scaled = rows * self._roots
        covariance = self._covary(scaled)
        mean: Vector = covariance[:, : self._known] @ self._alpha
        explained, _ = lapack.dtrtrs(self._factor, covariance.T, lower=1)
        prior = self._a + self._b * np.square(scaled).sum(1)
        variance = prior - np.square(explained).sum(0)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def slopes(self, rows: Matrix) -> tuple[Vector, Vector, Matrix, Matrix]:
        """Returns mean and standard deviation at rows, [m], and the gradients of both by the features, [m, width]."""
        scaled = rows * self._roots
        product, matern, slope = covary(scaled, self._scaled)
        covariance = self._a * matern + self._b * product
        explained, _ = lapack.dtrtrs(self._factor, covariance.T, lower=1)
        weights = lapack.dtrtrs(self._factor, explained, lower=1, trans=1)[0].T
        variance = self._a + self._b * np.square(scaled).sum(1) - np.square(explained).sum(0)
        deviation: Vector = np.sqrt(np.maximum(variance, 1e-12))
        mean: Vector = covariance[:, : self._known] @ self._alpha

        def combine(factors: Matrix) -> Matrix:
            """Returns the sum over observations of factor times the gradient of the covariance."""
            pull = factors * slope
            found: Matrix = 2 * self._a * (pull.sum(1)[:, None] * scaled - pull @ self._scaled)
            found += self._b * (factors @ self._scaled)
            return found

        alpha = np.zeros(len(self._scaled))
        alpha[: self._known] = self._alpha
        by_mean = combine(np.tile(alpha, (len(rows), 1))) * self._roots
        by_variance = (2 * self._b * scaled - 2 * combine(weights)) * self._roots
        return mean, deviation, by_mean, by_variance / (2 * deviation)[:, None]

    def _covary(self, scaled: Matrix) -> Matrix:
        product = scaled @ self._scaled.T
        distance = _find_distances(product, scaled, self._scaled)
        found: Matrix = distance * (distance / 3 + 1)
        found += 1
        np.negative(distance, out=distance)
        found *= np.exp(distance, out=distance)
        found *= self._a
        product *= self._b
        found += product
        return found


def covary(first: Matrix, second: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Returns, [n, m] each, the products of rows, the Matern kernel of their squared distances r, and its slope by r."""
    product = first @ second.T
    distance = _find_distances(product, first, second)
    fall = np.exp(-distance)
    matern = distance * (distance / 3 + 1)
    matern += 1
    matern *= fall
    distance += 1
    distance *= fall
    distance *= -5 / 3
    return product, matern, distance


def _find_distances(product: Matrix, first: Matrix, second: Matrix) -> Matrix:
    """Returns sqrt(10 r) for the squared distances r of rows, [n, m], from their products."""
    found: Matrix = -20.0 * product
    found += 10.0 * np.square(first).sum(1)[:, None]
    found += 10.0 * np.square(second).sum(1)[None, :]
    np.maximum(found, 0.0, out=found)
    return np.sqrt(found, out=found)
