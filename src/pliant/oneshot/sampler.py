"""What a weight-sharing algorithm is: it says which networks of a super-network are trained next, and learns which are good.

An algorithm knows decisions and qualities, never layers: the super-network was rewritten from the space, the trainer
owns weights, data and optimizers.  A trainer, or a loop of one's own, calls four hooks around its own steps::

    sampler.bind(net, seed=0)
    for epoch in range(epochs):
        for batch in loader:
            step = Step(...)                 # what the sampler may ask of the loop
            sampler.before_weights(step)     # selects what is trained now
            ...                              # forward, backward, optimizer: any training step (see Session)
            sampler.after_weights(step)      # learns from what was trained
        sampler.end_epoch(step)
    sampler.finish(step)
    best = net.materialize(sampler.decisions())
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, LoadError, SpaceChangedError

from .capability import check_capabilities
from .choices.mutable import BindError
from .rewrite.network import Supernet

NO_GRADIENTS = (
    "no gradients flow through the loss, so nothing can be trained by it. Compute it from the network's output, without "
    "detach(), item() or torch.no_grad()."
)


@dataclass(slots=True)
class Step:
    """What the loop offers a sampler around one training step.

    Attributes:
      batch: what the weights are trained on in this step.
      next_valid: returns the next batch of the data that architectures are judged by.
      loss: runs the super-network, as it is selected now, on a batch; returns the loss, a scalar that
        gradients flow through.
      quality: the same without gradients, as a number of which more is better (accuracy, say).
      weights: the parameters of the super-network that are trained now.
      learning_rate: of the weights, now.
      epoch: from 0.
      progress: how much of the whole training is done, from 0 to 1.
      train_batches: makes an iterator over training batches, for recalibration of normalization layers.
      weight_optimizer: what steps the weights; second-order methods look ahead by its momentum and weight decay.
    """

    batch: Any
    next_valid: Callable[[], Any]
    loss: Callable[[Any], Tensor]
    quality: Callable[[Any], float]
    weights: list[nn.Parameter]
    learning_rate: float
    epoch: int
    progress: float
    train_batches: Callable[[], Iterable[Any]]
    weight_optimizer: Optimizer | None = None


class Sampler(ABC):
    """The base class of weight-sharing algorithms; bound to one super-network, once.

    A subclass writes ``_bind`` and ``before_weights``, and as far as it learns, the other hooks.

    Attributes:
      capabilities: what it can decide; see ``capability``.
      supernet: what it is bound to.
      random: its random numbers; part of its state.
    """

    capabilities: ClassVar[frozenset[str]]

    def __init__(self) -> None:
        self._supernet: Supernet | None = None
        self.random = Random(0)

    @property
    def supernet(self) -> Supernet:
        """The super-network that this sampler is bound to.

        Raises:
          BindError: there is none yet.
        """
        if self._supernet is None:
            raise BindError(
                f"this {type(self).__name__} has no super-network yet. Call `bind(supernet)` first."
            )
        return self._supernet

    @property
    def is_bound(self) -> bool:
        """Whether it has a super-network."""
        return self._supernet is not None

    def bind(self, supernet: Supernet, *, seed: int = 0) -> None:
        """Takes a super-network to search; once.

        Raises:
          BindError: it has one already.
          SpaceError: it cannot decide something in there; the message says what, where, and who can.
        """
        if not isinstance(supernet, Supernet):
            raise FieldTypeError(
                f"bind takes a super-network; got {supernet!r:.80} of type {type(supernet).__name__}. "
                "Make one of a space by `pg.oneshot.supernet(space)`."
            )
        if self._supernet is not None:
            raise BindError(
                f"this {type(self).__name__} is bound to a super-network already, and what it learned is about that one. "
                "Make a new one for each super-network."
            )
        check_capabilities(supernet, type(self).__name__, self.capabilities)
        self._supernet, self.random = supernet, Random(f"{type(self).__name__}/{seed}")
        self._bind()

    @property
    def options(self) -> dict[str, Any]:
        """What its constructor was given, by name, as far as it keeps that under the same names.

        A checkpoint tells by them whether a search goes on as it was begun.
        """
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    @property
    def networks_per_step(self) -> int:
        """How many networks' gradients one step of the weights adds up: ``before_weights`` is called for each."""
        return 1

    @abstractmethod
    def _bind(self) -> None:
        """Starts from nothing on ``self.supernet``."""

    @abstractmethod
    def before_weights(self, step: Step) -> None:
        """Selects what the weights are trained on next, by ``self.supernet.activate`` or its ``selection``."""

    def after_weights(self, step: Step) -> None:  # noqa: B027 - a hook that may stay empty
        """Learns, after the weights took a step on what was selected."""

    def end_epoch(self, step: Step) -> None:  # noqa: B027 - a hook that may stay empty
        """Learns, after each epoch."""

    def finish(self, step: Step) -> None:  # noqa: B027 - a hook that may stay empty
        """Does what comes after all training, such as a search over the trained super-network."""

    @abstractmethod
    def decisions(self) -> Decisions:
        """Returns the network that this sampler finds best, as far as it knows by now."""

    def select_mixture(self) -> bool:
        """Selects the mixture of candidates that was trained, and of which ``decisions`` is the discretization.

        Returns:
          whether there is one: False, and nothing is selected, where single networks are trained.
        """
        return False

    def metrics(self) -> dict[str, float]:
        """Returns numbers that say how the search stands.

        ``entropy`` in nats, ``leading`` (the mean probability of the leading candidates), and what else a method has.
        """
        return {}

    def auxiliary_loss(self, step: Step, outputs: Tensor) -> Tensor | None:
        """Returns what is added to the loss of the weights (distillation, say); None for nothing."""
        return None

    def state(self) -> dict[str, Any]:
        """Returns all that ``restore`` needs: numbers, text, lists, dicts and tensors; no weights of the super-network."""
        space = self.supernet.space
        version, words, normal = self.random.getstate()
        return {
            "sampler": type(self).__name__,
            "space": space.fingerprint,
            "random": [version, list(words), normal],
            "own": self._state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what ``state`` returned; call ``bind`` first.

        Raises:
          BindError: there is no super-network yet.
          LoadError: this is the state of another kind of sampler, or none at all.
          SpaceChangedError: it is of a search in another space.
        """
        space, name = self.supernet.space, type(self).__name__
        given: Any = state
        if not isinstance(given, dict) or not {"sampler", "space", "random", "own"} <= given.keys():
            raise LoadError(f"{given!r:.80} is no state of a sampler. Pass what `state()` returned.")
        if state["sampler"] != name:
            raise LoadError(
                f"the state is that of a {state['sampler']}, this is a {name}. Make a {state['sampler']}, or start anew."
            )
        if state["space"] != space.fingerprint:
            raise SpaceChangedError(
                f"the state is of a search in another space (fingerprint {state['space']}, this one has {space.fingerprint}). "
                "Go on with the space that it is of, or start anew."
            )
        version, words, normal = state["random"]
        self.random.setstate((version, tuple(words), normal))
        self._restore(state["own"])

    def _state(self) -> dict[str, Any]:
        """Returns what changed since ``_bind``, save ``self.random``."""
        return {}

    def _restore(self, state: dict[str, Any]) -> None:  # noqa: B027 - a hook that may stay empty
        """Takes back what ``_state`` returned."""
