"""``Sweeping``: proposes all DNA of a space in order."""

from __future__ import annotations

from typing import Any

from .dna import DNA
from .dna_generator import DNAGenerator


class Sweeping(DNAGenerator):
    """Proposes all DNA in order, each once.

    >>> from pliant.pyglove.geno.categorical import manyof
    >>> from pliant.pyglove.geno.space import constant
    >>> algorithm = Sweeping()
    >>> algorithm.setup(manyof(2, [constant(), constant()]))
    >>> list(algorithm)
    [DNA([0, 1]), DNA([1, 0])]
    """

    def _setup(self) -> None:
        self._last: DNA | None = None

    def _propose(self) -> DNA:
        found: DNA | None = self.dna_spec.next_dna(self._last)
        if found is None:
            raise StopIteration
        self._last = found
        return found

    def _replay(self, trial_id: int, dna: DNA, reward: Any) -> None:
        self._last = dna
