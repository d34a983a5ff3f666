"""``HyperValue`` and ``HyperPrimitive``: values that represent a space of values, which DNA decodes and encodes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .. import symbolic
from .. import typing as pg_typing
from ..geno.dna import DNA
from ..symbolic.object import ObjectMeta
from ..values.value_location import KeyPath
from .evaluation import find_evaluator


class HyperValue(symbolic.NonDeterministic):
    """Base class of values that represent a space: ``ObjectTemplate`` and ``HyperPrimitive``."""

    _dna: DNA | None = None

    @property
    def dna(self) -> DNA | None:
        """The DNA that was decoded last, or was set."""
        return self._dna

    def set_dna(self, dna: DNA | None) -> None:
        """Sets the DNA that calling the value decodes."""
        self.__dict__["_dna"] = dna

    def decode(self, dna: DNA) -> Any:
        """Returns the value of a DNA.

        Raises:
          FieldValueError: the DNA does not fit.
        """
        self.set_dna(check_dna(dna))
        return self._decode(dna, None)

    def __call__(self) -> Any:
        """Returns the value of the DNA that was set."""
        if self._dna is None:
            raise FieldValueError("'set_dna' should be called to set a DNA before the value is called.")
        return self.decode(self._dna)

    @abstractmethod
    def encode(self, value: Any) -> DNA:
        """Returns the DNA of a value.

        Raises:
          FieldValueError: the value is not in the space.
        """

    @abstractmethod
    def dna_spec(self, location: Any = None) -> Any:
        """Returns the genotype of the space; ``location`` is its path."""

    @abstractmethod
    def _decode(self, dna: DNA, where: Any) -> Any:
        """Returns the value of a DNA; ``where`` says which hyper primitives below it the DNA decides, None for all."""


class HyperMeta(ObjectMeta):
    """The class of hyper primitives: inside a ``DynamicEvaluationContext`` calling one returns the value that was decided."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805  # of a class of classes
        made = super().__call__(*args, **kwargs)
        evaluate = find_evaluator()
        return made if evaluate is None else evaluate(made)


@symbolic.members(
    [
        ("name", pg_typing.Str().noneable(), "A name that is unique in the search space."),
        ("hints", pg_typing.Any(default=None), "Any value for the search algorithm."),
    ]
)
class HyperPrimitive(symbolic.Object, HyperValue, metaclass=HyperMeta):
    """Base class of hyper values that are decision points: ``OneOf``, ``ManyOf``, ``Float`` and ``CustomHyper``."""

    def _encode(self, value: Any, where: Any) -> DNA:
        """Returns the DNA of a value; ``where`` as in ``_decode``."""
        return self.encode(value)

    def _spec(self, location: Any, where: Any) -> Any:
        """Returns the genotype; ``where`` as in ``_decode``."""
        return self.dna_spec(location)

    def _at(self) -> str:
        """Returns where the primitive is, for messages."""
        return f"(path={self.sym_path})"


def accepts_itself(value_spec: Any, value: Any) -> bool:
    """Returns whether a field is for any value, or for hyper values such as this one."""
    if isinstance(value_spec, pg_typing.Any):
        return True
    if isinstance(value_spec, pg_typing.Union):
        return any(accepts_itself(one, value) for one in value_spec.candidates)
    return (
        isinstance(value_spec, pg_typing.Object)
        and isinstance(value_spec.cls, type)
        and issubclass(value_spec.cls, HyperValue)
        and isinstance(value, value_spec.cls)
    )


def to_path(location: Any) -> KeyPath:
    """Returns a location as a path; None is the root."""
    return KeyPath() if location is None else KeyPath.from_value(location)


def check_dna(dna: Any) -> DNA:
    """Returns a DNA, or raises FieldTypeError for another value."""
    if not isinstance(dna, DNA):
        raise FieldTypeError(f"decode takes a pg.DNA; got {quote(dna)}. Write pg.DNA(...) around it.")
    return dna
