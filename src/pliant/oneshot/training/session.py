"""The three functions around a training step of one's own: ``begin``, ``end``, ``end_epoch``.

A session holds what a sampler may ask of a loop.  It owns no weights, no optimizer and no data; ``Trainer`` is a loop
that uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, final

import torch
import torch.distributed
from torch import Tensor, nn
from torch.optim import Optimizer

from ..sampler import Sampler, Step
from ..supernet import Supernet

Loss = Callable[[nn.Module, Any], Tensor]
Quality = Callable[[nn.Module, Any], float]


@final
class Session:
    """Lets a sampler take part in a training loop.

    ::

        session = Session(net, TuNAS(), valid=valid.next, loss=loss, quality=accuracy, steps=epochs * len(train))
        for epoch in range(epochs):
            for batch in train:
                session.begin(batch)           # selects what is trained
                optimizer.zero_grad()
                loss(net, batch).backward()
                optimizer.step()
                session.end()                  # the sampler learns
            session.end_epoch()
        best = session.finish()

    Args:
      supernet: what is trained.
      sampler: bound to it, or not yet bound.
      valid: returns the next batch of the data that networks are judged by.
      loss: from a network and a batch to the loss, a scalar.
      quality: from a network and a batch to a number of which more is better; the negative loss when None.
      steps: how many training steps there will be.
      optimizer: of the weights.
      model: what runs, where that is not the super-network itself: wrapped for several processes, say.
      train_batches: makes an iterator over training batches, for statistics of normalization layers.
      seed: where the sampler's random numbers start.
      autocast: makes a context in which networks run.
    """

    def __init__(
        self,
        supernet: Supernet,
        sampler: Sampler,
        *,
        valid: Callable[[], Any],
        loss: Loss,
        steps: int,
        quality: Quality | None = None,
        optimizer: Optimizer | None = None,
        model: nn.Module | None = None,
        train_batches: Callable[[], Iterable[Any]] | None = None,
        seed: int = 0,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.supernet, self.sampler = supernet, sampler
        self.model = supernet if model is None else model
        self.steps, self.done, self.epoch = max(steps, 1), 0, 0
        self._valid, self._loss, self._quality = valid, loss, quality
        self._optimizer, self._autocast = optimizer, autocast
        self._train_batches = train_batches or (lambda: iter(()))
        if not sampler.is_bound:
            sampler.bind(supernet, seed=seed)
        self.step = self._make_step(None)

    @property
    def progress(self) -> float:
        """How much of the training is done, from 0 to 1."""
        return min(self.done / self.steps, 1.0)

    def begin(self, batch: Any) -> Step:
        """Selects what the weights are trained on next; returns the step."""
        self.step = self._make_step(batch)
        self.sampler.before_weights(self.step)
        return self.step

    def loss(self, batch: Any) -> Tensor:
        """Returns the loss of the selected network on a batch."""
        with self._autocast():
            return self._loss(self.model, batch)

    def quality(self, batch: Any) -> float:
        """Returns the quality of the selected network on a batch, the mean over all processes where there are several."""
        with torch.no_grad(), self._autocast():
            if self._quality is None:
                found = -float(self._loss(self.supernet, batch))
            else:
                found = float(self._quality(self.supernet, batch))
        return mean_over_processes(found)

    def end(self) -> None:
        """Lets the sampler learn from the step that the weights took."""
        self.sampler.after_weights(self.step)
        self.done += 1

    def end_epoch(self) -> None:
        """Lets the sampler learn from the epoch."""
        self.step.progress = self.progress
        self.sampler.end_epoch(self.step)
        self.epoch += 1

    def finish(self) -> Any:
        """Does what comes after all training, and returns the decisions of the best network."""
        self.step.progress = 1.0
        self.sampler.finish(self.step)
        return self.sampler.decisions()

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


def mean_over_processes(value: float) -> float:
    """Returns the mean of a number over all processes of ``torch.distributed``; the number itself where there is one."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return value
    whole = torch.tensor(value, dtype=torch.float64)
    torch.distributed.all_reduce(whole)
    return float(whole) / torch.distributed.get_world_size()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """A context in which a network is in evaluation mode."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
