"""``OneOf`` and ``ManyOf``: one or several candidates that DNA chooses; ``oneof``, ``manyof``, ``permutate``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .. import geno, symbolic, values
from .. import typing as pg_typing
from ..geno.dna import DNA
from ..geno.parts.picks import below
from ..values.value_location import KeyPath
from .base import HyperPrimitive, accepts_itself, to_path
from .object_template import ObjectTemplate, Where


@symbolic.members(
    [
        ("num_choices", pg_typing.Int(min_value=0).noneable(), "How many are chosen."),
        ("candidates", pg_typing.List(pg_typing.Any()), "The candidates, which may contain hyper values."),
        ("choices_distinct", pg_typing.Bool(True), "Whether each candidate is chosen at most once."),
        ("choices_sorted", pg_typing.Bool(False), "Whether choices are in the order of the candidates."),
        (
            "where",
            pg_typing.Callable(returns=pg_typing.Bool()).noneable(),
            "Which nested hyper values DNA decides.",
        ),
    ],
    init_arg_list=["num_choices", "candidates", "name", "hints"],
)
class Choices(HyperPrimitive):
    """Base class of ``OneOf`` and ``ManyOf``."""

    def _on_bound(self) -> None:
        super()._on_bound()
        count = len(self.candidates)
        if self.num_choices is not None and self.choices_distinct and count < self.num_choices:
            raise FieldValueError(
                f"{count} candidates cannot produce {self.num_choices} distinct choices. Add candidates, choose fewer, or allow "
                "repetition with distinct=False."
            )
        self._templates: list[ObjectTemplate] | None = None
        self._field_spec: Any = None

    def _sym_clone(self, deep: bool, memo: Any = None) -> Any:
        made = super()._sym_clone(deep, memo)
        made._field_spec = self._field_spec
        return made

    @property
    def candidate_templates(self) -> list[ObjectTemplate]:
        """The templates of the candidates."""
        if self._templates is None:
            self._templates = self._make_templates(None)
        return self._templates

    def _make_templates(self, where: Where) -> list[ObjectTemplate]:
        if where is None and self._templates is not None:
            return self._templates
        own = self.where
        both = own if where is None else where if own is None else lambda x: own(x) and where(x)
        return [ObjectTemplate(value, where=both) for _, value in self.candidates.sym_items()]

    @property
    def is_leaf(self) -> bool:
        """Whether nothing is decided below the candidates."""
        return all(one.is_constant for one in self.candidate_templates)

    def dna_spec(self, location: Any = None) -> geno.Choices:
        return self._spec(location, None)

    def _spec(self, location: Any, where: Any) -> geno.Choices:
        return geno.Choices(
            len(self.candidates) if self.num_choices is None else self.num_choices,
            [one.dna_spec() for one in self._make_templates(where)],
            [_to_literal(value) for _, value in self.candidates.sym_items()],
            self.choices_distinct,
            sorted=self.choices_sorted,
            hints=self.hints,
            location=to_path(location),
            name=self.name,
        )

    def _pick(self, dna: DNA, templates: Sequence[ObjectTemplate]) -> Any:
        """Returns the candidate that one choice chooses."""
        index: Any = dna.value
        if not isinstance(index, int):
            raise FieldValueError(f"Choice value should be int. Encountered: {quote(index)}. {self._at()}")
        if not 0 <= index < len(templates):
            raise FieldValueError(
                f"Choice out of range. Value: {index}, Candidates: {len(templates)}. {self._at()}"
            )
        return templates[index].decode(below(dna))

    def _encode_one(self, value: Any, templates: Sequence[ObjectTemplate]) -> DNA:
        for index, one in enumerate(templates):
            found, dna = one.try_encode(value)
            if found and dna is not None:
                return DNA(index, [dna])
        raise FieldValueError(
            f"Cannot encode value: no candidates matches with the value. Value: {quote(value)}, "
            f"Candidates: {quote(list(self.candidates))}. {self._at()}"
        )

    def _bind(self, path: Any, value_spec: Any, item_spec: Any, allow_partial: bool) -> None:
        """Checks that a field takes each candidate; the choice then stays one for such fields.

        Args:
          path: the path of the field.
          value_spec: the spec of the field.
          item_spec: the spec of one candidate.
          allow_partial: whether candidates may miss values.

        Raises:
          FieldTypeError: the choice is in a field that takes other values already.
        """
        if self._field_spec is not None and not item_spec.is_compatible(self._field_spec):
            raise FieldTypeError(
                f"Cannot bind an incompatible value spec {_write(value_spec)} to {quote(self)}, whose candidates are for {_write(self._field_spec)}. "
                f"Make another choice for this field. (path={path})"
            )
        for key, candidate in self.candidates.sym_items():
            at = KeyPath(["candidates", key], path)
            item_spec.apply(_copy(candidate), allow_partial=allow_partial, root_path=at)
        if self._field_spec is None:
            self._field_spec = item_spec

    def encode(self, value: Any) -> DNA:
        return self._encode(value, None)


@symbolic.members(
    [("num_choices", 1)],
    init_arg_list=["candidates", "name", "hints", "where"],
    serialization_key="hyper.OneOf",
)
class OneOf(Choices):
    """One candidate of several; see ``oneof``."""

    def _decode(self, dna: DNA, where: Any) -> Any:
        if not isinstance(dna.value, int):
            raise FieldValueError(
                "Did you forget to specify values for conditional choices?\n"
                f"Expect integer for OneOf. Encountered: {quote(dna)}. {self._at()}"
            )
        return self._pick(dna, self._make_templates(where))

    def _encode(self, value: Any, where: Any) -> DNA:
        return self._encode_one(value, self._make_templates(where))

    def custom_apply(
        self, path: Any, value_spec: Any, allow_partial: bool, child_transform: Any = None
    ) -> tuple[bool, Any]:
        """Checks that a field takes each candidate."""
        if not accepts_itself(value_spec, self):
            self._bind(path, value_spec, value_spec, allow_partial)
        return (False, self)


@symbolic.members(
    [], init_arg_list=["num_choices", "candidates", "name", "hints"], serialization_key="hyper.ManyOf"
)
class ManyOf(Choices):
    """A list of several candidates; see ``manyof``."""

    def _decode(self, dna: DNA, where: Any) -> Any:
        templates = self._make_templates(where)
        if self.num_choices == 1:
            return [self._pick(dna, templates)]
        count = len(dna.children) if self.num_choices is None else self.num_choices
        if len(dna.children) != count:
            raise FieldValueError(
                "Number of DNA child values does not match the number of choices. "
                f"Child values: {quote(dna.children)}, Choices: {count}. {self._at()}"
            )
        decoded = [self._pick(child, templates) for child in dna.children]
        chosen: list[Any] = [child.value for child in dna.children]
        if self.choices_sorted and any(a > b for a, b in pairwise(chosen)):
            raise FieldValueError(f"DNA child values should be sorted. Encountered: {chosen}. {self._at()}")
        if self.choices_distinct and len(set(chosen)) < len(chosen):
            raise FieldValueError(f"DNA child values should be distinct. Encountered: {chosen}. {self._at()}")
        return decoded

    def _encode(self, value: Any, where: Any) -> DNA:
        if not isinstance(value, list):
            raise FieldValueError(
                f"Cannot encode value: value should be a list type. Encountered: {quote(value)}. {self._at()}"
            )
        if self.num_choices is not None and len(value) != self.num_choices:
            raise FieldValueError(
                f"Length of input list is different from the number of choices. Value: {quote(value)}, "
                f"Choices: {self.num_choices}. {self._at()}"
            )
        templates = self._make_templates(where)
        return DNA(None, [self._encode_one(item, templates) for item in value])

    def custom_apply(
        self, path: Any, value_spec: Any, allow_partial: bool, child_transform: Any = None
    ) -> tuple[bool, Any]:
        """Checks that a field takes a list of the candidates."""
        if accepts_itself(value_spec, self):
            return (False, self)
        specs = value_spec.candidates if isinstance(value_spec, pg_typing.Union) else [value_spec]
        lists = [spec for spec in specs if isinstance(spec, pg_typing.List)]
        if not lists:
            raise FieldTypeError(
                f"Cannot bind an incompatible value spec {_write(value_spec)} to a manyof, which is a list: source spec List(Any()) "
                f"is not compatible with destination spec {_write(value_spec)}. (path={path})"
            )
        self._bind(path, value_spec, lists[0].element.value, allow_partial)
        return (False, self)


def _write(value_spec: Any) -> str:
    return str(values.format(value_spec, compact=True))


def _copy(candidate: Any) -> Any:
    """Returns what a spec may be applied to without changing a candidate."""
    is_tree = isinstance(candidate, symbolic.Symbolic) and not isinstance(candidate, HyperPrimitive)
    return candidate.clone() if is_tree else candidate


def _to_literal(value: Any) -> Any:
    """Returns a candidate as the literal of a genotype."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return values.format(
        value,
        compact=True,
        verbose=False,
        hide_default_values=True,
        hide_missing_values=True,
        strip_object_id=True,
    )


