"""Genotypes (``DNASpec``), their decisions (``DNA``) and the algorithms that make them, as PyGlove's ``pg.geno``."""

from __future__ import annotations

from typing import Any

from .categorical import Choices, manyof, oneof
from .custom import CustomDecisionPoint, custom
from .deduping import Deduping
from .dna import DNA
from .dna_generator import DNAGenerator, dna_generator
from .numerical import Float, floatv
from .parts.attributes import AttributeDict, ConditionalKey
from .random import Random, random_dna
from .space import Space, constant, space
from .spec import DecisionPoint, DNASpec
from .sweeping import Sweeping

ROOT_NAMES: dict[str, Any] = {
    "DNA": DNA,
    "DNASpec": DNASpec,
    "DNAGenerator": DNAGenerator,
    "random_dna": random_dna,
}

__all__ = [
    "DNA",
    "AttributeDict",
    "Choices",
    "ConditionalKey",
    "CustomDecisionPoint",
    "DNAGenerator",
    "DNASpec",
    "DecisionPoint",
    "Deduping",
    "Float",
    "Random",
    "Space",
    "Sweeping",
    "constant",
    "custom",
    "dna_generator",
    "floatv",
    "manyof",
    "oneof",
    "random_dna",
    "space",
]
