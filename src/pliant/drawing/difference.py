"""The difference of two programs as one block: what was added, what was removed, and which arguments changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from .blocks import Block, Chip, Link, Role, Row


def merge(old: Block, new: Block) -> Block:
    """Returns two blocks as one.

    >>> a, b = (Block("Net", "chain", parts=(Block("Linear", texts=("2", text)),)) for text in ("8", "16"))
    >>> [(chip.text, chip.role) for chip in merge(a, b).parts[0].rows[0].chips]
    [('2, 8', 'removed'), ('2, 16', 'added')]

    Args:
      old: of the first program.
      new: of the second program; what is there alone is added.
    """
    if old == new:
        return new
    if not _is_same_kind(old, new):
        return Block("", "stack", parts=(mark(old, "removed"), mark(new, "added")), label=new.label)
    rows, differs = _merge_rows(old, new)
    texts = new.texts if old.texts == new.texts else _find_kept(old, new)
    role: Role = "changed" if differs else "plain"
    same = replace(
        new, texts=texts, rows=rows, role=role, note=f"{old.note}\n→ {new.note}" if differs else new.note
    )
    if new.form == "graph":
        return _merge_graphs(same, old, new)
    form = old.form if new.form == "box" else new.form
    return replace(same, form=form, parts=tuple(_merge_parts(old.parts, new.parts)))


def mark(block: Block, role: Role) -> Block:
    """Returns a block with all blocks inside in a role."""
    links = tuple(replace(link, role=role) for link in block.links)
    return replace(block, role=role, links=links, parts=tuple(mark(part, role) for part in block.parts))


def _is_same_kind(old: Block, new: Block) -> bool:
    forms = {old.form, new.form} - {"box"}
    return old.title == new.title and len(forms) <= 1 and old.is_open == new.is_open


def _merge_rows(old: Block, new: Block) -> tuple[tuple[Row, ...], bool]:
    """Returns the rows of both, and whether an argument differs."""
    rows: list[Row] = []
    if old.texts != new.texts:
        rows += _compare_texts(old, new)
    before, after = ({row.name: row for row in block.rows} for block in (old, new))
    for name in {**before, **after}:
        one, other = before.get(name), after.get(name)
        if one == other and other is not None:
            rows.append(other)
            continue
        chips = [
            replace(c, role="removed")
            for c in (one.chips if one else ())
            if other is None or c not in other.chips
        ]
        if other is not None:
            chips += [
                c if one is not None and c in one.chips else replace(c, role="added") for c in other.chips
            ]
        rows.append(Row(name, tuple(chips), is_open=one.is_open if one else bool(other and other.is_open)))
    return tuple(rows), old.texts != new.texts or old.rows != new.rows


def _read_arguments(block: Block, names: Iterable[str] = ()) -> dict[str, str]:
    """Returns the arguments of a block by name; of those with defaults, the named ones."""
    found = {name: text.removeprefix(f"{name}=") for name, text in zip(block.names, block.texts)}
    more = (text.partition("=") for text in block.defaults)
    return {**found, **{name: text for name, _, text in more if name in names and name not in found}}


def _find_kept(old: Block, new: Block) -> tuple[str, ...]:
    """Returns the arguments that did not change, where their names are known."""
    if not (old.names and new.names):
        return ()
    before = _read_arguments(old, new.names)
    return tuple(
        text for name, text in zip(new.names, new.texts) if before.get(name) == text.removeprefix(f"{name}=")
    )


def _compare_texts(old: Block, new: Block) -> list[Row]:
    """Returns a row for each argument that changed; where names are not known, those without are compared as a whole."""
    if old.names and new.names:
        first, second = _read_arguments(old, new.names), _read_arguments(new, old.names)
        removed: Role = "removed"
        added: Role = "added"
        return [
            Row(
                name,
                tuple(
                    Chip(values[name], role)
                    for values, role in ((first, removed), (second, added))
                    if name in values
                ),
                is_open=False,
            )
            for name in dict.fromkeys((*old.names, *new.names))
            if first.get(name) != second.get(name)
        ]
    rows = []
    plain = [", ".join(text for text in block.texts if "=" not in text) for block in (old, new)]
    first, second = (dict(text.split("=", 1) for text in block.texts if "=" in text) for block in (old, new))
    names = list({**first, **second})
    for values, block in ((first, old), (second, new)):
        more = (text.partition("=") for text in block.defaults)
        values.update((name, text) for name, _, text in more if name in names)
    for name, one, other in [
        ("", *plain),
        *((name, first.get(name, ""), second.get(name, "")) for name in names),
    ]:
        if one == other:
            rows += [Row(name, (Chip(other),), is_open=False)] if other else []
        else:
            chips = [Chip(one, "removed")] * bool(one) + [Chip(other, "added")] * bool(other)
            rows.append(Row(name, tuple(chips), is_open=False))
    return rows


def _merge_parts(old: Sequence[Block], new: Sequence[Block]) -> list[Block]:
    """Returns the parts of both: equal ones once; of those that differ, pairs with one title as changed."""
    found: list[Block] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found += new[c:d]
            continue
        titles = [one.title for one in old[a:b]], [one.title for one in new[c:d]]
        for inner, i, j, k, m in SequenceMatcher(None, *titles, autojunk=False).get_opcodes():
            before, after = old[a + i : a + j], new[c + k : c + m]
            if inner == "equal":
                found += [merge(one, other) for one, other in zip(before, after)]
            else:
                found += [*(mark(one, "removed") for one in before), *(mark(one, "added") for one in after)]
    return found


def _merge_graphs(same: Block, old: Block, new: Block) -> Block:
    """Returns the graphs of both: parts with the same place in the graph are one."""
    parts, where = list(new.parts), {key: place for place, key in enumerate(_number(new))}
    moved: list[int] = []
    kept = set()
    for key, part in zip(_number(old), old.parts):
        if key in where:
            kept.add(where[key])
            moved.append(where[key])
        else:
            moved.append(len(parts))
            parts.append(mark(part, "removed"))
    parts = [
        one if place in kept or place >= len(new.parts) else mark(one, "added")
        for place, one in enumerate(parts)
    ]
    before = {(moved[link.start], moved[link.end]) for link in old.links}
    after = {(link.start, link.end) for link in new.links}
    links = [Link(a, b, "plain" if (a, b) in before else "added") for a, b in sorted(after)]
    links += [Link(a, b, "removed") for a, b in sorted(before - after)]
    return replace(same, parts=tuple(parts), links=tuple(links))


def _number(graph: Block) -> list[str]:
    """Returns for each part what tells it apart from the others: its path, and a number where several share it."""
    counts: Counter[str] = Counter()
    names = []
    for part in graph.parts:
        counts[part.path] += 1
        names.append(f"{part.path} {counts[part.path]}")
    return names