def oneof(
    candidates: Iterable[Any], *, name: str | None = None, hints: Any = None, where: Where = None
) -> Any:
    """Returns one of the candidates, which DNA chooses; inside ``trace`` the candidate itself.

    Args:
      candidates: the candidates; they may contain hyper values, and inside ``trace`` be functions without arguments.
      name: a name that is unique in the search space.
      hints: any value for the search algorithm.
      where: which hyper values in the candidates DNA decides.

    >>> oneof(["a", "b"]).decode(DNA(1))
    'b'
    """
    return OneOf(candidates=list(candidates), name=name, hints=hints, where=where)


def manyof(
    num_choices: int | None,
    candidates: Iterable[Any],
    distinct: bool = True,
    sorted: bool = False,
    *,
    name: str | None = None,
    hints: Any = None,
    where: Where = None,
    **kwargs: Any,
) -> Any:
    """Returns a list of several of the candidates, which DNA chooses; inside ``trace`` the list itself.

    Args:
      num_choices: how many.
      candidates: as in ``oneof``.
      distinct: whether each candidate is chosen at most once.
      sorted: whether choices are in the order of the candidates.
      name: as in ``oneof``.
      hints: as in ``oneof``.
      where: as in ``oneof``.
      **kwargs: ``choices_distinct`` and ``choices_sorted``, the earlier names of the switches.

    >>> manyof(2, ["a", "b", "c"]).decode(DNA([2, 0]))
    ['c', 'a']
    """
    distinct = kwargs.pop("choices_distinct", distinct)
    sorted = kwargs.pop("choices_sorted", sorted)
    if kwargs:
        raise FieldTypeError(f"manyof has no argument {next(iter(kwargs))!r}.")
    return ManyOf(
        num_choices=num_choices,
        candidates=list(candidates),
        choices_distinct=distinct,
        choices_sorted=sorted,
        name=name,
        hints=hints,
        where=where,
    )


def permutate(
    candidates: Iterable[Any], name: str | None = None, hints: Any = None, where: Where = None, **kwargs: Any
) -> Any:
    """Returns the candidates in an order that DNA chooses; arguments as in ``oneof``.

    >>> permutate([1, 2, 3]).decode(DNA([2, 0, 1]))
    [3, 1, 2]
    """
    items = list(candidates)
    return manyof(
        len(items), items, distinct=True, sorted=False, name=name, hints=hints, where=where, **kwargs
    )
