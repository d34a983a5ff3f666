"""``Choices``: the genotype of one choice among candidates, or of several related ones (``manyof``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pliant.values.errors import FieldTypeError, FieldValueError, quote
from pliant.values.numbers import to_whole

from ..values.value_location import KeyPath
from .dna import DNA
from .parts.attributes import ConditionalKey
from .parts.literals import find_candidate, strip_index, write_candidate
from .parts.picks import Picks
from .parts.text import indent
from .space import Space
from .spec import DecisionPoint, DNASpec, check_kind


class Choices(DecisionPoint):
    """One choice among candidates, or ``num_choices`` of them; each candidate is a space of its own.

    >>> point = Choices(2, [Space(), Space(), Space()], sorted=True, location="x")
    >>> point.space_size, list(point.iter_dna()), point.subchoice(1).id
    (3, [DNA([0, 1]), DNA([0, 2]), DNA([1, 2])], x[1])

    Args:
      num_choices: how many choices.
      candidates: their spaces.
      literal_values: text or a number for each candidate.
      distinct: whether each candidate is chosen at most once.
      sorted: whether choices are in the order of the candidates.
      subchoice_index: which choice of a ``manyof`` this is.
      hints: any value for the search algorithm.
      location: the path of the decision point.
      name: a name that is unique in the search space.

    Raises:
      FieldTypeError: a candidate is not a space.
      FieldValueError: there are too few candidates, or not one literal for each.
    """

    PARTS: ClassVar = (
        "location", "hints", "name", "num_choices", "candidates", "literal_values", "distinct", "sorted", "subchoice_index",
    )  # fmt: skip
    JSON_TYPE = "pyglove.generators.geno.Choices"

    def __init__(
        self,
        num_choices: int = 1,
        candidates: Sequence[Space] = (),
        literal_values: Sequence[Any] | None = None,
        distinct: bool = True,
        *,
        sorted: bool = False,
        subchoice_index: int | None = None,
        hints: Any = None,
        location: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(location, hints, name)
        self.num_choices = _check_count(num_choices)
        self.distinct, self.sorted, self.subchoice_index = bool(distinct), bool(sorted), subchoice_index
        self.candidates: list[Any] = [
            self._adopt(check_kind(candidate, Space, f"candidates[{i}]"))
            for i, candidate in enumerate(candidates)
        ]
        for i, candidate in enumerate(self.candidates):
            candidate.index = i
        self.literal_values = None if literal_values is None else [strip_index(v) for v in literal_values]
        _check_choices(self)
        self._subchoices: list[Choices] | None = [self] if self.num_choices == 1 else None

    @property
    def is_categorical(self) -> bool:
        return True

    @property
    def is_subchoice(self) -> bool:
        return self.subchoice_index is not None

    @property
    def choice_specs(self) -> list[Choices]:
        """The genotypes of the single choices."""
        if self._subchoices is None:
            self._subchoices = [self._make_subchoice(i) for i in range(self.num_choices)]
        return self._subchoices

    def subchoice(self, index: int) -> Choices:
        """Returns the genotype of one choice: this one if there is one."""
        if self.is_subchoice:
            raise FieldValueError(
                "'subchoice' should not be called on a subchoice. Call it on its `parent_spec`."
            )
        return self.choice_specs[index]

    @property
    def decision_points(self) -> list[DecisionPoint]:
        return [
            point
            for choice in self.choice_specs
            for point in [
                choice,
                *(below for candidate in choice.candidates for below in candidate.decision_points),
            ]
        ]

    @property
    def space_size(self) -> int:
        from .mapping import count  # the core counts; mapping knows all genotypes

        return count(self)

    def __len__(self) -> int:
        return self.num_choices * (1 + sum(map(len, self.candidates)))

    def __getitem__(self, key: Any) -> Any:
        return self.choice_specs[key] if isinstance(key, (int, slice)) else super().__getitem__(key)

    def get(self, name_or_id: Any, default: Any = None) -> Any:
        """Returns the choice at an index, or the decision point with a name or an id, or the default."""
        if isinstance(name_or_id, (int, slice)):
            return self.choice_specs[name_or_id]
        return super().get(name_or_id, default)

    def format_candidate(self, index: int, display_format: str = "choice_and_literal") -> Any:
        """Returns a candidate for display.

        Args:
          index: which candidate.
          display_format: ``"choice"`` for ``0/2``, ``"literal"`` for its literal, ``"choice_and_literal"`` for ``0/2 (literal)``;
            without literals all are ``0/2``.
        """
        return write_candidate(self, index, display_format)

    def candidate_index(self, choice_value: Any) -> int:
        """Returns the index of a candidate from its literal, ``"0/2"`` or ``"0/2 (literal)"``.

        Raises:
          FieldValueError: the candidate does not exist, or the parts of the text contradict this genotype.
        """
        return find_candidate(self, choice_value)

    def validate(self, dna: DNA) -> None:
        """Raises FieldValueError if the DNA is not one of this choice."""
        Picks(self).check(dna)

    def _first(self) -> DNA:
        return Picks(self).first()

    def _next(self, dna: DNA) -> DNA | None:
        return Picks(self).next(dna)

    def _random(self, rng: Any, previous: DNA | None) -> DNA:
        return Picks(self).random(rng, previous)

    def _make_subchoice(self, index: int) -> Choices:
        choice = self.clone(override={"num_choices": 1, "location": KeyPath(index), "subchoice_index": index})
        choice._parent = self
        return choice

    def _id_below(self, child: Any) -> KeyPath:
        if child.is_categorical:  # a choice of this manyof
            return self.id
        return KeyPath(ConditionalKey(child.index, len(self.candidates)), self.id)

    def _children(self) -> list[Any]:
        return self.candidates if self.num_choices == 1 else [*self.candidates, *(self._subchoices or ())]

    def format(
        self,
        compact: bool = True,
        verbose: bool = True,
        root_indent: int = 0,
        *,
        show_id: bool = True,
        **kwargs: Any,
    ) -> str:
        inner: dict[str, Any] = {"compact": compact, "verbose": verbose, "root_indent": root_indent + 1}
        lines = [
            indent(f"({i}): {self._write_candidate(i, inner)}", root_indent + 1)
            for i in range(len(self.candidates))
        ]
        shown = [
            ("id", self.id.path if show_id else None),
            ("name", self.name),
            ("distinct", None if self.distinct else False),
            ("sorted", self.sorted or None),
            ("hints", self.hints),
            ("subchoice_index", self.subchoice_index),
        ]
        options = [indent(f"{name}={value!r}", root_indent) for name, value in shown if value is not None]
        end = indent("]" + (", " + ",\n".join(options) if options else "") + ")", root_indent)
        return "\n".join([f"Choices(num_choices={self.num_choices}, [", *lines, end])

    def _write_candidate(self, index: int, options: dict[str, Any]) -> str:
        candidate = self.candidates[index]
        if self.literal_values is not None and candidate.is_constant:
            return str(self.literal_values[index])
        text: str = candidate.format(**options)
        return text


def oneof(
    candidates: Sequence[DNASpec],
    literal_values: Sequence[Any] | None = None,
    hints: Any = None,
    location: Any = None,
    *,
    name: str | None = None,
) -> Choices:
    """Returns the genotype of one choice; candidates that are decision points become spaces.

    >>> oneof([Space(), Space()]).space_size
    2
    """
    return manyof(1, candidates, literal_values=literal_values, hints=hints, location=location, name=name)


def manyof(
    num_choices: int,
    candidates: Sequence[DNASpec],
    distinct: bool = True,
    sorted: bool = False,
    *,
    literal_values: Sequence[Any] | None = None,
    hints: Any = None,
    location: Any = None,
    name: str | None = None,
) -> Choices:
    """Returns the genotype of several choices; candidates that are decision points become spaces.

    >>> manyof(2, [Space(), Space(), Space()]).space_size
    6
    """
    spaces: list[Any] = [
        Space([candidate]) if isinstance(candidate, DecisionPoint) else candidate for candidate in candidates
    ]
    return Choices(
        num_choices,
        spaces,
        literal_values,
        distinct,
        sorted=sorted,
        hints=hints,
        location=location,
        name=name,
    )


def _check_count(num_choices: Any) -> int:
    count = to_whole(num_choices)
    if count is None:
        raise FieldTypeError(
            f"Expect {int} but encountered {type(num_choices)}: {quote(num_choices)}. (path=num_choices)"
        )
    if count < 1:
        raise FieldValueError(f"Value {count} is out of range (min=1, max=None). (path=num_choices)")
    return count


def _check_choices(spec: Choices) -> None:
    count = len(spec.candidates)
    if count == 0:
        raise FieldValueError(
            "Length of list [] is less than min size (1). Give at least one candidate. (path=candidates)"
        )
    if spec.literal_values is not None and len(spec.literal_values) != count:
        raise FieldValueError(
            f"The length of 'candidates' ({count}) should be equal to the length of 'literal_values' ({len(spec.literal_values)})."
        )
    if spec.num_choices > 1 and spec.is_subchoice:
        raise FieldValueError(
            "Multi-choice spec cannot be a subchoice. Leave out `subchoice_index`, or make one choice."
        )
    if spec.distinct and spec.num_choices > count:
        raise FieldValueError(
            f"There are not enough candidates ({count}) to make {spec.num_choices} distinct choices. "
            "Make fewer, add candidates, or allow repetition with distinct=False."
        )
