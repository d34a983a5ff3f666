"""``DNASpec`` and ``DecisionPoint``: the parts of an abstract search space as PyGlove's programs see them.

They are a view of the same concept as ``pliant.space.Space``; ``mapping`` translates a tree of them, and DNA, in both directions.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pliant.values.errors import FieldTypeError, PathError, quote

from ..values.formatting import Formattable
from ..values.value_location import KeyPath
from .parts.attributes import AttributeDict
from .parts.node import Node

if TYPE_CHECKING:
    from .dna import DNA

RandomSource = random.Random | ModuleType | None
INFINITE = -1
"""The size of a space that has a number or a custom decision."""


class Kinds:
    """What kind of a genotype a node is; each kind overrides its own."""

    @property
    def is_space(self) -> bool:
        """Whether this is a space: a list of decision points."""
        return False

    @property
    def is_categorical(self) -> bool:
        """Whether this is a choice among candidates."""
        return False

    @property
    def is_subchoice(self) -> bool:
        """Whether this is one of the choices of a ``manyof``."""
        return False

    @property
    def is_numerical(self) -> bool:
        """Whether this is a number."""
        return False

    @property
    def is_custom_decision_point(self) -> bool:
        """Whether the decision is text that the user's class decodes."""
        return False


class Lookup(Node, ABC):
    """The ids, names and decision points of a genotype."""

    def __init__(self, location: Any, hints: Any) -> None:
        self.location = KeyPath.from_value(location) if location is not None else KeyPath()
        self.hints = hints
        self._id: KeyPath | None = None
        self._named: dict[str, Any] | None = None
        self._by_id: dict[str, Any] | None = None

    @property
    @abstractmethod
    def decision_points(self) -> list[Any]:
        """The decision points in order, those below candidates included; a ``manyof`` is present as its choices."""

    @property
    def id(self) -> KeyPath:
        """The path of the decision point in its search space; conditions are keys such as ``[=0/2]``."""
        if self._id is None:
            self._id = KeyPath([*self._prefix(), *self.location.keys])
        return self._id

    @property
    def parent_spec(self) -> Any:
        """The genotype that this one is part of; None for a root."""
        return self._parent

    @property
    def parent_choice(self) -> Any:
        """The choice that this genotype is below; None where it is always active."""
        above: Any = self._parent
        if above is None:
            return None
        return above if above.is_categorical and not self.is_subchoice else above.parent_choice  # type: ignore[attr-defined]

    @property
    def decision_ids(self) -> list[KeyPath]:
        """The ids of the decision points; a ``manyof`` has one."""
        return [self._ids[key] for key in self._decisions_by_id]

    @property
    def named_decision_points(self) -> dict[str, Any]:
        """The decision points that have names: a list where several have the same."""
        if self._named is None:
            named: dict[str, Any] = {}
            for point in self.decision_points:
                if point.name is not None:
                    add_to(named, point.name, point, as_list=point.is_subchoice)
            self._named = named
        return self._named

    @property
    def _decisions_by_id(self) -> dict[str, Any]:
        """The decision points by id; the choices of a ``manyof`` are a list under the id of the ``manyof``."""
        if self._by_id is None:
            found: dict[str, Any] = {}
            self._ids: dict[str, KeyPath] = {}
            for point in self.decision_points:
                owner = point.parent_spec if point.is_subchoice and point is not self else point
                self._ids[owner.id.path] = owner.id
                add_to(found, owner.id.path, point, as_list=owner is not point)
            self._by_id = found
        return self._by_id

    def get(self, name_or_id: Any, default: Any = None) -> Any:
        """Returns the decision point with a name or an id, or the default; the choices of a ``manyof`` are a list."""
        key = str(name_or_id)
        found = self._decisions_by_id.get(key)
        return self.named_decision_points.get(key, default) if found is None else found

    def __getitem__(self, name_or_id: Any) -> Any:
        found = self.get(name_or_id)
        if found is None:
            raise PathError(
                f"no decision point has the name or id {quote(str(name_or_id))}; "
                f"there are {', '.join(map(str, self.decision_ids[:8])) or 'none'}."
            )
        return found

    def _prefix(self) -> list[Any]:
        """Returns the keys of the id of what this genotype is part of."""
        above: Any = self._parent
        return [] if above is None else list(above._id_below(self).keys)

    def _id_below(self, child: Any) -> KeyPath:
        return self.id

    def _forget(self) -> None:
        """Drops what was computed from the place in the tree; called when the node gets a parent.

        A node knows its id before any node below it does, so that one without an id has nothing to drop.
        """
        if self._id is not None:
            self._id = self._by_id = None
            for child in self._children():
                child._forget()

    def _children(self) -> list[Any]:
        """Returns the genotypes directly below this one."""
        return []


