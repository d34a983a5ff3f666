"""The exact entropy of independent decisions over a conditional space.  Only for factorized policies.

By the chain rule, the entropy of a whole decision vector is the sum over points of the probability that the
point is active times the entropy of its decision.  Both are in closed form where the points are independent;
the sorted picks of a group are a Markov chain, whose marginals a forward pass gives.  Distinct picks in any
order have no such form (their marginals are permanents), and a space with them is left to sampling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from pliant.space import Choice, Group, Space

from .distributions import categorical_entropy, number_entropy
from .heads import Head


@final
class TreeEntropy:
    """The entropy of a space's decisions as a function of the heads' outputs.

    Args:
      space: whose decisions.
      heads: one for each point.
      masks: ``[P, K]``, which outputs each head has.
    """

    def __init__(self, space: Space, heads: Sequence[Head], masks: Tensor) -> None:
        self.masks = masks
        self.numbers = torch.tensor([not head.is_categorical for head in heads], dtype=torch.bool)
        groups = {p.group.first: p.group for p in space.points if isinstance(p, Choice) and p.group}
        self.has_numbers = bool(self.numbers.any())
        self.is_exact = not any(group.distinct and not group.sorted for group in groups.values())
        """Whether the space has such an entropy."""
        self.chains = [group for group in groups.values() if group.sorted]
        self.transitions = [self._transitions(group, heads[group.first].width) for group in self.chains]
        self.is_conditional = len(space.top) < len(space.points)
        self.above = _ancestors(space, masks.shape[1])

    def __call__(self, outputs: Tensor) -> Tensor:
        """Returns the entropy in nats, a scalar; ``outputs`` is ``[P, K]``."""
        own = categorical_entropy(outputs, self.masks)
        if self.has_numbers:
            own = torch.where(self.numbers, number_entropy(outputs[:, 0], outputs[:, 1]), own)
        if not self.is_conditional and not self.chains:
            return own.sum()
        marginals = torch.softmax(outputs.masked_fill(~self.masks, -math.inf), -1)
        rows, entropies = list(marginals), list(own)
        for group, transitions in zip(self.chains, self.transitions):
            for index, (row, entropy) in zip(group.members, _walk(outputs, group, transitions)):
                rows[index] = torch.nn.functional.pad(row, (0, outputs.shape[1] - len(row)))
                entropies[index] = entropy
        flat = torch.cat([torch.stack(rows).reshape(-1), outputs.new_ones(1)])
        return (flat[self.above].prod(-1) * torch.stack(entropies)).sum()

    @staticmethod
    def _transitions(group: Group, count: int) -> list[Tensor]:
        """Returns per pick the ``[count, count]`` mask of what may follow what (for the first, any row does)."""
        found = []
        last, own = torch.arange(count).unsqueeze(1), torch.arange(count).unsqueeze(0)
        for pick in range(group.picks):
            end = count - (group.picks - 1 - pick) * group.distinct
            mask = (own < end) & ((own >= last + group.distinct) if pick else (last >= 0))
            found.append(mask | ~mask.any(1, keepdim=True))  # a row that is never reached may be anything
        return found


def _walk(outputs: Tensor, group: Group, transitions: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Returns the marginal and the conditional entropy of each pick of a sorted group."""
    count = len(transitions[0])
    before = outputs.new_zeros(count)
    before[0] = 1.0  # where the first pick comes from does not matter
    found = []
    for index, mask in zip(group.members, transitions):
        logits = outputs[index, :count].expand(count, count)
        entropy = (before * categorical_entropy(logits, mask)).sum()
        before = before @ torch.softmax(logits.masked_fill(~mask, -math.inf), -1)
        found.append((before, entropy))
    return found


def _ancestors(space: Space, width: int) -> Tensor:
    """Returns ``[P, D]``: which entries of the flat marginals, and a last one that is 1, make a point active."""
    above: list[list[int]] = [[] for _ in space.points]
    for index, point in enumerate(space.points):
        for column, branch in enumerate(point.branches if isinstance(point, Choice) else ()):
            for child in branch:
                above[child] = [*above[index], index * width + column]
    depth = max(map(len, above), default=0)
    last = len(space.points) * width
    rows = [row + [last] * (max(depth, 1) - len(row)) for row in above]
    return torch.tensor(rows, dtype=torch.long)
