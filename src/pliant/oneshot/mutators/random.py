"""``RandomMutator``, and ``MutatorSampler``, which lets a trainer drive any mutator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from pliant.space import Decisions
from pliant.space.sample import as_random
from pliant.values.errors import FieldTypeError, quote

from ..capability import DECISION_KINDS
from ..choices.choice import InputChoice
from ..choices.mutable import Mutable
from ..rewrite.network import Supernet, check_supernet
from ..sampler import Sampler, Step
from .masks import Masks
from .mutator import Mutator


@final
class RandomMutator(Mutator):
    """Samples each decision uniformly at random, for the first time when it is made.

    >>> from pliant.oneshot import LayerChoice
    >>> model = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))
    >>> mutator = RandomMutator(model, seed=1)
    >>> model(torch.zeros(1)), mutator.status()
    (tensor([0.]), {'act': [1.0, 0.0]})

    Args:
      model: a network with choices, or a super-network.
      seed: the seed of its random numbers; their state is in ``state_dict``.
    """

    def __init__(self, model: nn.Module, seed: int = 0) -> None:
        super().__init__(model)
        self.random = as_random(seed)
        self.reset()

    def reset(self) -> None:
        """Draws the decisions that the network runs until the next ``reset``."""
        self._check_holds()
        if isinstance(self.model, Supernet):  # valid decisions; masks are made on demand
            self._drawn = self.model.activate(self.model.space.sample(self.random))
        else:
            super().reset()

    def status(self) -> dict[str, list[float]]:
        """Returns the last sample, as lists of numbers by key."""
        if isinstance(self.model, Supernet):
            self.__dict__["_sampled"] = to_masks(self.model, self._drawn)
        return super().status()

    def sample_search(self) -> dict[str, Tensor]:
        """Returns a random candidate of each decision; for any number of inputs, each with probability one half."""
        if isinstance(self.model, Supernet):
            return to_masks(self.model, self.model.space.sample(self.random))
        return {mutable.key: self._draw(mutable) for mutable in self.mutables}

    def sample_final(self) -> dict[str, Tensor]:
        """Returns a new sample of ``sample_search``."""
        return self.sample_search()

    def _draw(self, mutable: Mutable) -> Tensor:
        count = len(mutable)
        picks = mutable.n_chosen if isinstance(mutable, InputChoice) else 1
        if picks is None:
            return torch.tensor([self.random.random() < 0.5 for _ in range(count)])
        chosen = self.random.sample(range(count), picks)
        return torch.tensor([i in chosen for i in range(count)])

    def get_extra_state(self) -> Any:
        """Returns the state of the random numbers, for ``state_dict``."""
        version, words, normal = self.random.getstate()
        return {"random": [version, list(words), normal]}

    def set_extra_state(self, state: Any) -> None:
        """Restores what ``get_extra_state`` returned."""
        version, words, normal = state["random"]
        self.random.setstate((version, tuple(words), normal))


@final
class MutatorSampler(Sampler):
    """Wraps a mutator as a sampler for a trainer: ``reset`` before each step, ``export`` at the end.

    >>> from pliant.oneshot import LayerChoice, supernet
    >>> sampler = MutatorSampler(RandomMutator)
    >>> sampler.bind(supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))))
    >>> sampler.decisions().to_dict()
    {'act': 1}

    Args:
      make: a function from the super-network to its mutator.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    def __init__(self, make: Callable[[Supernet], Mutator]) -> None:
        super().__init__()
        self.make = make
        self._exported: Decisions | None = None

    def _bind(self) -> None:
        made: Any = self.make(self.supernet)
        if not isinstance(made, Mutator) or made.model is not self.supernet:
            raise FieldTypeError(
                f"MutatorSampler takes a function that returns a mutator of its super-network; {quote(self.make)} returned {quote(made)}."
            )
        self.mutator = made

    def before_weights(self, step: Step) -> None:
        """Draws a new sample."""
        self._exported = None
        self.mutator.reset()

    def decisions(self) -> Decisions:
        """Returns what the mutator exports; the same until the next step, also if its exports are random."""
        if self._exported is None:
            self._exported = self.supernet.space.parse(self.mutator.export())
        return self._exported

    def _state(self) -> dict[str, Any]:
        exported = None if self._exported is None else self._exported.to_json()
        return {"mutator": self.mutator.state_dict(), "exported": exported}

    def _restore(self, state: dict[str, Any]) -> None:
        self.mutator.load_state_dict(state["mutator"])
        kept = state.get("exported")  # older checkpoints have none
        self._exported = None if kept is None else Decisions.from_json(self.supernet.space, kept)


def to_masks(supernet: Supernet, decisions: object) -> Masks:
    """Converts decisions of a super-network to tensors by key, as ``Mutator.export`` returns them.

    >>> from pliant.oneshot import InputChoice, supernet
    >>> net = supernet(nn.Sequential(InputChoice(3, 2, key="inputs")))
    >>> to_masks(net, [0, 2])
    {'inputs': tensor([ True, False,  True])}
    """
    masks = Masks.from_decisions(check_supernet(supernet).space.parse(decisions))
    for key, picks in supernet.grouped.items():
        found = [masks.pop(f"{key}[{pick}]") for pick in range(picks) if f"{key}[{pick}]" in masks]
        if found:
            stacked = torch.stack(found)
            masks[key] = stacked[:, 1] if key in supernet.free else stacked.any(dim=0)
    return masks
