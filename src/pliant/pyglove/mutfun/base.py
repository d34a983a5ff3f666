"""The code of mutable functions, at the path that it has in PyGlove."""

from .code import Code, Instruction, SymbolDefinition, SymbolReference, evaluate, indent, python_repr
from .statements import Assign, ControlFlow, Function, FunctionCall, If, Var, While

__all__ = [
    "Assign", "Code", "ControlFlow", "Function", "FunctionCall", "If", "Instruction", "SymbolDefinition", "SymbolReference",
    "Var", "While", "evaluate", "indent", "python_repr",
]  # fmt: skip
