"""Tree paths: the keys from the root of a tree to a node.

``a.b[0].c`` has the keys ``('a', 'b', 0, 'c')``.  A key that is not a plain name is quoted: ``a['x.y']``; other keys of a
dict are written as Python writes them: ``a[None]``, ``a[(1, 2)]``.  Text and keys convert both ways without loss.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, final

from .errors import PathError, quote, quote_typed
from .missing import MISSING_VALUE
from .numbers import to_whole

Key = str | int

_PLAIN = re.compile(r"[^\W\d][\w$-]*\Z")
_TOKEN = re.compile(
    r"""\.?(?P<name>[^\W\d][\w$-]*)"""
    r"""|\[(?P<index>-?\d+)\]"""
    r"""|\[(?P<literal>(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'"\[\]{}])+)\]"""
)


def step_text(key: Key, *, first: bool) -> str:
    """Returns the text of one key: ``.name``, ``name`` (if first), ``[0]`` or ``['x.y']``."""
    if key.__class__ is int:
        return f"[{key}]"
    if isinstance(key, str) and _PLAIN.match(key):
        return key if first else "." + key
    try:
        return f"[{key!r}]"
    except Exception:  # noqa: BLE001 - of the key's own method
        return f"[{quote(key)}]"


@final
class Path:
    """Tree path: keys from the root to a node; immutable and hashable.

    A path equals a string that is the whole path **or its last key**, so that both ``k == 'filters'`` and
    ``k == 'blocks[0].filters'`` select in a ``rebind`` function.  Its hash is the hash of the whole path as text, so that
    it is found in a dict whose keys are whole paths.

    >>> p = Path.parse("blocks[0].filters")
    >>> p == "filters", p == "blocks[0].filters", p == "blocks", p.key, p.parent.key
    (True, True, False, 'filters', 0)
    >>> bool(Path()), str(Path() + "a" + 1)
    (False, 'a[1]')
    """

    # `_all` and `_text` are computed at first use: functions that edit a tree receive a path for every value, and mostly
    # read its last key only.
    __slots__ = ("_above", "_all", "_last", "_text")
    _above: tuple[Key, ...]
    _all: tuple[Key, ...]
    _last: Any  # MISSING_VALUE in the root's path
    _text: str

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        try:
            all_keys = self._all = tuple([key if (i := to_whole(key)) is None else i for key in keys])
        except TypeError:
            raise PathError(
                f"a path takes a list of keys, such as Path(['a', 0]); got {quote_typed(keys)}."
            ) from None
        self._above = all_keys[:-1]
        self._last = all_keys[-1] if all_keys else MISSING_VALUE

    @property
    def _keys(self) -> tuple[Key, ...]:
        try:
            return self._all
        except AttributeError:
            self._all = (*self._above, self._last)
            return self._all

    @classmethod
    def parse(cls, text: str | int | Path) -> Path:
        """Returns the path for a text, a key or a path.

        Raises:
          PathError: not a path; the message shows the position of the error.
        """
        if text.__class__ is str:
            return _parse_text(text)
        if isinstance(text, Path):
            return text
        if isinstance(text, int):
            return cls((text,))
        if (index := to_whole(text)) is not None:
            return cls((index,))
        if not isinstance(text, str):
            raise PathError(
                f"a path must be text such as 'a.b[0]', a key, or a Path; got {quote_typed(text)}."
            )
        return _parse_text(str(text))

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys from the root."""
        return self._keys

    @property
    def key(self) -> Key | None:
        """The last key; None for the path of the root, which has no keys."""
        return None if self._last is MISSING_VALUE else self._last

    @property
    def parent(self) -> Path:
        """The path without its last key; the root for the root."""
        return Path(self._keys[:-1])

    @property
    def depth(self) -> int:
        """The number of keys."""
        return len(self._keys)

    def __add__(self, other: Key | Path) -> Path:
        if isinstance(other, Path):
            return Path(self._keys + other._keys)
        return Path((*self._keys, other))

    def __str__(self) -> str:
        try:
            return self._text
        except AttributeError:
            self._text = "".join(step_text(k, first=i == 0) for i, k in enumerate(self._keys))
            return self._text

    def __repr__(self) -> str:
        return f"Path({str(self)!r})"

    def __eq__(self, other: Any) -> bool:
        cls = other.__class__
        if cls is str:
            if self._last == other:
                return True
            if other.isidentifier():
                return False  # a plain name is a path of one key, which was compared above
            return bool(str(self) == other)
        if cls is Path:
            return bool(self._keys == other._keys)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __lt__(self, other: Path) -> bool:
        return [str(k) for k in self._keys] < [str(k) for k in other._keys]

    def __bool__(self) -> bool:
        return self._last is not MISSING_VALUE

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)


@lru_cache(maxsize=4096)  # few distinct paths are parsed many times, and a Path is immutable
def _parse_text(text: str) -> Path:
    keys: list[Key] = []
    at = 0
    while at < len(text):
        m = _TOKEN.match(text, at)
        try:
            if m is None or (not keys and text[at] == ".") or (keys and m["name"] and text[at] != "."):
                raise ValueError
            literal = m["literal"]
            keys.append(ast.literal_eval(literal) if literal else m["name"] or int(m["index"]))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # of literal_eval
            raise PathError(
                f"{text!r} is not a path: cannot read {text[at:]!r} at position {at}. "
                "Write names and indices as in 'a.b[0].c', other keys as in Python, as in \"a['x.y'][None]\"."
            ) from None
        at = m.end()
    return Path(keys)


ROOT = Path()


def at_path(path: object) -> str:
    """Returns a path for a message: ``"at path 'a.b'"`` or ``"at the root"``."""
    text = str(path) if isinstance(path, (str, Path)) else quote(path)
    return f"at path {text!r}" if text else "at the root"
