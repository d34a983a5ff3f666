"""``Sampler``: base class of weight-sharing algorithms, which select the networks of a super-network to train.

A sampler handles decisions and rewards; the trainer handles weights, data and optimizers.  A trainer, or your own
training loop, calls four hooks around its steps::

    sampler.bind(net, seed=0)
    for epoch in range(epochs):
        for batch in loader:
            step = Step(...)                 # what the loop offers the sampler
            sampler.before_weights(step)     # selects the network to train
            ...                              # forward, backward, optimizer: any training step (see Session)
            sampler.after_weights(step)      # updates the sampler
        sampler.end_epoch(step)
    sampler.finish(step)
    best = recalibrate(net.materialize(sampler.decisions()), loader)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Self

from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, LoadError, SpaceChangedError, quote, quote_typed
from pliant.values.signature import read_signature

from .capability import check_capabilities
from .choices.mutable import BindError
from .rewrite.network import Supernet

NO_GRADIENTS = (
    "the loss has no gradients, so it cannot train anything. Compute it from the network's output, without "
    "detach(), item() or torch.no_grad()."
)


@dataclass(slots=True)
class Step:
    """What a training loop offers a sampler in one training step.

    Attributes:
      batch: the training batch of this step.
      next_valid: returns the next validation batch, on which architectures are evaluated.
      loss: runs the selected network on a batch; returns the loss, a scalar with gradients.
      quality: runs the selected network on a batch; returns a number to maximize, such as the accuracy.
      weights: the trained parameters of the super-network.
      learning_rate: the current learning rate of the weights.
      epoch: the number of the epoch, from 0.
      progress: the completed share of the training, from 0 to 1.
      train_batches: returns an iterator over training batches, for recalibration of normalization layers.
      weight_optimizer: the optimizer of the weights; second-order methods use its momentum and weight decay.
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
    """The base class of weight-sharing algorithms; each is bound to one super-network.

    A subclass implements ``_bind``, ``before_weights`` and ``decisions``, and the other hooks as needed.

    Attributes:
      capabilities: the kinds of decisions that it supports; see ``capability``.
      supernet: the super-network that it is bound to.
      random: the random number generator; part of the state.
    """

    capabilities: ClassVar[frozenset[str]]

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **options: Any) -> Self:
        made = super().__new__(cls)
        made._arguments = args, options  # for ``options``
        return made

    def __init__(self) -> None:
        self._supernet: Supernet | None = None
        self.random = Random(0)

    @property
    def supernet(self) -> Supernet:
        """The super-network that this sampler is bound to.

        Raises:
          BindError: it is not bound yet.
        """
        if self._supernet is None:
            raise BindError(
                f"this {type(self).__name__} is not bound to a super-network. Call `bind(supernet)` first."
            )
        return self._supernet

    @property
    def is_bound(self) -> bool:
        """Whether it is bound to a super-network."""
        return self._supernet is not None

    def bind(self, supernet: Supernet, *, seed: int = 0) -> None:
        """Binds this sampler to the super-network to search; possible once.

        Raises:
          BindError: it is bound already.
          SpaceError: it does not support a decision; the message names the decision and the samplers that support it.
        """
        if not isinstance(supernet, Supernet):
            raise FieldTypeError(
                f"bind takes a super-network; got {quote_typed(supernet)}. "
                "Make one with `pg.oneshot.supernet(space)`."
            )
        if self._supernet is not None:
            raise BindError(
                f"this {type(self).__name__} is bound to another super-network and has learned its decisions. "
                "Make a new sampler for each super-network."
            )
        check_capabilities(supernet, type(self).__name__, self.capabilities)
        self._supernet, self.random = supernet, Random(f"{type(self).__name__}/{seed}")
        self._bind()

    @property
    def options(self) -> dict[str, Any]:
        """The constructor's arguments, by name: as attributes of the same names have them, or as they were given.

        A checkpoint compares them to refuse a search with other options.
        """
        signature = read_signature(type(self).__init__)  # that of the class may be `__new__` above
        bound = signature.bind(self, *self._arguments[0], **self._arguments[1])
        bound.apply_defaults()
        return {
            name: given if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) else getattr(self, name, given)
            for (name, given), p in list(zip(bound.arguments.items(), signature.parameters.values()))[1:]
        }

    @property
    def networks_per_step(self) -> int:
        """The number of networks in one step of the weights; ``before_weights`` is called for each, and gradients add up."""
        return 1

    @abstractmethod
    def _bind(self) -> None:
        """Initializes the state for ``self.supernet``."""

    @abstractmethod
    def before_weights(self, step: Step) -> None:
        """Selects the network to train next, with ``self.supernet.activate`` or its ``selection``."""

    def after_weights(self, step: Step) -> None:  # noqa: B027 - a hook that may stay empty
        """Updates the sampler after a step of the weights on the selected network."""

    def end_epoch(self, step: Step) -> None:  # noqa: B027 - a hook that may stay empty
        """Updates the sampler after each epoch."""

    def finish(self, step: Step) -> None:  # noqa: B027 - a hook that may stay empty
        """Runs after all training: for example a search over the trained super-network."""

    @abstractmethod
    def decisions(self) -> Decisions:
        """Returns the decisions of the best network so far."""

    def select_mixture(self) -> bool:
        """Selects the trained mixture of candidates, whose discretization is ``decisions``.

        Returns:
          False, without a selection, if this sampler trains single networks.
        """
        return False

    def metrics(self) -> dict[str, float]:
        """Returns metrics of the search.

        ``entropy`` in nats, ``leading`` (the mean probability of the leading candidates), and others of each method.
        """
        return {}

    def auxiliary_loss(self, step: Step, outputs: Tensor) -> Tensor | None:
        """Returns a term to add to the loss of the weights, such as distillation; None for no term."""
        return None

    def state(self) -> dict[str, Any]:
        """Returns the state for ``restore``, without the weights: numbers, text, lists, dicts and tensors."""
        space = self.supernet.space
        version, words, normal = self.random.getstate()
        return {
            "sampler": type(self).__name__,
            "space": space.fingerprint,
            "random": [version, list(words), normal],
            "own": self._state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restores what ``state`` returned; call ``bind`` first.

        Raises:
          BindError: this sampler is not bound yet.
          LoadError: this is not the state of a sampler, or of another class of sampler.
          SpaceChangedError: the state is of a search in another space.
        """
        space, name = self.supernet.space, type(self).__name__
        given: Any = state
        if not isinstance(given, dict) or not {"sampler", "space", "random", "own"} <= given.keys():
            raise LoadError(
                f"restore takes the state of a sampler; got {quote(given)}. Pass what `state()` returned."
            )
        if state["sampler"] != name:
            raise LoadError(
                f"the state is of a {state['sampler']}, and this is a {name}. Make a {state['sampler']}, or start a new search."
            )
        if state["space"] != space.fingerprint:
            raise SpaceChangedError(
                f"the state is of a search in another space (fingerprint {state['space']}; this space has {space.fingerprint}). "
                "Use the space of the state, or start a new search."
            )
        version, words, normal = state["random"]
        self.random.setstate((version, tuple(words), normal))
        self._restore(state["own"])

    def _state(self) -> dict[str, Any]:
        """Returns what changed since ``_bind``, except ``self.random``."""
        return {}

    def _restore(self, state: dict[str, Any]) -> None:  # noqa: B027 - a hook that may stay empty
        """Restores what ``_state`` returned."""
