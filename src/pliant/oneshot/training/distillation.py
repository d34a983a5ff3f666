"""``Distillation``: a loss that also follows the outputs of a trained network, for super-networks and for fine-tuning."""

from __future__ import annotations

import copy
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from pliant.algorithms.options import check_number
from pliant.values.errors import FieldTypeError, FieldValueError, check_function

from ..choices.evaluation import call_network, evaluating
from ..choices.mutable import check_module
from ..choices.nested import find_leaves
from ..rewrite.openable import is_exported
from .defaults import default_loss, default_quality
from .session import Loss, Quality


@final
class Distillation:
    """A loss for training with a teacher: ``(1 - share) * loss + share * difference from the teacher``.

    For outputs of shape (N, classes) with class targets, the difference is the Kullback-Leibler divergence of the softmax
    at a temperature T, times T squared (Hinton et al., "Distilling the knowledge in a neural network", 2015, section 2).
    For others it is the squared error relative to the variance of the teacher's outputs.  Without targets, only the teacher counts.

    >>> teacher = nn.Linear(4, 3)
    >>> loss = Distillation(teacher)
    >>> float(loss(teacher, torch.ones(2, 4)).detach())
    0.0

    Args:
      teacher: a trained network; it stays as it is, and runs in evaluation mode without gradients.
      loss: from a network and a batch to the loss on the targets; by default, cross-entropy or squared error, by the targets.
      share: of the teacher, from 0 to 1.
      temperature: of the softmax, above 0.

    Raises:
      FieldTypeError: the teacher is not a module, or the loss not a function.
      FieldValueError: a number is out of its range.
    """

    def __init__(
        self, teacher: nn.Module, loss: Loss | None = None, *, share: float = 0.5, temperature: float = 1.0
    ) -> None:
        self.teacher = check_module(teacher)
        check_function(loss, "Distillation(loss=...)", "`lambda network, batch: ...`")
        self.loss = loss
        self.share = check_number(share, "share", self, least=0, most=1)
        self.temperature = check_number(temperature, "temperature", self, above=0)

    def __call__(self, network: nn.Module, batch: Any) -> Tensor:
        """Returns the loss of a network on a batch.

        Raises:
          FieldTypeError: a network returns no tensor of floating-point numbers.
          FieldValueError: the outputs of both networks have different shapes.
        """
        has_targets = isinstance(batch, (tuple, list)) and len(batch) == 2
        own: Tensor | None = None
        seen: list[Any] = []
        if self.loss is not None or has_targets:
            hook = network.register_forward_hook(lambda module, args, output: seen.append(output))
            try:
                own = (self.loss or default_loss)(network, batch)
            finally:
                hook.remove()
        inputs = batch[0] if has_targets else batch
        output = seen[0] if seen else call_network(network, inputs)
        with torch.no_grad(), evaluating(self.teacher):
            wanted = call_network(self.teacher, inputs)
        is_class = has_targets and isinstance(batch[1], Tensor) and not batch[1].is_floating_point()
        difference = self._compare(_first(output), _first(wanted), is_class=is_class)
        return difference if own is None else (1 - self.share) * own + self.share * difference

    def _compare(self, found: Tensor, wanted: Tensor, *, is_class: bool) -> Tensor:
        if found.shape != wanted.shape:
            raise FieldValueError(
                f"the teacher returns the shape {tuple(wanted.shape)} and the network {tuple(found.shape)}. Give the network that was "
                "made smaller as the teacher, or another one with the same outputs."
            )
        if is_class and wanted.dim() == 2:
            t = self.temperature
            logs = functional.log_softmax(found / t, 1), functional.log_softmax(wanted / t, 1)
            return functional.kl_div(*logs, reduction="batchmean", log_target=True) * t**2
        return (found - wanted).square().mean() / wanted.var(unbiased=False).clamp_min(1e-12)


def follow_teacher(
    teacher: nn.Module, loss: Loss | None, quality: Quality | None, device: torch.device
) -> tuple[Distillation, Quality]:
    """Returns the loss of a training with a teacher, and its quality, which the teacher does not change."""
    like = next(check_module(teacher).parameters(), None)
    if is_exported(teacher):
        raise FieldTypeError(
            "the teacher was made by torch.export, and cannot be put into evaluation mode. Give the module that was exported."
        )
    if like is not None and like.is_meta:
        raise FieldValueError(
            "the teacher is on the meta device, so its weights have no values. Load them: `teacher.to_empty(device='cpu')`, then "
            "`teacher.load_state_dict(...)`."
        )
    if like is not None and like.device != device:
        teacher = copy.deepcopy(teacher).to(device)
    taught = Distillation(teacher, loss)

    def judge(network: nn.Module, batch: Any) -> float:
        if loss is not None:
            return -float(loss(network, batch))
        has_targets = isinstance(batch, (tuple, list)) and len(batch) == 2
        return default_quality(network, batch) if has_targets else -float(taught(network, batch))

    return taught, quality or judge


def _first(output: Any) -> Tensor:
    """Returns the first tensor of an output; others, such as hidden states, repeat what it says."""
    for leaf in find_leaves(output):
        if isinstance(leaf, Tensor) and leaf.is_floating_point():
            return leaf
    raise FieldTypeError(
        "distillation compares the first tensor of floating-point numbers that both networks return, and one of them returns none. "
        "Wrap the network in a module that returns its logits."
    )
