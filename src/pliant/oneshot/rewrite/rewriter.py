"""Rewrites a program with holes into a network with choices, as in section 2.2 of the PyGlove paper.

A hole in place of a module becomes a ``LayerChoice``; a hole at ``chosen`` of a symbolic ``InputChoice`` makes that a
decision; a module with holes in its arguments becomes ``Elastic``.  Each decision keeps its path in the program.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from torch import nn

from pliant.hyper.hole import DerivedHole, Hole, ManyOf, OneOf
from pliant.space import Space
from pliant.space.build import join_ids
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.tree.node import Node, children
from pliant.symbolic.tree.realize import RealizationError, realize
from pliant.values.errors import FieldTypeError, FieldValueError, SpaceError, quote_typed
from pliant.values.path import Path, step_text

from ..choices.choice import InputChoice, LayerChoice
from ..choices.hole_keys import HoleKeys, name_picks
from ..choices.runtime_holes import check_no_holes, explain_runtime_hole
from ..choices.selection import Selection
from ..elastic.lazy import replace_lazy_layers
from ..elastic.module import CommonPart, Elastic, UndecidedAttributeError


@final
@dataclass(frozen=True)
class Place:
    """The path of a value in decisions and in the program; they differ inside tied holes.

    Attributes:
      id: the path of the enclosing candidate in decisions.
      own: the path of the enclosing candidate in the program.
      location: the path below that candidate.
    """

    id: str = ""
    own: str = ""
    location: str = ""

    @property
    def key(self) -> str:
        """The path of a decision here."""
        return join_ids(self.id, self.location)

    @property
    def path(self) -> str:
        """The path in the program, for names and messages."""
        return join_ids(self.own, self.location)

    def below(self, key: Any) -> Place:
        """Returns the place of a child."""
        return Place(self.id, self.own, self.location + step_text(key, first=not self.location))

    def candidate(self, index: int, count: int, *, key: str, path: str) -> Place:
        """Returns the place of a candidate of a hole with the decision ``key`` and its pick at ``path``."""
        return Place(f"{key}[={index}/{count}]", f"{path}[={index}/{count}]")


@final
class Rewriter:
    """Builds the network of one program.

    Args:
      space: the abstract space of the program.
      selection: what all choices of the network read.
      share: whether a choice between modules of one class becomes one elastic module.
      own_statistics: see ``Elastic``.
    """

    def __init__(
        self, space: Space, selection: Selection, *, share: bool = False, own_statistics: bool = False
    ) -> None:
        self.keys, self.selection = HoleKeys(space), selection
        self.share, self.own_statistics = share, own_statistics

    def build(self, value: object, place: Place | None = None) -> nn.Module:
        """Returns the network that a program becomes.

        Args:
          value: a symbolic module, an ordinary module, or a hole in place of a module.
          place: the place of the value; if None, the root.

        Raises:
          FieldTypeError: a value in place of a module is not a module.
        """
        here = Place() if place is None else place
        if isinstance(value, OneOf) and (not self.share or not _same_class(value)):
            return self._build_choice(value, here)[here.path]
        if not isinstance(value, Node):
            if not isinstance(value, nn.Module):
                raise _non_module_error(value, here)
            return replace_lazy_layers(copy.deepcopy(value), here.path)
        if (hole := _find_input_hole(value)) is not None:
            return self._build_input_choice(value, hole, here.below("chosen"))
        try:
            return self._build_module(value, here)
        except UndecidedAttributeError:  # the constructor reads a searched value of a module below
            return self._build_module(value, here, whole=True)

    def _build_choice(self, hole: OneOf | ManyOf, here: Place) -> dict[str, nn.Module]:
        """Returns a choice between modules for each pick of a hole, by path."""
        found: dict[str, nn.Module] = {}
        count = len(hole.candidates)
        for path, key in self._picks(hole, here):
            candidates = [
                self.build(candidate, here.candidate(i, count, key=key, path=path))
                for i, candidate in enumerate(hole.candidates)
            ]
            choice = found[path] = LayerChoice(candidates, key=key or None)
            choice.key = key  # the key of the root is empty
            choice.selection = self.selection
        return found

    def _build_module(self, value: object, here: Place, *, whole: bool = False) -> nn.Module:
        """Returns the network of a symbolic module, or of a hole over modules of one class that share weights."""
        at = here.path
        own: dict[str, str] = {}
        program: Any = clone(value)
        parts = dict(self._replace(value, Path(), here, own=own, whole=whole))
        if own:
            try:
                return Elastic(
                    program,
                    {path[len(at) :].removeprefix("."): key for path, key in own.items()},
                    self.selection,
                    path=at,
                    parts=parts,
                    own_statistics=self.own_statistics,
                )
            except FieldValueError as error:
                for where, candidate in _find_non_modules(value, here):
                    raise FieldValueError(
                        f"{str(error).rstrip('.')}. The candidate {quote_typed(candidate)} at {where!r} is not a "
                        "module, but other candidates of its hole are. Make all of them modules: symbolize their classes with pg.symbolize."
                    ) from error
                raise
        if parts:
            updates = {spot: part.value(lambda module: module) for spot, part in parts.items()}
            program = rebind(program, updates)
        try:
            module = realize(program)
        except RealizationError as error:
            raise error.__cause__ if isinstance(error.__cause__, UndecidedAttributeError) else error from None
        except Exception as error:  # noqa: BLE001  # whatever a user's constructor raises
            raise explain_runtime_hole(error, at) or error from None
        if not isinstance(module, nn.Module):
            raise _non_module_error(value, here)
        check_no_holes(module, at)
        return replace_lazy_layers(module, at)

    def _build_input_choice(self, value: object, hole: OneOf | ManyOf, here: Place) -> InputChoice:
        """Returns the choice of a symbolic ``InputChoice`` with ``hole`` as its ``chosen``, at ``here``."""
        key = self.keys.find(here.key, hole.name)
        picks, distinct = (hole.num_choices, hole.distinct) if isinstance(hole, ManyOf) else (1, True)
        sources = tuple(hole.candidates)
        if list(sources) != sorted(set(sources)) or not (distinct or picks == 1):
            raise SpaceError(
                f"the InputChoice at {key!r} may pick an input twice, or its indices {list(sources)} are not in rising order. "
                "Inputs are joined in their own order: use distinct=True and rising indices."
            )
        fields: dict[str, Any] = {str(name): field for name, field in children(value) or ()}
        choice = InputChoice(**{**fields, "chosen": sources, "key": key})
        choice.choose_among(sources, picks)
        choice.selection = self.selection
        return choice

    def _replace(
        self,
        value: object,
        path: Path,
        here: Place,
        *,
        own: dict[str, str],
        whole: bool = False,
        deep: bool = False,
    ) -> Iterator[tuple[Path, CommonPart]]:
        """Yields the built modules that replace the modules in a program, with their paths.

        Fills ``own`` with the paths and keys of the remaining values to decide.  With ``whole``, symbolic modules below are
        not replaced but become elastic together with this one; with ``deep``, choices between them as well.
        """
        if isinstance(value, DerivedHole):
            for _ in self._replace(value.inner(), path, here, own=own):
                raise FieldTypeError(
                    f"the {type(value).__name__} at {here.path!r} builds modules from modules, which cannot be rewritten. "
                    "Put the hole into the arguments of a symbolized module."
                )
            return
        if isinstance(value, (OneOf, ManyOf)):
            yield from self._replace_hole(value, path, here, own=own, whole=whole, deep=deep)
            return
        if isinstance(value, Hole):
            own[here.path] = self.keys.find(here.key, value.name)
            return
        for key, child in children(value) or ():
            below = here.below(key)
            is_inside = isinstance(child, Node) and (deep or (whole and not isinstance(child, Hole)))
            if _is_module_place(child) and not is_inside:
                yield path + key, self._part(child, below)
            elif (
                isinstance(child, ManyOf)
                and not deep
                and all(map(_is_module_place, child.candidates._sym_values()))
            ):
                yield path + key, CommonPart(self._build_choice(child, below), is_list=True)
            else:
                yield from self._replace(child, path + key, below, own=own, whole=whole, deep=deep)

    def _replace_hole(
        self, value: Any, path: Path, here: Place, *, own: dict[str, str], whole: bool, deep: bool
    ) -> Iterator[tuple[Path, CommonPart]]:
        """Does the same for a hole over values, whose candidates may contain holes and modules.

        All picks of a hole have one place in the program, but the holes in a candidate are decided for each pick; so the
        content of the candidate becomes elastic.
        """
        deep = deep or (isinstance(value, ManyOf) and value.num_choices > 1)
        is_shared = self.share and isinstance(value, OneOf) and _same_class(value)
        whole, count = whole or is_shared, len(value.candidates)
        for at, key in self._picks(value, here):
            own[at] = key
            for i, candidate in enumerate(value.candidates._sym_values()):
                inner = here.candidate(i, count, key=key, path=at)
                spot = path + "candidates" + i
                is_inside = is_shared or (deep and isinstance(candidate, Node)) or isinstance(candidate, Hole)
                if _is_module_place(candidate) and not is_inside:
                    yield spot, self._part(candidate, inner)
                else:
                    yield from self._replace(candidate, spot, inner, own=own, whole=whole, deep=deep)

    def _part(self, value: object, here: Place) -> CommonPart:
        return CommonPart({here.path: self.build(value, here)})

    def _picks(self, hole: OneOf | ManyOf, here: Place) -> Iterator[tuple[str, str]]:
        """Yields the path of each pick of a hole and its decision key."""
        picks = hole.num_choices if isinstance(hole, ManyOf) else 1
        key = self.keys.find(here.key, hole.name)
        return zip(name_picks(here.path, picks), name_picks(key, picks))


def _non_module_error(value: object, here: Place) -> FieldTypeError:
    return FieldTypeError(
        f"a module is expected at {here.path or 'the root'!r}; got {quote_typed(value)}. "
        "Symbolize the classes of candidates with pg.symbolize."
    )


def _find_input_hole(value: object) -> OneOf | ManyOf | None:
    """Returns the hole at ``chosen`` of a symbolic ``InputChoice``; None if there is none over indices."""
    hole = dict(children(value) or ()).get("chosen") if isinstance(value, InputChoice) else None
    if not isinstance(hole, (OneOf, ManyOf)):
        return None
    return hole if all(candidate.__class__ is int for candidate in hole.candidates) else None


def _find_non_modules(value: object, here: Place) -> Iterator[tuple[str, Any]]:
    """Yields the candidates other than modules of holes that also have modules, with their paths."""
    if isinstance(value, (OneOf, ManyOf)):
        odd = [not _is_module_place(candidate) for candidate in value.candidates._sym_values()]
        for i, candidate in enumerate(value.candidates._sym_values()):
            inner = here.candidate(i, len(odd), key=here.key, path=here.path)
            if odd[i] and not all(odd) and not isinstance(candidate, Hole):
                yield inner.path, candidate
            yield from _find_non_modules(candidate, inner)
        return
    for key, child in children(value) or ():
        yield from _find_non_modules(child, here.below(key))


def _is_module_place(value: object) -> bool:
    """Returns whether ``value`` is a module or a hole with only modules as candidates."""
    if isinstance(value, OneOf):
        return all(map(_is_module_place, value.candidates._sym_values()))
    return isinstance(value, nn.Module)


def _same_class(hole: OneOf) -> bool:
    candidates = hole.candidates._sym_values()
    kinds = {type(c) for c in candidates}
    return len(kinds) == 1 and all(isinstance(c, nn.Module) and isinstance(c, Node) for c in candidates)
