"""``Session``: connects a sampler to a training loop, by ``begin``, ``backward``, ``end`` and ``end_epoch`` in each step.

The loop keeps the weights, the optimizer and the data; ``Trainer`` is such a loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.algorithms.base import check_seed
from pliant.values.errors import (
    FeedbackError,
    FieldTypeError,
    FieldValueError,
    LoadError,
    RewardError,
    quote,
    quote_typed,
)

from ..choices.choice import InputChoice
from ..choices.evaluation import evaluating as evaluating  # a public name of this module
from ..choices.mutable import BindError
from ..choices.nested import find_leaves
from ..gradient.learner import average_over_processes
from ..normalization import count_examples
from ..rewrite.network import Supernet
from ..rewrite.weights import has_trainable_weights
from ..sampler import NO_GRADIENTS, Sampler, Step

Loss = Callable[[nn.Module, Any], Tensor]
Quality = Callable[[nn.Module, Any], float]


@final
class Session:
    """Connects a sampler to a custom training loop.

    ::

        session = Session(net, TuNAS(), valid=valid.next, loss=loss, quality=accuracy, steps=epochs * len(train))
        for epoch in range(epochs):
            for batch in train:
                session.begin(batch)           # selects the network
                optimizer.zero_grad()
                session.backward()             # of all networks of this step
                optimizer.step()
                session.end()                  # the sampler learns
            session.end_epoch()
        best = session.finish()
        network = recalibrate(net.materialize(best), train)  # measures its statistics of batch normalization

    ``backward`` works for all samplers.  ``loss(net, batch).backward()`` works as well for samplers that train one network per
    step and add nothing to its loss (all but ``ProgressiveShrinking`` and ``Sandwich``), if every network of the space has weights;
    ``session.backward()`` skips networks without weights, for which PyTorch raises.

    A checkpoint of the loop contains its own state and ``state_dict()``::

        torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "session": session.state_dict(),
                    "random": torch.get_rng_state()}, path)      # at the end of an epoch

        found = torch.load(path, weights_only=True)              # with new objects, made as before
        net.load_state_dict(found["net"])
        optimizer.load_state_dict(found["optimizer"])
        session.load_state_dict(found["session"])
        torch.set_rng_state(found["random"])
        for epoch in range(session.epoch, epochs):
            ...

    Args:
      supernet: the super-network to train.
      sampler: a new one, or one that is bound to this super-network and continues.
      valid: returns the next batch of the data that networks are judged by.
      loss: from a network and a batch to the loss, a scalar.
      quality: from a network and a batch to a number of which more is better; the negative loss when None.
      steps: the number of training steps; ``math.inf`` while it is unknown.
      optimizer: of the weights.
      model: the module that runs, if it is a wrapper of the super-network, for several processes for example.
      train_batches: returns an iterator over training batches, for statistics of normalization layers.
      seed: of the sampler.
      autocast: returns a context in which networks run.

    Raises:
      BindError: the sampler is bound to another super-network.
      SpaceError: the sampler cannot search this super-network.
    """

    def __init__(
        self,
        supernet: Supernet,
        sampler: Sampler,
        *,
        valid: Callable[[], Any],
        loss: Loss,
        steps: float,
        quality: Quality | None = None,
        optimizer: Optimizer | None = None,
        model: nn.Module | None = None,
        train_batches: Callable[[], Iterable[Any]] | None = None,
        seed: int = 0,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        seed = check_seed(seed)
        self.supernet, self.sampler = supernet, sampler
        self.model = supernet if model is None else model
        self.steps, self.done, self.epoch = max(steps, 1), 0, 0
        self._valid, self._loss, self._quality = valid, loss, quality
        self._optimizer, self._autocast = optimizer, autocast
        self.has_train_batches = train_batches is not None
        self._train_batches = train_batches or (lambda: iter(()))
        if not sampler.is_bound:
            sampler.bind(supernet, seed=seed)
        elif sampler.supernet is not supernet:
            name = type(sampler).__name__
            raise BindError(
                f"this {name} is bound to the super-network of an earlier search. Make a new sampler for each search: {name}(...) "
                "inside the loop, not before it."
            )
        self._begun, self._asked = 0, False  # networks of this step; whether auxiliary_loss was called
        self.step = self._make_step(None)

    @property
    def progress(self) -> float:
        """How much of the training is done, from 0 to 1."""
        return min(self.done / self.steps, 1.0)

    def begin(self, batch: Any) -> Step:
        """Selects what the weights are trained on next; returns the step."""
        self.step = self._make_step(batch)
        self.sampler.before_weights(self.step)
        self._begun += 1
        return self.step

    def backward(self, *, share: float = 1.0, scaler: Any = None) -> float:
        """Adds up the gradients of all networks of this step, including the auxiliary loss of the sampler.

        A network without weights, such as skips alone, is skipped.

        Args:
          share: a factor of the loss, such as 1 / 4 if the gradients of 4 batches are added up.
          scaler: a ``torch.amp.GradScaler`` that scales the loss first.

        Returns:
          the mean loss of these networks, without auxiliary losses.

        Raises:
          RewardError: a loss is not finite.
          FieldValueError: no gradients flow through a loss, but the network has weights.
          FeedbackError: no step has begun.
        """
        self._check_begun("backward")
        batch, total = self.step.batch, 0.0
        count = self.sampler.networks_per_step  # ``begin`` can change it
        for drawn in range(count):
            if drawn:
                self.begin(batch)
            loss, extra, outputs = self._losses(batch)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise RewardError(
                    f"the loss in epoch {self.epoch + 1} is {value}, from the network {self.supernet.decisions.to_params_str()}. "
                    "Lower the learning rate, clip gradients (clip=...), or train without autocast."
                )
            whole = (loss if extra is None else loss + extra) * (share / count)
            total += value / count
            if whole.requires_grad:
                torch.autograd.backward(whole if scaler is None else scaler.scale(whole))
            elif self._uses_weights(outputs):
                raise FieldValueError(NO_GRADIENTS)
        return total

    def auxiliary_loss(self, outputs: Tensor) -> Tensor | None:
        """Returns the sampler's addition to the loss of the selected network, given its outputs; None without one.

        ``backward`` includes it; call this only for a custom backward pass.
        """
        self._asked = True
        with self._autocast():
            return self.sampler.auxiliary_loss(self.step, outputs)

    def loss(self, batch: Any) -> Tensor:
        """Returns the loss of the selected network on a batch.

        Raises:
          FieldTypeError, FieldValueError: it is not a tensor with one number, or the batch does not fit the network.
        """
        with self._autocast():
            return check_loss(self._run(self._loss, self.model, batch))

    def quality(self, batch: Any) -> float:
        """Returns the quality of the selected network on a batch, the mean over all processes."""
        with torch.no_grad(), self._autocast():
            if self._quality is None:
                found = -float(check_loss(self._run(self._loss, self.supernet, batch)))
            else:
                found = float(self._run(self._quality, self.supernet, batch))
        whole = torch.tensor(found, dtype=torch.float64)
        average_over_processes([whole])
        return float(whole)

    def end(self) -> None:
        """Ends a step: the sampler learns from it.

        Raises:
          FeedbackError: no step has begun, or the loop has not trained all networks of the step with their auxiliary losses.
        """
        self._check_begun("end")
        self._check_complete()
        self.sampler.after_weights(self.step)
        self.done += 1
        self._begun, self._asked = 0, False

    def end_epoch(self) -> None:
        """Ends an epoch: the sampler learns from it."""
        self.step.progress = self.progress
        self.sampler.end_epoch(self.step)
        self.epoch += 1

    def finish(self) -> Any:
        """Ends the training, with the search after it if the sampler has one; returns the decisions of the best network."""
        self.step.progress = 1.0
        self.sampler.finish(self.step)
        return self.sampler.decisions()

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the search: the sampler's state, steps and epochs, without weights, optimizers and data.

        Call it between ``end`` and ``begin``, preferably after ``end_epoch``, when a new pass over the data begins.
        """
        return {"sampler": self.sampler.state(), "done": self.done, "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` returned; load the super-network's weights first.

        Raises:
          LoadError: this is not such a state, or it is of another kind of sampler.
          SpaceChangedError: it is of a search in another space.
        """
        given: Any = state
        if not isinstance(given, dict) or not {"sampler", "done", "epoch"} <= given.keys():
            raise LoadError(f"{quote(given)} is not a state of a session. Pass what `state_dict()` returned.")
        self.sampler.restore(state["sampler"])
        self.done, self.epoch = int(state["done"]), int(state["epoch"])
        self._begun, self._asked = 0, False
        self.step = self._make_step(None)

    def _losses(self, batch: Any) -> tuple[Tensor, Tensor | None, list[Any]]:
        """Returns the loss of a batch, the auxiliary loss, and the outputs of the network, of one forward pass."""
        outputs: list[Any] = []
        hook = self.supernet.register_forward_hook(lambda module, inputs, output: outputs.append(output))
        try:
            loss = self.loss(batch)
        finally:
            hook.remove()
        if not self._adds:
            return loss, None, outputs
        if not outputs:
            raise FieldTypeError(
                f"{type(self.sampler).__name__} needs the network's outputs for its auxiliary loss, and the loss never called the network "
                "that it received. Call it: `loss = lambda network, batch: criterion(network(batch[0]), batch[1])`."
            )
        return loss, self.auxiliary_loss(outputs[-1]), outputs

    def _uses_weights(self, outputs: list[Any]) -> bool:
        """Returns whether trained weights took part in the forward pass, so that its loss has gradients."""
        if not self.step.weights:
            return True  # all are frozen, which is an error
        if not has_trainable_weights(self.supernet.network, self.supernet.selection):
            return False
        found = [leaf for leaf in find_leaves(outputs) if isinstance(leaf, Tensor)]
        may_miss = any(isinstance(module, InputChoice) for module in self.supernet.mutables)
        return not (may_miss and found) or any(tensor.requires_grad for tensor in found)

    def _run(self, function: Callable[[nn.Module, Any], Any], network: nn.Module, batch: Any) -> Any:
        try:
            return function(network, batch)
        except (RuntimeError, ValueError) as error:
            explain_failure(self.supernet, batch, error)
            raise

    @property
    def _adds(self) -> bool:
        return type(self.sampler).auxiliary_loss is not Sampler.auxiliary_loss

    def _check_begun(self, hook: str) -> None:
        if not self._begun:
            raise FeedbackError(
                f"session.{hook}() needs a step that has begun. Call session.begin(batch) first, in each step."
            )

    def _check_complete(self) -> None:
        name, wanted = type(self.sampler).__name__, self.sampler.networks_per_step
        missing = []
        if self._begun < wanted:
            missing.append(f"trains {wanted} networks in this step, and {self._begun} began")
        if self._adds and not self._asked:
            missing.append("has an auxiliary loss, which was not added")
        if missing:
            raise FeedbackError(
                f"{name} {'; it '.join(missing)}. Write `session.backward()` instead of `loss(net, batch).backward()`. In a custom backward "
                "pass, call session.begin(batch) for each network, and add session.auxiliary_loss(outputs) to its loss unless it is None."
            )

    def _make_step(self, batch: Any) -> Step:
        optimizer = self._optimizer
        return Step(
            batch=batch,
            next_valid=self._valid,
            loss=self.loss,
            quality=self.quality,
            weights=[p for p in self.supernet.parameters() if p.requires_grad],
            learning_rate=float(optimizer.param_groups[0]["lr"]) if optimizer is not None else 0.0,
            epoch=self.epoch,
            progress=self.progress,
            train_batches=self._train_batches,
            weight_optimizer=optimizer,
        )


def check_loss(found: object) -> Tensor:
    """Returns a loss that is a tensor with one number.

    Raises:
      FieldTypeError, FieldValueError: it is something else.
    """
    if not isinstance(found, Tensor):
        raise FieldTypeError(
            f"a loss is a tensor with one number, through which gradients flow; got {quote_typed(found)}. "
            "Return what the criterion returned, without item() or float()."
        )
    if found.numel() != 1:
        raise FieldValueError(
            f"a loss is a tensor with one number; got one of shape {tuple(found.shape)}. Take the mean over the batch: "
            "reduction='mean', or loss.mean()."
        )
    return found


def explain_failure(network: nn.Module, batch: Any, error: Exception) -> None:
    """Explains why a network failed on a batch: another precision, or one example; returns if neither is the case.

    Raises:
      FieldTypeError: the batch has another precision than the weights.
      FieldValueError: the batch has one example, which normalization layers cannot train on.
    """
    mine = {p.dtype for p in network.parameters() if p.is_floating_point()}
    tensors = (leaf for leaf in find_leaves(batch) if isinstance(leaf, Tensor))
    given = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    if mine and given and not mine & given:
        mine_, given_ = (", ".join(sorted(str(one) for one in some)) for some in (mine, given))
        raise FieldTypeError(
            f"the batches hold {given_}, the weights are {mine_}, so the network cannot run. Convert the data, x.to({mine_.split(', ')[0]}), "
            f"or the network: supernet(space).to({given_.split(', ')[0]})."
        ) from error
    norms = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    if isinstance(error, ValueError) and norms and count_examples(batch) == 1:
        raise explain_single("a batch") from error


def explain_single(name: str) -> FieldValueError:
    """Returns the error for data with a batch of one example, in a network that cannot normalize it."""
    return FieldValueError(
        f"{name} has one example only, and normalization layers of this network need several values per channel. Drop it with "
        "DataLoader(..., drop_last=True), choose another batch size, or use layers such as nn.GroupNorm or nn.LayerNorm."
    )
