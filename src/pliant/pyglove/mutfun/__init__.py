"""Mutable functions: programs of assignments, operators and calls that evolution can edit, with PyGlove's names."""

from .base import (
    Assign,
    Code,
    Function,
    FunctionCall,
    Instruction,
    SymbolDefinition,
    SymbolReference,
    Var,
    evaluate,
    python_repr,
)
from .basic_ops import (
    Add,
    BinaryOperator,
    Divide,
    Equals,
    FloorDivide,
    GreaterThan,
    LessThan,
    Mod,
    Multiply,
    Negate,
    NotEquals,
    Operator,
    Power,
    Substract,
    UnaryOperator,
)

ROOT_NAMES: dict[str, object] = {}

__all__ = [
    "Add", "Assign", "BinaryOperator", "Code", "Divide", "Equals", "FloorDivide", "Function", "FunctionCall", "GreaterThan",
    "Instruction", "LessThan", "Mod", "Multiply", "Negate", "NotEquals", "Operator", "Power", "Substract",
    "SymbolDefinition", "SymbolReference", "UnaryOperator", "Var", "evaluate", "python_repr",
]  # fmt: skip
