"""Reads a program as blocks: chains, branches, choices, graphs; realizes nothing, and needs no other library.

Symbolic objects are read by their fields.  Modules of PyTorch that are not symbolic are read by their children.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, final

from pliant.hyper.hole import Floatv, Hole, Intv, ManyOf, OneOf
from pliant.symbolic.read.compare import node_class
from pliant.symbolic.read.text import fields, one_line
from pliant.symbolic.tree.node import ATOMS, Node, children, is_dataclass
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Path
from pliant.values.signature import read_signature
from pliant.values.text import to_printable

from .blocks import Block, Chip, Form, Row
from .chosen import Choice, Place
from .graphs import Op, read_graphs

_VALUE, _CHIP, _NOTE = 42, 30, 600  # the longest value, candidate and note, in characters
_CHIPS = 16  # candidates that are shown in a row; of more, the first and the chosen ones
_SQUARE, _COMMA = re.compile(r"\(([^(),]+), \1\)"), re.compile(r", (?![^()]*\))")
_WORD = re.compile(r"[\w.-]*[A-Za-z][\w.-]*", re.ASCII)
_CHAINS = ("sequential", "pipeline", "compose", "chain", "stack")
_SIDES = ("parallel", "branch", "concat", "union", "columntransformer", "inception", "voting", "stacking")
_BYPASSES = ("residual", "basicblock", "bottleneck", "skipconnection")
_SHORTCUTS = ("shortcut", "downsample", "skip")


def read_program(program: Any, choices: Mapping[Place, Choice] | None = None) -> Block:
    """Returns a program as a block.

    >>> import pliant as pg
    >>> read_program(pg.Dict(width=pg.oneof([8, 16]), depth=2)).rows[0].chips
    (Chip(text='8', role='plain'), Chip(text='16', role='plain'))

    Args:
      program: any value; a program with holes shows their candidates.
      choices: what was decided, by path; the other candidates are dim.
    """
    return _Reader(choices).read(program, ())


@final
class _Reader:
    """One reading of a program."""

    def __init__(self, choices: Mapping[Place, Choice] | None) -> None:
        self.choices = choices

    # ------------------------------------------------------------------ values

    def read(self, value: Any, at: Place, label: str = "") -> Block:
        """Returns a value as a block."""
        if isinstance(value, Hole):
            block = self.read_hole(value, at)
        elif isinstance(value, Node) and not isinstance(value, (list, dict)):
            block = self.read_object(value, at)
        elif is_module(value):
            block = self.read_module(value, at)
        elif children(value) is not None:
            block = self.read_container(value, at)
        else:
            block = Block(say(value, _VALUE))
        return replace(block, label=label or block.label, path=str(Path(at)))

    def read_object(self, value: Any, at: Place) -> Block:
        """Returns a symbolic object: its class, its arguments, and the blocks that are among them."""
        name, required = node_class(value).__name__, find_required(value)
        note = f"{name}({', '.join(f'{k}={one_line(v, max_length=120)}' for k, v in fields(value))})"[:_NOTE]
        graphs = read_graphs(value, self.read_op)
        given = [(k, v) for k, v in fields(value, hide_default_values=True) if not (graphs and is_deep(v))]
        keys: list[str] = []
        texts: list[str] = []
        rows: list[Row] = []
        parts: list[tuple[str, Any, Place]] = []
        for key, item in given:
            place = (*at, key)
            if is_structure(item):
                parts.append((str(key), item, place))
            elif has_hole(item):
                rows += self.read_rows(item, place, str(key))
            else:
                keys.append(key)
                texts.append(f"{key}={say(item, _VALUE)}")
        if not rows:
            texts = [
                text.removeprefix(f"{key}=") if key in required else text for key, text in zip(keys, texts)
            ]
        shown = {key for key, _ in given}
        defaults = tuple(
            f"{k}={say(v, _VALUE)}" for k, v in fields(value) if k not in shown and not is_structure(v)
        )
        block = Block(
            name, texts=tuple(texts), rows=tuple(rows), note=note, defaults=defaults, names=tuple(keys)
        )
        if graphs:
            inner = [self.read(*part[1:], part[0]) for part in parts]
            if not inner and len(graphs) == 1 and graphs[0].title.lower() == name.lower():
                return replace(block, form="graph", parts=graphs[0].parts, links=graphs[0].links)
            return replace(block, form="side", parts=(*inner, *graphs))
        return self.arrange(block, parts, is_model=hasattr(type(value), "forward"))

    def arrange(self, block: Block, parts: list[tuple[str, Any, Place]], *, is_model: bool) -> Block:
        """Returns a block with parts inside, arranged as its class name and the arguments suggest."""
        low = block.title.lower()
        read: list[Block] = []
        for name, item, place in parts:
            listed = isinstance(item, (list, tuple)) and not isinstance(item, str)
            if listed and len(parts) == 1:
                read += [self.read_item(child, (*place, key)) for key, child in children(item) or ()]
            else:
                read.append(self.read(item, place, name))
        if not read:
            return block
        if any(word in low for word in _BYPASSES):
            return to_bypass(block, read)
        alone = len(parts) == 1
        named = alone and parts[0][0] in ("branches", "estimators", "transformers", "transformer_list")
        if named or any(word in low for word in _SIDES):
            form: Form = "side"
        elif is_model or (alone and isinstance(parts[0][1], (list, tuple))):
            form = "chain"
        else:
            form = "chain" if any(word in low for word in _CHAINS) else "stack"
        if form == "chain":
            read = [inner for one in read for inner in (one.parts if is_plain_list(one) else (one,))]
        return replace(block, form=form, parts=tuple(read))

    def read_item(self, value: Any, at: Place) -> Block:
        """Returns an item of a list; a tuple of a name and a program, as in scikit-learn, is a labelled program."""
        if isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[0], str):
            block = self.read(value[1], (*at, 1), value[0])
            more = (f"columns={say(value[2], _VALUE)}",) if len(value) == 3 else ()
            return replace(block, texts=(*block.texts, *more))
        return self.read(value, at)

    def read_container(self, value: Any, at: Place) -> Block:
        """Returns a list, dict, tuple or dataclass."""
        items = children(value) or []
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            if not is_structure(value):
                return Block(
                    f"{len(items)} items", rows=tuple(self.read_rows(value, at, "")), note=say(value, _NOTE)
                )
            parts = tuple(self.read_item(item, (*at, key)) for key, item in items)
            return Block("", "chain", parts=parts)
        texts: list[str] = []
        rows: list[Row] = []
        inner: list[Block] = []
        for key, item in items:
            place = (*at, key)
            if is_structure(item):
                inner.append(self.read(item, place, str(key)))
            elif has_hole(item):
                rows += self.read_rows(item, place, str(key))
            else:
                texts.append(f"{key}={say(item, _VALUE)}")
        title = type(value).__name__ if is_dataclass(value) or hasattr(value, "_fields") else "Dict"
        form: Form = "stack" if inner else "box"
        return Block(title, form, "", tuple(texts), tuple(rows), tuple(inner), note=say(value, _NOTE))

    def read_module(self, value: Any, at: Place) -> Block:
        """Returns a module of PyTorch that is not symbolic: its children in the order of definition."""
        name, texts = type(value).__name__, read_arguments(value)
        inner = [(key, child) for key, child in value._modules.items() if child is not None]
        listed = all(key.isdecimal() for key, _ in inner)
        parts = [self.read(child, (*at, key), "" if listed else key) for key, child in inner]
        block = Block(name, texts=texts, note=f"{name}({', '.join(texts)})"[:_NOTE])
        if not parts:
            return block
        low = name.lower()
        if any(word in low for word in _BYPASSES):
            return to_bypass(block, parts)
        form: Form = "side" if any(word in low for word in _SIDES) or name == "ModuleDict" else "chain"
        return replace(block, form=form, parts=tuple(parts))

    # ------------------------------------------------------------------ holes

    def read_rows(self, value: Any, at: Place, name: str) -> Iterator[Row]:
        """Yields a row for each hole in a value without programs."""
        if isinstance(value, Hole):
            own = to_printable(value.name) if value.name else name
            own = own if own == name or not name else f"{name} = {own}"
            count = f"{value.num_choices} of" if isinstance(value, ManyOf) else ""
            yield Row(
                ": ".join(filter(None, (own, count))), self.read_chips(value, at), hole=self.key(value, at)
            )
            return
        for key, item in children(value) or ():
            if has_hole(item):
                yield from self.read_rows(
                    item, (*at, key), f"{name}[{key}]" if isinstance(key, int) else f"{name}.{key}"
                )

    def read_chips(
        self, hole: Any, at: Place, write: Callable[[Any], str] = lambda value: say_plain(value, _CHIP)
    ) -> tuple[Chip, ...]:
        """Returns the candidates of a hole, or its range and the number that was chosen."""
        choice = self.choice(at)
        if isinstance(hole, (OneOf, ManyOf)):
            picks = None if choice is None else choice.picks
            chips = [Chip(write(one), self.role(i, picks)) for i, one in enumerate(hole.candidates)]
            if len(chips) > _CHIPS:
                kept = [c for i, c in enumerate(chips) if i < _CHIPS or c.role == "lit"]
                chips = [*kept, Chip(f"{len(chips) - len(kept)} more", "plain" if picks is None else "dim")]
            return tuple(chips)
        if isinstance(hole, (Floatv, Intv)):
            scale = "" if hole.scale == "linear" else f" ({hole.scale})"
            text = f"{say(hole.min_value, 20)} … {say(hole.max_value, 20)}{scale}"
        else:
            text = one_line(hole, max_length=_VALUE)
        if self.choices is None:
            return (Chip(text),)
        if choice is None:
            return (Chip(text, "dim"),)
        value = f"{choice.value:.4g}" if isinstance(choice.value, float) else say_plain(choice.value, _CHIP)
        return Chip(text, "dim"), Chip(value, "lit")

    def key(self, hole: Any, at: Place) -> str:
        """Returns what tells a hole apart that is to be decided: its name, or its place; empty once decisions are drawn."""
        if self.choices is not None:
            return ""
        return f"named {hole.name}" if hole.name else str(Path(at))

    def read_hole(self, hole: Any, at: Place) -> Block:
        """Returns a hole at the place of a program, and which decision it is."""
        return replace(self.read_open(hole, at), hole=self.key(hole, at))

    def read_open(self, hole: Any, at: Place) -> Block:
        """Returns a hole: its candidates in a row, or as blocks if they are large."""
        name = to_printable(hole.name) if hole.name else ""
        note = one_line(hole, max_length=_NOTE)
        if not isinstance(hole, (OneOf, ManyOf)):
            return Block(
                name or type(hole).__name__.lower(),
                rows=(Row("", self.read_chips(hole, at)),),
                is_open=True,
                note=note,
            )
        candidates = list(hole.candidates)
        title = name or (
            f"one of {len(candidates)}"
            if isinstance(hole, OneOf)
            else f"{hole.num_choices} of {len(candidates)}"
        )
        small = all(len(say(one, _CHIP + 1)) <= _CHIP and not has_hole(one) for one in candidates)
        if small:
            return Block(title, rows=(Row("", self.read_chips(hole, at)),), is_open=True, note=note)
        parts = tuple(self.read_candidates(hole, at))
        return Block(title, "choice", parts=parts, is_open=True, note=note)

    def read_candidates(self, hole: Any, at: Place) -> Iterator[Block]:
        """Yields the candidates of a hole as blocks; of several picks first these, in order, and then what was not picked."""
        choice = self.choice(at)
        picks = () if choice is None else choice.picks
        is_several = isinstance(hole, ManyOf) and choice is not None
        for place, index in enumerate(picks if is_several else ()):
            block = self.read_item(hole.candidates[index], (*at, "picks", place))
            yield replace(block, role="lit", label=str(place + 1))
        for index, one in enumerate(hole.candidates):
            if is_several and index in picks:
                continue
            block = self.read_item(one, (*at, "candidates", index))
            role = self.role(index, None if choice is None else picks)
            yield dim(block) if role == "dim" else replace(block, role=role)

    def read_op(self, value: Any, at: Place) -> Op:
        """Returns the operation of an edge: its name, or its candidates."""
        if isinstance(value, Hole):
            return Op("", self.read_chips(value, at, name_of), is_open=True)
        return Op(name_of(value))

    def choice(self, at: Place) -> Choice | None:
        """Returns what was decided at a place; None if nothing was."""
        return None if self.choices is None else self.choices.get(at)

    def role(self, index: int, picks: tuple[int, ...] | None) -> Any:
        """Returns the role of a candidate."""
        if picks is None:
            return "plain" if self.choices is None else "dim"
        return "lit" if index in picks else "dim"


# ---------------------------------------------------------------------- what a value is


def is_module(value: Any) -> bool:
    """Returns whether a value is a module of PyTorch that is not symbolic."""
    return (
        not isinstance(value, (Node, type))
        and hasattr(type(value), "extra_repr")
        and isinstance(getattr(value, "_modules", None), dict)
    )


def is_plain_list(block: Block) -> bool:
    """Returns whether a block is a list without a title or arguments."""
    return block.form == "chain" and not (block.title or block.texts or block.rows or block.is_open)


def find_required(value: Any) -> set[str]:
    """Returns the names of the fields of an object that have no default."""
    known = getattr(type(value), "_sym_fields", {})
    return {name for name, field in known.items() if field.value_spec.default is MISSING_VALUE}


def read_arguments(module: Any) -> tuple[str, ...]:
    """Returns what a module of PyTorch says about its arguments, without those that have their default."""
    try:
        text = to_printable(module.extra_repr())
        defaults = {p.name: str(p.default) for p in read_signature(type(module)).parameters.values()}
    except Exception:  # noqa: BLE001 - the module's own methods
        return ()
    text = _SQUARE.sub(r"\1", text)  # (3, 3) is 3
    parts = [part.partition("=") for part in _COMMA.split(text) if part]
    return tuple("".join(part)[:_VALUE] for part in parts if defaults.get(part[0]) != part[2])


def is_structure(value: Any) -> bool:
    """Returns whether a value is drawn as a block: a program, or a container or a choice of programs."""
    if value.__class__ in ATOMS:
        return False
    if isinstance(value, (OneOf, ManyOf)):
        return any(is_structure(one) for one in value.candidates)
    if isinstance(value, Hole):
        return False
    if is_module(value) or (isinstance(value, Node) and not isinstance(value, (list, dict))):
        return True
    if isinstance(value, dict) and isinstance(value, Node) and len(value):
        return any(is_structure(one) or has_hole(one) for _, one in children(value) or ())
    return any(is_structure(one) for _, one in children(value) or ())


def is_deep(value: Any) -> bool:
    """Returns whether a value is a container or a program, which a graph shows in its own way."""
    return value.__class__ not in ATOMS and children(value) is not None and not isinstance(value, Hole)


def has_hole(value: Any) -> bool:
    """Returns whether a value is a hole, or has one in it."""
    if value.__class__ in ATOMS:
        return False
    return isinstance(value, Hole) or any(has_hole(one) for _, one in children(value) or ())


def say(value: Any, limit: int) -> str:
    """Returns a value on one line, without arguments that have their default."""
    if isinstance(value, Node) and not isinstance(value, (list, dict, Hole)):
        inner = []
        required = find_required(value)
        for key, one in fields(value, hide_default_values=True):
            inner.append(say(one, limit) if key in required else f"{key}={say(one, limit)}")
        text = f"{node_class(value).__name__}({', '.join(inner)})".removesuffix("()")
    else:
        text = one_line(value, max_length=max(limit, 8))
    text = to_printable(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def say_plain(value: Any, limit: int) -> str:
    """Returns a value on one line; a text without quotes where it is a plain word."""
    return (
        value
        if isinstance(value, str) and len(value) <= limit and _WORD.fullmatch(value)
        else say(value, limit)
    )


def name_of(value: Any) -> str:
    """Returns the name of an operation: a text, the field ``name`` of an object, or else the object on one line."""
    if isinstance(value, Node) and not isinstance(value, (list, dict)):
        named = value._sym_child("name") if "name" in value._sym_keys() else value
        value = named if isinstance(named, str) else value
    return to_printable(value)[:_CHIP] if isinstance(value, str) else say(value, _CHIP)


def dim(block: Block) -> Block:
    """Returns a block that was not chosen: everything in it is dim."""
    rows = tuple(replace(row, chips=tuple(replace(c, role="dim") for c in row.chips)) for row in block.rows)
    links = tuple(replace(link, role="dim") for link in block.links)
    return replace(block, role="dim", rows=rows, links=links, parts=tuple(map(dim, block.parts)))


def to_bypass(block: Block, parts: list[Block]) -> Block:
    """Returns a block whose input is added to its output, through a shortcut if it has one."""
    main = [one for one in parts if one.label not in _SHORTCUTS]
    more = [one for one in parts if one.label in _SHORTCUTS]
    if not main:
        return replace(block, form="chain", parts=tuple(parts))
    inner = main[0] if len(main) == 1 and main[0].title == "" and not more else None
    chain = inner.parts if inner is not None else tuple(main)
    return replace(block, form="bypass", parts=(*chain, *more[:1]), has_bypass_part=bool(more))
