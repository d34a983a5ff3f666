"""The parts of genotypes that PyGlove has in one module: DNA, the base classes of genotypes, and their keys."""

from __future__ import annotations

from .dna import DNA
from .parts.attributes import AttributeDict, ConditionalKey
from .spec import DecisionPoint, DNASpec

__all__ = ["DNA", "AttributeDict", "ConditionalKey", "DNASpec", "DecisionPoint"]