class DNASpec(Lookup, Kinds, Formattable):
    """Base class of genotypes: ``Space``, ``Choices``, ``Float`` and ``CustomDecisionPoint``.

    Two genotypes are equal (``==``) when they are the same object; ``sym_eq`` compares their contents.
    """

    @classmethod
    def from_json(cls, json_value: Any, **kwargs: Any) -> Any:
        """Reads what ``to_json`` returned; earlier versions of PyGlove wrote ``userdata``, which is left out."""
        return super().from_json({k: v for k, v in json_value.items() if k != "userdata"}, **kwargs)

    @property
    @abstractmethod
    def space_size(self) -> int:
        """The number of DNA in the space; -1 for infinitely many."""

    @abstractmethod
    def validate(self, dna: DNA) -> None:
        """Raises ValueError if the DNA does not fit this genotype."""

    def first_dna(self, attach_spec: bool = True) -> DNA:
        """Returns the first DNA of the space."""
        return self._first().use_spec(self) if attach_spec else self._first()

    def next_dna(self, dna: DNA | None = None, attach_spec: bool = True) -> DNA | None:
        """Returns the DNA after another one, or None after the last.

        Args:
          dna: the DNA before; None for the first DNA.
          attach_spec: bind the result to this genotype.
        """
        found = self._first() if dna is None else self._next(dna)
        return found.use_spec(self) if found is not None and attach_spec else found

    def random_dna(
        self,
        random_generator: RandomSource = None,
        attach_spec: bool = True,
        previous_dna: DNA | None = None,
    ) -> DNA:
        """Returns a random DNA: each decision is drawn by itself, numbers by their scale.

        Args:
          random_generator: where random numbers come from; None is the module ``random``, as in PyGlove.
          attach_spec: bind the result to this genotype.
          previous_dna: given to custom decision points that make their DNA from an earlier one.
        """
        found = self._random(random if random_generator is None else random_generator, previous_dna)
        return found.use_spec(self) if attach_spec else found

    def iter_dna(self, dna: DNA | None = None, attach_spec: bool = True) -> Iterator[DNA]:
        """Yields the DNA after another one, or all for None, in order."""
        while (found := self.next_dna(dna, attach_spec)) is not None:
            yield found
            dna = found

    @property
    def userdata(self) -> AttributeDict:
        """Data that the user keeps with the genotype in this process; it is neither copied nor written to JSON."""
        data: AttributeDict = self.__dict__.setdefault("_userdata", AttributeDict())
        return data

    def set_userdata(self, key: str, value: Any) -> None:
        """Keeps a value in ``userdata``."""
        self.userdata[key] = value

    @abstractmethod
    def _first(self) -> DNA:
        """Returns the first DNA, unbound."""

    @abstractmethod
    def _next(self, dna: DNA) -> DNA | None:
        """Returns the DNA after another one, unbound."""

    @abstractmethod
    def _random(self, rng: Any, previous: DNA | None) -> DNA:
        """Returns a random DNA, unbound."""

    def _adopt(self, child: Any) -> Any:
        child = super()._adopt(child)
        child._forget()
        return child


class DecisionPoint(DNASpec):
    """Base class of the genotypes that are decisions: ``Choices``, ``Float`` and ``CustomDecisionPoint``."""

    def __init__(self, location: Any, hints: Any, name: str | None) -> None:
        super().__init__(location, hints)
        if name is not None and not isinstance(name, str):
            raise FieldTypeError(f"the name of a decision point is text or None; got {quote(name)}.")
        self.name = name

    def _at(self) -> str:
        """Returns where the decision point is, for messages."""
        return f"Location: {self.location.path}."


def add_to(found: dict[str, Any], key: str, value: Any, *, as_list: bool) -> None:
    """Adds a value under a key; a second one makes a list of both."""
    if key not in found:
        found[key] = [value] if as_list else value
    elif isinstance(found[key], list):
        found[key].append(value)
    else:
        found[key] = [found[key], value]


def check_kind(value: object, kind: type, where: str) -> Any:
    """Returns a part of a genotype if it has the expected class, else raises TypeError."""
    if not isinstance(value, kind):
        raise FieldTypeError(
            f"Expect {kind.__module__}.{kind.__name__} but encountered {type(value).__name__}: {quote(value)}. (path={where})"
        )
    return value
