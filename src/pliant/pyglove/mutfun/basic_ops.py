"""Operators of mutable functions: arithmetic and comparisons."""

from __future__ import annotations

import operator
from typing import Any, ClassVar

from .. import typing as pg_typing
from ..symbolic import members
from .code import Instruction, evaluate, indent, python_repr


class Operator(Instruction):
    """An operator.  Subclasses of ``UnaryOperator`` and ``BinaryOperator`` set three class attributes.

    >>> class Xor(BinaryOperator):
    ...     ORDER = 1
    ...     OPERATOR_STR = "^"
    ...     OPERATOR_FN = lambda self, x, y: x ^ y
    >>> Xor(6, 3), Xor(6, 3).evaluate({})
    (Xor(x=6, y=3), 5)
    """

    ORDER: ClassVar[int | None] = None
    """The precedence: an operator of a higher one is done first."""
    OPERATOR_STR: ClassVar[str | None] = None
    """How it is written."""
    OPERATOR_FN: ClassVar[Any] = None
    """A method from the operands to the result."""

    def maybe_parenthesize(self, child: Any) -> str:
        """Returns an operand as Python source, in parentheses where the precedence needs them."""
        text = python_repr(child)
        if (
            not isinstance(child, Operator)
            or self.ORDER is None
            or child.ORDER is None
            or child.ORDER > self.ORDER
        ):
            return text
        return f"({text})"


@members([("x", pg_typing.Any())])
class UnaryOperator(Operator):
    """An operator on one operand."""

    def evaluate(self, context: dict[str, Any]) -> Any:
        return self.OPERATOR_FN(evaluate(self.x, context))

    def python_repr(self, block_indent: int = 0) -> str:
        return indent(f"{self.OPERATOR_STR}{self.maybe_parenthesize(self.x)}", block_indent)


@members([("x", pg_typing.Any()), ("y", pg_typing.Any())])
class BinaryOperator(Operator):
    """An operator on two operands."""

    def evaluate(self, context: dict[str, Any]) -> Any:
        return self.OPERATOR_FN(evaluate(self.x, context), evaluate(self.y, context))

    def python_repr(self, block_indent: int = 0) -> str:
        left, right = map(self.maybe_parenthesize, (self.x, self.y))
        return indent(f"{left} {self.OPERATOR_STR} {right}", block_indent)


class Negate(UnaryOperator):
    """``-x``."""

    ORDER = 7
    OPERATOR_STR = "-"
    OPERATOR_FN = operator.neg


class Add(BinaryOperator):
    """``x + y``."""

    ORDER = 3
    OPERATOR_STR = "+"
    OPERATOR_FN = operator.add


class Substract(BinaryOperator):  # PyGlove's spelling
    """``x - y``."""

    ORDER = 3
    OPERATOR_STR = "-"
    OPERATOR_FN = operator.sub


class Multiply(BinaryOperator):
    """``x * y``."""

    ORDER = 4
    OPERATOR_STR = "*"
    OPERATOR_FN = operator.mul


class Divide(BinaryOperator):
    """``x / y``."""

    ORDER = 4
    OPERATOR_STR = "/"
    OPERATOR_FN = operator.truediv


class FloorDivide(BinaryOperator):
    """``x // y``."""

    ORDER = 4
    OPERATOR_STR = "//"
    OPERATOR_FN = operator.floordiv


class Mod(BinaryOperator):
    """``x % y``."""

    ORDER = 4
    OPERATOR_STR = "%"
    OPERATOR_FN = operator.mod


class Power(BinaryOperator):
    """``x ** y``."""

    ORDER = 6
    OPERATOR_STR = "**"
    OPERATOR_FN = operator.pow


class GreaterThan(BinaryOperator):
    """``x > y``."""

    ORDER = 2
    OPERATOR_STR = ">"
    OPERATOR_FN = operator.gt


class Equals(BinaryOperator):
    """``x == y``."""

    ORDER = 3
    OPERATOR_STR = "=="
    OPERATOR_FN = operator.eq


class NotEquals(BinaryOperator):
    """``x != y``."""

    ORDER = 3
    OPERATOR_STR = "!="
    OPERATOR_FN = operator.ne


class LessThan(BinaryOperator):
    """``x < y``."""

    ORDER = 2
    OPERATOR_STR = "<"
    OPERATOR_FN = operator.lt
