"""Formatting of values as text: ``format``, ``Formattable``, ``str_format``, ``repr_format``."""

from __future__ import annotations

import abc
import enum
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from . import thread_local

_STR, _REPR = "__str_format_kwargs__", "__repr_format_kwargs__"
CustomFormat = Callable[[Any, int], str | None] | None


def str_format(**kwargs: Any) -> AbstractContextManager[dict[str, Any]]:
    """Sets arguments of ``format`` for ``str()`` inside a ``with`` block.

    >>> with str_format(markdown=True):
    ...     print(RawText("x"))
    `x`
    """
    return thread_local.thread_local_arg_scope(_STR, **kwargs)


def repr_format(**kwargs: Any) -> AbstractContextManager[dict[str, Any]]:
    """Sets arguments of ``format`` for ``repr()`` inside a ``with`` block."""
    return thread_local.thread_local_arg_scope(_REPR, **kwargs)


class Formattable(abc.ABC):  # subclasses may rely on the default format
    """Base class of objects whose ``str`` and ``repr`` come from their ``format`` method."""

    __str_format_kwargs__: ClassVar[dict[str, Any]] = {"compact": False, "verbose": True}
    __repr_format_kwargs__: ClassVar[dict[str, Any]] = {"compact": True}

    @abc.abstractmethod
    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        """Returns the object as text.

        Args:
          compact: on one line.
          verbose: with details, such as default values.
          root_indent: how many levels the lines after the first are indented.
          **kwargs: further options, passed on to nested objects.
        """

    def __str_kwargs__(self) -> dict[str, Any]:
        """Returns the arguments of ``format`` for ``str()``."""
        return {**self.__str_format_kwargs__, **thread_local.thread_local_kwargs(_STR)}

    def __repr_kwargs__(self) -> dict[str, Any]:
        """Returns the arguments of ``format`` for ``repr()``."""
        return {**self.__repr_format_kwargs__, **thread_local.thread_local_kwargs(_REPR)}

    def __str__(self) -> str:
        return self._quoted(_STR, self.__str_kwargs__())

    def __repr__(self) -> str:
        return self._quoted(_REPR, self.__repr_kwargs__())

    def _quoted(self, scope: str, kwargs: dict[str, Any]) -> str:
        markdown = kwargs.pop("markdown", False)
        with thread_local.thread_local_arg_scope(
            scope, markdown=False
        ):  # what is inside is quoted once, outside
            return maybe_markdown_quote(self.format(**kwargs), markdown=markdown)


