"""``GradientSampler``: base class of algorithms that learn architecture parameters by gradients.

The network gets the weights of a draw as one leaf tensor.  The gradient of this leaf is then propagated through the draw to
the architecture parameters: DARTS draws a softmax, GDAS a one-hot vector with the gradient of a softmax.  So one rule serves
all methods, several forward passes can use one draw, and the parameters can be on another device.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.distributed
from torch import Tensor

from pliant.algorithms.options import check_count, check_flag, check_number, refuse_unknown
from pliant.space import Decisions
from pliant.space.formats import Indices
from pliant.values.errors import FieldTypeError, FieldValueError, RewardError, check_items, quote, quote_typed

from ..choices.choice import InputChoice, LayerChoice
from ..choices.evaluation import keep_buffers
from ..choices.mutable import BindError
from ..choices.patterns import NamedValues
from ..rewrite.network import Supernet
from ..sampler import NO_GRADIENTS, Sampler, Step
from .architecture import Architecture, softmax
from .mixable import check_mixtures
from .penalty import Penalty
from .runners import Mixture, Runner

Derivation = Callable[[Mapping[str, Tensor], Supernet], Any]
"""From probabilities by key (a hole's path, or its name), and the super-network, to decisions in any format."""


@dataclass(slots=True)
class Draw:
    """Weights of the candidates for a forward pass.

    Attributes:
      values: by key, the weights, without gradients.
      soft: by key, the differentiable weights through which gradients reach the parameters.
      priced: by key, the weights that the penalty takes the cost of; ``values`` when empty.
      unlearned: the keys that do not learn from this draw.
    """

    values: dict[str, Tensor]
    soft: dict[str, Tensor]
    priced: dict[str, Tensor] = field(default_factory=dict)
    unlearned: frozenset[str] = frozenset()


@refuse_unknown
@dataclass(kw_only=True, eq=False)
class GradientSampler(Sampler):
    """Base class of algorithms that learn architecture parameters by gradients.

    A subclass draws weights.  By default the weights of the network are trained first; then the parameters take a step of
    Adam on a batch of the validation data (``Step.next_valid``).  That step does not change running statistics.

    Its options are fields: a subclass is a keyword-only dataclass with ``eq=False`` that declares further options, and
    options with another default.

    Args:
      learning_rate: of Adam, for the architecture parameters.
      betas: of Adam.
      weight_decay: of Adam, in the L2 form.
      init_scale: the standard deviation of the normal distribution that parameters start from.
      warmup: the share of the training in which the parameters are constant.
      every: the number of steps of the weights for one step of the parameters.
      penalty: the cost of networks as a part of the loss of the parameters.
      derivation: the rule from probabilities to a network; the most probable candidates when None.
      skip_limit: the parameters are constant from the end of the first epoch in which this many skipping candidates lead
        (Liang et al., "DARTS+", 2019, which stops at two in a cell); no limit when None.
      checkpoint: whether the backward pass computes the inside of each choice again, which saves memory.

    Attributes:
      learns_first: whether the parameters take their step before that of the weights.
    """

    learns_first: ClassVar[bool] = False

    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0
    init_scale: float = 1e-3
    warmup: float = 0.0
    every: int = 1
    penalty: Penalty | None = None
    derivation: Derivation | None = None
    skip_limit: int | None = None
    checkpoint: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.learning_rate = check_number(self.learning_rate, "learning_rate", self)
        self.betas = check_items(self.betas, f"{type(self).__name__}(betas=...)", "(0.9, 0.999)")
        first, second = (check_number(self.betas[i], f"betas[{i}]", self, below=1.0) for i in (0, 1))
        self.betas = first, second
        self.weight_decay = check_number(self.weight_decay, "weight_decay", self)
        self.init_scale = check_number(self.init_scale, "init_scale", self)
        self.warmup = check_number(self.warmup, "warmup", self)
        self.every = check_count(self.every, "every", self)
        if self.skip_limit is not None:
            self.skip_limit = check_count(self.skip_limit, "skip_limit", self)
        self.checkpoint = check_flag(self.checkpoint, "checkpoint", self)
        given: object = self.penalty
        if given is not None and not isinstance(given, Penalty):
            raise FieldTypeError(
                f"{type(self).__name__}(penalty=...) takes AddedCost(cost), LogCost(cost) or another Penalty; got "
                f"{quote_typed(given)}."
            )

    @property
    def architecture(self) -> Architecture:
        """The architecture parameters.

        Raises:
          BindError: the sampler is not bound to a super-network.
        """
        bound = self.supernet  # raises without a super-network
        assert bound is self._architecture.supernet
        return self._architecture

    def _bind(self) -> None:
        check_mixtures(self.supernet, type(self).__name__)
        self._architecture = Architecture(
            self.supernet, scale=self.init_scale, random=self.random, normalize=self._normalize
        )
        self._vectors = list(self._architecture.parameters.values())
        self._optimizer = torch.optim.Adam(
            self._vectors, lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay
        )
        self._steps, self._frozen = 0, False
        self._runner = self._make_runner()
        for module in self.supernet.network.modules():
            if isinstance(module, (LayerChoice, InputChoice)) and module.is_open:
                if not isinstance(module.handler, Runner | None):
                    raise BindError(
                        f"the choice {module.key!r} already has the handler {quote(module.handler)}. Set its handler to None, or make a "
                        f"new super-network for this {type(self).__name__}."
                    )
                module.handler = self._runner
        self.relax()

    def _make_runner(self) -> Runner:
        return Mixture(checkpoint=self.checkpoint)

    def _normalize(self, vector: Tensor) -> Tensor:
        """Returns the probabilities that parameters stand for: their softmax."""
        return softmax(vector)

    def _regularize(self, step: Step) -> Tensor | None:
        """Returns a term of the loss that depends on the parameters alone; None for no term."""
        return None

    # ------------------------------------------------------------------ hooks of the loop

    @abstractmethod
    def _draw(self, step: Step) -> Draw:
        """Draws the weights of the candidates."""

    def before_weights(self, step: Step) -> None:
        """Selects a draw for the weights to be trained with; takes a step of the parameters before if ``learns_first``."""
        if self.learns_first and self._is_due(step):
            self._learn(step)
        self._select(self._draw(step))

    def after_weights(self, step: Step) -> None:
        """Counts the step, and takes one of the parameters when it is due."""
        self._steps += 1
        if not self.learns_first and self._is_due(step):
            self._learn(step)

    def end_epoch(self, step: Step) -> None:
        """Stops learning when too many candidates skip."""
        if self.skip_limit is not None and self._architecture.metrics()["skips"] >= self.skip_limit:
            self._frozen = True

    def relax(self) -> None:
        """Selects the mixture of all candidates by their current probabilities."""
        with torch.no_grad():
            found = self.architecture.probabilities()
        self._select(Draw(self._chosen(found), {}))

    def select_mixture(self) -> bool:
        self.relax()
        return True

    def decisions(self) -> Decisions:
        """Returns the network that the derivation rule makes of the current probabilities."""
        with torch.no_grad():
            found = self.architecture.probabilities()
        if self.derivation is None:
            return self.architecture.leading(found)
        named = NamedValues(found, self.supernet.space)
        made: Any = self.derivation(named, self.supernet)
        return self.supernet.space.parse(Indices(made) if made.__class__ is dict else made)

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of ``Architecture``, with a penalty the expected ``cost``, with a limit of skips ``frozen``."""
        found = self.architecture.metrics()
        if self.penalty is not None:
            with torch.no_grad():
                rows = self._chosen(self.architecture.probabilities())
                found["cost"] = float(self.penalty.measure(NamedValues(rows, self.supernet.space)))
        if self.skip_limit is not None:
            found["frozen"] = float(self._frozen)
        return found

    # ------------------------------------------------------------------ learning

    def _is_due(self, step: Step) -> bool:
        return step.progress >= self.warmup and not self._frozen and self._steps % self.every == 0

    def _learn(self, step: Step) -> None:
        """Takes a step of the parameters on a batch of the validation data."""
        draw = self._draw(step)
        leaf = self._select(draw, learned=True)
        try:
            with keep_buffers(self.supernet.network):
                reached, direct = self._differentiate(step, draw, leaf)
        finally:
            self._select(draw)  # frees the graph
        self._descend(step, draw, reached, direct)

    def _differentiate(
        self, step: Step, draw: Draw, leaf: Tensor
    ) -> tuple[Tensor | None, dict[str, Tensor | None]]:
        """Returns the gradients of the loss on a validation batch: by the weights of the draw, and by those that have a cost."""
        loss = step.loss(step.next_valid())
        if not loss.requires_grad:
            raise FieldValueError(NO_GRADIENTS)
        total, priced = self._objective(loss, draw)
        found = torch.autograd.grad(total, [leaf, *priced.values()], allow_unused=True)
        return found[0], dict(zip(priced, found[1:]))

    def _objective(self, loss: Tensor, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the loss with the penalty, and the leaves that the penalty depends on."""
        if not torch.isfinite(loss.detach()).item():
            raise RewardError(
                f"the loss on a validation batch is {loss.item()}, so the architecture cannot be learned from it. "
                "Lower the learning rate of the weights, clip their gradients, or train without autocast."
            )
        if self.penalty is None:
            return loss, {}
        rows = draw.priced or draw.values
        priced = {key: row.detach().clone().requires_grad_() for key, row in rows.items()}
        cost = self.penalty.measure(NamedValues(priced, self.supernet.space))
        return self.penalty.join(loss.cpu(), cost), priced

    def _descend(
        self, step: Step, draw: Draw, reached: Tensor | None, direct: Mapping[str, Tensor | None]
    ) -> None:
        """Propagates gradients through a draw to the parameters, and takes a step of Adam."""
        rows = self._split(torch.zeros(sum(map(len, self._vectors))) if reached is None else reached.detach())
        for key, slope in direct.items():
            if slope is not None:
                rows[key] = rows[key] + slope
        self._update(step, draw, rows)

    def _update(self, step: Step, draw: Draw, rows: Mapping[str, Tensor]) -> None:
        """Takes a step of the parameters, given the gradients by the weights of a draw."""
        slopes = [rows[key] for key in draw.soft]
        found: Any = torch.autograd.grad(list(draw.soft.values()), self._vectors, slopes, allow_unused=True)
        term = self._regularize(step)
        if term is not None:
            found = [a + b for a, b in zip(found, torch.autograd.grad(term, self._vectors))]
        average_over_processes(found)
        before = [vector.detach().clone() for vector in self._vectors]
        for (key, vector), slope in zip(self._architecture.parameters.items(), found):
            vector.grad = None if key in draw.unlearned else slope
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._settle(draw, dict(zip(self._architecture.parameters, before)))

    def _settle(self, draw: Draw, before: Mapping[str, Tensor]) -> None:
        """Corrects the parameters after a step of Adam; does nothing by default."""

    # ------------------------------------------------------------------ into the network

    def _chosen(self, rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Returns probabilities times the number of candidates that are picked together."""
        return {key: row * self._architecture.count(key) for key, row in rows.items()}

    def _draw_probabilities(self) -> Draw:
        """Draws the probabilities themselves: the mixture of DARTS."""
        soft = self._chosen(self._architecture.probabilities())
        return Draw({key: row.detach() for key, row in soft.items()}, soft)

    def _split(self, flat: Tensor) -> dict[str, Tensor]:
        """Returns parts by key, on the CPU."""
        parts = torch.split(flat.to("cpu", torch.float64), [len(vector) for vector in self._vectors])
        return dict(zip(self._architecture.parameters, parts))

    def _select(self, draw: Draw, *, learned: bool = False) -> Tensor:
        """Selects the weights of a draw for the network; returns them as one leaf, of which each choice has a part."""
        like = next((p for p in self.supernet.network.parameters() if p.is_floating_point()), None)
        flat = torch.cat([draw.values[key].detach() for key in self._architecture.parameters])
        leaf = flat.to(torch.get_default_dtype()) if like is None else flat.to(like.device, like.dtype)
        leaf.requires_grad_(learned)
        parts = torch.split(leaf, [len(vector) for vector in self._vectors])
        weights = dict(zip(self._architecture.parameters, parts))
        numbers = {key: row.tolist() for key, row in draw.values.items()}
        self.supernet.selection.mix(weights, numbers)
        return leaf

    # ------------------------------------------------------------------ state

    def _state(self) -> dict[str, Any]:
        return {
            "parameters": self._architecture.state(),
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
            "steps": self._steps,
            "frozen": self._frozen,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._architecture.restore(state["parameters"])
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._steps, self._frozen = state["steps"], state["frozen"]
        self.relax()


def is_distributed() -> bool:
    """Returns whether this process is one of several that train together."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def average_over_processes(tensors: Any) -> None:
    """Averages tensors over the processes of a distributed training, in place; does nothing in a single process."""
    if not is_distributed():
        return
    count = torch.distributed.get_world_size()
    for tensor in tensors:
        moved = tensor.to("cuda" if torch.distributed.get_backend() == "nccl" else "cpu")
        torch.distributed.all_reduce(moved)
        tensor.copy_(moved / count)
