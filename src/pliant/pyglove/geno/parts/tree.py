"""``Tree``: the value and the children of a DNA, compact forms of them, order, and data beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

from pliant.values.errors import FieldTypeError, FieldValueError, quote
from pliant.values.numbers import to_real, to_whole

from .attributes import AttributeDict
from .node import Node

Value = None | int | float | str


class Tree(Node):
    """A value and children; comparable, hashable and iterable.  Base class of ``DNA``."""

    def __init__(self, value: Any, children: Sequence[Any] | None, metadata: dict[str, Any] | None) -> None:
        if isinstance(value, (list, tuple)):
            if children:
                raise FieldValueError(
                    f"'children' ({quote(children)}) must be None when 'value' ({quote(value)}) is compositional. Nest it in one of them."
                )
            value, children = self._read(value)
        self.value: Value = check_value(value)
        self.children: list[Any] = self._adopt_all(children or ())
        if self.value is None and len(self.children) == 1:  # a list of one decision is this decision
            self.value, own = self.children[0].value, self.children[0].children
            self.children = self._adopt_all([child.clone() for child in own])
        self.metadata = AttributeDict(metadata or {})
        self._cloneable_metadata_keys: set[str] = set()
        self._userdata: AttributeDict | None = None
        self._cloneable_userdata: set[str] = set()

    def _adopt_all(self, children: Any) -> list[Any]:
        """Returns DNA as children of this one; a list of decisions below a choice is the children themselves."""
        if not isinstance(children, (list, tuple)):
            raise FieldTypeError(
                f"Expect {list} but encountered {type(children)}: {quote(children)}. (path=children)"
            )
        for i, child in enumerate(children):
            if not isinstance(child, Tree):
                raise FieldTypeError(
                    f"Expect DNA but encountered {type(child)}: {quote(child)}. Write DNA(...) around it. (path=children[{i}])"
                )
        if len(children) == 1 and children[0].value is None:
            children = [child.clone() for child in children[0].children]
        return [self._adopt(child) for child in children]

    @classmethod
    def _read(cls, value: Any) -> tuple[Any, list[Any]]:
        """Returns the value and the children of a nested structure of numbers."""
        if isinstance(value, list):
            return None, [cls._of(item) for item in value]
        if len(value) < 2:
            raise FieldValueError(
                f"Tuple as conditional choices must have at least 2 items. Encountered {quote(value)}. Give its item alone."
            )
        for item in value[:-1]:
            if item is None or isinstance(item, (list, tuple)):
                raise FieldValueError(
                    "Tuple as conditional choices only allow multiple choices to be used at the last position. "
                    f"Encountered: {quote(value)}."
                )
        return value[0], [cls._of(value[1] if len(value) == 2 else value[1:])]

    @classmethod
    def _of(cls, value: Any) -> Any:
        make: Any = cls  # a DNA, whose other arguments have defaults
        return value if isinstance(value, cls) else make(value)

    @property
    def is_leaf(self) -> bool:
        """Whether the node has no children."""
        return not self.children

    @property
    def parent_dna(self) -> Any:
        """The DNA that this one is a child of; None for a root."""
        return self._parent

    @property
    def root(self) -> Any:
        """The root of the tree."""
        return self.sym_root

    @property
    def userdata(self) -> AttributeDict:
        """Data that lives in this process only."""
        if self._userdata is None:
            self._userdata = AttributeDict()
        return self._userdata

    def set_metadata(self, key: str, value: Any, cloneable: bool = False) -> Self:
        """Keeps a value in ``metadata``, which goes into JSON; with ``cloneable`` copies of the DNA have it too.  Returns the DNA."""
        self.metadata[key] = value
        if cloneable:
            self._cloneable_metadata_keys.add(key)
        return self

    def set_userdata(self, key: str, value: Any, cloneable: bool = False) -> Self:
        """Keeps a value in ``userdata``, which JSON does not have; with ``cloneable`` copies of the DNA have it too.  Returns the DNA."""
        self.userdata[key] = value
        if cloneable:
            self._cloneable_userdata.add(key)
        return self

    def to_numbers(self, flatten: bool = True) -> Any:
        """Returns the decisions as a flat list; without ``flatten`` nested as ``DNA(...)`` takes them."""
        if flatten:
            own: list[Any] = [] if self.value is None else [self.value]
            return own + [number for child in self.children for number in child.to_numbers()]
        inner = [child.to_numbers(flatten=False) for child in self.children]
        if self.value is None:
            return inner
        if not inner:
            return self.value
        if len(inner) > 1:
            return (self.value, inner)
        return (self.value, *inner[0]) if isinstance(inner[0], tuple) else (self.value, inner[0])

    def __iter__(self) -> Iterator[Self]:
        return iter(self.children)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, (Tree, int, float, str)):
            raise FieldValueError(
                f"DNA.__contains__ does not accept {quote(item)}. Give a DNA, an int, a float or a str."
            )
        if isinstance(item, Tree):
            return any(child == item for child in self.children)
        return item in [child.value for child in self.children]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Tree) or type(self.value) is not type(other.value):
            return False
        return bool(self.value == other.value and self.children == other.children)

    def __hash__(self) -> int:
        return hash((self.value, *map(hash, self.children)))

    def sym_eq(self, other: Any) -> bool:
        return bool(self == other)

    def sym_hash(self) -> int:
        return hash(self)

    def __lt__(self, other: Any) -> bool:
        return self._compare(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._compare(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self._compare(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._compare(other) >= 0

    def _compare(self, other: Any) -> int:
        """Returns the order of two DNA: by value (None, then numbers, then text), then by children."""
        if not isinstance(other, Tree):
            raise FieldTypeError(f"unorderable types: DNA & {type(other)}. Compare it with a DNA.")
        left, right = _rank(self.value), _rank(other.value)
        if left != right:
            return -1 if left < right else 1
        if len(self.children) != len(other.children):
            raise FieldValueError(
                f"The two input DNA have different number of children. (Left={quote(self)}, Right={quote(other)}) "
                "DNA of one space have an order."
            )
        for mine, theirs in zip(self.children, other.children, strict=True):
            order: int = mine._compare(theirs)
            if order:
                return order
        return 0


def _rank(value: Any) -> tuple[int, Any]:
    return (0, 0) if value is None else (2, value) if isinstance(value, str) else (1, value)


def check_value(value: Any) -> Value:
    """Returns the value of a DNA node: None, an int, a float or text; numbers of other libraries as Python's.

    >>> check_value(1), check_value(0.5), check_value("abc")
    (1, 0.5, 'abc')
    """
    if value is None or isinstance(value, str) or value.__class__ in (int, float):
        return value
    whole = to_whole(value)
    number: int | float | None = whole if whole is not None else to_real(value)
    if number is None:
        raise FieldTypeError(
            f"Expect int, float, str or None but encountered {type(value)}: {quote(value)}. (path=value)"
        )
    return number
