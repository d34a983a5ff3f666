"""``DNA``: the decisions of a program in a search space, as a tree of numbers; made from numbers, dicts and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self, final

from pliant.values.errors import FieldTypeError, FieldValueError, quote

from ..values.formatting import Formattable
from ..values.json_conversion import from_json, to_json
from .parts.binding import bind
from .parts.reading import read_dict, read_function, read_numbers
from .parts.views import Views


@final
class DNA(Views, Formattable):
    """The decisions of a program, by the places of its decision points.

    A number or text is one decision, a list several independent ones, a tuple a choice and what is decided below its candidate.

    >>> DNA([0, (1, 0.5)]), DNA((0, [1, 2])).children, DNA([(0, 1), 2]).to_numbers()
    (DNA([0, (1, 0.5)]), [DNA(1), DNA(2)], [0, 1, 2])

    Args:
      value: the value of the node, or a nested structure of values.
      children: the DNA below it.
      spec: the genotype to bind it to.
      metadata: data that stays with the DNA, in JSON also.

    Raises:
      FieldTypeError: the value is not a number, text, None, a list or a tuple.
      FieldValueError: the structure is not a DNA, or not one of the genotype.
    """

    PARTS: ClassVar = ("value", "children", "metadata")
    JSON_TYPE = "pyglove.core.geno.base.DNA"

    def __init__(
        self,
        value: Any = None,
        children: Sequence[DNA] | None = None,
        spec: Any = None,
        metadata: dict[str, Any] | None = None,
        *,
        allow_partial: bool = False,
    ) -> None:
        super().__init__(value, children, metadata)
        if spec is not None:
            self.use_spec(spec)

    def use_spec(self, spec: Any) -> Self:
        """Binds the DNA and all below it to a genotype, and returns it.

        Raises:
          FieldValueError: the DNA does not fit the genotype; nothing is bound.
        """
        if not hasattr(type(spec), "decision_points"):
            raise FieldValueError(
                f"Argument 'spec' must be a `pg.DNASpec` object. Encountered {quote(spec)}."
            )
        if self._spec is not spec:
            for dna, own in bind(self, spec):
                dna._spec, dna._decided = own, None
        return self

    @classmethod
    def parse(cls, json_value: Any, spec: Any = None) -> DNA:
        """Returns ``DNA(json_value, spec=spec)``."""
        return cls(json_value, spec=spec)

    @classmethod
    def from_numbers(cls, dna_values: Sequence[Any], dna_spec: Any) -> DNA:
        """Returns the DNA of a flat list of decisions, as ``to_numbers()`` returns it.

        Raises:
          FieldValueError: the list is too long or too short, or holds a wrong decision.
        """
        dna: DNA = read_numbers(cls, dna_values, dna_spec)
        return dna.use_spec(dna_spec)

    @classmethod
    def from_dict(cls, dict_repr: dict[Any, Any], dna_spec: Any, use_ints_as_literals: bool = False) -> DNA:
        """Returns the DNA of decisions by id, name or decision point, as ``to_dict`` returns them.

        Args:
          dict_repr: the decisions; None for inactive ones.  Entries that no active decision point needs are ignored.
          dna_spec: the genotype.
          use_ints_as_literals: take integers as literals of candidates instead of as their indices.

        Raises:
          FieldValueError: a decision is missing, or wrong.
        """
        dna: DNA = read_dict(cls, dict_repr, dna_spec, ints_are_literals=use_ints_as_literals)
        return dna.use_spec(dna_spec)

    @classmethod
    def from_parameters(
        cls, parameters: dict[str, Any], dna_spec: Any, use_literal_values: bool = False
    ) -> DNA:
        """Returns the DNA of what ``parameters`` returned; all its forms are read, whatever ``use_literal_values`` says."""
        return cls.from_dict(parameters, dna_spec)

    @classmethod
    def from_fn(cls, dna_spec: Any, generator_fn: Callable[[Any], Any]) -> DNA:
        """Returns a DNA whose decisions a function makes.

        Args:
          dna_spec: the genotype.
          generator_fn: a function of a decision point; returns the indices of a choice as a list, a number, or text; or a DNA for the
            point and all below it.

        Raises:
          FieldTypeError: ``dna_spec`` is not a genotype.
          FieldValueError: a decision is wrong.
        """
        if not hasattr(type(dna_spec), "decision_points"):
            raise FieldTypeError(
                f"Argument 'dna_spec' should be DNASpec type. Encountered {quote(dna_spec)}."
            )
        dna: DNA = read_function(cls, dna_spec, generator_fn)
        return dna.use_spec(dna_spec)

    def next_dna(self) -> DNA | None:
        """Returns the DNA after this one in its space, or None after the last."""
        found: DNA | None = self._need_spec().next_dna(self)
        return found

    def iter_dna(self) -> Iterator[DNA]:
        """Yields the DNA after this one in its space."""
        yield from self._need_spec().iter_dna(self)

    def clone(self, deep: bool = False, memo: Any = None, override: dict[str, Any] | None = None) -> DNA:
        """Returns a copy bound to the same genotype, with the metadata and userdata that were set as cloneable."""
        override = override or {}
        kept = {k: v for k, v in self.metadata.items() if k in self._cloneable_metadata_keys}
        children = override.get("children")
        if children is None:
            children = [child.clone(deep, memo) for child in self.children]
        found = DNA(override.get("value", self.value), children, metadata=override.get("metadata", kept))
        found._cloneable_metadata_keys = set(self._cloneable_metadata_keys)
        if self._cloneable_userdata:
            found._userdata = type(self.userdata)(
                {k: v for k, v in self.userdata.items() if k in self._cloneable_userdata}
            )
            found._cloneable_userdata = set(self._cloneable_userdata)
        if self._spec is not None and "value" not in override and "children" not in override:
            found._spec = self._spec
        return found

    def sym_jsonify(self, *, compact: bool = True, type_info: bool = True, **kwargs: Any) -> Any:
        """Returns JSON data.

        Args:
          compact: nested numbers instead of a dict for each node.
          type_info: with the class; without it the nested numbers alone.
          **kwargs: passed on to the values of metadata.
        """
        if not compact:
            data = super().sym_jsonify(**kwargs)
            return self._add_cloneable(data)
        numbers = self.to_numbers(flatten=False) if self.value is not None or self.children else None
        if not type_info:
            return numbers
        data = {"_type": self.JSON_TYPE, "format": "compact", "value": to_json(numbers)}
        if self.metadata:
            data["metadata"] = {key: to_json(value, **kwargs) for key, value in self.metadata.items()}
        return self._add_cloneable(data)

    def _add_cloneable(self, data: dict[str, Any]) -> dict[str, Any]:
        if self._cloneable_metadata_keys:
            data["_cloneable_metadata_keys"] = sorted(self._cloneable_metadata_keys)
        return data

    @classmethod
    def from_json(cls, json_value: Any, **kwargs: Any) -> DNA:
        """Reads what ``to_json()`` returned."""
        children = from_json(json_value.get("children") or [], **kwargs)
        found = cls(
            from_json(json_value.get("value")),
            children or None,
            metadata=from_json(json_value.get("metadata"), **kwargs),
        )
        found._cloneable_metadata_keys = set(json_value.get("_cloneable_metadata_keys") or ())
        return found

    def format(
        self,
        compact: bool = False,
        verbose: bool = True,
        root_indent: int = 0,
        *,
        list_wrap_threshold: int = 80,
        as_dict: bool = False,
        **kwargs: Any,
    ) -> str:
        """Returns the DNA as text.

        Args:
          compact: ignored: the form is the same.
          verbose: ignored.
          root_indent: how many levels the lines after the first are indented.
          list_wrap_threshold: how long a list may be on one line.
          as_dict: decisions by id, with literals.
          **kwargs: ignored.
        """
        if as_dict and self._spec is not None:
            items = self.to_dict(value_type="choice_and_literal").items()
            lines = ",\n".join(f"{'  ' * (root_indent + 1)}{key!r}: {value!r}" for key, value in items)
            return f"DNA({{\n{lines}\n{'  ' * root_indent}}})"
        numbers = self.to_numbers(flatten=False) if self.value is not None or self.children else None
        if isinstance(numbers, tuple):
            return f"DNA({', '.join(_write(part, root_indent, list_wrap_threshold) for part in numbers)})"
        return f"DNA({_write(numbers, root_indent, list_wrap_threshold)})"


def _write(value: Any, level: int, width: int) -> str:
    text = repr(value)
    if not isinstance(value, list) or len(text) <= width:
        return text
    items = ",\n".join("  " * (level + 1) + _write(item, level + 1, width) for item in value)
    return f"[\n{items}\n{'  ' * level}]"
