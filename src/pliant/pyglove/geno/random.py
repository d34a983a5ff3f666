"""``Random``: proposes random DNA; ``random_dna``: one random DNA."""

from __future__ import annotations

import random
from typing import Any

from .dna import DNA
from .dna_generator import DNAGenerator


class Random(DNAGenerator):
    """Proposes DNA at random: each decision by itself.

    >>> from pliant.pyglove.geno.categorical import oneof
    >>> from pliant.pyglove.geno.space import constant
    >>> algorithm = Random(seed=1)
    >>> algorithm.setup(oneof([constant(), constant(), constant()]))
    >>> [algorithm.propose() for _ in range(3)]
    [DNA(0), DNA(2), DNA(0)]

    Attributes:
      seed: the seed; None draws from the module ``random``, as in PyGlove.
    """

    seed: int | None = None

    def _setup(self) -> None:
        self._random: Any = random if self.seed is None else random.Random(self.seed)

    def _propose(self) -> DNA:
        dna: DNA = self.dna_spec.random_dna(self._random)
        return dna

    def _replay(self, trial_id: int, dna: DNA, reward: Any) -> None:
        self._propose()


def random_dna(
    dna_spec: Any,
    random_generator: Any = None,
    attach_spec: bool = True,
    previous_dna: DNA | None = None,
) -> DNA:
    """Returns ``dna_spec.random_dna(...)``: a random DNA of a genotype.

    >>> from pliant.pyglove.geno.numerical import floatv
    >>> random_dna(floatv(0.0, 1.0), random.Random(1))
    DNA(0.13436424411240122)
    """
    found: DNA = dna_spec.random_dna(random_generator, attach_spec, previous_dna)
    return found
