"""The operations, their compositions and ``Evolution``, at the path that they have in PyGlove."""

from .algorithm import Evolution
from .composition import (
    Choice,
    Concatenation,
    Conditional,
    Difference,
    ElementWise,
    Flatten,
    GlobalStateGetter,
    GlobalStateSetter,
    Identity,
    Intersection,
    Inversion,
    Lambda,
    Pipeline,
    Power,
    Repeat,
    Slice,
    SymmetricDifference,
    Union,
    UntilChange,
)
from .individuals import (
    get_feedback_sequence_number,
    get_fitness,
    get_generation_id,
    get_proposal_id,
    is_initial_population,
    set_feedback_sequence_number,
    set_fitness,
    set_generation_id,
    set_proposal_id,
)
from .operation import (
    DNAOperation,
    Mutator,
    Operation,
    Recombinator,
    Selector,
    make_operation_compatible,
    operation_spec,
)

__all__ = [
    "Choice", "Concatenation", "Conditional", "DNAOperation", "Difference", "ElementWise", "Evolution", "Flatten",
    "GlobalStateGetter", "GlobalStateSetter", "Identity", "Intersection", "Inversion", "Lambda", "Mutator", "Operation",
    "Pipeline", "Power", "Recombinator", "Repeat", "Selector", "Slice", "SymmetricDifference", "Union", "UntilChange",
    "get_feedback_sequence_number", "get_fitness", "get_generation_id", "get_proposal_id", "is_initial_population",
    "make_operation_compatible", "operation_spec", "set_feedback_sequence_number", "set_fitness", "set_generation_id",
    "set_proposal_id",
]  # fmt: skip
