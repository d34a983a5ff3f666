"""Text for numbers, decisions, programs and the end of a search, in the names and values that the user wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pliant.values.path import Path

if TYPE_CHECKING:
    from pliant.space import Decisions
    from pliant.space.literals import Tree

    from .feedback import Reward
    from .result import Tally

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_LEAF = 24  # characters of a value in a row of a table
_LINE = 60  # characters of a value that has a line of its own
_LISTED = 20  # decisions in the summary of a search, at most

Part = tuple[tuple[Any, ...], str]  # keys that lead to a decision, and what was decided


def say(number: Reward | None) -> str:
    """Returns a number in short; several numbers in brackets; a dash for None.

    >>> say(0.98), say(None), say(123456.5), say((1.0, 2.0))
    ('0.9800', '-', '1.235e+05', '(1.0000, 2.0000)')
    """
    if number is None:
        return "-"
    if isinstance(number, tuple):
        return f"({', '.join(map(say, number))})"
    return f"{number:.4f}" if 1e-3 <= abs(number) < 1e5 or number == 0 else f"{number:.4g}"


def say_count(number: int, noun: str) -> str:
    """Returns a number of things.

    >>> say_count(1, "worker"), say_count(4, "worker")
    ('1 worker', '4 workers')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def say_statuses(counts: Mapping[str, int]) -> str:
    """Returns how many trials of which statuses there are, for a list that shows none of them; nothing without trials.

    >>> say_statuses({"running": 1, "completed": 3, "stopped": 0})
    '4 trials: 1 running, 3 completed'
    """
    found = [f"{count} {status}" for status, count in counts.items() if count]
    return f"{say_count(sum(counts.values()), 'trial')}: {', '.join(found)}" if found else ""


def to_code(program: object) -> str:
    """Returns a program as Python code, without what has its default value."""
    from pliant.symbolic.read.text import format_value

    return format_value(program, hide_default_values=True)


def say_end(
    tally: Tally, total: int | None, seconds: float, *, why: str | None, earlier: int = 0
) -> list[str]:
    """Returns the summary of a search that has ended, as lines.

    ``why`` is why it ended before all its trials, and ``earlier`` is how many of them had ended before it was resumed.
    """
    new = tally.done - earlier
    left = f" of {total}" if total is not None and tally.done < total else ""
    now = "" if not earlier else f", {new} of them" if new else ", none of them new,"
    failed = f", {tally.failed} failed" if tally.failed else ""
    early = f" ({why.rstrip('.')})" if why else ""
    lines = [f"search: {tally.done}{left} trials{now} in {seconds:.1f} s{failed}{early}; {tally.best_text}"]
    if tally.reason is not None:
        lines.append(f"  the last that failed, {tally.reason:.300}")
    if tally.best is not None:
        parts = list_decisions(tally.best[1], _LINE)
        lines += [f"  {name} = {text}" if name else f"  {text}" for name, text in parts[:_LISTED]]
        if len(parts) > _LISTED:
            lines.append(f"  ... and {len(parts) - _LISTED} more decisions")
        lines.append(
            "  read it with .best_program, .best_reward and .best_decisions; all trials with .trials"
        )
    elif tally.front():
        lines.append("  read the Pareto-optimal programs with .front; all trials with .trials")
    return lines


def say_decisions(decisions: Decisions) -> str:
    """Returns decisions as text, such as ``network=Mlp(layers=[64, 32], act=ReLU), lr=0.013``."""
    return ", ".join(f"{name}={text}" if name else text for name, text in list_decisions(decisions))


def list_decisions(decisions: Decisions, leaf: int = _LEAF) -> list[tuple[str, str]]:
    """Returns decisions by name, each as text: names of holes first, then the outermost names of the program.

    A hole that is the whole program has the empty name.  A candidate is shown by its name where that distinguishes it, else
    by its fields; of one that is long, by the fields in which the candidates differ.

    Args:
      decisions: the decisions.
      leaf: the number of characters of a value; a candidate with fields has twice as many.
    """
    points = decisions.space.points
    values = dict(zip(decisions.active, decisions.values))

    def parts(indices: tuple[int, ...], prefix: str) -> list[Part]:
        return [(_keys(points[i].path[len(prefix) :]), say(i)) for i in indices if i in values]

    def say(index: int) -> str:
        point, value = points[index], values[index]
        if not (hasattr(point, "literals") and hasattr(point, "branches")):
            return f"{value:.4g}" if isinstance(value, float) else str(value)
        below = point.branches[int(value)]
        if not below:
            return _short(point.literals, leaf)[int(value)]
        decided = _group(parts(below, f"{point.path}[={value}/{len(point.literals)}]"))
        return _say_filled(point.literals, int(value), decided, leaf)

    top = decisions.space.top
    names = [points[i].name for i in top]
    named = [i for i, name in zip(top, names) if name and names.count(name) == 1 and i in values]
    groups = _group(parts(tuple([i for i in top if i not in named]), ""))
    found = [(str(points[i].name), say(i)) for i in named]
    if isinstance(groups, str):
        return [*found, ("", groups)]
    return found + [(str(key), _nest(inner)) for key, inner in groups.items()]