class RawText(Formattable):
    """Text that ``format`` writes without quotes.

    >>> format([RawText("x + y"), "x"])
    "[x + y, 'x']"
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def format(self, *args: Any, **kwargs: Any) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, RawText) else self.text == other

    def __hash__(self) -> int:
        return hash(self.text)


class BracketType(enum.IntEnum):
    """Which brackets ``kvlist_str`` puts around its items."""

    ROUND = 0
    SQUARE = 1
    CURLY = 2


def bracket_chars(bracket_type: BracketType) -> tuple[str, str]:
    """Returns the opening and the closing bracket.

    >>> bracket_chars(BracketType.CURLY)
    ('{', '}')
    """
    return [("(", ")"), ("[", "]"), ("{", "}")][bracket_type]


def format(
    value: Any,
    compact: bool = False,
    verbose: bool = True,
    root_indent: int = 0,
    *,
    list_wrap_threshold: int = 80,
    strip_object_id: bool = False,
    include_keys: set[str] | None = None,
    exclude_keys: set[str] | None = None,
    markdown: bool = False,
    max_str_len: int | None = None,
    max_bytes_len: int | None = None,
    custom_format: CustomFormat = None,
    memo: set[int] | None = None,
    **kwargs: Any,
) -> str:
    """Returns a value as text.

    >>> print(format({"a": [1, "x"]}))
    {
      'a': [1, 'x']
    }

    Args:
      value: the value.
      compact: on one line.
      verbose: passed on to ``Formattable`` objects.
      root_indent: how many levels the lines after the first are indented.
      list_wrap_threshold: a list or tuple that takes more characters is written one item per line.
      strip_object_id: write ``Name(...)`` for objects that have no text of their own.
      include_keys: the keys of the outermost value that are written; all by default.
      exclude_keys: the keys of the outermost value that are left out.
      markdown: quote the text for Markdown.
      max_str_len: how much of each string is written.
      max_bytes_len: how much of each bytes value is written.
      custom_format: a function of a value and its indent that returns its text, or None to write it as usual.
      memo: the ids of the containers that are being written.
      **kwargs: passed on to ``Formattable`` objects.
    """
    inner = {
        "verbose": verbose, "list_wrap_threshold": list_wrap_threshold, "strip_object_id": strip_object_id,
        "max_str_len": max_str_len, "max_bytes_len": max_bytes_len, "custom_format": custom_format,
        "memo": set(memo or ()) | {id(value)}, **kwargs,
    }  # fmt: skip
    keys = {"include_keys": include_keys, "exclude_keys": exclude_keys}
    recursive = isinstance(value, (list, tuple, dict)) and id(value) in (memo or ())
    text = custom_format(value, root_indent) if custom_format is not None else None
    if text is None and recursive:
        text = f"<recursive {type(value).__name__} at 0x{id(value):x}>"
    if text is None:
        text = _format_value(value, compact, root_indent, inner, keys, first=memo is None)
    return maybe_markdown_quote(text, markdown=markdown)


def _format_value(
    value: Any, compact: bool, root_indent: int, inner: dict[str, Any], keys: dict[str, Any], *, first: bool
) -> str:
    if isinstance(value, Formattable):
        options = {k: v for k, v in (inner | keys).items() if v is not None}
        if first:
            del options["memo"]
        return value.format(compact=compact, root_indent=root_indent, **options)
    if isinstance(value, (list, tuple)):
        return _format_items(value, compact, root_indent, inner)
    if isinstance(value, dict):
        wanted, unwanted = keys["include_keys"], keys["exclude_keys"] or ()
        shown = {k: v for k, v in value.items() if (not wanted or k in wanted) and k not in unwanted}
        return _format_dict(shown, compact, root_indent, inner)
    return _format_leaf(value, compact, inner)


def _format_items(value: Sequence[Any], compact: bool, root_indent: int, inner: dict[str, Any]) -> str:
    left, right = "()" if isinstance(value, tuple) else "[]"
    if not value:
        return left + right
    level = root_indent if compact else root_indent + 1
    items = [format(item, compact, root_indent=level, **inner) for item in value]
    line = left + ", ".join(items) + right
    if compact or len(line) <= inner["list_wrap_threshold"]:
        return line
    return _lines(left, items, right, root_indent)


def _format_dict(value: dict[Any, Any], compact: bool, root_indent: int, inner: dict[str, Any]) -> str:
    if not value:
        return "{}"
    items = [
        f"{quote_if_str(k)}: {format(v, compact, root_indent=root_indent + 1, **inner)}"
        for k, v in value.items()
    ]
    return "{" + ", ".join(items) + "}" if compact else _lines("{", items, "}", root_indent)


def _lines(left: str, items: Sequence[str], right: str, root_indent: int) -> str:
    indent = "  " * (root_indent + 1)
    return left + "\n" + ",\n".join(indent + item for item in items) + "\n" + "  " * root_indent + right


def _format_leaf(value: Any, compact: bool, inner: dict[str, Any]) -> str:
    most = inner["max_str_len"] if isinstance(value, str) else inner["max_bytes_len"]
    if isinstance(value, (str, bytes)):
        if most is None or len(value) <= most:
            return repr(value)
        return repr(value[:most] + "..." if isinstance(value, str) else value[:most] + b"...")
    cls: Any = type(value)
    if inner["strip_object_id"] and cls.__str__ is object.__str__ and cls.__repr__ is object.__repr__:
        return f"{cls.__name__}(...)"
    return repr(value) if compact else str(value)


def str_ext(v: Any, custom_format: CustomFormat = None, root_indent: int = 0) -> str:
    """Returns the ``str`` of a value, or what a custom format makes of it."""
    text = custom_format(v, root_indent) if custom_format is not None else None
    return str(v) if text is None else text


def repr_ext(v: Any, custom_format: CustomFormat = None, root_indent: int = 0) -> str:
    """Returns the ``repr`` of a value, or what a custom format makes of it."""
    text = custom_format(v, root_indent) if custom_format is not None else None
    return repr(v) if text is None else text


def kvlist_str(
    kvlist: list[tuple[str, Any, Any]],
    compact: bool = True,
    verbose: bool = False,
    root_indent: int = 0,
    *,
    label: str | None = None,
    bracket_type: BracketType = BracketType.ROUND,
    custom_format: CustomFormat = None,
    memo: set[int] | None = None,
    **kwargs: Any,
) -> str:
    """Returns arguments as text: ``label(a=1, b='x')``.

    >>> kvlist_str([("", "conv", None), ("size", 3, 1), ("stride", 1, 1)], label="Layer")
    "Layer('conv', size=3)"

    Args:
      kvlist: (name or empty text, value, default or a tuple of defaults); an item that has its default is left out.
      compact: on one line.
      verbose: passed on to the values' format.
      root_indent: how many levels the lines after the first are indented.
      label: the text before the bracket; without it brackets are left out.
      bracket_type: which brackets.
      custom_format: as in ``format``.
      memo: as in ``format``.
      **kwargs: passed on to the values' format.
    """
    inside = root_indent if compact or label is None else root_indent + 1
    items = []
    for key, value, default in kvlist:
        defaults = default if isinstance(default, tuple) else (default,)
        if any(value is d or _equal(value, d) for d in defaults):
            continue
        text = format(value, compact, verbose, inside, custom_format=custom_format, memo=memo, **kwargs)
        items.append(f"{key}={text}" if key else text)
    separator = ", " if compact else ",\n" + "  " * inside
    body = separator.join(items)
    if label is None:
        return body
    left, right = bracket_chars(bracket_type)
    if compact or not items:
        return f"{label}{left}{body}{right}"
    return label + _lines(left, items, right, root_indent)


def _equal(a: Any, b: Any) -> bool:
    """Returns whether two values are equal; False where they do not say so (an array)."""
    try:
        return bool(type(a) is type(b) and a == b)
    except (TypeError, ValueError):
        return False


def quote_if_str(value: Any) -> Any:
    """Returns text in quotes, other values as they are.

    >>> quote_if_str("a"), quote_if_str(1)
    ("'a'", 1)
    """
    return repr(value) if isinstance(value, str) else value


def comma_delimited_str(value_list: Sequence[Any]) -> str:
    """Returns values separated by commas, text in quotes.

    >>> comma_delimited_str([1, "a"])
    "1, 'a'"
    """
    return ", ".join(str(quote_if_str(v)) for v in value_list)


def auto_plural(number: int, singular: str, plural: str | None = None) -> str:
    """Returns the singular for one, else the plural (by default, with an s).

    >>> auto_plural(2, "trial"), auto_plural(1, "was", "were")
    ('trials', 'was')
    """
    return singular if number == 1 else plural or singular + "s"


def maybe_markdown_quote(s: str, markdown: bool = True) -> str:
    """Returns text as Markdown code, if asked for.

    >>> maybe_markdown_quote("x"), maybe_markdown_quote("x", False)
    ('`x`', 'x')
    """
    if not markdown:
        return s
    return f"```\n{s}\n```" if "\n" in s else f"`{s}`"


def camel_to_snake(text: str, separator: str = "_") -> str:
    """Returns a name of a class in the form of a variable's.

    >>> camel_to_snake("AIMessage"), camel_to_snake("FooBar", "-")
    ('ai_message', 'foo-bar')
    """
    parts = re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", separator, text)
    return parts.lower()


def printv(*args: Any, file: Any = None, **kwargs: Any) -> None:
    """Prints values as ``format`` writes them.

    >>> printv({"a": 1}, compact=True)
    {'a': 1}
    """
    out = sys.stdout if file is None else file
    out.write(" ".join(format(value, **kwargs) for value in args) + "\n")
