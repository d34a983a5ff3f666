"""``Views``: the decisions of a DNA by id, by name and as literals; each needs the genotype that the DNA is bound to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pliant.values.errors import FieldValueError, PathError, quote

from .binding import find_element
from .tree import Tree

KEY_TYPES = ("id", "name_or_id", "dna_spec")
VALUE_TYPES = ("value", "dna", "choice", "literal", "choice_and_literal")
MULTI_CHOICE_KEYS = ("subchoice", "parent", "both")


class Views(Tree):
    """The decisions of a DNA as its genotype describes them.  Base class of ``DNA``."""

    _spec: Any = None
    _decided: dict[str, Any] | None = None

    @property
    def spec(self) -> Any:
        """The genotype that the DNA is bound to; None for an unbound one."""
        return self._spec

    @property
    def is_subchoice(self) -> bool:
        """Whether this is one of the choices of a ``manyof``."""
        return self._spec is not None and bool(self._spec.is_subchoice)

    @property
    def multi_choice_spec(self) -> Any:
        """The ``manyof`` whose choices the children are; None for other DNA."""
        spec = self._need_spec()
        if spec.is_categorical and spec.num_choices == 1:
            candidate = spec.candidates[self.value]
            if candidate.is_constant:
                return None
            spec = find_element(candidate)
        return spec if spec.is_categorical and spec.num_choices > 1 else None

    @property
    def is_multi_choice_container(self) -> bool:
        """Whether the children are the choices of a ``manyof``."""
        return self.multi_choice_spec is not None

    @property
    def literal_value(self) -> Any:
        """The decisions as literals: ``0/2 -> 1/3 -> 0.5`` for decisions below others, lists for several."""
        spec = self._need_spec()
        if spec.is_space or self.value is None:
            return [child.literal_value for child in self.children]
        if not spec.is_categorical:
            return str(self.value)
        if not self.children:
            return spec.format_candidate(self.value, "literal")
        prefix = spec.format_candidate(self.value, "choice")
        inner = [child.literal_value for child in self.children]
        return _put_before(prefix, inner if len(inner) > 1 else inner[0])

    @property
    def decision_ids(self) -> list[Any]:
        """The ids of the decision points of the genotype."""
        return list(self._need_spec().decision_ids)

    @property
    def named_decisions(self) -> dict[str, Any]:
        """The DNA of each name: a list where several decision points have it, None where it is inactive."""
        found: dict[str, Any] = {}
        for point, dna in self._points():
            if point.name is None:
                continue
            known = found.get(point.name)
            if known is None:
                found[point.name] = dna
            elif isinstance(known, list):
                known.append(dna)
            else:
                found[point.name] = [known, dna]
        return found

    def get(self, key: Any, default: Any = None) -> Any:
        """Returns a child by its index, or the DNA of a decision point, an id or a name; the default if it is not there."""
        if isinstance(key, (int, slice)):
            return self.children[key]
        found = self._find(key)
        return default if found is None or found is _ABSENT else found

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (int, slice)):
            return self.children[key]
        found = self._find(key)
        if found is _ABSENT:
            raise PathError(
                f"{quote(self)} has no decision with the name or id {quote(str(key))}; "
                f"there are {', '.join(map(str, self.decision_ids[:8])) or 'none'}."
            )
        return found

    def to_dict(
        self,
        key_type: str = "id",
        value_type: str = "value",
        multi_choice_key: str = "subchoice",
        include_inactive_decisions: bool = False,
        filter_fn: Callable[[Any], bool] | None = None,
    ) -> dict[Any, Any]:
        """Returns the decisions as a dict; ``from_dict`` reads all its forms.

        Args:
          key_type: ``"id"``, ``"name_or_id"`` or ``"dna_spec"`` (the decision point itself).
          value_type: ``"value"`` (an index or a number), ``"dna"``, or for choices ``"choice"`` (``0/2``), ``"literal"`` or
            ``"choice_and_literal"``.
          multi_choice_key: the choices of a ``manyof`` by their own keys (``"subchoice"``), as a list under that of the ``manyof``
            (``"parent"``), or both.
          include_inactive_decisions: with None for them.
          filter_fn: whether a decision point is included.

        Raises:
          FieldValueError: an argument has no such value, or the DNA has no genotype.
        """
        _check_option("key_type", key_type, KEY_TYPES)
        _check_option("value_type", value_type, VALUE_TYPES)
        _check_option("multi_choice_key", multi_choice_key, MULTI_CHOICE_KEYS)
        result: dict[Any, Any] = {}
        for point, dna in self._points():
            if (dna is None and not include_inactive_decisions) or not (
                filter_fn is None or filter_fn(point)
            ):
                continue
            value = None if dna is None else _show(point, dna, value_type)
            if point.is_subchoice and multi_choice_key != "subchoice":
                parent = point.parent_spec
                key = _key(parent, key_type)
                if dna is None:
                    result.setdefault(key, None)
                elif key_type != "name_or_id" or parent.name is None:
                    _append(result, key, value)
                if multi_choice_key == "parent" and not (
                    key_type == "name_or_id" and parent.name is not None
                ):
                    continue
            key = _key(point, key_type)
            if key_type == "name_or_id" and point.name is not None:
                _merge(result, key, value)
            else:
                result[key] = value
        return result

    def parameters(self, use_literal_values: bool = False) -> dict[str, Any]:
        """Returns ``to_dict`` with ``0/2`` for choices, or with ``0/2 (literal)``."""
        return self.to_dict(value_type="choice_and_literal" if use_literal_values else "choice")

    def _need_spec(self) -> Any:
        if self._spec is None:
            raise FieldValueError(
                f"{quote(self)} is not bound with a DNASpec. Call `dna.use_spec(spec)` first."
            )
        return self._spec

    def _points(self) -> list[tuple[Any, Any]]:
        """Returns ``(decision point, DNA or None)`` for all decision points of the genotype."""
        decided = self._decisions()
        return [(point, decided.get(point.id.path)) for point in self._need_spec().decision_points]

    def _decisions(self) -> dict[str, Any]:
        """Returns the active DNA below this one by id."""
        if self._decided is None:
            self._need_spec()
            decided: dict[str, Any] = {}
            _collect(self, decided)
            self._decided = decided
        return self._decided

    def _find(self, key: Any) -> Any:
        """Returns the DNA of a decision point, an id or a name; None if it is inactive, _ABSENT if the point does not exist."""
        spec = self._need_spec()
        text = str(getattr(key, "id", key))
        if text in self._decisions():
            return self._decisions()[text]
        points = spec._decisions_by_id.get(text)
        if isinstance(points, list):
            found = [dna for point in points if (dna := self._decisions().get(point.id.path)) is not None]
            return found or None
        if points is not None or any(point.id.path == text for point in spec.decision_points):
            return None
        return self.named_decisions.get(text, _ABSENT)


_ABSENT = object()


def _collect(dna: Any, decided: dict[str, Any]) -> None:
    spec = dna._spec
    if not spec.is_space and not (spec.is_categorical and spec.num_choices > 1):
        decided[spec.id.path] = dna
    for child in dna.children:
        if child._spec is not None:
            _collect(child, decided)


def _put_before(prefix: Any, inner: Any) -> Any:
    if isinstance(inner, list):
        return [_put_before(prefix, item) for item in inner]
    return f"{prefix} -> {inner}"


def _check_option(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise FieldValueError(f"'{name}' must be either {', '.join(map(repr, allowed))}; got {quote(value)}.")


def _key(point: Any, key_type: str) -> Any:
    if key_type == "dna_spec":
        return point
    return point.name if key_type == "name_or_id" and point.name is not None else point.id.path


def _show(point: Any, dna: Any, value_type: str) -> Any:
    if value_type == "dna":
        return dna
    return (
        dna.value
        if value_type == "value" or not point.is_categorical
        else point.format_candidate(dna.value, value_type)
    )


def _append(result: dict[Any, Any], key: Any, value: Any) -> None:
    if result.get(key) is None:
        result[key] = [value]
    else:
        result[key].append(value)


def _merge(result: dict[Any, Any], key: Any, value: Any) -> None:
    """Adds a decision under a name: the first active one alone, several as a list."""
    known = result.get(key)
    if known is None:
        result[key] = value
    elif value is not None:
        result[key] = [*known, value] if isinstance(known, list) else [known, value]
