"""Architecture parameters of a super-network: one vector per decision, its softmax, and metrics of convergence.

Equal keys are one decision with one vector.  The parameters belong to the sampler, not to the network, and are float64 tensors
on the CPU; each step copies them to the device of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import log
from random import Random
from typing import final

import torch
from torch import Tensor

from pliant.space import Decisions
from pliant.values.errors import LoadError, SpaceError, listing

from ..choices.choice import InputChoice, LayerChoice, PointChoice
from ..elastic.module import Elastic
from ..rewrite.network import Supernet
from .derive import lead, spread
from .runners import is_skip, is_zero


@final
class Architecture:
    """The architecture parameters of the choices of a super-network.

    Args:
      supernet: has choices between modules, between inputs, and between sizes.
      scale: the standard deviation of the normal distribution that parameters start from.
      random: draws them.
      normalize: from a vector of parameters to probabilities; their softmax when None.

    Attributes:
      choices: by key, the first choice of the network with this key.
      parameters: by key, a vector with an item per candidate.

    Raises:
      SpaceError: a choice of inputs returns a list or a concatenation, which cannot be mixed.
    """

    def __init__(
        self,
        supernet: Supernet,
        *,
        scale: float,
        random: Random,
        normalize: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.supernet, self._normalize = supernet, normalize or softmax
        self.choices: dict[str, LayerChoice | InputChoice | PointChoice] = {}
        for module in supernet.mutables:
            if isinstance(module, (LayerChoice, InputChoice)):
                if isinstance(module, InputChoice):
                    _check_reduction(module)
                self.choices[module.key] = module
            elif isinstance(module, Elastic):
                for key in module.keys:  # a choice between modules may have the same key
                    self.choices.setdefault(key, PointChoice(supernet.space.point(key)))
        self.parameters: dict[str, Tensor] = {}
        for key, choice in self.choices.items():
            start = [random.gauss(0.0, scale) for _ in range(len(choice))]
            self.parameters[key] = torch.tensor(start, dtype=torch.float64, requires_grad=True)

    def count(self, key: str) -> int:
        """Returns how many candidates are picked together: one, except for choices of several inputs."""
        choice = self.choices[key]
        return (choice.n_chosen or 1) if isinstance(choice, InputChoice) else 1

    def probabilities(self) -> dict[str, Tensor]:
        """Returns by key the probabilities that the parameters stand for; gradients flow through them."""
        return {key: self._normalize(vector) for key, vector in self.parameters.items()}

    def leading(self, probabilities: Mapping[str, Tensor] | None = None) -> Decisions:
        """Returns the decisions with the most probable candidates; see ``lead``.

        Args:
          probabilities: by key; those of the parameters when None.
        """
        found = self.probabilities() if probabilities is None else probabilities
        return lead(self.supernet.space, spread(self.supernet.space, found))

    def metrics(self) -> dict[str, float]:
        """Returns metrics of convergence and collapse.

        ``entropy`` (nats), ``leading`` (the probability of the leading candidate), ``gap`` (between the two leading ones),
        ``skip_share`` and ``zero_share`` (the probability of candidates that skip, and of zeros): means over the decisions.
        ``skips`` and ``zeros``: the number of them in the network of the leading candidates.
        """
        with torch.no_grad():
            found = self.probabilities()
        top = [row.topk(min(2, len(row))).values.tolist() for row in found.values()]
        flags = {key: self._flags(key) for key in found}
        led = self.leading(found).to_dict()
        leaders = [flags[key][led[key]] for key in found if key in led and flags[key]]  # type: ignore[index]
        return {
            "entropy": _mean(entropy(row) for row in found.values()),
            "leading": _mean(row[0] for row in top),
            "gap": _mean(row[0] - row[1] if len(row) > 1 else 1.0 for row in top),
            "skip_share": _mean(_share(row, flags[key], 0) for key, row in found.items()),
            "zero_share": _mean(_share(row, flags[key], 1) for key, row in found.items()),
            "skips": float(sum(skip for skip, _ in leaders)),
            "zeros": float(sum(zero for _, zero in leaders)),
        }

    def zeros(self, key: str) -> list[int]:
        """Returns the indices of candidates that multiply by zero."""
        return [i for i, (_, zero) in enumerate(self._flags(key)) if zero]

    def _flags(self, key: str) -> list[tuple[bool, bool]]:
        """Returns per candidate whether it skips, and whether it is zero; empty for choices of inputs and sizes."""
        choice = self.choices[key]
        if not isinstance(choice, LayerChoice):
            return []
        return [(is_skip(module, name), is_zero(module)) for module, name in zip(choice, choice.names)]

    def state(self) -> dict[str, Tensor]:
        """Returns copies of the parameters."""
        return {key: vector.detach().clone() for key, vector in self.parameters.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restores what ``state`` returned.

        Raises:
          LoadError: the state has other decisions.
        """
        mine = {key: len(vector) for key, vector in self.parameters.items()}
        given = {key: len(vector) for key, vector in state.items()}
        if mine != given:
            differing = [key for key in {**mine, **given} if mine.get(key) != given.get(key)]
            raise LoadError(
                f"these architecture parameters are of another super-network: {listing(differing)} differ. "
                "Restore a sampler that is bound to a super-network of the space that it was saved with."
            )
        with torch.no_grad():
            for key, vector in self.parameters.items():
                vector.copy_(state[key])


def softmax(vector: Tensor) -> Tensor:
    """Returns the softmax of a vector.

    >>> softmax(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """
    return vector.softmax(0)


def entropy(probabilities: Tensor) -> float:
    """Returns the entropy of a distribution in nats.

    >>> round(entropy(torch.tensor([0.5, 0.5, 0.0])), 6) == round(log(2), 6)
    True
    """
    numbers: list[float] = probabilities.tolist()
    return -sum(p * log(p) for p in numbers if p > 0.0)


def _check_reduction(choice: InputChoice) -> None:
    is_list = choice.reduction == "none" or (choice.reduction == "concat" and choice.n_chosen != 1)
    if is_list:
        raise SpaceError(
            f"the choice of inputs at {choice.key!r} has the reduction {choice.reduction!r}, which cannot be mixed: its size depends on "
            "the number of inputs. Use 'sum' or 'mean', or an algorithm that runs single paths, such as SPOS."
        )


def _share(row: Tensor, flags: list[tuple[bool, bool]], which: int) -> float:
    return float(sum(p for p, flag in zip(row.tolist(), flags) if flag[which]))


def _mean(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return sum(found) / len(found)
