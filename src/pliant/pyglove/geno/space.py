"""``Space``: the genotype of a program, a list of independent decision points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pliant.values.errors import FieldValueError, quote

from ..values.value_location import KeyPath
from .dna import DNA
from .parts.text import indent
from .spec import INFINITE, DecisionPoint, DNASpec, check_kind


class Space(DNASpec):
    """A list of decision points that are all decided; none of them for a constant.

    Its DNA has the DNA of each decision point as children; with one decision point it is the DNA of that one.

    >>> from pliant.pyglove.geno.categorical import oneof
    >>> space = Space([oneof([constant(), constant()], location="a"), oneof([constant()] * 3, location="b")])
    >>> space.space_size, space.decision_ids, list(space.iter_dna())[:2]
    (6, [a, b], [DNA([0, 0]), DNA([0, 1])])

    Args:
      elements: the decision points.
      index: which candidate of a choice this space is; None for a root.
      location: the path of the space.
      hints: any value for the search algorithm.

    Raises:
      FieldTypeError: an element is not a decision point.
      FieldValueError: two different decision points have the same name, or one has the id of another as its name.
    """

    PARTS: ClassVar = ("location", "hints", "elements", "index")
    JSON_TYPE = "pyglove.generators.geno.Template"

    def __init__(
        self,
        elements: Sequence[DecisionPoint] = (),
        index: int | None = None,
        *,
        location: Any = None,
        hints: Any = None,
    ) -> None:
        super().__init__(location, hints)
        self.index = index
        self.elements: list[Any] = [
            self._adopt(check_kind(element, DecisionPoint, f"elements[{i}]"))
            for i, element in enumerate(elements)
        ]
        _check_names(self)

    @property
    def is_space(self) -> bool:
        return True

    @property
    def is_constant(self) -> bool:
        """Whether nothing is decided."""
        return not self.elements

    @property
    def decision_points(self) -> list[DecisionPoint]:
        return [point for element in self.elements for point in element.decision_points]

    @property
    def space_size(self) -> int:
        size = 1
        for element in self.elements:
            if (own := element.space_size) == INFINITE:
                return INFINITE
            size *= own
        return size

    def __len__(self) -> int:
        return sum(map(len, self.elements))

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        return self.elements[key] if isinstance(key, (int, slice)) else super().__getitem__(key)

    def validate(self, dna: DNA) -> None:
        """Raises FieldValueError if the DNA is not one of this space."""
        if not self.elements:
            if dna.value is not None or dna.children:
                raise FieldValueError(
                    f"Extra DNA values encountered: {quote(dna)}, where nothing is decided. Give DNA()."
                )
        elif len(self.elements) == 1:
            self.elements[0].validate(dna)
        elif len(dna.children) != len(self.elements) or dna.value is not None:
            raise FieldValueError(
                f"Number of child values in DNA ({len(dna.children)}) does not match the number of elements "
                f"({len(self.elements)}). Child values: {quote(dna.children)}, Location: {self.location.path}."
            )
        else:
            for element, child in zip(self.elements, dna.children, strict=True):
                element.validate(child)

    def _split(self, dna: DNA | None) -> list[Any]:
        """Returns the DNA of each element; None where the DNA has another form."""
        if dna is None or len(self.elements) == 1:
            return [dna] * len(self.elements)
        if len(dna.children) != len(self.elements):
            return [None] * len(self.elements)
        return list(dna.children)

    def _first(self) -> DNA:
        return DNA(None, [element._first() for element in self.elements])

    def _next(self, dna: DNA) -> DNA | None:
        if len(self.elements) > 1:
            self._check_count(dna)
        parts = self._split(dna)
        for at in reversed(range(len(parts))):
            changed = self.elements[at]._next(parts[at])
            if changed is not None:
                later = [element._first() for element in self.elements[at + 1 :]]
                return DNA(None, [*(part.clone() for part in parts[:at]), changed, *later])
        return None

    def _check_count(self, dna: DNA) -> None:
        if len(dna.children) != len(self.elements):
            raise FieldValueError(
                f"{quote(dna)} has {len(dna.children)} decisions, and this space {len(self.elements)}. Give DNA of this space."
            )

    def _random(self, rng: Any, previous: DNA | None) -> DNA:
        parts = zip(self.elements, self._split(previous), strict=True)
        return DNA(None, [element._random(rng, part) for element, part in parts])

    def _children(self) -> list[Any]:
        return self.elements

    def format(self, compact: bool = True, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        if not self.elements:
            return "Space()"
        kwargs["show_id"] = False
        lines = [
            indent(
                f"{i} = '{element.location.path}': "
                + element.format(compact=compact, verbose=verbose, root_indent=root_indent + 1, **kwargs),
                root_indent + 1,
            )
            for i, element in enumerate(self.elements)
        ]
        return "\n".join(["Space({", *lines, indent("})", root_indent)])


def constant() -> Space:
    """Returns the space in which nothing is decided: a candidate that is a value.

    >>> constant().space_size
    1
    """
    return Space()


space = Space


def _check_names(root: Space) -> None:
    """Raises FieldValueError if names do not tell the decision points of a space apart."""
    points = list(_declared(root))
    names: dict[str, DecisionPoint] = {}
    for point in points:
        if point.name is None:
            continue
        other = names.setdefault(point.name, point)
        if other is not point and not other.sym_eq(point):
            raise FieldValueError(
                f"Found 2 decision point definitions clash on name {point.name!r}: {quote(other)} and {quote(point)}. "
                "Give them different names."
            )
    ids = {point.id.path: point for point in points} if names else {}
    for name, point in names.items():
        other = ids.get(name, point)
        if other is not point and other.name != name:
            raise FieldValueError(
                f"Found 2 decision point definitions clash between name {name!r} and id {KeyPath.parse(name).path!r} of another: "
                f"{quote(point)} and {quote(other)}. Give the first another name."
            )


def _declared(space: Space) -> Any:
    """Yields the decision points as they were declared: a ``manyof`` once."""
    for element in space.elements:
        yield element
        if element.is_categorical:
            for candidate in element.candidates:
                yield from _declared(candidate)
