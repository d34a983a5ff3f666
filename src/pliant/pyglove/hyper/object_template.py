"""``ObjectTemplate``: a value with hyper primitives in it, decoded from DNA and encoded to DNA; ``template``, ``materialize``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .. import symbolic, values
from ..geno.dna import DNA
from ..geno.space import Space
from ..values.value_location import KeyPath
from .base import HyperPrimitive, HyperValue, accepts_itself, to_path
from .derived import DerivedValue, compute
from .encoding import match

Where = Callable[[Any], bool] | None


class ObjectTemplate(HyperValue, values.Formattable):
    """A value with hyper primitives in it: a DNA decides each of them.

    >>> from pliant.pyglove.hyper.categorical import oneof
    >>> from pliant.pyglove.hyper.numerical import floatv
    >>> space = ObjectTemplate(symbolic.Dict(a=oneof([1, 2]), b=[floatv(0.0, 1.0)]))
    >>> value = space.decode(DNA([1, 0.5]))
    >>> value.a, value.b[0], space.encode(value)
    (2, 0.5, DNA([1, 0.5]))

    Args:
      value: a symbolic value, a dict, a list, or any constant.
      compute_derived: replace ``DerivedValue`` in decoded values by what they refer to.
      where: which hyper primitives the DNA decides; the others stay in the value.
    """

    def __init__(self, value: Any, compute_derived: bool = False, where: Where = None) -> None:
        self._value = _to_symbolic(value)
        self._compute_derived, self._where = compute_derived, where
        self._root_path = value.sym_path if isinstance(value, symbolic.Symbolic) else KeyPath()
        self._field_spec: Any = None
        self._primitives: list[tuple[KeyPath, Any]] = []
        self._derived: list[tuple[KeyPath, Any]] = []
        self._find(self._value, KeyPath())

    @property
    def value(self) -> Any:
        """The value with hyper primitives."""
        return self._value

    @property
    def root_path(self) -> KeyPath:
        """The path of the value in the tree that it is part of."""
        return self._root_path

    @property
    def hyper_primitives(self) -> list[tuple[KeyPath, Any]]:
        """The hyper primitives that DNA decides, with their paths in the value."""
        return self._primitives

    @property
    def is_constant(self) -> bool:
        """Whether DNA decides nothing."""
        return not self._primitives

    def dna_spec(self, location: Any = None) -> Space:
        return Space(
            [primitive._spec(path, self._where) for path, primitive in self._primitives],
            location=to_path(location),
        )

    def _decode(self, dna: DNA, where: Any) -> Any:
        children = self._split(dna)
        decoded: dict[KeyPath, Any] = {}
        for (path, primitive), child in zip(self._primitives, children, strict=True):
            primitive.set_dna(child)
            decoded[path] = primitive._decode(child, self._where)
        if KeyPath() in decoded:
            return decoded[KeyPath()]
        if not isinstance(self._value, symbolic.Symbolic):
            return self._value
        made = self._value.clone()
        if decoded:
            made.rebind({path.path: value for path, value in decoded.items()}, raise_on_no_change=False)
        if self._compute_derived:
            made = compute(made, [path for path, _ in self._derived])
        return made

    def _split(self, dna: DNA) -> list[DNA]:
        """Returns the DNA of each hyper primitive."""
        count = len(self._primitives)
        if count == 0:
            if dna.value is not None or dna.children:
                raise FieldValueError(
                    f"Encountered extra DNA value to decode: {quote(dna)}. Nothing is decided here. (path={self._root_path})"
                )
            return []
        if count == 1:
            return [dna]
        if len(dna.children) != count or dna.value is not None:
            raise FieldValueError(
                f"The length of child values ({len(dna.children)}) is different from the number of hyper primitives ({count}) "
                f"in ObjectTemplate. DNA={quote(dna)}, paths: {', '.join(str(path) for path, _ in self._primitives[:8])}."
            )
        return list(dna.children)

    def encode(self, value: Any) -> DNA:
        """Returns the DNA of a value.

        Raises:
          FieldValueError: the value differs from the template where nothing is decided, or no candidate matches.
        """
        selected = {id(primitive): True for _, primitive in self._primitives}
        found: list[DNA] = []

        def encode(path: KeyPath, node: Any, given: Any) -> bool:
            if isinstance(node, HyperPrimitive) and id(node) in selected:
                found.append(node._encode(given, self._where))
                return True
            return isinstance(node, DerivedValue) and self._compute_derived

        match(self._value, _to_symbolic(value), KeyPath(), encode)
        if self._compute_derived:
            for path, derived in self._derived:
                expected, got = derived.of(value, path), path.query(value)
                if not symbolic.eq(expected, got):
                    raise FieldValueError(
                        f"Unmatched derived value between template and input. (Path={path}, Template={quote(expected)}, "
                        f"Input={quote(got)})"
                    )
        return DNA(None, found)

    def try_encode(self, value: Any) -> tuple[bool, DNA | None]:
        """Returns (True, DNA of a value), or (False, None) where ``encode`` raises an error."""
        try:
            return True, self.encode(value)
        except (ValueError, LookupError):
            return False, None

    def _find(self, value: Any, path: KeyPath) -> None:
        """Collects the hyper primitives at or below a path, in order."""
        if isinstance(value, HyperPrimitive) and (self._where is None or self._where(value)):
            self._primitives.append((path, value))
            return
        if isinstance(value, DerivedValue):
            self._derived.append((path, value))
        if isinstance(value, symbolic.Symbolic):
            for key, child in value.sym_items():
                self._find(child, KeyPath(key, path))

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, ObjectTemplate) and symbolic.eq(self._value, other._value)

    def __hash__(self) -> int:
        return hash(ObjectTemplate)

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        text = values.format(self._value, compact, verbose, root_indent, **kwargs)
        return f"ObjectTemplate(value={text})"

    def custom_apply(
        self, path: Any, value_spec: Any, allow_partial: bool, child_transform: Any = None
    ) -> tuple[bool, Any]:
        """Checks the value of the template against a field."""
        if accepts_itself(value_spec, self):
            return (False, self)
        if isinstance(self._value, HyperPrimitive):
            return self._value.custom_apply(path, value_spec, allow_partial, child_transform)  # type: ignore[no-any-return]
        if self._field_spec is not None and not value_spec.is_compatible(self._field_spec):
            raise FieldValueError(
                f"{type(self._value).__name__} {quote(self._value)} cannot be assigned to an incompatible field of {value_spec}; it is "
                f"for {self._field_spec}. Make another template for this field. (path={path})"
            )
        own = self._value.clone() if isinstance(self._value, symbolic.Symbolic) else self._value
        value_spec.apply(own, allow_partial=allow_partial, root_path=path)
        self._field_spec = value_spec
        return (False, self)


def _to_symbolic(value: Any) -> Any:
    """Returns a dict or list as a symbolic one, other values as they are."""
    if isinstance(value, dict) and not isinstance(value, symbolic.Symbolic):
        return symbolic.Dict(value)
    if isinstance(value, list) and not isinstance(value, symbolic.Symbolic):
        return symbolic.List(value)
    return value


def template(value: Any, where: Where = None) -> ObjectTemplate:
    """Returns the template of a value.

    Args:
      value: a value with hyper primitives.
      where: which of them DNA decides; the others stay in the value.

    >>> from pliant.pyglove.hyper.categorical import oneof
    >>> template(oneof(["a", "b"])).decode(DNA(1))
    'b'
    """
    return ObjectTemplate(value, compute_derived=True, where=where)


def dna_spec(value: Any, where: Where = None) -> Any:
    """Returns the genotype of a value with hyper primitives, or of a ``DynamicEvaluationContext``.

    >>> from pliant.pyglove.hyper.numerical import floatv
    >>> dna_spec(symbolic.Dict(x=floatv(0.0, 1.0))).decision_ids
    [x]
    """
    from .dynamic_evaluation import DynamicEvaluationContext  # it needs this module

    if isinstance(value, DynamicEvaluationContext):
        return value.dna_spec
    return template(value, where).dna_spec()


def materialize(value: Any, parameters: Any, use_literal_values: bool = True, where: Where = None) -> Any:
    """Returns the value that decisions choose.

    Args:
      value: a value with hyper primitives.
      parameters: a DNA, or a dict of decisions by id or name, as ``DNA.to_dict`` returns them.
      use_literal_values: whether texts are candidates' literals; kept for programs that give it: all forms are read.
      where: which hyper primitives are decided.

    Raises:
      FieldTypeError: ``parameters`` is neither.

    >>> from pliant.pyglove.hyper.categorical import oneof
    >>> materialize(symbolic.Dict(x=oneof([1, 3])), {"x": "1/2 (3)"}).x
    3
    """
    found = template(value, where)
    if isinstance(parameters, dict):
        parameters = DNA.from_parameters(parameters, found.dna_spec(), use_literal_values)
    if not isinstance(parameters, DNA):
        raise FieldTypeError(
            f"'parameters' must be a DNA or a dict of string to DNA values. Encountered: {quote(parameters)}."
        )
    return found.decode(parameters)
