"""Type annotations that are text, as ``from __future__ import annotations`` makes them: read without running them."""

from __future__ import annotations

import ast
import builtins
import types
import typing
from typing import Any

from pliant.values.errors import FieldTypeError, quote


def annotation_from_str(annotation_str: str, parent_module: types.ModuleType | None = None) -> Any:
    """Returns the annotation that text stands for.

    Only names, type arguments, unions and literals are read.  A name that a module does not have (yet) becomes a
    ``typing.ForwardRef``.

    >>> import typing
    >>> annotation_from_str("typing.List[int]", types.SimpleNamespace(typing=typing))
    typing.List[int]

    Args:
      annotation_str: the text.
      parent_module: the module in which names are looked up.

    Raises:
      SyntaxError: the text is not an annotation.
      FieldTypeError: a module that is named does not have a name.
    """
    try:
        tree = ast.parse(annotation_str.strip(), mode="eval").body
    except SyntaxError as error:
        raise SyntaxError(f"{_guess(annotation_str)} in annotation {quote(annotation_str)}.") from error
    return _Reader(annotation_str, parent_module).read(tree)


def _guess(text: str) -> str:
    """Returns what is wrong with text that Python cannot read."""
    if "[]" in text.replace(" ", ""):
        return "Expected type identifier"
    if text.count("[") > text.count("]"):
        return 'Unexpected end of annotation; expected "]"' if "Literal[" in text else 'Expected "]"'
    return "Unexpected end of annotation"


class _Reader:
    def __init__(self, text: str, module: Any) -> None:
        self.text = text
        self.module = module

    def read(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and (node.value is None or node.value is ...):
            return node.value
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return annotation_from_str(node.value, self.module)
        if isinstance(node, (ast.Name, ast.Attribute)):
            found = self.find(ast.unparse(node))
            if found is typing.Literal:
                raise SyntaxError(f'Expected "[" after Literal in annotation {quote(self.text)}.')
            return found
        if isinstance(node, ast.Subscript) and isinstance(node.value, (ast.Name, ast.Attribute)):
            return self.subscript(self.find(ast.unparse(node.value)), node.slice)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return typing.Union[self.read(node.left), self.read(node.right)]  # noqa: UP007
        if isinstance(node, ast.List):
            return [self.read(item) for item in node.elts]
        if isinstance(node, ast.Tuple):
            return tuple(self.read(item) for item in node.elts)
        raise SyntaxError(
            f"Expected type identifier in annotation {quote(self.text)}. Encountered {ast.unparse(node)!r}."
        )

    def subscript(self, origin: Any, argument: ast.expr) -> Any:
        if origin is typing.Literal:
            items = argument.elts if isinstance(argument, ast.Tuple) else [argument]
            try:
                return typing.Literal[tuple(ast.literal_eval(item) for item in items)]
            except ValueError as error:
                raise SyntaxError(f"Expected literal values in annotation {quote(self.text)}.") from error
        if origin is typing.Annotated and isinstance(argument, ast.Tuple):
            return typing.Annotated[(self.read(argument.elts[0]), *map(self.literal, argument.elts[1:]))]
        args = self.read(argument)
        if origin is typing.Callable and isinstance(args, tuple) and len(args) == 2:
            first, returns = args
            return typing.Callable[first if isinstance(first, list) or first is ... else [first], returns]
        if isinstance(origin, typing.ForwardRef):
            raise FieldTypeError(
                f"{origin.__forward_arg__!r} does not exist, so that it cannot take type arguments."
            )
        return origin[args]

    def literal(self, node: ast.expr) -> Any:
        try:
            return ast.literal_eval(node)
        except ValueError:
            return ast.unparse(node)

    def find(self, name: str) -> Any:
        first, *rest = name.split(".")
        if not getattr(self.module, "__reloading__", False) and hasattr(self.module, first):
            node: Any = getattr(self.module, first)
        else:
            node = getattr(builtins, first, None) if not rest else None
        if node is None:
            if first == "typing":
                node = typing
            else:
                return typing.ForwardRef(name, is_argument=False, module=self.module)
        for part in rest:
            if not hasattr(node, part):
                if isinstance(node, types.ModuleType):
                    raise FieldTypeError(f"{name!r} does not exist in module {node.__name__!r}.")
                return typing.ForwardRef(name, is_argument=False, module=self.module)
            node = getattr(node, part)
        return node
