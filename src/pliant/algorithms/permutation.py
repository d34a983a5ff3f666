"""A shuffle of ``range(size)`` that takes no memory, whatever the size.  Not for secrets."""

from __future__ import annotations

import hashlib
import math
from typing import final

_ROUNDS = 8


@final
class Permutation:
    """A permutation of ``range(size)`` that is drawn by a key; ``size`` may be 10 ** 40 and more.

    A Feistel network over pairs of digits in base ``a``, the least with ``a * a >= size``; what falls
    outside ``range(size)`` is permuted again until it falls inside (cycle walking: Black and Rogaway,
    "Ciphers with arbitrary finite domains", 2002).  As ``a * a - size <= 2 * a``, that is rare.

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
        """Returns where ``index`` (of ``range(size)``) goes."""
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
