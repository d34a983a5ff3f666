"""Random number generators: made from a text seed, stored as JSON and restored."""

from __future__ import annotations

import base64
import random
import struct
from typing import Any

from pliant.values.errors import LoadError

_WORDS = struct.Struct("<625I")  # the 624 words of a Mersenne Twister, and its position among them


def make(seed: str) -> random.Random:
    """Returns a generator that is seeded by a text; similar texts give unrelated numbers.

    >>> make("Random/0").random() == make("Random/0").random() != make("Random/1").random()
    True
    """
    return random.Random(seed)


def to_json(generator: random.Random | None) -> list[Any] | None:
    """Returns the state of a generator as JSON, 3.4 KB long; None of None.

    >>> a = make("seed")
    >>> b = from_json(to_json(a))
    >>> [a.random() for _ in range(3)] == [b.random() for _ in range(3)]
    True
    """
    if generator is None:
        return None
    version, words, normal = generator.getstate()
    return [version, base64.b64encode(_WORDS.pack(*words)).decode("ascii"), normal]


def from_json(state: list[Any]) -> random.Random:
    """Returns a generator in the state that ``to_json`` wrote; raises LoadError if the state is damaged."""
    found = random.Random(0)
    try:
        version, words, normal = state
        found.setstate((version, _WORDS.unpack(base64.b64decode(words, validate=True)), normal))
    except (TypeError, ValueError, struct.error) as error:
        raise LoadError(f"the state of the random numbers is damaged ({error}).") from error
    return found
