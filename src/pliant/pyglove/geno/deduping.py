"""``Deduping``: proposes what another algorithm proposes, without duplicates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dna import DNA
from .dna_generator import DNAGenerator


class Deduping(DNAGenerator):
    """Proposes what another algorithm proposes, each DNA at most ``max_duplicates`` times.

    Where the other algorithm uses rewards, the trials that have a reward are counted, else the proposals.

    >>> from pliant.pyglove.geno.categorical import oneof
    >>> from pliant.pyglove.geno.random import Random
    >>> from pliant.pyglove.geno.space import constant
    >>> algorithm = Deduping(Random(seed=1))
    >>> algorithm.setup(oneof([constant(), constant(), constant()]))
    >>> list(algorithm)
    [DNA(0), DNA(2), DNA(1)]

    Attributes:
      generator: the other algorithm.
      hash_fn: a function of a DNA; DNA with equal results are duplicates.  None compares the decisions.
      auto_reward_fn: a function of the rewards of a DNA that returns the reward of a further duplicate, which is then not evaluated:
        its metadata has the ``"reward"``.  None draws again.
      max_duplicates: how often a DNA is proposed.
      max_proposal_attempts: how often the other algorithm is asked for one proposal; then the search ends.
    """

    generator: DNAGenerator
    hash_fn: Callable[..., Any] | None = None
    auto_reward_fn: Callable[..., Any] | None = None
    max_duplicates: int = 1
    max_proposal_attempts: int = 100

    @property
    def needs_feedback(self) -> bool:
        return self.generator.needs_feedback

    @property
    def multi_objective(self) -> bool:
        return self.generator.multi_objective

    def _setup(self) -> None:
        self.generator.setup(self.dna_spec)
        self._cache: dict[Any, list[Any]] = {}

    def _propose(self) -> DNA:
        for _ in range(self.max_proposal_attempts):
            dna = self.generator.propose()
            rewards = self._cache.get(self._key(dna), [])
            if len(rewards) < self.max_duplicates:
                if not self.needs_feedback:
                    self._remember(dna, None)
                return dna
            if self.auto_reward_fn is not None and self.needs_feedback:
                return dna.set_metadata("reward", self.auto_reward_fn(rewards))
        raise StopIteration

    def _feedback(self, dna: DNA, reward: Any) -> None:
        self.generator.feedback(dna, reward)
        self._remember(dna, reward)

    def _replay(self, trial_id: int, dna: DNA, reward: Any) -> None:
        self.generator.recover([(dna, reward)])
        if reward is not None or not self.needs_feedback:
            self._remember(dna, reward)

    def _key(self, dna: DNA) -> Any:
        return dna if self.hash_fn is None else self.hash_fn(dna)

    def _remember(self, dna: DNA, reward: Any) -> None:
        self._cache.setdefault(self._key(dna), []).append(reward)
