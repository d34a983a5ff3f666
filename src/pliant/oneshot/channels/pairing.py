"""A program with holes beside one program made of it: which layer of the one is which place in the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from pliant.hyper.hole import DerivedHole, Hole, ManyOf, OneOf
from pliant.space.build import join_ids
from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import children
from pliant.values.path import Path, step_text

from ..choices.hole_keys import HoleKeys, name_picks


@final
@dataclass(frozen=True)
class Pair:
    """A place.

    Attributes:
      path: where it is in the program with holes, candidates of holes included.
      location: the same as decisions have it.
      value: what stands there.
      child: what stands there in the program without.
      key: of a hole, the path of the decision.
    """

    path: Path
    location: str
    value: Any
    child: Any
    key: str = ""


def pair(program: Any, child: Any, chosen: Mapping[str, Any], keys: HoleKeys) -> Iterator[Pair]:
    """Yields all places of a program that are in ``child`` as well, parents before children.

    Args:
      program: with holes.
      child: the program that ``chosen`` makes of it.
      chosen: the decisions by path.
      keys: the decisions that its holes get.
    """

    def walk(value: Any, made: Any, path: Path, id: str, location: str) -> Iterator[Pair]:
        at = join_ids(id, location)
        if isinstance(value, Ref):
            return
        if isinstance(value, (OneOf, ManyOf)):
            many = isinstance(value, ManyOf)
            picks = value.num_choices if isinstance(value, ManyOf) else 1
            for pick, decided in enumerate(name_picks(keys.find(at, value.name), picks)):
                inner = made[pick] if many else made
                yield Pair(path, at, value, inner, decided)
                index = chosen[decided]
                spot = f"{decided}[={index}/{len(value.candidates)}]"
                yield from walk(value.candidates[index], inner, path + "candidates" + index, spot, "")
            return
        if isinstance(value, Hole):
            yield Pair(
                path, at, value, made, "" if isinstance(value, DerivedHole) else keys.find(at, value.name)
            )
            return
        yield Pair(path, at, value, made)
        below: dict[Any, Any] = dict(children(made) or ())
        for key, item in children(value) or ():
            if key in below:
                yield from walk(
                    item, below[key], path + key, id, location + step_text(key, first=not location)
                )

    yield from walk(program, child, Path(), "", "")
