"""The search space of NAS-Bench-Macro: eight layers, each an identity or one of two inverted bottlenecks.

Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021.  Their
accuracies are in ``pliant.bench``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from pliant.hyper import oneof
from pliant.symbolic.objects.object import Object
from pliant.values.errors import FieldValueError, quote

BLOCKS = ("identity", "mb3_k3", "mb6_k5")
"""The blocks: identity, and inverted bottlenecks of expansion 3 (kernel 3) and 6 (kernel 5)."""

LAYERS = 8
BLOCK_HINT = "block"
"""The hint of the holes over blocks."""


@final
class Network(Object):
    """A network: the block of each of its eight layers."""

    blocks: list[str]


def make_space() -> Network:
    """Returns the network with holes for its eight blocks: 3 ** 8 = 6,561 programs.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size
    6561
    """
    return Network([oneof(BLOCKS, hints=BLOCK_HINT) for _ in range(LAYERS)])


def to_text(blocks: Sequence[str]) -> str:
    """Returns the name of a network in the published table: a digit per layer.

    >>> to_text(["mb6_k5"] * 7 + ["identity"])
    '22222220'
    """
    return "".join(str(BLOCKS.index(block)) for block in blocks)


def from_text(text: str) -> Network:
    """Returns the network of a published name; the inverse of ``to_text``.

    >>> from_text("22222220").blocks[7]
    'identity'

    Raises:
      FieldValueError: the text is not such a name.
    """
    if len(text) != LAYERS or not set(text) <= set("012"):
        raise FieldValueError(
            f"{quote(text)} is not the name of a network of NAS-Bench-Macro; a name has {LAYERS} digits 0, 1 or 2, such as '22212202'."
        )
    return Network([BLOCKS[int(digit)] for digit in text])
