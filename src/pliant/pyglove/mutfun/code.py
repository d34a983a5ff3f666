"""``Code``: a part of a mutable function, what it reads and defines, and where it is.

A function is a tree of code; its lines are the elements of its body.  What a line uses is found by the names of variables and
functions, so that mutations can keep a function valid.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..symbolic import Object, TraverseAction, members, traverse


class Located(Object):
    """Where code is: in which code, function and line."""

    if TYPE_CHECKING:  # the declared fields

        def __getattr__(self, name: str) -> Any: ...

    def _above(self, wanted: Callable[[Any], bool]) -> Any:
        """Returns the nearest node above that is wanted; None without one."""
        node = self.sym_parent
        while node is not None and not wanted(node):
            node = node.sym_parent
        return node

    def parent_code(self) -> Any:
        """Returns the code that this is directly in; None for a root."""
        return self._above(lambda node: isinstance(node, Code))

    def parent_func(self) -> Any:
        """Returns the function that this is in; None without one."""
        return self._above(lambda node: isinstance(node, Code) and node._is_function)

    def line(self) -> Any:
        """Returns the line of its function that this is in: an element of the body; the root if it is in none."""
        function = self.parent_func()
        node, line = self.sym_parent, self
        while node is not function and node is not None:
            if isinstance(node, Code):
                line = node
            node = node.sym_parent
        return line

    def line_number(self) -> int:
        """Returns the index of the line in the body of its function, from 0.

        Raises:
          ValueError: the code is in no function.
        """
        function, line = self.parent_func(), self.line()
        if function is None:
            raise ValueError(
                f"line_number: `{self}` is in no Function, so it has no line number; put it into a body first."
            )
        return next(index for index, one in enumerate(function.body) if one is line)

    def preceding_lines(self) -> Iterator[Any]:
        """Yields the lines of the function before this one, the first one first."""
        if (function := self.parent_func()) is not None:
            yield from list(function.body)[: self.line_number()]

    def preceding_lines_reversed(self) -> Iterator[Any]:
        """Yields the lines of the function before this one, the nearest first."""
        yield from reversed(list(self.preceding_lines()))

    def succeeding_lines(self) -> Iterator[Any]:
        """Yields the lines of the function after this one."""
        if (function := self.parent_func()) is not None:
            yield from list(function.body)[self.line_number() + 1 :]


class Code(Located):
    """A part of a mutable function.  Subclasses define ``evaluate`` and ``python_repr``.  ``==`` compares identity.

    >>> from pliant import pyglove as pg
    >>> f = pg.mutfun.Function("f", [pg.mutfun.Assign("y", pg.mutfun.Var("x") + 1), pg.mutfun.Var("y") * 2], args=["x"])
    >>> f(3)
    8
    >>> print(f)
    def f(x):
      y = x + 1
      return y * 2
    >>> f.body[1].input_defs() == [f.body[0]]
    True
    """

    use_symbolic_comparison = False
    _is_function: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.python_repr()

    def __repr__(self) -> str:
        return self.format(compact=True, verbose=True)

    @abc.abstractmethod
    def evaluate(self, context: dict[str, Any]) -> Any:
        """Returns the value, given the variables and functions by name; definitions are added to them."""

    @abc.abstractmethod
    def python_repr(self, block_indent: int = 0) -> str:
        """Returns the code as Python source, indented by so many blocks of two spaces."""

    def format(self, compact: bool = True, verbose: bool = False, root_indent: int = 0, **kwargs: Any) -> str:
        """Returns the code as Python source; the symbolic object with ``verbose``."""
        if not verbose:
            return self.python_repr(root_indent)
        text: str = super().format(compact, verbose, root_indent=root_indent, **kwargs)
        return text

    def input_vars(self, transitive: bool = False) -> set[str]:
        """Returns the names of the variables and functions that this code uses.

        Args:
          transitive: also what the lines that define those use.

        Raises:
          ValueError: with ``transitive``: a name is defined nowhere before.
        """
        names = {one.name for one in _list_code(self, SymbolReference)}
        function = self.parent_func()
        if not transitive or function is None:
            return names
        open_names = set(names)
        for line in self.preceding_lines_reversed():
            defined = line.output_vars()
            if defined & open_names:
                used = line.input_vars()
                names |= used
                open_names = (open_names - defined) | used
        unknown = open_names - {*function.args, function.name}
        if unknown:
            raise _say_undefined(unknown, self, "input_vars")
        return names

    def output_vars(self, transitive: bool = False) -> set[str]:
        """Returns the names that the line of this code defines.

        Args:
          transitive: also what is defined by the later lines that use them.
        """
        names = {one.name for one in _list_code(self.line(), SymbolDefinition)}
        if transitive:
            for line in self.succeeding_lines():
                if names & line.input_vars():
                    names |= line.output_vars()
        return names

    def seen_vars(self) -> set[str]:
        """Returns the names that are defined before this line: the function, its arguments, what earlier lines define."""
        function = self.parent_func()
        if function is None:
            return set()
        return {function.name, *function.args}.union(*(line.output_vars() for line in self.preceding_lines()))

    def input_defs(self, transitive: bool = True) -> list[Any]:
        """Returns the definitions, in earlier lines, of what this code uses, in their order.

        Args:
          transitive: also the definitions of what those use.

        Raises:
          ValueError: a name is defined nowhere before.
        """
        function = self.parent_func()
        known = () if function is None else (function.name, *function.args)
        makers: dict[str, dict[int, Any]] = {name: {} for name in known}
        order: list[Any] = []

        def find(names: set[str], user: Code) -> dict[int, Any]:
            unknown = names - set(makers)
            if unknown:
                raise _say_undefined(unknown, user, "input_defs")
            return {key: one for name in names for key, one in makers[name].items()}

        for line in self.preceding_lines():
            for one in _list_code(line, SymbolDefinition):
                order.append(one)
                below = find(one.input_vars(), one) if transitive else {}
                makers[one.name] = {id(one): one, **below}
        found = find(self.input_vars(), self)
        return [one for one in order if id(one) in found]

    def output_refs(self, transitive: bool = True) -> list[Any]:
        """Returns the uses, in later lines, of what the line of this code defines, in their order.

        Args:
          transitive: also the uses of what the lines with those uses define.
        """
        names = self.output_vars()
        found: list[Any] = []
        for line in self.succeeding_lines() if self.parent_func() is not None else ():
            uses = [
                one for one in _list_code(line, SymbolReference, enter_functions=True) if one.name in names
            ]
            found += uses
            names = names | line.output_vars() if uses and transitive else names - line.output_vars()
        return found

    def compile(self) -> None:
        """Checks that all names that this code uses are defined before.

        Raises:
          ValueError: one of them is not.
        """
        unknown = self.input_vars() - self.seen_vars()
        if unknown:
            raise _say_undefined(unknown, self, "compile")


@members([("name", pg_typing.Str(), "The name that is defined.")])
class SymbolDefinition(Code):
    """Code that defines a name: an assignment or a function."""


class Instruction(Code):
    """Code that is an expression.  Operators make instructions: ``Var("x") + 1``.

    >>> from pliant import pyglove as pg
    >>> print(-(pg.mutfun.Var("x") + 1) * 2)
    -(x + 1) * 2
    """

    def parent_instruction(self) -> Any:
        """Returns the instruction that this is in; None without one."""
        return self._above(lambda node: isinstance(node, Instruction))

    @classmethod
    def select_types(cls, where: Callable[[type], bool] = lambda one: True) -> Iterator[type]:
        """Yields the classes of instructions, in the order of their definition.

        Args:
          where: a function from a class to whether it is wanted.
        """
        seen: set[type] = {Instruction}
        pending = list(Instruction.__subclasses__())
        while pending:
            kind = pending.pop(0)
            if kind not in seen:
                seen.add(kind)
                pending += kind.__subclasses__()
                if where(kind):
                    yield kind

    def __neg__(self) -> Any:
        return _make("Negate", self)

    def __add__(self, y: Any) -> Any:
        return _make("Add", self, y)

    def __radd__(self, x: Any) -> Any:
        return _make("Add", x, self)

    def __sub__(self, y: Any) -> Any:
        return _make("Substract", self, y)

    def __rsub__(self, x: Any) -> Any:
        return _make("Substract", x, self)

    def __mul__(self, y: Any) -> Any:
        return _make("Multiply", self, y)

    def __rmul__(self, x: Any) -> Any:
        return _make("Multiply", x, self)

    def __truediv__(self, y: Any) -> Any:
        return _make("Divide", self, y)

    def __rtruediv__(self, x: Any) -> Any:
        return _make("Divide", x, self)

    def __floordiv__(self, y: Any) -> Any:
        return _make("FloorDivide", self, y)

    def __rfloordiv__(self, x: Any) -> Any:
        return _make("FloorDivide", x, self)

    def __mod__(self, y: Any) -> Any:
        return _make("Mod", self, y)

    def __rmod__(self, x: Any) -> Any:
        return _make("Mod", x, self)

    def __pow__(self, y: Any) -> Any:
        return _make("Power", self, y)

    def __rpow__(self, x: Any) -> Any:
        return _make("Power", x, self)

    def __gt__(self, y: Any) -> Any:
        return _make("GreaterThan", self, y)

    def __lt__(self, y: Any) -> Any:
        return _make("LessThan", self, y)


@members([("name", pg_typing.Str(), "The name that is used.")])
class SymbolReference(Instruction):
    """Code that uses a name: a variable or a call."""


def evaluate(value: Any, context: dict[str, Any]) -> Any:
    """Returns the value of code; any other value as it is.

    >>> from pliant import pyglove as pg
    >>> evaluate(pg.mutfun.Var("x") + 1, {"x": 2}), evaluate(5, {})
    (3, 5)
    """
    return value.evaluate(context) if isinstance(value, Code) else value


def python_repr(value: Any, block_indent: int = 0) -> str:
    """Returns code, or any other value, as Python source.

    >>> python_repr("a"), python_repr(1, 1)
    ("'a'", '  1')
    """
    return value.python_repr(block_indent) if isinstance(value, Code) else indent(repr(value), block_indent)


def indent(text: str, block_indent: int) -> str:
    """Returns text behind so many blocks of two spaces."""
    return "  " * block_indent + text


def _make(operator: str, *operands: Any) -> Any:
    """Returns an operator on operands by the name of its class."""
    from . import basic_ops

    return getattr(basic_ops, operator)(*operands)


def _list_code(root: Code, kind: type, *, enter_functions: bool = False) -> list[Any]:
    """Returns the code of a kind in a tree, parents first; what is in functions only if asked for."""
    found: list[Any] = []

    def visit(path: Any, node: Any, parent: Any) -> Any:
        if isinstance(node, kind):
            found.append(node)
        closed = isinstance(node, Code) and node._is_function and not enter_functions
        return TraverseAction.CONTINUE if closed else TraverseAction.ENTER

    traverse(root, visit)
    return found


def _say_undefined(names: set[str], code: Code, method: str) -> ValueError:
    where = code.parent_func()
    place = "no function" if where is None else f"{quote(where.name)}, line {code.line_number()}"
    kind = "variable" if method == "input_defs" else "variables"
    return ValueError(
        f"{method}: Undefined {kind} {', '.join(map(repr, sorted(names)))} found at {quote(str(code.sym_path))} (in {place}). "
        "Assign them in an earlier line, or make them arguments of the function."
    )
