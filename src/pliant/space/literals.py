"""Short texts of candidates, by which a person can distinguish them: lists as lists, long ones by the fields that differ.

The text of a candidate (``Choice.literals``) is ``Name(field=value)``, ``{key=value}``, ``[0: value]``, a Python literal, or
the ``repr`` of an object.  It is read leniently, and cut where it is long: text that is none of these stays as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import final

LEAF, WHOLE = 24, 48  # characters of a value, and of a candidate with fields, in a row of a table

_READ = 160  # characters of a literal that are read; those of programs have 120 at most
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_CLASS = re.compile(r"<(?:class|function) '?([\w.<>]+)'?.*>")
_KEY = re.compile(
    r"((?:'(?:[^'\\]|\\.)*'|\d+)(?=: )|[^=,:()\[\]{}'\"<> ][^=,:()\[\]{}'\"<>]*(?==[^=]))(: |=)"
)
_STOP = re.compile(r"[,(\[{)\]}]")
_CLOSING = {"(": ")", "[": "]", "{": "}"}

HOLES = ("OneOf", "ManyOf", "Float", "Floatv", "Intv")  # as literals name them
Keys = tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class Tree:
    """A literal that was read: text, or fields in brackets with text before and after.

    Attributes:
      head: the text before the bracket; all text of a value without fields.
      opening: the bracket; empty for a value without fields.
      fields: keys, what stands after a key (``=``, ``: `` or nothing), and values.
      tail: the text after the closing bracket.
      is_kept: whether it is always shown.
    """

    head: str
    opening: str = ""
    fields: tuple[tuple[str, str, Tree], ...] = ()
    tail: str = ""
    is_kept: bool = field(default=False, compare=False)

    def has_kept(self) -> bool:
        """Returns whether something in it is always shown."""
        return self.is_kept or any(value.has_kept() for _, _, value in self.fields)

    def leaves(self, path: Keys = ()) -> Iterator[tuple[Keys, Tree]]:
        """Yields the values without fields, with their keys."""
        if not self.fields:
            yield path, self
        for key, _, value in self.fields:
            yield from value.leaves((*path, key))


# --- read ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def read_literal(text: str) -> Tree:
    """Returns the fields of a candidate's text; text that has none, or is cut in them, as far as it can be read.

    >>> read_literal("Conv(filters=8)").fields[0][0], read_literal("[0: 1, 1: 2]").opening, read_literal("'a(b'").fields
    ('filters', '[', ())
    """
    line = re.sub(r"\s*\n\s*", " ", text[:_READ])
    tree, end = _read_value(line, 0)
    return tree if end == len(line) else Tree(line)


def _read_value(text: str, start: int) -> tuple[Tree, int]:
    """Returns the value that starts at an index, and the index of what follows: a comma, a bracket or the end."""
    quoted = _QUOTED.match(text, start)
    end = _find_stop(text, quoted.end() if quoted else start)
    found: list[Tree] = []
    while text[end : end + 1] in _CLOSING:
        opening = text[end]
        fields, after = _read_fields(text, end + 1)
        head, after = text[start:end], after + (text[after : after + 1] == _CLOSING[opening])
        end = _find_stop(text, after)
        found.append(Tree(head, opening, fields, text[after:end]))
    return found[0] if len(found) == 1 else Tree(text[start:end]), end


def _find_stop(text: str, start: int) -> int:
    found = _STOP.search(text, start)
    return found.start() if found else len(text)


def _read_fields(text: str, start: int) -> tuple[tuple[tuple[str, str, Tree], ...], int]:
    """Returns the fields that start after a bracket, and the index of the closing bracket or the end."""
    fields: list[tuple[str, str, Tree]] = []
    at = start
    while at < len(text) and text[at] not in ")]}":
        key = _KEY.match(text, at)
        value, at = _read_value(text, key.end() if key else at)
        fields.append((key[1] if key else str(len(fields)), key[2] if key else "", value))
        if text[at : at + 1] == ",":
            at += 2 if text[at + 1 : at + 2] == " " else 1
    return tuple(fields), at


def keep_decided(tree: Tree) -> Tree:
    """Returns a literal without the fields that are not always shown; items of lists stay, as their places tell something."""
    if tree.opening == "[":
        return replace(
            tree, fields=tuple((key, mark, keep_decided(value)) for key, mark, value in tree.fields)
        )
    fields = [(key, mark, keep_decided(value)) for key, mark, value in tree.fields if value.has_kept()]
    return replace(tree, fields=tuple(fields))


# --- write -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def shorten_literals(literals: tuple[str, ...], leaf: int = LEAF, whole: int = WHOLE) -> tuple[str, ...]:
    """Returns a short text for each candidate; two texts are equal only for candidates that are equal numbers or texts.

    >>> shorten_literals(("[0: 64, 1: 32]", "{lr=0.1}", "<class 'torch.nn.ReLU'>"))
    ('[64, 32]', '{lr=0.1}', 'ReLU')
    >>> shorten_literals(tuple(f"Stage(convs=[0: Conv(filters=8, kernel={k}), 1: Conv(filters=8)], act='relu')" for k in (3, 5)))
    ('Stage(convs=[Conv(kernel=3, ...), ...], ...)', 'Stage(convs=[Conv(kernel=5, ...), ...], ...)')

    Args:
      literals: the texts of all candidates of a choice.
      leaf: the number of characters of a value without fields.
      whole: that of a candidate with fields; of longer ones, the fields that are not alike in all candidates are shown.
    """
    trees = [read_literal(text) for text in literals]
    return number_equal([write_apart(tree, trees, leaf, whole) for tree in trees], literals)


def number_equal(texts: Sequence[str], literals: Sequence[str]) -> tuple[str, ...]:
    """Returns texts of candidates with ``index/count`` where several have the same, except of the same number or text.

    >>> number_equal(["a", "a", "<f>", "<f>"], ["'a'", "'a'", "<f>", "<f>"])
    ('a', 'a', '2/4 (<f>)', '3/4 (<f>)')
    """
    alike: dict[str, set[str]] = {}
    for text, literal in zip(texts, literals):
        alike.setdefault(text, set()).add(literal)
    counts = Counter(texts)
    return tuple(
        text
        if counts[text] == 1 or (len(alike[text]) == 1 and _is_complete(literal))
        else f"{index}/{len(texts)} ({text})"
        for index, (text, literal) in enumerate(zip(texts, literals))
    )


def _is_complete(literal: str) -> bool:
    """Returns whether candidates with this text are equal: whole text, a number, True, False or None."""
    return bool(_QUOTED.fullmatch(literal) or re.fullmatch(r"[-+\w.]+", literal)) and not literal.endswith(
        "..."
    )


def write_apart(tree: Tree, others: Sequence[Tree], leaf: int = LEAF, whole: int = WHOLE) -> str:
    """Returns the short text of a candidate among all of its choice; see ``shorten_literals``."""
    if not tree.opening:
        return cut(tree.head, leaf, [one.head for one in others if not one.opening])
    others = [one for one in others if (one.head, one.opening) == (tree.head, tree.opening)]
    text = write(tree)
    if len(text) <= whole:
        return text
    texts: dict[Keys, list[str]] = {}
    for one in others:
        for path, value in one.leaves():
            texts.setdefault(path, []).append(value.head + value.opening)
    common = {path for path, found in texts.items() if len(found) == len(others) > 1 and len(set(found)) == 1}
    if common >= {path for path, _ in tree.leaves()}:
        common = set()
    text = write(tree, common, texts, leaf=leaf, room=2 * whole)
    return text if tree.has_kept() or len(text) <= 2 * whole else text[: 2 * whole - 3] + "..."


def write(
    tree: Tree,
    common: Set[Keys] = frozenset(),
    texts: Mapping[Keys, Sequence[str]] | None = None,
    *,
    leaf: int = _READ,
    room: int = 10**9,
    path: Keys = (),
) -> str:
    """Returns a literal as text for a person: lists without the numbers of their items, classes by name.

    Args:
      tree: the literal.
      common: keys of values that are left out, as ``...``.
      texts: by keys, the values of all candidates, so that the part of a long one that differs is shown.
      leaf: the number of characters of a value.
      room: that of all; fields that do not fit are left out.
      path: the keys of ``tree``.
    """
    if not tree.opening:
        return cut(tree.head, leaf, (texts or {}).get(path, ())) if not tree.is_kept else tree.head
    shown: list[tuple[int, str, str, str]] = []
    for place, (key, mark, value) in enumerate(tree.fields):
        at = (*path, key)
        is_kept = value.has_kept()
        if not is_kept and common and common >= {under for under, _ in value.leaves(at)}:
            continue
        text = write(value, common, texts, leaf=leaf, room=room - 4, path=at)
        if len(text) > room and not is_kept and shown:
            break
        room -= len(key) + len(text) + 2
        shown.append((place, key, mark, text))
    is_list = tree.opening == "[" or all(not mark for _, mark, _ in tree.fields)
    is_whole_start = [place for place, *_ in shown] == list(range(len(shown)))
    parts = [
        (text if is_whole_start else f"{key}: {text}") if is_list else f"{key if mark else ''}{mark}{text}"
        for _, key, mark, text in shown
    ]
    if len(shown) < len(tree.fields):
        parts.append("...")
    comma = "," if tree.opening == "(" and not tree.head and len(tree.fields) == 1 == len(shown) else ""
    return f"{cut(tree.head, leaf)}{tree.opening}{', '.join(parts)}{comma}{_CLOSING[tree.opening]}{tree.tail}"


def cut(text: str, width: int, others: Sequence[str] = ()) -> str:
    """Returns at most ``width`` characters of a value: from its start, or from where it differs from the others.

    >>> cut("<class 'torch.nn.ReLU'>", 24), cut("a" * 30, 9), cut("data/images/v1", 12, ["data/images/v2"])
    ('ReLU', 'aaaaaa...', 'data/...s/v1')
    """
    found = _CLASS.fullmatch(text)
    if found:
        text = found[1].rpartition(".")[2]
    if len(text) <= width:
        return text
    low, high = min([text, *others]), max([text, *others])
    same = 0 if low == high else next(i for i in range(len(high)) if low[i : i + 1] != high[i])
    if same <= width - 8:
        return text[: width - 3] + "..."
    half = (width - 3) // 2
    rest = text[min(same - 3, len(text) - half) :]
    rest = rest if len(rest) <= half else rest[: half - 3] + "..."
    return f"{text[: width - 3 - len(rest)]}...{rest}"
