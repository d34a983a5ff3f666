"""Assignments, functions, control flow, variables and calls of mutable functions."""

from __future__ import annotations

from typing import Any, ClassVar

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..symbolic import allow_writable_accessors, members
from .code import Code, Instruction, SymbolDefinition, SymbolReference, evaluate, indent, python_repr


def _body() -> Any:
    """Returns the type of a list of code."""
    return pg_typing.List(pg_typing.Object(Code))


def _write(body: Any, block_indent: int) -> str:
    """Returns lines of code as Python source."""
    return "\n".join(one.python_repr(block_indent) for one in body)


@members([("value", pg_typing.Any(), "Code, or any other value.")])
class Assign(SymbolDefinition):
    """An assignment of a value to a name.

    >>> Assign("x", 1), Assign("x", 1).evaluate({})
    (Assign(name='x', value=1), 1)
    """

    def evaluate(self, context: dict[str, Any]) -> Any:
        value = evaluate(self.value, context)
        context[self.name] = value
        return value

    def python_repr(self, block_indent: int = 0) -> str:
        return indent(f"{self.name} = {python_repr(self.value)}", block_indent)


@members([("body", _body()), ("args", pg_typing.List(pg_typing.Str(), default=[]))])
class Function(SymbolDefinition):
    """A function: lines of code, of which the last one is the result.  Evaluating it defines its name; calling it runs it.

    >>> Function("double", [Var("x") * 2], args=["x"])(4)
    8

    Args:
      name: the name.
      body: the lines.
      args: the names of the arguments.
    """

    _is_function: ClassVar[bool] = True

    def evaluate(self, context: dict[str, Any]) -> Any:
        context[self.name] = self
        return self

    def __call__(self, *args: Any, context: dict[str, Any] | None = None) -> Any:
        if len(args) != len(self.args):
            raise ValueError(
                f"{self.name}: Expected {len(self.args)} arguments ({', '.join(self.args)}) but received {len(args)}: {quote(args)}."
            )
        local = {**(context or {}), **dict(zip(self.args, args))}
        value = None
        for line in self.body:
            value = line.evaluate(local)
        return value

    def python_repr(self, block_indent: int = 0) -> str:
        head = indent(f"def {self.name}({', '.join(self.args)}):", block_indent)
        if not self.body:
            return f"{head}\n{indent('pass', block_indent + 1)}"
        *lines, last = self.body
        end = last.python_repr(block_indent + 1)
        if not isinstance(last, (Function, ControlFlow)):
            end = indent("return " + end.lstrip(), block_indent + 1)
        return "\n".join([head, *(line.python_repr(block_indent + 1) for line in lines), end])

    def compile(self) -> None:
        """Checks that all names that the lines use are defined before.

        Raises:
          ValueError: one of them is not.
        """
        for line in self.body:
            if not isinstance(line, Function):
                line.compile()

    def prune(self) -> None:
        """Removes the lines that the last one does not need."""
        if not self.body:
            return
        needed = {one.line_number() for one in self.body[-1].input_defs()}
        for index in reversed(range(len(self.body) - 1)):
            if index not in needed:
                with allow_writable_accessors(True):
                    del self.body[index]


class ControlFlow(Instruction):
    """Code that decides which code runs."""


@members([("predicate", pg_typing.Any()), ("true_branch", _body()), ("false_branch", _body().noneable())])
class If(ControlFlow):
    """Runs one of two bodies, by a condition.

    >>> print(If(Var("x") > 1, [Assign("y", 1)], [Assign("y", 2)]))
    if x > 1:
      y = 1
    else:
      y = 2
    """

    def evaluate(self, context: dict[str, Any]) -> None:
        body = self.true_branch if evaluate(self.predicate, context) else self.false_branch
        for one in body or ():
            one.evaluate(context)

    def python_repr(self, block_indent: int = 0) -> str:
        text = indent(f"if {python_repr(self.predicate)}:\n", block_indent) + _write(
            self.true_branch, block_indent + 1
        )
        if self.false_branch:
            text += f"\n{indent('else:', block_indent)}\n{_write(self.false_branch, block_indent + 1)}"
        return text


@members([("predicate", pg_typing.Any()), ("body", _body())])
class While(ControlFlow):
    """Runs a body as long as a condition is true.

    >>> variables = {"x": 3}
    >>> While(Var("x") > 0, [Assign("x", Var("x") - 1)]).evaluate(variables), variables
    (None, {'x': 0})
    """

    def evaluate(self, context: dict[str, Any]) -> None:
        while evaluate(self.predicate, context):
            for one in self.body:
                one.evaluate(context)

    def python_repr(self, block_indent: int = 0) -> str:
        return indent(f"while {python_repr(self.predicate)}:\n", block_indent) + _write(
            self.body, block_indent + 1
        )


class Var(SymbolReference):
    """A variable.

    >>> Var("x"), Var("x").evaluate({"x": 2})
    (Var(name='x'), 2)

    Raises:
      KeyError: the variable is not defined, when it is evaluated.
    """

    def evaluate(self, context: dict[str, Any]) -> Any:
        if self.name not in context:
            raise KeyError(
                f"Var: {quote(self.name)} is not defined; there are {quote(sorted(context))}. Assign it before."
            )
        return context[self.name]

    def python_repr(self, block_indent: int = 0) -> str:
        return indent(self.name, block_indent)


@members([("args", pg_typing.List(pg_typing.Any(), default=[]), "Code, or other values.")])
class FunctionCall(SymbolReference):
    """A call of a function.

    >>> double = Function("double", [Var("x") * 2], args=["x"])
    >>> FunctionCall("double", [4]).evaluate({"double": double})
    8

    Raises:
      ValueError: the function is not defined, or has another number of arguments, when the call is evaluated.
    """

    def evaluate(self, context: dict[str, Any]) -> Any:
        if self.name not in context:
            raise ValueError(
                f"FunctionCall: Undefined function {quote(self.name)}. There are {quote(sorted(context))}; define it before."
            )
        function = context[self.name]
        if not isinstance(function, Function):
            raise ValueError(
                f"FunctionCall: {quote(self.name)} is not a Function object, but {quote(function)}; give one of them another name."
            )
        if len(function.args) != len(self.args):
            raise ValueError(
                f"FunctionCall: Arguments mismatch for function {quote(self.name)}. "
                f"It takes {len(function.args)} ({', '.join(function.args)}); given: {len(self.args)}."
            )
        return function(*(evaluate(one, context) for one in self.args), context=context)

    def python_repr(self, block_indent: int = 0) -> str:
        return indent(f"{self.name}({', '.join(map(python_repr, self.args))})", block_indent)
