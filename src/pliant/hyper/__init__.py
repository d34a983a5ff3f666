"""Programs with holes: builds programs from decisions, and finds the decisions of programs."""

from .context import decide
from .functions import floatv, intv, manyof, one_of, oneof, permutate, permute, sublist_of
from .hole import Computed, DerivedHole, Floatv, Hole, Intv, ManyOf, OneOf
from .partition import by_hints, by_path
from .template import Template, abstract_search_space, encode, iterate, materialize, random_sample
from .tracing import Trace, trace

__all__ = [
    "Computed",
    "DerivedHole",
    "Floatv",
    "Hole",
    "Intv",
    "ManyOf",
    "OneOf",
    "Template",
    "Trace",
    "abstract_search_space",
    "by_hints",
    "by_path",
    "decide",
    "encode",
    "floatv",
    "intv",
    "iterate",
    "manyof",
    "materialize",
    "one_of",
    "oneof",
    "permutate",
    "permute",
    "random_sample",
    "sublist_of",
    "trace",
]
