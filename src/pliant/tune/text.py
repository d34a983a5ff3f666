"""Text for numbers, decisions, programs and the end of a search, in the names and values that the user wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pliant.space import Decisions

    from .feedback import Reward
    from .result import Tally

_KEY = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_BRACKETS = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]")  # without brackets inside
_CLASS = re.compile(r"<(?:class|function) '?([\w.<>]+)'?.*>")
_WIDTH = 24  # of a candidate's own text
_LISTED = 20  # decisions in the summary of a search, at most

Part = tuple[tuple[str | int, ...], str]  # keys that lead to a decision, and what was decided


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
        parts = list_decisions(tally.best[1])
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
    """Returns decisions as text, such as ``network=Mlp([64, 32], ReLU), lr=0.013``."""
    return ", ".join(f"{name}={text}" if name else text for name, text in list_decisions(decisions))


def list_decisions(decisions: Decisions) -> list[tuple[str, str]]:
    """Returns decisions by name, each as text: names of holes first, then the outermost names of the program.

    A hole that is the whole program has the empty name.
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
            return _short(point.literals)[int(value)]
        literal = point.literals[int(value)]
        found = parts(below, f"{point.path}[={value}/{len(point.literals)}]")
        head, inner = _name(literal), _nest(found)
        alike = [one for one, branch in zip(point.literals, point.branches) if branch and _name(one) == head]
        if literal[0] in "{[(" or (head and len(alike) > 1):
            return _fill(literal, _group(found))
        return f"{head}({inner})" if head and not inner.startswith("(") else head + inner

    top = decisions.space.top
    names = [points[i].name for i in top]
    named = [i for i, name in zip(top, names) if name and names.count(name) == 1 and i in values]
    groups = _group(parts(tuple([i for i in top if i not in named]), ""))
    found = [(str(points[i].name), say(i)) for i in named]
    if isinstance(groups, str):
        return [*found, ("", groups)]
    return found + [(str(key), _nest(inner)) for key, inner in groups.items()]


def _keys(path: str) -> tuple[str | int, ...]:
    return tuple(int(number) if number else name for number, name in _KEY.findall(path))


def _group(parts: list[Part]) -> dict[str | int, list[Part]] | str:
    """Returns decisions by their first keys, or the text of the only one, which has no key."""
    groups: dict[str | int, list[Part]] = {}
    for keys, text in parts:
        if not keys:
            return text
        groups.setdefault(keys[0], []).append((keys[1:], text))
    return groups


def _nest(parts: list[Part]) -> str:
    """Returns decisions as text: a list for numbered keys, a bracket for named ones, else the only one as it is."""
    groups = _group(parts)
    if isinstance(groups, str):
        return groups
    texts = {key: _nest(inner) for key, inner in groups.items()}
    ends = "[]" if all(isinstance(key, int) for key in texts) else "()"
    return ends[0] + ", ".join(texts.values()) + ends[1]


def _fill(literal: str, decided: dict[str | int, list[Part]] | str) -> str:
    """Returns the text of a candidate with what was decided in it; other text with brackets is ``...``.

    >>> _fill("{kind='mlp', width=OneOf(candidates=[0: 32, 1: 64])}", {"width": [((), "64")]})
    "{kind='mlp', width=64}"
    """
    head, opening, text = re.split(r"([(\[{])", literal, maxsplit=1)
    closing = ")]}"["([{".index(opening)]
    text = _QUOTED.sub(lambda found: "..." if re.search(r"[][(){}=,:]", found[0]) else found[0], text)
    text = text.removesuffix(closing)
    while text != (text := _BRACKETS.sub("...", text)):
        pass
    whole = re.split(r"[(\[{]", text, maxsplit=1)[0].split(", ") if text else []
    fields = {}
    for place, part in enumerate(whole if literal.endswith(closing) else whole[:-1]):  # a long one is cut
        key, is_named, value = part.partition(": " if opening == "[" else "=")
        fields[key if is_named else str(place)] = value if is_named else part
    if not isinstance(decided, str):
        fields |= {str(key): _nest(parts) for key, parts in decided.items()}
    is_list = not head and opening != "{"
    texts = [text if is_list else f"{key}={text}" for key, text in fields.items()]
    return f"{_cut(head)}{opening}{', '.join(texts)}{closing}"


def _short(literals: tuple[str, ...]) -> list[str]:
    """Returns candidates by their names where these tell them apart, else by the start of their text."""
    names = [_name(text) for text in literals]
    return names if all(names) and len(set(names)) == len(names) else [_cut(text) for text in literals]


def _name(text: str) -> str:
    """Returns what stands before the bracket; nothing for holes and containers, which their content tells.

    >>> _name("Conv(filters=8)"), _name("<class 'torch.nn.ReLU'>"), _name("[0: 1, 1: 2]"), _name("'same'")
    ('Conv', 'ReLU', '', 'same')
    """
    found = _CLASS.fullmatch(text)
    if found:
        return found[1].rpartition(".")[2]
    if text[:1] in ("'", '"'):
        return _cut(text[1:-1])
    head = re.split(r"[(\[{]", text, maxsplit=1)[0]
    return "" if head in ("OneOf", "ManyOf", "Floatv", "Intv") else _cut(head)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
