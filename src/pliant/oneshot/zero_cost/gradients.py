"""Scores from gradients of the loss at the initial weights: their norm, SNIP and ZiCo."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pliant.values.errors import FieldValueError, check_items

from ..training.defaults import default_loss
from .probing import check_score, list_weights, probe

Loss = Callable[[nn.Module, Any], Tensor]
"""From a network and a batch to a scalar, as ``Trainer(loss=...)`` takes."""


def grad_norm(network: nn.Module, batch: Any, *, loss: Loss = default_loss) -> float:
    """Returns the sum over layers of the Euclidean norm of the loss's gradient by their weights.

    Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.

    >>> from torch import nn
    >>> batch = torch.eye(4), torch.tensor([0, 1, 0, 1])
    >>> grad_norm(nn.Linear(4, 2), batch) > 0
    True

    Args:
      network: with its initial weights; stays as it is.
      batch: what ``loss`` takes, by default ``(inputs, targets)``.
      loss: cross-entropy or squared error when not given, by the type of the targets.

    Raises:
      FieldTypeError, FieldValueError: it is not a module, has no linear or convolutional layers, or the loss refuses the batch.
      RewardError: a gradient is not finite.
    """
    with probe(network, "grad_norm", lambda net: loss(net, batch)) as copied:
        weights = list_weights(copied, "grad_norm")
        slopes = _differentiate(copied, batch, loss, weights)
    return check_score(sum(float(g.double().norm()) for g in slopes), "grad_norm")


def snip(network: nn.Module, batch: Any, *, loss: Loss = default_loss) -> float:
    """Returns the sum of ``|w * dL/dw|`` over all weights: what the loss would feel if one were removed.

    Lee, Ajanthan and Torr, "SNIP: Single-shot network pruning based on connection sensitivity", ICLR 2019; summed
    over a network as a score by Abdelfattah et al., ICLR 2021.

    >>> from torch import nn
    >>> batch = torch.eye(4), torch.tensor([0, 1, 0, 1])
    >>> snip(nn.Linear(4, 2), batch) > 0
    True

    Args and errors: as of ``grad_norm``.
    """
    with probe(network, "snip", lambda net: loss(net, batch)) as copied:
        weights = list_weights(copied, "snip")
        slopes = _differentiate(copied, batch, loss, weights)
        total = sum(float((w.detach() * g).double().abs().sum()) for w, g in zip(weights, slopes))
    return check_score(total, "snip")


def zico(network: nn.Module, batches: Iterable[Any], *, loss: Loss = default_loss) -> float:
    """Returns the sum over layers of ``log(sum over weights of mean(|g|) / std(g))``, over batches.

    ``g`` is the gradient of the loss on each batch: large and steady gradients promise fast training.  Li et al., "ZiCo:
    Zero-shot NAS via inverse coefficient of variation on gradients", ICLR 2023, with the deviation of the
    gradients.  Weights whose gradient is the same on all batches are left out.

    >>> from torch import nn
    >>> x, y = torch.eye(4), torch.tensor([0, 1, 0, 1])
    >>> isinstance(zico(nn.Linear(4, 2), [(x, y), (2 * x, y)]), float)
    True

    Args:
      network: with its initial weights; stays as it is.
      batches: at least two.
      loss: as in ``grad_norm``.

    Raises:
      FieldTypeError, FieldValueError: as ``grad_norm``, or fewer than two batches.
      RewardError: a gradient is not finite.
    """
    given = check_items(batches, "zico(batches=...)", "[(images_1, labels_1), (images_2, labels_2)]")
    if len(given) < 2:
        raise FieldValueError(
            f"zico compares the gradients of at least two batches; got {len(given)}. Give a list such as "
            "`[(images[:64], labels[:64]), (images[64:128], labels[64:128])]`."
        )
    with probe(network, "zico", lambda net: loss(net, given[0])) as copied:
        weights = list_weights(copied, "zico")
        found = [_differentiate(copied, batch, loss, weights) for batch in given]
    total = 0.0
    for slopes in zip(*found):
        stacked = torch.stack([slope.double() for slope in slopes])
        deviation = stacked.std(0, correction=0)
        moving = deviation > 0
        ratio = float((stacked.abs().mean(0)[moving] / deviation[moving]).sum())
        total += math.log(ratio) if ratio > 0 else 0.0
    return check_score(total, "zico")


def _differentiate(network: nn.Module, batch: Any, loss: Loss, weights: list[nn.Parameter]) -> list[Tensor]:
    """Returns the gradients of the loss; zeros for weights that it does not depend on."""
    found: Any = torch.autograd.grad(loss(network, batch), weights, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found)]
