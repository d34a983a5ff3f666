"""Keys of fields: a plain string is one key, a ``StrKey`` any key that matches it."""

from __future__ import annotations

import typing as t

from pliant.values.errors import SchemaError

from .text import compile_regex


@t.final
class StrKey:
    r"""Any text key, or any text key that a regular expression matches from its start.

    >>> StrKey("x.*").match("x1"), StrKey("x.*").match("y"), StrKey().match("y")
    (True, False, True)
    """

    __slots__ = ("_pattern", "regex")
    regex: str | None

    def __init__(self, regex: str | None = None) -> None:
        """Makes a key spec.

        Raises:
          SchemaError: ``regex`` is not a regular expression.
        """
        pattern = None if regex is None else compile_regex(regex, "a StrKey")
        object.__setattr__(self, "regex", None if pattern is None else pattern.pattern)
        object.__setattr__(self, "_pattern", pattern)

    def match(self, key: object) -> bool:
        """Returns whether ``key`` matches."""
        pattern = t.cast(t.Any, self)._pattern
        return isinstance(key, str) and (pattern is None or pattern.match(key) is not None)

    def __setattr__(self, name: str, value: object) -> t.NoReturn:
        raise SchemaError(
            f"the attribute {name!r} of {self!r} cannot be changed: keys are immutable. Make a new StrKey."
        )

    def __eq__(self, other: object) -> bool:
        return self.regex == other.regex if isinstance(other, StrKey) else NotImplemented

    def __hash__(self) -> int:
        return hash((StrKey, self.regex))

    def __reduce__(self) -> tuple[type[StrKey], tuple[str | None]]:
        return StrKey, (self.regex,)

    def __repr__(self) -> str:
        return f"StrKey({self.regex!r})" if self.regex is not None else "StrKey()"


KeySpec = str | StrKey
