"""Genotypes (``DNASpec``), their decisions (``DNA``) and the algorithms that make them, as PyGlove's ``pg.geno``."""

from __future__ import annotations

from typing import Any

from .attributes import AttributeDict, ConditionalKey
from .categorical import Choices, manyof, oneof
from .custom import CustomDecisionPoint, custom
from .dna import DNA
from .numerical import Float, floatv
from .space import Space, constant, space
from .spec import DecisionPoint, DNASpec

ROOT_NAMES: dict[str, Any] = {"DNA": DNA, "DNASpec": DNASpec}

__all__ = [
    "DNA",
    "AttributeDict",
    "Choices",
    "ConditionalKey",
    "CustomDecisionPoint",
    "DNASpec",
    "DecisionPoint",
    "Float",
    "Space",
    "constant",
    "custom",
    "floatv",
    "manyof",
    "oneof",
    "space",
]
