"""Trees as text: one line (``repr``), indented code (``str``), and the literals of decisions.

To store trees, use JSON (``json.documents``).  Printing reads only fields, so it realizes no lazy object.
"""

from __future__ import annotations

import enum
import keyword
import math
import numbers
import re
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, FunctionType
from typing import Any, final

from pliant.values.errors import FieldValueError, quote
from pliant.values.missing import MISSING_VALUE
from pliant.values.numbers import to_whole

from ..tree.node import ATOMS, Node, children
from .compare import equal, node_class

_NAMED = (type, FunctionType, BuiltinFunctionType)
_LITERAL_LENGTH = 120  # the longest literal that PyGlove writes
_DECIMAL_BITS = 2048  # Python does not print much longer integers (sys.set_int_max_str_digits)
_Writer = Callable[[object], str] | None  # of leaves: None for their repr
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@final
class _Full(Exception):
    """Ends the writing of a line at its maximum length."""


def one_line(value: object, *, max_length: int | None = None) -> str:
    """Returns a value on one line, as ``repr`` of a node does.

    Args:
      value: a node or any other value.
      max_length: the maximum number of characters; cut text ends in ``...``.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> one_line(Dict(a=1, b={"c": [3, 4]}))
    '{a=1, b={c=[3, 4]}}'
    >>> one_line(Dict(a=1, b={"c": [3, 4]}), max_length=12)
    '{a=1, b={...'
    """
    parts: list[str] = []
    if max_length is None:
        _write(value, parts.append, None)
        return "".join(parts)
    put, longest = _limited(parts, max_length), max_length + 1
    try:
        _write(value, put, lambda leaf: quote(leaf, longest))
    except _Full:
        return "".join(parts)[: max(0, max_length - 3)] + "..."
    return "".join(parts)


def _limited(parts: list[str], max_length: int) -> Callable[[str], None]:
    """Returns a function that appends to ``parts`` until they are longer than ``max_length``."""
    length = 0

    def put(text: str) -> None:
        nonlocal length
        parts.append(text)
        length += len(text)
        if length > max_length:
            raise _Full

    return put


def _write(value: Any, put: Callable[[str], None], write: _Writer) -> None:
    """Writes a value in the one-line form."""
    cls = value.__class__
    if cls in ATOMS:
        put(leaf_text(value, write))
    elif isinstance(value, Node):
        if isinstance(value, list):
            _write_items("[", ((None, v) for v in value._sym_values()), "]", put, write)
        elif isinstance(value, dict):
            _write_items(
                "{", ((f"{_key_text(k, write)}=", v) for k, v in children(value) or ()), "}", put, write
            )
        else:
            _write_items(node_class(value).__name__ + "(", arguments(value), ")", put, write)
    elif cls is tuple:
        _write_items("(", ((None, v) for v in value), ",)" if len(value) == 1 else ")", put, write)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        _write_items(
            cls.__name__ + "(", ((f"{k}=", v) for k, v in zip(value._fields, value)), ")", put, write
        )
    elif cls is list:
        _write_items("[", ((None, v) for v in value), "]", put, write)
    elif cls is dict:
        _write_items("{", ((f"{leaf_text(k, write)}: ", v) for k, v in value.items()), "}", put, write)
    else:
        put(leaf_text(value, write))


def _write_items(
    opening: str,
    items: Iterator[tuple[str | None, Any]],
    closing: str,
    put: Callable[[str], None],
    write: _Writer,
) -> None:
    put(opening)
    between = ""
    for prefix, item in items:
        put(between + (prefix or ""))
        _write(item, put, write)
        between = ", "
    put(closing)


def _key_text(key: object, write: _Writer) -> str:
    return key if isinstance(key, str) and key.isidentifier() else (write or repr)(key)


def leaf_text(value: object, write: _Writer = None) -> str:
    """Returns a leaf on one line: the name of a class, function or enum member, else its ``repr``, or what ``write`` returns.

    >>> leaf_text(int), leaf_text(len), leaf_text("a")
    ('int', 'len', "'a'")
    """
    if isinstance(value, _NAMED):
        return str(value.__name__)
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if write is not None:
        return write(value)
    text = _repr(value)
    return " ".join(text.split()) if "\n" in text else text


def _repr(value: object) -> str:
    """Returns the repr of a leaf, in hexadecimal for an integer that Python does not print; never raises."""
    if _is_long(value):
        return hex(value)  # type: ignore[arg-type]  # an integer
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - of the value's own method
        return quote(value)


