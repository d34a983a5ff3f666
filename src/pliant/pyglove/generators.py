"""``pg.generators``: algorithms, at the path that they had in older versions of PyGlove.

PyGlove 0.4.5 has no such module, but public programs that were written before use it.
"""

from . import evolution, geno
from .evolution import RegularizedEvolution
from .evolution import mutators as evolution_mutators
from .geno import DNA, Deduping, DNAGenerator, Random, Sweeping

__all__ = [
    "DNA",
    "DNAGenerator",
    "Deduping",
    "Random",
    "RegularizedEvolution",
    "Sweeping",
    "evolution",
    "evolution_mutators",
    "geno",
]
