"""``Factorized``, the policy with independent logits for each decision point, and its exact entropy.

Points below a candidate count only if it is picked, and the picks of a group are renormalized over the candidates that
earlier picks leave.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import inf
from random import Random
from typing import final

import torch
from torch import Tensor

from pliant.space import Choice, Decisions, Float, Group, Int, Space

from .batch import Batch
from .distributions import categorical_entropy, entropies, log_probs, number_entropy, sum_discounted
from .draw import draw_decisions, draw_index, draw_number, log_softmax, pick_best
from .heads import Head
from .policy import Policy


@final
class Factorized(Policy):
    """Policy with independent logits for each decision point, as in TuNAS (Bender et al. 2020, section 3).

    All weights start at zero, where the policy is the distribution of ``space.sample``, except that each pick of a
    group starts uniform over its allowed candidates.

    >>> from math import exp
    >>> from random import Random
    >>> from pliant.space import choice, flatten
    >>> policy = Factorized()
    >>> policy.setup(flatten([choice("op", 4), choice("act", 2)]), Random(0))
    >>> decisions, log_prob = policy.sample(Random(1))
    >>> decisions.values, round(exp(log_prob), 6)
    ((0, 1), 0.125)

    Memory: the widest head times the number of points.  A proposal of 30 decisions takes about 20 microseconds,
    as probabilities are cached between updates.
    """

    def _setup(self, random: Random) -> dict[str, Tensor]:
        shape = self.encoder.masks.shape if self.heads else (0, 1)
        points = self.space.points
        self._is_flat = len(points) == len(self.space.top) and not any(
            isinstance(point, Choice) and point.group for point in points
        )
        self._entropy = TreeEntropy(self.space, self.heads, self.encoder.masks[: len(self.heads)])
        return {"logits": torch.zeros(shape, dtype=torch.float64, requires_grad=True)}

    def refresh(self) -> None:
        self._tables: list[tuple[list[float], list[float]]] | None = None

    def sample(self, random: Random) -> tuple[Decisions, float]:
        tables, heads, draw = self._prepared(), self.heads, random.random
        total = 0.0

        def pick(index: int, allowed: Sequence[int] | None) -> int | float:
            nonlocal total
            head, (logs, sums) = heads[index], tables[index]
            point = head.point
            if not head.is_categorical:
                assert isinstance(point, (Int, Float))
                value, log_prob = draw_number(point, logs, draw())
                total += log_prob
                return value
            if allowed is None:
                column = bisect_right(sums, draw() * sums[-1], 0, len(sums) - 1)
                total += logs[column]
            else:
                left = log_softmax([logs[i] for i in allowed])
                place = draw_index(left, draw())
                column, total = allowed[place], total + left[place]
            return head.values[column]

        if not self._is_flat:
            return draw_decisions(self.space, pick), total
        values = [pick(index, None) for index in range(len(heads))]
        return Decisions(self.space, values), total

    def mode(self) -> Decisions:
        tables, heads = self._prepared(), self.heads

        return draw_decisions(
            self.space, lambda index, allowed: pick_best(heads[index], tables[index][0], allowed)
        )

    def evaluate(self, batch: Batch, *, entropy: bool = True, discount: float = 1.0) -> tuple[Tensor, Tensor]:
        logits = self.parameters["logits"]
        nothing = torch.zeros(len(batch), dtype=torch.float64)
        if not self.heads:
            return nothing, nothing
        outputs = logits[batch.points]
        log_prob = sum_discounted(log_probs(outputs, batch, self.numbers), batch, discount)
        if not entropy:
            return log_prob, nothing
        if self._entropy.is_exact:
            return log_prob, self._entropy(logits).expand(len(batch))
        return log_prob, entropies(outputs, batch, self.numbers).sum(-1)

    def _prepared(self) -> list[tuple[list[float], list[float]]]:
        """Returns the log-probabilities of each point and their cumulative sums; for a number head its outputs."""
        if self._tables is None:
            logits = self.parameters["logits"].detach()
            logs = torch.log_softmax(logits.masked_fill(~self.encoder.masks, -inf), -1)
            sums = logs.exp().cumsum(-1).tolist()
            self._tables = [
                (log[: head.width], running[: head.width]) if head.is_categorical else (row, [])
                for head, log, running, row in zip(self.heads, logs.tolist(), sums, logits.tolist())
            ]
        return self._tables


@final
class TreeEntropy:
    """The exact entropy of independent decisions over a conditional space, as a function of the heads' outputs.

    By the chain rule it is the sum over points of the probability that the point is active times the entropy of its
    decision.  The sorted picks of a group are a Markov chain, whose marginals a forward pass gives.  Distinct picks in
    any order lack a closed form (their marginals are permanents); then ``is_exact`` is False.

    ``heads`` has one for each point; ``masks``, ``[P, K]``, has the outputs of each head.
    """

    def __init__(self, space: Space, heads: Sequence[Head], masks: Tensor) -> None:
        self.masks = masks
        self.numbers = torch.tensor([not head.is_categorical for head in heads], dtype=torch.bool)
        groups = {p.group.first: p.group for p in space.points if isinstance(p, Choice) and p.group}
        self.has_numbers = bool(self.numbers.any())
        self.is_exact = not any(group.distinct and not group.sorted for group in groups.values())
        """Whether the entropy has a closed form."""
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
        marginals = torch.softmax(outputs.masked_fill(~self.masks, -inf), -1)
        rows, entropies = list(marginals), list(own)
        for group, transitions in zip(self.chains, self.transitions):
            for index, (row, entropy) in zip(group.members, _walk(outputs, group, transitions)):
                rows[index] = torch.nn.functional.pad(row, (0, outputs.shape[1] - len(row)))
                entropies[index] = entropy
        flat = torch.cat([torch.stack(rows).reshape(-1), outputs.new_ones(1)])
        return (flat[self.above].prod(-1) * torch.stack(entropies)).sum()

    @staticmethod
    def _transitions(group: Group, count: int) -> list[Tensor]:
        """Returns for each pick the ``[count, count]`` mask of allowed successors (in the first, rows are equal)."""
        found = []
        last, own = torch.arange(count).unsqueeze(1), torch.arange(count).unsqueeze(0)
        for pick in range(group.picks):
            end = count - (group.picks - 1 - pick) * group.distinct
            mask = (own < end) & ((own >= last + group.distinct) if pick else (last >= 0))
            found.append(mask | ~mask.any(1, keepdim=True))  # unreachable rows need any entry
        return found


def _walk(outputs: Tensor, group: Group, transitions: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Returns the marginal and the conditional entropy of each pick of a sorted group."""
    count = len(transitions[0])
    before = outputs.new_zeros(count)
    before[0] = 1.0  # any state before the first pick
    found = []
    for index, mask in zip(group.members, transitions):
        logits = outputs[index, :count].expand(count, count)
        entropy = (before * categorical_entropy(logits, mask)).sum()
        before = before @ torch.softmax(logits.masked_fill(~mask, -inf), -1)
        found.append((before, entropy))
    return found


def _ancestors(space: Space, width: int) -> Tensor:
    """Returns ``[P, D]``: the entries of the flat marginals whose product is the probability that a point is active."""
    above: list[list[int]] = [[] for _ in space.points]
    for index, point in enumerate(space.points):
        for column, branch in enumerate(point.branches if isinstance(point, Choice) else ()):
            for child in branch:
                above[child] = [*above[index], index * width + column]
    depth = max(map(len, above), default=0)
    last = len(space.points) * width
    rows = [row + [last] * (max(depth, 1) - len(row)) for row in above]
    return torch.tensor(rows, dtype=torch.long)
