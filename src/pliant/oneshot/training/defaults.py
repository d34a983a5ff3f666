"""Default loss and quality of a trainer: cross-entropy and accuracy for class labels, squared error for one number.

Both follow the type of the targets.  Targets that fit several losses are refused, with the losses to choose from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pliant.values.errors import FieldTypeError, FieldValueError

from ..choices.evaluation import call_network

IGNORED = -100  # a label that cross-entropy leaves out, as PyTorch has it


def default_loss(network: nn.Module, batch: Any) -> Tensor:
    """Returns the cross-entropy of class labels, or the mean squared error of one number per example.

    >>> import torch
    >>> x = torch.tensor([[1.0], [3.0]])
    >>> default_loss(nn.Identity(), (x, torch.tensor([1.0, 1.0])))
    tensor(2.)

    Args:
      network: what is trained.
      batch: ``(inputs, targets)``; inputs are a tensor, a tuple of positional arguments or a dict of named ones.  Targets are
        integers of shape (N,) or (N, 1), or (N, ...) for outputs of shape (N, classes, ...); or floats of shape (N,) or (N, 1).

    Raises:
      FieldTypeError, FieldValueError: the batch is not such a pair, or its targets do not determine a loss.
    """
    outputs, targets = _run(network, batch)
    if targets.is_floating_point():
        return nn.functional.mse_loss(outputs, targets)
    return nn.functional.cross_entropy(outputs, targets)


def default_quality(network: nn.Module, batch: Any) -> float:
    """Returns the accuracy for class labels, or the negative mean squared error for one number per example."""
    outputs, targets = _run(network, batch)
    if targets.is_floating_point():
        return -float(nn.functional.mse_loss(outputs, targets))
    return float((outputs.argmax(dim=1) == targets)[targets != IGNORED].float().mean())


def _run(network: nn.Module, batch: Any) -> tuple[Tensor, Tensor]:
    """Returns outputs and targets in the shapes that the losses take."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2 or not isinstance(batch[1], Tensor):
        kind = type(batch).__name__ + (f" of {len(batch)}" if hasattr(batch, "__len__") else "")
        raise FieldTypeError(
            f"the default loss takes batches (inputs, targets) with a tensor of targets; got a {kind}. For other batches give a "
            "loss: Trainer(loss=lambda network, batch: ...)."
        )
    outputs, targets = call_network(network, batch[0]), batch[1]
    if not isinstance(outputs, Tensor):
        raise FieldTypeError(
            f"the default loss takes a network that returns one tensor; got a {type(outputs).__name__}. Give a loss that takes "
            f"what it needs: Trainer(loss=lambda network, batch: torch.nn.functional.cross_entropy({_read_output(outputs)}, batch[1])), "
            "and Trainer(quality=...) likewise if more is better of something else than the negative loss."
        )
    if targets.is_complex() or not targets.numel():
        raise _refuse(
            outputs, targets, "complex targets" if targets.is_complex() else "a batch without examples"
        )
    one_each = targets.numel() == len(targets) if targets.dim() else False
    if targets.is_floating_point():
        if not one_each or outputs.numel() != targets.numel() or len(outputs) != len(targets):
            reason = "float targets that are not one number for each output of shape (N,) or (N, 1)"
            raise _refuse(outputs, targets, reason)
        return outputs.reshape(-1), targets.reshape(-1).to(outputs.dtype)
    if one_each and outputs.dim() == 2:
        targets = targets.reshape(-1)
    classes = outputs.shape[1] if outputs.dim() > 1 else 1
    if classes < 2 or targets.shape != (outputs.shape[0], *outputs.shape[2:]):
        reason = "integer targets that are not one class for each row of outputs (N, classes)"
        raise _refuse(outputs, targets, reason)
    if outputs.dim() > 2 and targets.shape == outputs.shape[:-1]:
        raise _refuse(outputs, targets, "outputs whose classes may be the second dimension or the last one")
    found = targets[targets != IGNORED].long()
    low, high = (int(found.min()), int(found.max())) if len(found) else (0, classes)
    if low < 0 or high >= classes:
        reason = f"labels from {low} to {high}, of which the network has 0 to {classes - 1}"
        raise _refuse(
            outputs, targets, reason if len(found) else f"a batch in which all labels are {IGNORED}"
        )
    return outputs, targets.long()


def _read_output(outputs: Any) -> str:
    """Returns code that reads the logits, or the first tensor, of what a network returns."""
    names = list(outputs) if isinstance(outputs, Mapping) else []
    name = next(
        (name for name in ("logits", *names) if name in names and isinstance(outputs[name], Tensor)), None
    )
    if name is None:
        return "network(batch[0])[0]"
    return f"network(batch[0]).{name}" if hasattr(outputs, name) else f"network(batch[0])[{name!r}]"


def _refuse(outputs: Tensor, targets: Tensor, reason: str) -> FieldValueError:
    return FieldValueError(
        f"the default loss cannot be chosen for {reason}: the network returns shape {tuple(outputs.shape)}, the targets are "
        f"{targets.dtype} of shape {tuple(targets.shape)}. Give a loss: Trainer(loss=lambda network, batch: "
        "criterion(network(batch[0]), batch[1])), where criterion is torch.nn.functional.cross_entropy for class labels "
        "(targets.long(), of shape (N, height, width) for the pixels of images) or soft labels, binary_cross_entropy_with_logits for "
        "yes/no labels, mse_loss for regression (targets.float(), same shape as the outputs). Without Trainer(quality=...), a function "
        "with the same arguments of which more is better, the quality is then the negative loss."
    )