def _keys(path: str) -> tuple[Any, ...]:
    return Path.parse(path.removeprefix(".")).keys


def _group(parts: list[Part]) -> dict[Any, list[Part]] | str:
    """Returns decisions by their first keys, or the text of the only one, which has no key."""
    groups: dict[Any, list[Part]] = {}
    for keys, text in parts:
        if not keys:
            return text
        groups.setdefault(keys[0], []).append((keys[1:], text))
    return groups


def _nest(parts: list[Part]) -> str:
    """Returns decisions as text: a list for numbered keys, a bracket with names for others, else the only one as it is."""
    groups = _group(parts)
    if isinstance(groups, str):
        return groups
    texts = {key: _nest(inner) for key, inner in groups.items()}
    if not all(isinstance(key, int) for key in texts):
        return f"({', '.join(f'{key}={text}' for key, text in texts.items())})"
    is_whole = list(texts) == list(range(len(texts)))
    return f"[{', '.join(text if is_whole else f'{key}: {text}' for key, text in texts.items())}]"


def _say_filled(
    literals: tuple[str, ...], index: int, decided: dict[Any, list[Part]] | str, leaf: int
) -> str:
    """Returns the text of a candidate with what was decided in it.

    >>> _say_filled(("{kind='mlp', width=OneOf(candidates=[0: 32, 1: 64])}", "None"), 0, {"width": [((), "64")]}, 24)
    "{kind='mlp', width=64}"
    """
    from pliant.space.literals import HOLES, keep_decided, read_literal, write, write_apart

    if isinstance(decided, str):  # a hole in a hole
        return decided
    trees = [read_literal(text) for text in literals]
    tree = trees[index]
    if tree.head in HOLES:
        return _nest([((key, *keys), text) for key, parts in decided.items() for keys, text in parts])
    filled = _fill(tree, decided)
    if tree.head and [one.head for one in trees].count(tree.head) == 1:
        filled = keep_decided(filled)
        return write(filled, {path for path, value in filled.leaves() if not value.is_kept})
    trees[index] = filled
    return write_apart(filled, trees, leaf, 2 * leaf)


def _fill(tree: Tree, decided: dict[Any, list[Part]]) -> Tree:
    """Returns the literal of a candidate with what was decided in place of its holes."""
    from pliant.space.literals import HOLES, Tree

    left = {str(key): parts for key, parts in decided.items()}
    fields = []
    for key, mark, value in tree.fields:
        if (parts := left.pop(key, None)) is not None:
            groups = _group(parts)
            if isinstance(groups, str) or not value.fields or value.head in HOLES:
                value = Tree(_nest(parts), is_kept=True)
            else:
                value = _fill(value, groups)
        fields.append((key, mark, value))
    for key, parts in left.items():  # of a text that was cut
        fields.append(
            (key, "=" if tree.head or tree.opening == "{" else "", Tree(_nest(parts), is_kept=True))
        )
    return replace(tree, opening=tree.opening or "(", fields=tuple(fields))


def _short(literals: tuple[str, ...], leaf: int) -> Sequence[str]:
    """Returns candidates by their names where these distinguish them, else by their fields."""
    from pliant.space.literals import shorten_literals

    names = [_name(text, leaf) for text in literals]
    if all(names) and len(set(names)) == len(names):
        return names
    texts = shorten_literals(literals, leaf, 2 * leaf)
    plain = [text[1:-1] if _QUOTED.fullmatch(text) else text for text in texts]
    return plain if len(set(plain)) == len(set(texts)) else texts


def _name(text: str, leaf: int = _LEAF) -> str:
    """Returns what stands before the bracket; nothing for holes and containers, which their content tells.

    >>> _name("Conv(filters=8)"), _name("<class 'torch.nn.ReLU'>"), _name("[0: 1, 1: 2]"), _name("'same'")
    ('Conv', 'ReLU', '', 'same')
    """
    from pliant.space.literals import HOLES, cut, read_literal

    if _QUOTED.fullmatch(text):
        return cut(text[1:-1], leaf)
    head = read_literal(text).head
    return "" if head in HOLES else cut(head, leaf)
