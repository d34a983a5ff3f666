"""Numbers, trials and programs as text.  A trial's program is told from its decisions alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pliant.study import Trial

_KEY = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_CLASS = re.compile(r"<(?:class|function) '?([\w.<>]+)'?.*>")
_WIDTH = 24  # of a candidate's own text

Part = tuple[tuple[str | int, ...], str]  # keys that lead to a decision, and what was decided


def say(number: float | None) -> str:
    """Returns a number in short.

    >>> say(0.98), say(None), say(123456.5)
    ('0.9800', '-', '1.235e+05')
    """
    if number is None:
        return "-"
    return f"{number:.4f}" if 1e-3 <= abs(number) < 1e5 or number == 0 else f"{number:.4g}"


def say_rewards(trial: Trial) -> str:
    """Returns the reward of a trial in short; several in a bracket; a dash for none."""
    if trial.rewards is None:
        return say(trial.reward)
    return f"({', '.join(map(say, trial.rewards))})"


def say_count(number: int, noun: str) -> str:
    """Returns a number of things.

    >>> say_count(1, "worker"), say_count(4, "worker")
    ('1 worker', '4 workers')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def to_code(program: Any) -> str:
    """Returns a program as Python code, without what has its default value."""
    from pliant.symbolic.read.text import format_value

    return format_value(program, hide_default_values=True)


def summarize(trial: Trial) -> str:
    """Returns the decisions of a trial as text, such as ``network=Mlp([64, 32], ReLU), lr=0.013``."""
    decisions = trial.decisions
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
        head = _name(point.literals[int(value)])
        inner = _nest(parts(below, f"{point.path}[={value}/{len(point.literals)}]"))
        return f"{head}({inner})" if head and not inner.startswith("(") else head + inner

    return _nest(parts(decisions.space.top, ""), named=True)


def _keys(path: str) -> tuple[str | int, ...]:
    return tuple(int(number) if number else name for number, name in _KEY.findall(path))


def _nest(parts: list[Part], *, named: bool = False) -> str:
    """Returns decisions as text: a list for numbered keys, a bracket for named ones, else the only one as it is."""
    groups: dict[str | int, list[Part]] = {}
    for keys, text in parts:
        if not keys:
            return text
        groups.setdefault(keys[0], []).append((keys[1:], text))
    texts = {key: _nest(inner) for key, inner in groups.items()}
    if named:
        return ", ".join(f"{key}={text}" for key, text in texts.items())
    ends = "[]" if all(isinstance(key, int) for key in texts) else "()"
    return ends[0] + ", ".join(texts.values()) + ends[1]


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
