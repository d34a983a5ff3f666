"""Docstrings taken apart: descriptions, arguments, results, errors and examples.

Google's style and reStructuredText's field lists are read; of other styles the text is the description.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from typing import Any, Final


class DocStrStyle(enum.Enum):
    """In which style a docstring is written."""

    REST = 1
    GOOGLE = 2
    NUMPYDOC = 3
    EPYDOC = 4


@dataclasses.dataclass
class DocStrEntry:
    """A part of a docstring."""

    description: str


@dataclasses.dataclass
class DocStrArgument(DocStrEntry):
    """The description of an argument."""

    name: str
    type_name: str | None = None
    default: str | None = None
    is_optional: bool | None = None


@dataclasses.dataclass
class DocStrReturns(DocStrEntry):
    """The description of what a function returns or yields."""

    name: str | None = None
    type_name: str | None = None
    is_yield: bool = False


@dataclasses.dataclass
class DocStrRaises(DocStrEntry):
    """The description of an error that a function raises."""

    type_name: str | None = None


@dataclasses.dataclass
class DocStrExample(DocStrEntry):
    """An example."""


@dataclasses.dataclass
class DocStr:
    """A docstring, taken apart.

    >>> text = DocStr.parse('''Adds.
    ...
    ... Args:
    ...   x: The first.
    ... ''')
    >>> text.short_description, text.args["x"].description
    ('Adds.', 'The first.')
    """

    style: DocStrStyle
    short_description: str | None
    long_description: str | None
    examples: list[DocStrExample]
    args: dict[str, DocStrArgument]
    returns: DocStrReturns | None
    raises: list[DocStrRaises]
    blank_after_short_description: bool = True

    @property
    def description(self) -> str | None:
        """The short and the long description."""
        if self.short_description is None:
            return self.long_description
        if self.long_description is None:
            return self.short_description
        return (
            f"{self.short_description}\n{chr(10) * self.blank_after_short_description}{self.long_description}"
        )

    def parameter(self, param: inspect.Parameter) -> DocStrArgument | None:
        """Returns the description of a parameter (``*args`` and ``**kwargs`` by these names), or None."""
        stars = "*" if param.kind is param.VAR_POSITIONAL else "**" if param.kind is param.VAR_KEYWORD else ""
        return self.args.get(stars + param.name)

    @classmethod
    def parse(cls, text: str, style: DocStrStyle | None = None) -> DocStr:
        """Returns the parts of a docstring; its style is found from its sections if it is not given."""
        lines = inspect.cleandoc(text).splitlines()
        if style is None:
            google = any(_SECTION.fullmatch(line) for line in lines)
            style = DocStrStyle.GOOGLE if google else DocStrStyle.REST
        found = _parse_google(lines) if style is DocStrStyle.GOOGLE else _parse_rest(lines)
        return dataclasses.replace(found, style=style)


_SECTION: Final = re.compile(
    r"(Args|Arguments|Parameters|Params|Attributes|Returns|Yields|Raises|Exceptions|Except|Examples?):\s*"
)
_FIELD: Final = re.compile(
    r":(param|parameter|arg|argument|returns?|yields?|raises?|except)\s*([^:]*):\s*(.*)"
)
_ITEM: Final = re.compile(r"([^:\s][^:]*?)\s*(?:\(([^)]*)\))?:(?:\s+(.*)|$)")


def _describe(lines: list[str]) -> DocStr:
    """Returns the descriptions at the beginning of a docstring."""
    text = "\n".join(lines).strip("\n")
    first, _, rest = text.partition("\n")
    blank = rest.startswith("\n") or not rest.strip()
    return DocStr(DocStrStyle.REST, first.strip() or None, rest.strip() or None, [], {}, None, [], blank)


def _parse_google(lines: list[str]) -> DocStr:
    starts = [i for i, line in enumerate(lines) if _SECTION.fullmatch(line)]
    if not starts:
        return _describe(lines)
    result = _describe(lines[: starts[0]])
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        body = lines[start + 1 : end]
        stop = next((i for i, line in enumerate(body) if line and not line[0].isspace()), len(body))
        _add_section(
            result, lines[start].strip().rstrip(":"), inspect.cleandoc("\n" + "\n".join(body[:stop]))
        )
    return result


def _add_section(result: DocStr, title: str, body: str) -> None:
    if title in ("Returns", "Yields"):
        kind = re.fullmatch(r"([\w.\[\], |]+):\s+(.*)", body, re.DOTALL)
        type_name, text = (kind[1], kind[2]) if kind is not None and " " not in kind[1] else (None, body)
        result.returns = DocStrReturns(text, None, type_name, title == "Yields")
    elif title in ("Example", "Examples"):
        result.examples.append(DocStrExample(body))
    elif title in ("Raises", "Exceptions", "Except"):
        result.raises += [DocStrRaises(text, name) for name, _, text in _items(body)]
    else:
        for name, kind_name, text in _items(body):
            optional = True if kind_name and "optional" in kind_name else None
            result.args[name] = DocStrArgument(text, name, kind_name, None, optional)


def _items(body: str) -> list[tuple[str, str | None, str]]:
    """Returns the entries of a section: name, type and text; the lines of a text are indented."""
    found: list[tuple[str, str | None, list[str]]] = []
    for line in body.splitlines():
        item = _ITEM.match(line) if line and not line[0].isspace() else None
        if item is not None:
            found.append((item[1].strip(), item[2], [item[3] or ""]))
        elif found:
            found[-1][2].append(line)
    return [(name, kind, inspect.cleandoc("\n".join(text)).strip()) for name, kind, text in found]


def _parse_rest(lines: list[str]) -> DocStr:
    first = next((i for i, line in enumerate(lines) if _FIELD.match(line)), len(lines))
    result = _describe(lines[:first])
    entries: list[tuple[str, str, str]] = []
    for line in lines[first:]:
        field = _FIELD.match(line)
        if field is not None:
            entries.append((field[1], field[2].strip(), field[3]))
        elif entries and line.strip():
            kind, name, text = entries[-1]
            entries[-1] = (kind, name, f"{text}\n{line.strip()}".strip())
    for kind, name, text in entries:
        if kind.startswith(("param", "arg")):
            type_name, _, plain = name.rpartition(" ")
            result.args[plain] = DocStrArgument(text, plain, type_name or None)
        elif kind.startswith(("return", "yield")):
            result.returns = DocStrReturns(text, None, name or None, kind.startswith("yield"))
        else:
            result.raises.append(DocStrRaises(text, name or None))
    return result


def docstr(symbol: Any) -> DocStr | None:
    """Returns the docstring of a class or function, taken apart; None if it has none.

    >>> docstr(docstr).args["symbol"] if docstr(docstr).args else None
    """
    text = getattr(symbol, "__doc__", None)
    return DocStr.parse(text) if isinstance(text, str) and text.strip() else None
