"""Hyper values: values that represent a space of values, as PyGlove's ``pg.hyper``."""

from __future__ import annotations

from typing import Any

from .base import HyperPrimitive, HyperValue
from .categorical import Choices, ManyOf, OneOf, manyof, oneof, permutate
from .custom import CustomHyper
from .derived import DerivedValue, ValueReference, reference
from .dynamic_evaluation import DynamicEvaluationContext, dynamic_evaluate, trace
from .evolvable import Evolvable, MutationPoint, MutationType, evolve
from .iter import iterate, random_sample
from .numerical import Float, floatv
from .object_template import ObjectTemplate, dna_spec, materialize, template

# Older names of PyGlove.
ChoiceValue = OneOf
ChoiceList = ManyOf
Template = ObjectTemplate
one_of = oneof
sublist_of = manyof
float_value = floatv
search_space = dna_spec

ROOT_NAMES: dict[str, Any] = {
    "oneof": oneof,
    "manyof": manyof,
    "permutate": permutate,
    "floatv": floatv,
    "evolve": evolve,
    "template": template,
    "dna_spec": dna_spec,
    "materialize": materialize,
    "iter": iterate,
    "random_sample": random_sample,
    "one_of": one_of,
    "sublist_of": sublist_of,
    "float_value": float_value,
    "search_space": search_space,
}

__all__ = [
    "ChoiceList",
    "ChoiceValue",
    "Choices",
    "CustomHyper",
    "DerivedValue",
    "DynamicEvaluationContext",
    "Evolvable",
    "Float",
    "HyperPrimitive",
    "HyperValue",
    "ManyOf",
    "MutationPoint",
    "MutationType",
    "ObjectTemplate",
    "OneOf",
    "Template",
    "ValueReference",
    "dna_spec",
    "dynamic_evaluate",
    "evolve",
    "float_value",
    "floatv",
    "iterate",
    "manyof",
    "materialize",
    "one_of",
    "oneof",
    "permutate",
    "random_sample",
    "reference",
    "search_space",
    "sublist_of",
    "template",
    "trace",
]