def _is_long(value: object) -> bool:
    """Returns whether a value is an integer that Python may not print."""
    return isinstance(value, int) and int.bit_length(value) > _DECIMAL_BITS


def fields(node: Any, *, hide_default_values: bool = False) -> Iterator[tuple[str, Any]]:
    """Yields the fields of an object that have a value, as ``(name, value)``; does not realize it."""
    known = node._sym_fields
    for name, value in zip(node._sym_keys(), node._sym_values()):
        if value is MISSING_VALUE:
            continue
        if hide_default_values and name in known and is_default(known[name].value_spec.default, value):
            continue
        yield name, value


def is_default(default: object, value: object) -> bool:
    """Returns whether ``value`` is the default of its field; ``True`` and ``1.0`` are not the default ``1``.

    >>> is_default(1, 1), is_default(1, True), is_default([1], [1])
    (True, False, True)
    """
    if default is MISSING_VALUE:
        return False
    if value.__class__ in ATOMS:
        return value is default or (value.__class__ is default.__class__ and bool(value == default))
    return equal(default, value)


def arguments(node: Any, *, hide_default_values: bool = False) -> Iterator[tuple[str | None, Any]]:
    """Yields the arguments of the constructor call for an object like ``node``, as ``(prefix, value)``.

    The prefix is ``name=``, or None for positional arguments: if the object has extra positional arguments, these and
    all before them.  A class with ``_sym_terse`` (holes) hides fields that have their default values.
    """
    hide_default_values = hide_default_values or getattr(node, "_sym_terse", False)
    variadic = getattr(type(node), "_sym_variadic", None)
    names = node._sym_names
    done: tuple[str, ...] = ()
    if variadic is not None:
        before, more = names[: names.index(variadic)], node._sym_child(variadic)
        if not more:
            done = (variadic,)  # an empty list is not written
        elif all(node._sym_child(name) is not MISSING_VALUE for name in before):
            done = (*before, variadic)
            for value in (*map(node._sym_child, before), *more):
                yield None, value
    for name, value in fields(node, hide_default_values=hide_default_values):
        if name not in done:
            yield f"{name}=", value


def format_value(value: Any, *, hide_default_values: bool = False, indent: int = 2, width: int = 100) -> str:
    """Returns a value as indented Python code, as ``str`` of a node does.

    A part that fits into the width is on one line.  The text runs in a program that imports the classes in it, if the
    ``repr`` of the leaves is code.

    Args:
      value: a node or any other value.
      hide_default_values: whether fields with their default values are left out.
      indent: spaces per level.
      width: the length of lines, where possible.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> print(format_value(Dict(name="net", layers=[1, 2, 3]), width=20))
    Dict(
      name='net',
      layers=[1, 2, 3],
    )
    """
    if (columns := to_whole(width)) is None:
        raise FieldValueError(f"the width of lines is a whole number; got {quote(width)}.")
    return _render(_code(value, hide_default_values, columns), "", 0, " " * check_indent(indent), columns)


def check_indent(indent: object) -> int:
    """Returns the number of spaces per level; raises FieldValueError for what is not from 0 to 80."""
    spaces = to_whole(indent)
    if spaces is None or not 0 <= spaces <= 80:
        raise FieldValueError(f"the indent is from 0 to 80 spaces per level; got {quote(indent)}.")
    return spaces


@final
class _Block:
    """Code that can be split into lines: the brackets, the items, and the code on one line if it fits."""

    __slots__ = ("closing", "flat", "items", "opening")

    def __init__(self, opening: str, items: list[tuple[str, Any]], closing: str, width: int) -> None:
        self.opening = opening
        self.items = items
        self.closing = closing
        self.flat: str | None = None
        pieces: list[str] = []
        room = width
        for prefix, item in items:
            text = item if item.__class__ is str else item.flat
            room -= len(prefix) + len(text) + 2 if text is not None else width + 1
            if room < 0:
                return
            pieces.append(prefix + text)
        comma = "," if opening == "(" and len(items) == 1 else ""
        self.flat = opening + ", ".join(pieces) + comma + closing


