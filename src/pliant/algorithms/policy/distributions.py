"""Log-probabilities and entropies of single decisions, given the outputs of a head, as tensors.

A *categorical* head is a softmax over the allowed values.

A *number* head is the binary concrete distribution of Maddison, Mnih and Teh (2017, "The Concrete
Distribution", appendix B) on the unit scale of the point: with ``r`` uniform on (0, 1),

    u = sigmoid(location + scale * logit(r)).

At location 0 and scale 1, where policies start, ``u`` is uniform: the point's own distribution.  Its
distribution function has a closed form, so the probability of an integer, the integral of the density over its share of
the unit interval, is exact.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from numpy.polynomial.legendre import leggauss
from torch import Tensor
from torch.nn.functional import logsigmoid

from .batch import Batch

LOCATION_LIMIT = 12.0
"""Locations are clamped to this absolute value: ``sigmoid(12)`` is within 1e-5 of 1."""

LOG_SCALE_LIMITS = (-6.0, 1.5)
"""The log scale is clamped to this range: from a peak a few thousandths wide to a density that favours both ends."""

_NODES = 32


def log_probs(outputs: Tensor, batch: Batch, numbers: Tensor | None) -> Tensor:
    """Returns the log-probability of each decision of a batch, 0 for padding.

    For a float it is the log-density on the unit scale.

    ``outputs``, ``[B, T, K]``, are of the heads of ``batch.points``; ``numbers``, ``[P]``, are the points with a number
    head, None if none has.
    """
    logits = outputs.masked_fill(~batch.allowed, -math.inf)
    found = torch.log_softmax(logits, -1).gather(-1, batch.columns.unsqueeze(-1)).squeeze(-1)
    if numbers is not None:
        of_numbers = log_density(outputs[..., 0], outputs[..., 1], batch.low, batch.high)
        found = torch.where(numbers[batch.points], of_numbers, found)
    return found.masked_fill(~batch.present, 0.0)


def sum_discounted(found: Tensor, batch: Batch, discount: float) -> Tensor:
    """Returns the sum over the decisions of each row, those before the last one discounted: ``sum_t discount ** (T - 1 - t) x_t``.

    With one reward at the end of ``T`` decisions, ``discount ** (T - 1 - t) r`` is the return of decision ``t``: Sutton and Barto,
    "Reinforcement Learning", 2018, equation 3.8.
    """
    if discount == 1.0:
        return found.sum(-1)
    last = batch.present.sum(-1, keepdim=True) - 1
    after = (last - torch.arange(found.shape[-1])).clamp(min=0)
    return (found * torch.tensor(discount, dtype=found.dtype) ** after).sum(-1)


def entropies(outputs: Tensor, batch: Batch, numbers: Tensor | None) -> Tensor:
    """Returns the entropy of each decision of a batch given the earlier ones, in nats; 0 for padding.

    For the arguments see ``log_probs``; for numbers see ``number_entropy``.
    """
    found = categorical_entropy(outputs, batch.allowed)
    if numbers is not None:
        of_numbers = number_entropy(outputs[..., 0], outputs[..., 1])
        found = torch.where(numbers[batch.points], of_numbers, found)
    return found.masked_fill(~batch.present, 0.0)


def categorical_entropy(logits: Tensor, allowed: Tensor) -> Tensor:
    """Returns the entropy in nats of a softmax over the allowed entries of the last dimension."""
    log_p = torch.log_softmax(logits.masked_fill(~allowed, -math.inf), -1)
    return -(log_p.exp() * log_p.masked_fill(~allowed, 0.0)).sum(-1)


def log_density(location: Tensor, log_scale: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Returns the log-probability that the unit value is between two places, or the log-density if they are equal.

    ``low`` and ``high`` are the logits of the places, all of one shape.
    """
    location, log_scale = _within(location, log_scale)
    a, b = (low - location) / log_scale.exp(), (high - location) / log_scale.exp()
    # sigmoid(b) - sigmoid(a) = sigmoid(b) * sigmoid(-a) * (1 - exp(a - b))
    is_place = low == high
    gap = torch.where(is_place, -torch.ones_like(a), a - b)
    mass = logsigmoid(b) + logsigmoid(-a) + torch.log(-torch.expm1(gap))
    density = logsigmoid(a) + logsigmoid(-a) - log_scale - logsigmoid(low) - logsigmoid(-low)
    return torch.where(is_place, density, mass)


def number_entropy(location: Tensor, log_scale: Tensor) -> Tensor:
    """Returns the differential entropy of the unit value, in nats: 0 if it is uniform, otherwise negative.

    Also for integers, so that all numbers are treated equally.  It is ``H[x] + E[log u (1 - u)]`` for
    ``u = sigmoid(x)`` and ``x`` logistic, of which ``H[x] = log_scale + 2``; the expectation is a
    quadrature over ``r``, whose singular part ``scale * log(r (1 - r))`` is integrated analytically.
    """
    location, log_scale = _within(location, log_scale)
    scale = log_scale.exp()
    nodes, weights = _quadrature()
    x = location.unsqueeze(-1) + scale.unsqueeze(-1) * (nodes.log() - (-nodes).log1p())
    singular = scale.unsqueeze(-1) * (nodes.log() + (-nodes).log1p())
    smooth = ((logsigmoid(x) + logsigmoid(-x) - singular) * weights).sum(-1)
    return log_scale + 2.0 - 2.0 * scale + smooth


def _within(location: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
    return location.clamp(-LOCATION_LIMIT, LOCATION_LIMIT), log_scale.clamp(*LOG_SCALE_LIMITS)


@cache
def _quadrature() -> tuple[Tensor, Tensor]:
    """Returns the nodes and weights of Gauss-Legendre quadrature on (0, 1)."""
    nodes, weights = leggauss(_NODES)
    return torch.from_numpy((nodes + 1) / 2), torch.from_numpy(weights / 2)
