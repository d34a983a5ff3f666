"""From a program with holes to a network with choices: the rewrite of the PyGlove paper's section 2.2.

A hole at a module's place becomes a ``LayerChoice``, and holes in a module's arguments make it ``Elastic``.  Every
decision keeps the path that it has in the program.  What is decided, and how, is not known here.
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
from pliant.values.errors import FieldTypeError, FieldValueError
from pliant.values.path import Path, step_text

from ..choices.choice import InputChoice, LayerChoice
from ..choices.hole_keys import HoleKeys, name_picks
from ..choices.runtime_holes import check_no_holes, explain_runtime_hole
from ..choices.selection import Selection
from ..elastic.lazy import replace_lazy_layers
from ..elastic.module import CommonPart, Elastic, UndecidedAttributeError
from .inputs import find_input_hole, open_inputs


@final
@dataclass(frozen=True)
class Place:
    """Where something stands: as decisions have it, and in the program; tied holes are decided elsewhere.

    Attributes:
      id: the path of the enclosing candidate, as decisions have it.
      own: the path of the enclosing candidate in the program, which no other place has.
      location: where it stands in that candidate.
    """

    id: str = ""
    own: str = ""
    location: str = ""

    @property
    def key(self) -> str:
        """Under which path it would be decided."""
        return join_ids(self.id, self.location)

    @property
    def path(self) -> str:
        """The path of the place, for names and messages."""
        return join_ids(self.own, self.location)

    def below(self, key: Any) -> Place:
        """Returns the place of a child."""
        return Place(self.id, self.own, self.location + step_text(key, first=not self.location))

    def candidate(self, index: int, count: int, *, key: str, path: str) -> Place:
        """Returns the place of a candidate of a hole here that is decided under ``key``, of a pick at ``path``."""
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

    def build(self, value: Any, place: Place | None = None) -> nn.Module:
        """Returns the network that a program becomes.

        Args:
          value: a symbolic module, an ordinary one, or a hole at a module's place.
          place: where it stands; the root when None.

        Raises:
          FieldTypeError: what stands at a module's place is none.
        """
        here = Place() if place is None else place
        if isinstance(value, OneOf) and (not self.share or not _same_class(value)):
            return self._build_choice(value, here)[here.path]
        if not isinstance(value, Node):
            if not isinstance(value, nn.Module):
                raise _no_module(value, here)
            return replace_lazy_layers(copy.deepcopy(value), here.path)
        if (hole := find_input_hole(value)) is not None:
            return self._inputs(value, hole, here.below("chosen"))
        try:
            return self._make(value, here)
        except (
            UndecidedAttributeError
        ):  # its constructor reads what is searched in a module below: they come in sizes together
            return self._make(value, here, whole=True)

    def _build_choice(self, hole: Any, here: Place) -> dict[str, nn.Module]:
        """Returns a choice between modules for each pick of a hole, by path."""
        found: dict[str, nn.Module] = {}
        count = len(hole.candidates)
        for path, key in self._picks(hole, here):
            candidates = [
                self.build(candidate, here.candidate(i, count, key=key, path=path))
                for i, candidate in enumerate(hole.candidates)
            ]
            choice = found[path] = LayerChoice(candidates, key=key or None)
            choice.key = key  # that of the root has no letters
            choice.selection = self.selection
        return found

    def _make(self, value: Any, here: Place, *, whole: bool = False) -> nn.Module:
        """Returns the network that a symbolic module, or a hole over the sizes of one, becomes."""
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
                for where, candidate in _find_odd(value, here):
                    raise FieldValueError(
                        f"{str(error).rstrip('.')}. The candidate {candidate!r:.80} of type {type(candidate).__name__} at {where!r} stands beside "
                        "modules. Candidates at a module's place are modules: symbolize their classes with pg.symbolize."
                    ) from error
                raise
        if parts:
            program = rebind(
                program, {spot: part.value(lambda module: module) for spot, part in parts.items()}
            )
        try:
            module = realize(program)
        except RealizationError as error:
            raise error.__cause__ if isinstance(error.__cause__, UndecidedAttributeError) else error from None
        except Exception as error:  # noqa: BLE001  # whatever a user's constructor raises
            raise explain_runtime_hole(error, at) or error from None
        if not isinstance(module, nn.Module):
            raise _no_module(value, here)
        check_no_holes(module, at)
        return replace_lazy_layers(module, at)

    def _inputs(self, value: Any, hole: Any, here: Place) -> InputChoice:
        """Returns the choice that a symbolic ``InputChoice`` becomes, whose hole ``chosen`` is at ``here``."""
        choice = open_inputs(value, hole, self.keys.find(here.key, hole.name))
        choice.selection = self.selection
        return choice

    def _replace(
        self,
        value: Any,
        path: Path,
        here: Place,
        *,
        own: dict[str, str],
        whole: bool = False,
        deep: bool = False,
    ) -> Iterator[tuple[Path, CommonPart]]:
        """Yields what to put where in a module's program: built modules, by name, in place of modules below it.

        Fills ``own`` with the paths of the values that are left to decide, and their keys.  With ``whole``, symbolic
        modules below are no parts of their own: they come in sizes together with what holds them.  With ``deep``, neither
        are choices between such.
        """
        if isinstance(value, DerivedHole):
            for _ in self._replace(value.inner(), path, here, own=own):
                raise FieldTypeError(
                    f"the {type(value).__name__} at {here.path!r} makes modules of modules, which cannot be rewritten. "
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
            elif isinstance(child, ManyOf) and not deep and all(map(_is_module_place, child.candidates)):
                yield path + key, CommonPart(self._build_choice(child, below), is_list=True)
            else:
                yield from self._replace(child, path + key, below, own=own, whole=whole, deep=deep)

    def _replace_hole(
        self, value: Any, path: Path, here: Place, *, own: dict[str, str], whole: bool, deep: bool
    ) -> Iterator[tuple[Path, CommonPart]]:
        """Does the same for a hole among the values: the candidates may hold values and modules of their own.

        The picks of one hole stand at one place of the program, and what is in a candidate is decided for each pick; so
        what is in it comes in sizes.
        """
        deep = deep or (isinstance(value, ManyOf) and value.num_choices > 1)
        is_shared = self.share and isinstance(value, OneOf) and _same_class(value)
        count = len(value.candidates)
        for at, key in self._picks(value, here):
            own[at] = key
            for i, candidate in enumerate(value.candidates):
                inner = here.candidate(i, count, key=key, path=at)
                spot = path + "candidates" + i
                is_inside = is_shared or (deep and isinstance(candidate, Node)) or isinstance(candidate, Hole)
                if _is_module_place(candidate) and not is_inside:
                    yield spot, self._part(candidate, inner)
                else:
                    inside = self._replace(
                        candidate, spot, inner, own=own, whole=whole or is_shared, deep=deep
                    )
                    yield from inside

    def _part(self, value: Any, here: Place) -> CommonPart:
        return CommonPart({here.path: self.build(value, here)})

    def _picks(self, hole: Any, here: Place) -> Iterator[tuple[str, str]]:
        """Yields the path of each pick of a hole, and the one under which it is decided."""
        picks = hole.num_choices if isinstance(hole, ManyOf) else 1
        key = self.keys.find(here.key, hole.name)
        return zip(name_picks(here.path, picks), name_picks(key, picks))


def _no_module(value: Any, here: Place) -> FieldTypeError:
    return FieldTypeError(
        f"a module is expected at {here.path or 'the root'!r}; got {value!r:.80} of type {type(value).__name__}. "
        "Candidates at a module's place are modules: symbolize their classes with pg.symbolize."
    )


def _find_odd(value: Any, here: Place) -> Iterator[tuple[str, Any]]:
    """Yields candidates that are no modules, of holes that have modules as well, and where they are."""
    if isinstance(value, (OneOf, ManyOf)):
        odd = [not _is_module_place(candidate) for candidate in value.candidates]
        for i, candidate in enumerate(value.candidates):
            inner = here.candidate(i, len(odd), key=here.key, path=here.path)
            if odd[i] and not all(odd) and not isinstance(candidate, Hole):
                yield inner.path, candidate
            yield from _find_odd(candidate, inner)
        return
    for key, child in children(value) or ():
        yield from _find_odd(child, here.below(key))


def _is_module_place(value: Any) -> bool:
    """Returns whether ``value`` is a module, or a hole that becomes one whatever is decided."""
    if isinstance(value, OneOf):
        return all(map(_is_module_place, value.candidates))
    return isinstance(value, nn.Module)


def _same_class(hole: Any) -> bool:
    kinds = {type(c) for c in hole.candidates}
    return len(kinds) == 1 and all(isinstance(c, nn.Module) and isinstance(c, Node) for c in hole.candidates)
