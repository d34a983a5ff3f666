"""Random search, with or without replacement."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, final

from pliant.space import Decisions
from pliant.values.errors import FieldValueError, SpaceError

from .base import Algorithm, Exhausted

if TYPE_CHECKING:
    from .prior import Given


@final
class Random(Algorithm):
    """Random search: proposes random decisions, whatever the rewards.

    >>> from pliant.space import choice, flatten
    >>> algorithm = Random(seed=1, replace=False)
    >>> algorithm.setup(flatten([choice("op", 2)]))
    >>> sorted(algorithm.propose().values for _ in range(2))
    [(0,), (1,)]

    Args:
      seed: where the random numbers start.
      replace: False proposes each decision vector once and ends after the last.  The space is walked in a
        shuffled order, so the state is a counter.
      prior: which decisions are probably good, by path or name, such as ``{"lr": (1e-4, 1e-2)}`` (``Prior``).  Every second
        proposal is drawn from it; the others do not depend on it, so that a wrong belief at most doubles the number of trials.
      uniform: True draws all decision vectors with equal probability, so a candidate that opens further choices is
        drawn in proportion to its number of variants; False draws all candidates of a choice with equal probability.
        With ``replace=False`` it is always True.
    """

    several_rewards = True

    def __init__(
        self, seed: int = 0, *, replace: bool = True, uniform: bool = False, prior: Given | None = None
    ) -> None:
        super().__init__(seed)
        self.replace, self.uniform, self.prior = replace, uniform, None
        if prior is not None:
            from .prior import check_prior  # brings NumPy

            self.prior = check_prior(prior, "Random")
            if not replace:
                raise FieldValueError(
                    "Random(replace=False) walks the whole space, so a prior has no effect. Leave out one of the two."
                )

    def _setup(self) -> None:
        self._count, self._belief = 0, None
        if self.prior is not None:
            from .prior import read_prior

            self._belief = read_prior(self.prior, self.space, "Random")
        if not self.replace:
            if self.space.size == math.inf:
                raise SpaceError(
                    "Random(replace=False) needs a finite space, and this one has a float. Use Deduplicate(Random())."
                )
            self._shuffled = Permutation(int(self.space.size), f"{self.seed}")

    def _propose(self) -> Decisions:
        if self._belief is not None:
            self._count += 1
            if self._count % 2:
                return (
                    self._belief.mode(self.random) if self._count == 1 else self._belief.sample(self.random)
                )
        if self.replace:
            return self.space.sample(self.random, uniform=self.uniform)
        if self._count == self.space.size:
            raise Exhausted(f"all {self._count} decision vectors of the space were proposed.")
        self._count += 1
        return self.space.unrank(self._shuffled(self._count - 1))

    def _state(self) -> dict[str, Any]:
        return {"count": self._count} if self._belief is not None or not self.replace else {}

    def _restore(self, state: dict[str, Any]) -> None:
        is_counted = self._belief is not None or not self.replace
        self._count = int(state["count"]) if is_counted else 0
        if self._count < 0 or (not self.replace and self._count > self.space.size):
            raise ValueError(f"{self._count} of {self.space.size} decision vectors were proposed?")


_ROUNDS = 8


@final
class Permutation:
    """A pseudorandom permutation of ``range(size)`` in constant memory; ``size`` may be 10 ** 40 and more.

    A Feistel network over pairs of digits in the smallest base ``a`` with ``a * a >= size``; values outside
    ``range(size)`` are permuted again until they fall inside (cycle walking: Black and Rogaway, "Ciphers with
    arbitrary finite domains", 2002), which is rare as ``a * a - size <= 2 * a``.  Not cryptographically secure.

    >>> sorted(Permutation(10, "a key")(i) for i in range(10)) == list(range(10))
    True
    """

    __slots__ = ("_base", "_key", "_width", "size")

    def __init__(self, size: int, key: str) -> None:
        self.size = size
        self._base = math.isqrt(size - 1) + 1 if size > 1 else 1
        self._width = (self._base.bit_length() + 7) // 8
        self._key = hashlib.sha256(key.encode()).digest()

    def __call__(self, index: int) -> int:
        """Returns the image of ``index``, a number of ``range(size)``."""
        base, size = self._base, self.size
        while True:
            left, right = divmod(index, base)
            for turn in range(_ROUNDS):
                left, right = right, (left + self._mix(turn, right)) % base
            index = left * base + right
            if index < size:
                return index

    def _mix(self, turn: int, digit: int) -> int:
        width = self._width
        seen = self._key + turn.to_bytes(1, "little") + digit.to_bytes(width, "little")
        # 8 bytes more than the base has: the remainder is then as good as uniform
        return int.from_bytes(hashlib.shake_256(seen).digest(width + 8), "little")
