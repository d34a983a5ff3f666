"""Random decisions that were not proposed before, and 8-byte hashes to remember those that were."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from random import Random

from pliant.space import Decisions, Space, mutate
from pliant.values.errors import LoadError

from .base import Exhausted

_SAMPLES = 100  # how many random decisions are tried first
_MUTATIONS = 10_000  # where a space is infinite, nearly every mutation of a float is new


def draw_unseen(
    space: Space,
    random: Random,
    is_seen: Callable[[Decisions], bool],
    *,
    count: int,
    near: Decisions | None = None,
) -> Decisions:
    """Returns random decisions that were not seen.

    At most ``count`` decisions of the space were seen.  With ``near``, mutations of it are tried in an infinite space,
    instead of 100 random decisions.

    Raises:
      Exhausted: a finite space has no others, or the floats of an infinite one are too narrow to find one.
    """
    size = space.size
    if count >= size:
        raise Exhausted(f"all {size} decision vectors of the space were proposed.")
    one = space.sample(random) if near is None else near
    for _ in range(_SAMPLES if near is None else 0):
        if not is_seen(one):
            return one
        one = space.sample(random)
    if size == math.inf:
        for _ in range(_MUTATIONS):
            one = mutate(one, random)
            if not is_seen(one):
                return one
        raise Exhausted(
            f"{_MUTATIONS} mutations in a row were all proposed before: the ranges of the floats are very narrow."
        )
    # Seen decisions cannot fill count + 1 places in a row, so this walk is short.
    first = int(random.random() * size) if size < 1 << 53 else random.randrange(int(size))
    for step in range(min(count + 1, int(size))):
        one = space.unrank((first + step) % int(size))
        if not is_seen(one):
            return one
    raise Exhausted(f"all {size} decision vectors of the space were proposed.")


WIDTH = 8


def digest(decisions: Decisions) -> bytes:
    """Returns the 8-byte hash of the values of ``decisions``, the same in every process.

    Two of ``n`` different vectors have the same hash with probability ``n ** 2 / 2 ** 65``: one in 37 million
    for a million vectors.
    """
    return hashlib.blake2b(repr(decisions.values).encode(), digest_size=WIDTH).digest()


def to_text(digests: Iterable[bytes]) -> str:
    """Returns digests as one text, in the order given.

    >>> to_text([bytes(8), bytes(range(8))])
    '00000000000000000001020304050607'
    """
    return b"".join(digests).hex()


def from_text(text: str) -> list[bytes]:
    """Returns the digests in a text of ``to_text``; raises LoadError if the text is damaged."""
    try:
        data = bytes.fromhex(text)
    except (TypeError, ValueError) as error:
        raise LoadError(f"the record of what was proposed is damaged ({error}).") from error
    if len(data) % WIDTH:
        raise LoadError(
            f"the record of what was proposed is cut short: {len(data)} bytes, not a multiple of {WIDTH}."
        )
    return [data[i : i + WIDTH] for i in range(0, len(data), WIDTH)]
