"""Evolution: an algorithm made of selectors, recombinators and mutators, with PyGlove's names."""

from ..scalars import Scalar, scalar_spec, scalar_value
from . import (
    base,
    hill_climb_lib,
    mutators,
    neat_lib,
    nsga2_lib,
    recombinators,
    regularized_evolution_lib,
    selectors,
    where,
)
from .base import (
    Choice,
    Concatenation,
    Conditional,
    Difference,
    DNAOperation,
    ElementWise,
    Evolution,
    Flatten,
    GlobalStateGetter,
    GlobalStateSetter,
    Identity,
    Intersection,
    Inversion,
    Lambda,
    Mutator,
    Operation,
    Pipeline,
    Power,
    Recombinator,
    Repeat,
    Selector,
    Slice,
    SymmetricDifference,
    Union,
    UntilChange,
    get_feedback_sequence_number,
    get_fitness,
    get_generation_id,
    is_initial_population,
    set_fitness,
)
from .hill_climb_lib import hill_climb
from .neat_lib import neat
from .nsga2_lib import nsga2
from .regularized_evolution_lib import regularized_evolution

RegularizedEvolution = regularized_evolution

ROOT_NAMES: dict[str, object] = {}

__all__ = [
    "Choice", "Concatenation", "Conditional", "DNAOperation", "Difference", "ElementWise", "Evolution", "Flatten",
    "GlobalStateGetter", "GlobalStateSetter", "Identity", "Intersection", "Inversion", "Lambda", "Mutator", "Operation",
    "Pipeline", "Power", "Recombinator", "RegularizedEvolution", "Repeat", "Scalar", "Selector", "Slice",
    "SymmetricDifference", "Union", "UntilChange", "base", "get_feedback_sequence_number", "get_fitness",
    "get_generation_id", "hill_climb", "hill_climb_lib", "is_initial_population", "mutators", "neat", "neat_lib", "nsga2",
    "nsga2_lib", "recombinators", "regularized_evolution", "regularized_evolution_lib", "scalar_spec", "scalar_value",
    "selectors", "set_fitness", "where",
]  # fmt: skip
