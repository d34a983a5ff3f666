"""The random mutator, and a mutator as a sampler that a trainer drives.  Nothing here learns."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError

from ..capability import DECISION_KINDS
from ..choices.choice import InputChoice
from ..choices.mutable import Mutable
from ..rewrite.network import Supernet
from ..sampler import Sampler, Step
from .masks import Masks
from .mutator import Mutator


@final
class RandomMutator(Mutator):
    """Samples each decision at random; a candidate is active at once, so that the network can be tried.

    >>> from pliant.oneshot import LayerChoice
    >>> model = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))
    >>> mutator = RandomMutator(model, seed=1)
    >>> model(torch.zeros(1)), mutator.status()
    (tensor([0.]), {'act': [1.0, 0.0]})

    Args:
      model: the network, with choices in it; or a super-network.
      seed: of its own random numbers, which ``state_dict`` keeps.
    """

    def __init__(self, model: nn.Module, seed: int = 0) -> None:
        super().__init__(model)
        self.random = Random(seed)
        self.reset()

    def reset(self) -> None:
        """Draws what the network runs until the next ``reset``."""
        self._check_holds()
        if isinstance(self.model, Supernet):  # decisions need no checks, and masks only where somebody asks
            self._drawn = self.model.activate(self.model.space.sample(self.random))
        else:
            super().reset()

    def status(self) -> dict[str, list[float]]:
        """Returns what was drawn last, as lists of numbers by key."""
        if isinstance(self.model, Supernet):
            self.__dict__["_sampled"] = to_masks(self.model, self._drawn)
        return super().status()

    def sample_search(self) -> dict[str, Tensor]:
        """Returns a candidate of each decision; of any number of inputs, each with probability one half."""
        if isinstance(self.model, Supernet):
            return to_masks(self.model, self.model.space.sample(self.random))
        return {mutable.key: self._draw(mutable) for mutable in self.mutables}

    def sample_final(self) -> dict[str, Tensor]:
        """Returns the same as ``sample_search``, drawn anew."""
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
        """Takes back what ``get_extra_state`` returned."""
        version, words, normal = state["random"]
        self.random.setstate((version, tuple(words), normal))


@final
class MutatorSampler(Sampler):
    """A mutator as a sampler, so that a trainer can drive it: it resets before each step, and exports at the end.

    >>> from pliant.oneshot import LayerChoice, supernet
    >>> sampler = MutatorSampler(RandomMutator)
    >>> sampler.bind(supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))))
    >>> sampler.decisions().to_dict()
    {'act': 1}

    Args:
      make: makes the mutator of the super-network.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    def __init__(self, make: Callable[[Supernet], Mutator]) -> None:
        super().__init__()
        self.make = make

    def _bind(self) -> None:
        made: Any = self.make(self.supernet)
        if not isinstance(made, Mutator) or made.model is not self.supernet:
            raise FieldTypeError(
                f"MutatorSampler takes what makes a mutator of the super-network that it is given; {self.make!r:.80} made {made!r:.80}."
            )
        self.mutator = made

    def before_weights(self, step: Step) -> None:
        """Samples anew."""
        self.mutator.reset()

    def decisions(self) -> Decisions:
        """Returns what the mutator exports."""
        return self.supernet.space.parse(self.mutator.export())

    def _state(self) -> dict[str, Any]:
        return {"mutator": self.mutator.state_dict()}

    def _restore(self, state: dict[str, Any]) -> None:
        self.mutator.load_state_dict(state["mutator"])


def to_masks(supernet: Supernet, decisions: Any) -> Masks:
    """Returns decisions of a super-network as tensors by key, as ``Mutator.export`` gives them.

    >>> from pliant.oneshot import InputChoice, supernet
    >>> net = supernet(nn.Sequential(InputChoice(3, 2, key="inputs")))
    >>> to_masks(net, [0, 2])
    {'inputs': tensor([ True, False,  True])}
    """
    masks = Masks.from_decisions(supernet.space.parse(decisions))
    for key, picks in supernet.grouped.items():
        found = [masks.pop(f"{key}[{pick}]") for pick in range(picks) if f"{key}[{pick}]" in masks]
        if found:
            stacked = torch.stack(found)
            masks[key] = stacked[:, 1] if key in supernet.free else stacked.any(dim=0)
    return masks