def _code(value: Any, hide: bool, width: int) -> Any:
    """Returns the code of a value: text, or a block."""
    cls = value.__class__
    if cls is float and not math.isfinite(value):
        return f"float('{value}')"
    if cls in ATOMS:
        return leaf_text(value)

    def block(opening: str, items: Iterator[tuple[str | None, Any]], closing: str) -> _Block:
        return _Block(opening, [(prefix or "", _code(v, hide, width)) for prefix, v in items], closing, width)

    if isinstance(value, dict) and (cls is dict or isinstance(value, Node)):
        items = children(value) or []
        if cls is not dict and all(isinstance(k, str) and _is_keyword(k) for k in value):
            return block("Dict(", ((f"{k}=", v) for k, v in items), ")")
        ends = ("{", "}") if cls is dict else ("Dict({", "})")
        return block(ends[0], ((f"{leaf_text(k)}: ", v) for k, v in items), ends[1])
    if cls is list or (isinstance(value, list) and isinstance(value, Node)):
        return block("[", ((None, v) for _, v in children(value) or ()), "]")
    if cls is tuple:
        return block("(", ((None, v) for v in value), ")")
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return block(cls.__name__ + "(", ((f"{k}=", v) for k, v in zip(value._fields, value)), ")")
    if isinstance(value, Node):
        return block(_constructor(value), arguments(value, hide_default_values=hide), ")")
    return leaf_text(value)


def _is_keyword(key: str) -> bool:
    """Returns whether a key can be a keyword argument of ``Dict``."""
    return key.isidentifier() and not keyword.iskeyword(key) and key != "value_spec"


def _constructor(node: Any) -> str:
    """Returns the constructor call of an object like ``node``, up to the opening bracket."""
    cls = node_class(node)
    missing = any(v is MISSING_VALUE for v in node._sym_values())
    partial = missing and not cls._sym_partial_ok
    return str(cls.__name__ + (".partial(" if partial else "("))


def _render(code: Any, pad: str, used: int, step: str, width: int) -> str:
    """Returns code as lines; ``used`` characters precede it on its first line."""
    if code.__class__ is str:
        return str(code)
    if not code.items or (code.flat is not None and used + len(code.flat) <= width):
        return code.opening + code.closing if code.flat is None else str(code.flat)
    inner = pad + step
    lines = [
        f"{inner}{prefix}{_render(item, inner, len(inner) + len(prefix) + 1, step, width)},\n"
        for prefix, item in code.items
    ]
    return f"{code.opening}\n{''.join(lines)}{pad}{code.closing}"


def literal(value: object) -> str:
    """Returns the text of a candidate in ``nas_params_str``: that of PyGlove 0.4.5, cut at 120 characters.

    Only memory addresses are left out.  ``_sym_literal`` holds the name of a class in PyGlove if it differs.

    >>> from pliant.symbolic.objects.containers import Dict, List
    >>> literal(Dict(t="conv")), literal(List([3, 4])), literal("a"), literal((3, 3))
    ("{t='conv'}", '[0: 3, 1: 4]', "'a'", '(3, 3)')
    """
    if isinstance(value, numbers.Number) and not _is_long(value):
        return str(value)
    text = _literal(value, inside_tuple=False)
    return text if len(text) <= _LITERAL_LENGTH else text[: _LITERAL_LENGTH - 3] + "..."


def _literal(value: object, *, inside_tuple: bool) -> str:
    """Returns the literal of any value; containers directly inside a tuple are written as in Python."""
    if isinstance(value, tuple):
        return f"({', '.join(_literal(v, inside_tuple=True) for v in value)})"
    if isinstance(value, list):
        texts = [_literal(v, inside_tuple=inside_tuple) for _, v in children(value) or ()]
        return f"[{', '.join(texts if inside_tuple else [f'{i}: {t}' for i, t in enumerate(texts)])}]"
    if isinstance(value, dict):
        items = [
            (k, _literal(v, inside_tuple=inside_tuple))
            for k, v in children(value) or ()
            if v is not MISSING_VALUE
        ]
        return f"{{{', '.join(f'{k!r}: {t}' if inside_tuple else f'{k}={t}' for k, t in items)}}}"
    if isinstance(value, Node):
        shown = fields(value, hide_default_values=True)
        cls: Any = node_class(value)
        names: Any = getattr(cls, "_sym_literal_names", None)  # PyGlove's names and order, where they differ
        if names is not None:
            given = dict(shown)
            shown = ((names[k], given[k]) for k in names if k in given)
        inner = ", ".join(f"{k}={_literal(v, inside_tuple=False)}" for k, v in shown)
        return f"{getattr(cls, '_sym_literal', cls.__name__)}({inner})"
    if isinstance(value, type) and "_sym_origin" in value.__dict__:
        return f"Symbolic[{value.__dict__['_sym_origin']!r}]"
    text = _repr(value)
    if "object at 0x" in text:
        return f"{type(value).__name__}(...)"
    return _ADDRESS.sub("", text)
