"""From a program with holes to a network with choices: the rewrite of the PyGlove paper's section 2.2.

A hole at a module's place becomes a ``LayerChoice``, and holes in a module's arguments make it ``Elastic``.  Every
decision keeps the path that it has in the program.  What is decided, and how, is not known here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, final

from torch import nn

from pliant.hyper.hole import DerivedHole, Hole, ManyOf, OneOf
from pliant.space import Space
from pliant.space.build import join_ids
from pliant.symbolic.clone import clone
from pliant.symbolic.node import Node, children
from pliant.symbolic.realize import RealizationError, realize
from pliant.symbolic.rebind import rebind
from pliant.values.errors import FieldTypeError
from pliant.values.path import Path, step_text

from .elastic import EarlyReadError, Elastic, Part
from .inferred import infer_layers
from .inputs import find_input_hole, open_inputs
from .mutables import InputChoice, LayerChoice
from .selection import Selection


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
        self.space, self.selection = space, selection
        self.share, self.own_statistics = share, own_statistics
        self.paths = {point.path for point in space.points}

    def build(self, value: Any, id: str = "", location: str = "") -> nn.Module:
        """Returns the network that a program becomes.

        Args:
          value: a symbolic module, an ordinary one, or a hole at a module's place.
          id: the path of the enclosing candidate, as decisions have it.
          location: where ``value`` stands in that candidate.

        Raises:
          FieldTypeError: what stands at a module's place is none.
        """
        at = join_ids(id, location)
        if isinstance(value, OneOf) and (not self.share or not _same_class(value)):
            found = [
                self.build(candidate, f"{at}[={i}/{len(value.candidates)}]")
                for i, candidate in enumerate(value.candidates)
            ]
            return self._choice(found, self.key_of(at, value.name))
        if not isinstance(value, Node):
            if not isinstance(value, nn.Module):
                raise FieldTypeError(
                    f"a module is expected at {at or 'the root'!r}; got {value!r:.80} of type {type(value).__name__}. "
                    "Candidates at a module's place are modules: symbolize their classes with pg.symbolize."
                )
            return infer_layers(copy.deepcopy(value), at)
        if (hole := find_input_hole(value)) is not None:
            return self._inputs(value, hole, join_ids(id, f"{location}.chosen" if location else "chosen"))
        try:
            return self._make(value, id, location)
        except (
            EarlyReadError
        ):  # its constructor reads what is searched in a module below: they come in sizes together
            return self._make(value, id, location, whole=True)

    def _make(self, value: Any, id: str, location: str, *, whole: bool = False) -> nn.Module:
        """Returns the network that a symbolic module, or a hole over the sizes of one, becomes."""
        at = join_ids(id, location)
        own: dict[str, str] = {}
        program: Any = clone(value)
        parts = dict(self._replace(value, Path(), id, location, own=own, whole=whole))
        if own:
            return Elastic(
                program,
                {path[len(at) :].removeprefix("."): key for path, key in own.items()},
                self.selection,
                path=at,
                parts=parts,
                own_statistics=self.own_statistics,
            )
        if parts:
            program = rebind(
                program, {place: part.value(lambda module: module) for place, part in parts.items()}
            )
        try:
            module = realize(program)
        except RealizationError as error:
            raise error.__cause__ if isinstance(error.__cause__, EarlyReadError) else error from None
        if not isinstance(module, nn.Module):
            raise FieldTypeError(
                f"a module is expected at {at or 'the root'!r}; got {value!r:.80} of type {type(value).__name__}. "
                "Candidates at a module's place are modules: symbolize their classes with pg.symbolize."
            )
        return infer_layers(module, at)

    def _inputs(self, value: Any, hole: Any, at: str) -> InputChoice:
        """Returns the choice that a symbolic ``InputChoice`` becomes, whose hole ``chosen`` is at ``at``."""
        picks = hole.num_choices if isinstance(hole, ManyOf) else 1
        key = (
            self.key_of(at, hole.name)
            if picks == 1
            else self.key_of(f"{at}[0]", hole.name).removesuffix("[0]")
        )
        choice = open_inputs(value, hole, key)
        choice.selection = self.selection
        return choice

    def _choice(self, found: list[nn.Module], key: str) -> LayerChoice:
        choice = LayerChoice(found, key=key)
        choice.selection = self.selection
        return choice

    def _replace(
        self, value: Any, path: Path, id: str, location: str, *, own: dict[str, str], whole: bool = False
    ) -> Iterator[tuple[Path, Part]]:
        """Yields what to put where in a module's program: built modules, by name, in place of modules below it.

        Fills ``own`` with the paths of the values that are left to decide, and their keys.  With ``whole``, symbolic
        modules below are no parts of their own: they come in sizes together with what holds them.
        """
        if isinstance(value, DerivedHole):
            inner = value.inner()
            for _ in self._replace(inner, path, id, location, own=own):
                raise FieldTypeError(
                    f"the {type(value).__name__} at {join_ids(id, location)!r} makes modules of modules, which cannot be rewritten. "
                    "Put the hole into the arguments of a symbolized module."
                )
            return
        if isinstance(value, (OneOf, ManyOf)):
            yield from self._replace_hole(value, path, id, location, own=own, whole=whole)
            return
        if isinstance(value, Hole):
            at = join_ids(id, location)
            own[at] = self.key_of(at, value.name)
            return
        for key, child in children(value) or ():
            below = location + step_text(key, first=not location)
            if _is_module_place(child) and not (
                whole and isinstance(child, Node) and not isinstance(child, Hole)
            ):
                yield path + key, self._part(child, id, below)
            elif isinstance(child, ManyOf) and all(map(_is_module_place, child.candidates)):
                yield path + key, self._picks(child, id, below)
            else:
                yield from self._replace(child, path + key, id, below, own=own, whole=whole)

    def _replace_hole(
        self, value: Any, path: Path, id: str, location: str, *, own: dict[str, str], whole: bool
    ) -> Iterator[tuple[Path, Part]]:
        """Does the same for a hole among the values: the candidates may hold values and modules of their own."""
        is_shared = self.share and isinstance(value, OneOf) and _same_class(value)
        at, picks = join_ids(id, location), value.num_choices if isinstance(value, ManyOf) else 1
        for pick in range(picks):
            here = at if picks == 1 else f"{at}[{pick}]"
            key = own[here] = self.key_of(here, value.name)
            if key != here:  # tied: what is below is decided there
                continue
            for i, candidate in enumerate(value.candidates):
                inner = f"{here}[={i}/{len(value.candidates)}]"
                spot = path + "candidates" + i
                if _is_module_place(candidate) and not isinstance(candidate, Hole) and not is_shared:
                    yield spot, self._part(candidate, inner, "")
                else:
                    yield from self._replace(candidate, spot, inner, "", own=own, whole=whole or is_shared)

    def _part(self, value: Any, id: str, location: str) -> Part:
        return Part({join_ids(id, location): self.build(value, id, location)})

    def _picks(self, hole: Any, id: str, location: str) -> Part:
        """Returns one choice per pick of a ``manyof`` over modules."""
        at = join_ids(id, location)
        found: dict[str, nn.Module] = {}
        for pick in range(hole.num_choices):
            here = at if hole.num_choices == 1 else f"{at}[{pick}]"
            candidates = [
                self.build(candidate, f"{here}[={i}/{len(hole.candidates)}]")
                for i, candidate in enumerate(hole.candidates)
            ]
            found[here] = self._choice(candidates, self.key_of(here, hole.name))
        return Part(found, is_list=True)

    def key_of(self, path: str, name: str | None) -> str:
        """Returns the path of the point that decides the hole at ``path``: its own, or that of an earlier one of its name."""
        if path in self.paths or name is None:
            return path
        for point in self.space.points:
            head = point.path[: point.path.rfind("[=")] if "[=" in point.path else ""
            if point.name == name and path.startswith(head):
                return point.path
        return path


def _is_module_place(value: Any) -> bool:
    """Returns whether ``value`` is a module, or a hole that becomes one whatever is decided."""
    if isinstance(value, OneOf):
        return all(map(_is_module_place, value.candidates))
    return isinstance(value, nn.Module)


def _same_class(hole: Any) -> bool:
    kinds = {type(c) for c in hole.candidates}
    return len(kinds) == 1 and all(isinstance(c, nn.Module) and isinstance(c, Node) for c in hole.candidates)
