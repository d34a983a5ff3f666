"""JSON lines: messages framed as one JSON object per line, for streams that deliver bytes in pieces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, final

from .errors import LoadError


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
    """

    def __init__(self) -> None:
        self._begun = bytearray()

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
        return [_decode(line) for line in whole.split(b"\n") if line]


def _decode(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise LoadError(f"a line is not a JSON object: {line[:80]!r}.")
    return found
