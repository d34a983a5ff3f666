"""Spec ``Union``: a value that one of several specs allows."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable

from pliant.values.errors import FieldTypeError, FieldValueError, PliantError, SchemaError, quote
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import ROOT, Path

from .value_spec import ValueSpec, as_spec


@t.final
class Union(ValueSpec):
    """A value that at least one of several specs allows.

    A candidate that accepts the value unchanged has priority over one that converts it; otherwise the first one wins.
    If a candidate allows None, so does the union.

    >>> Union([float, int]).check(1), Union([float, str]).check(1)
    (1, 1.0)
    """

    __slots__ = ("_deep", "candidates")
    _POSITIONAL = 1
    candidates: tuple[ValueSpec, ...]

    def __init__(
        self,
        candidates: Iterable[object],
        default: object = MISSING_VALUE,
        *,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a union; nested unions are flattened, and duplicates removed.

        Raises:
          SchemaError: no candidates, or the default does not fit.
        """
        if isinstance(candidates, (str, type, ValueSpec)) or not isinstance(candidates, Iterable):
            raise SchemaError(
                f"the candidates of a Union must be a list of specs; got {quote(candidates)}. Write Union([Int(), Str()])."
            )
        flat: list[ValueSpec] = []
        for given in candidates:
            spec = as_spec(given)
            is_noneable = is_noneable or spec.is_noneable
            for candidate in spec._alternatives():
                bare = candidate
                if not candidate.frozen:
                    bare = candidate._with(default=MISSING_VALUE, is_noneable=False)
                if bare not in flat:
                    flat.append(bare)
        if not flat:
            raise SchemaError("a Union needs at least one candidate. Write Union([Int(), Str()]).")
        self._init(candidates=tuple(flat), _deep=any(c._deep for c in flat))
        super().__init__(default, is_noneable=is_noneable, frozen=frozen)

    def _args(self) -> dict[str, t.Any]:
        return {"candidates": list(self.candidates)}

    def _alternatives(self) -> tuple[ValueSpec, ...]:
        return (self,) if self.frozen else self.candidates

    def check(self, value: object, path: Path = ROOT) -> t.Any:
        if not self.frozen:
            cls = value.__class__
            for candidate in self.candidates:
                if candidate._fast is cls:
                    return value
        return super().check(value, path)

    def _check(self, value: object, path: Path) -> t.Any:
        converted: t.Any = MISSING_VALUE
        nearest: PliantError | None = None
        for candidate in self.candidates:
            try:
                stored = candidate.check(value, path)
            except PliantError as error:
                # The right type, but beyond a limit, or with an error inside: worth showing.
                if not isinstance(error, FieldTypeError) or error.path != path:
                    nearest = nearest or error
            else:
                if stored is value:
                    return value
                converted = stored if converted is MISSING_VALUE else converted
        if converted is not MISSING_VALUE:
            return converted
        if nearest is not None:
            kind = FieldValueError if isinstance(nearest, ValueError) else FieldTypeError
            raise self._refuse(value, path, f"Closest candidate: {nearest}", kind=kind) from nearest
        raise self._refuse(value, path)

    def _words(self) -> str:
        return "; or ".join(c.expects for c in self.candidates)

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        raise NotImplementedError  # a union is narrowed candidate by candidate, below

    def _narrow_any(self, base: ValueSpec) -> ValueSpec:
        if self.frozen:
            return super()._narrow_any(base)
        narrowed = [candidate._narrow_any(base) for candidate in self.candidates]
        if all(a is b for a, b in zip(narrowed, self.candidates, strict=True)):
            return self
        return self._narrowed(base, candidates=narrowed)

    @property
    def holds_nodes(self) -> bool:
        """Whether some candidate may hold an object, list or dict of a tree."""
        return any(c.holds_nodes for c in self.candidates)
