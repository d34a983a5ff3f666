"""JSON text of limited depth, and JSON lines: one object per line, for streams that deliver bytes in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, final

from .errors import LoadError

MAX_DEPTH = (
    300  # levels of JSON data: all that is done with it, down to its repr, works without deep recursion
)


def read_json(
    text: str | bytes,
    *,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
    constant: Callable[[str], Any] | None = None,
) -> Any:
    """Returns the data of JSON text.

    >>> read_json('{"x": [1, 2.5]}')
    {'x': [1, 2.5]}

    Args:
      text: of one value.
      pairs: makes an object of its keys and values; None for a dict.
      constant: makes a number of NaN, Infinity or -Infinity; None for a float.

    Raises:
      LoadError: it is not JSON, has a number that is too long, or is nested more than ``MAX_DEPTH`` levels deep.
    """
    try:
        data = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except LoadError:
        raise
    except ValueError as error:
        raise LoadError(str(error)) from error
    except RecursionError:
        raise LoadError(_TOO_DEEP) from None
    return check_depth(data)


def check_depth(data: object) -> Any:
    """Returns JSON data.

    Raises:
      LoadError: it is nested more than ``MAX_DEPTH`` levels deep, or contains itself.
    """
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, tuple, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (list, tuple, dict))
        ]
        if not level:
            return data
    raise LoadError(_TOO_DEEP)


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def encode_line(message: Mapping[str, Any], *, allow_nan: bool = True) -> bytes:
    r"""Returns a message as a line.

    >>> encode_line({"x": 1})
    b'{"x":1}\n'

    Raises:
      ValueError, TypeError: the message has no JSON form, or has a NaN that is not allowed.
    """
    return json.dumps(message, allow_nan=allow_nan, separators=(",", ":")).encode() + b"\n"


@final
class LineDecoder:
    r"""Decodes lines that arrive in pieces, each line once it is complete.

    >>> decoder = LineDecoder()
    >>> decoder.feed(b'{"x": 1}\n{"y"'), decoder.pending, decoder.feed(b": 2}\n")
    ([{'x': 1}], 4, [{'y': 2}])

    Args:
      is_strict: whether NaN, infinite numbers and repeated keys are refused, which are not JSON, or ambiguous.
    """

    def __init__(self, *, is_strict: bool = False) -> None:
        self._begun = bytearray()
        self._is_strict = is_strict

    @property
    def pending(self) -> int:
        """The number of bytes of the line that is not complete."""
        return len(self._begun)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Returns the messages that ``data`` completes.

        Raises:
          LoadError: a line is not a JSON object.
        """
        self._begun += data
        if b"\n" not in data:
            return []
        whole, _, rest = bytes(self._begun).rpartition(b"\n")
        self._begun = bytearray(rest)
        return [_decode(line, self._is_strict) for line in whole.split(b"\n") if line]


def _decode(line: bytes, is_strict: bool) -> dict[str, Any]:
    try:
        text = line.decode()  # bytes would be read as UTF-16 where they look like it
        found = read_json(text, pairs=_make_object, constant=_refuse) if is_strict else read_json(text)
    except (LoadError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise LoadError(f"a line is not a JSON object: {line[:80]!r}.")
    return found


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LoadError("a key of an object is repeated")
    return found


def _refuse(constant: str) -> None:
    raise LoadError(f"{constant} is not a number of JSON")
