"""Hashes of decision vectors, 8 bytes each, for algorithms that remember many of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pliant.space import Decisions
from pliant.values.errors import LoadError

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
    """Returns the digests in a text of ``to_text``.

    Raises:
      LoadError: the text is damaged.
    """
    try:
        data = bytes.fromhex(text)
    except (TypeError, ValueError) as error:
        raise LoadError(f"the record of what was proposed is damaged ({error}).") from error
    if len(data) % WIDTH:
        raise LoadError(
            f"the record of what was proposed is cut short: {len(data)} bytes, not a multiple of {WIDTH}."
        )
    return [data[i : i + WIDTH] for i in range(0, len(data), WIDTH)]
