"""``Dict`` and ``List``: symbolic containers, which are a dict and a list, and nodes of a tree.

Every change (item and slice assignment, ``append``, ``update``, ...) is a ``commit``: checked, all or nothing, and
reported to the ancestors.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any, final

from pliant.schema import ValueSpec
from pliant.values.errors import FieldTypeError, ItemError, listing, quote, suggest
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import at_path

from ..edit.commit import Whole, commit, commit_one
from ..edit.items import plan_dict, plan_list, swap_dict, swap_list
from ..read.compare import equal, hash_of
from ..tree.adoption import ARRIVED, CONTAINERS, PLAIN, adopt, announce, item_spec, release
from ..tree.leaf import keep, kept
from ..tree.node import ATOMS, Node, path, place
from .compile import copy_child
from .methods import Symbolic


def _through_items(method: Callable[..., Any]) -> Any:
    """Returns a method of ``list`` that runs on a plain copy, whose items then replace those of a List in one change."""

    @functools.wraps(method)
    def change(self: Any, *args: Any, **options: Any) -> Any:
        before, items = list(self), list(self)
        result = method(items, *args, **options)
        if len(before) != len(self) or not all(
            map(operator.is_, before, self)
        ):  # by a key or `==` of the user
            raise ValueError(f"list modified during {method.__name__}")
        commit([(self, Whole([kept(self, v) for v in items]))])
        return result

    return change


@final
class List(list[Any], Symbolic):
    """A symbolic list.

    Args:
      items: the items; plain lists and dicts among them become symbolic.
      value_spec: the allowed items, as ``pg.typing.List(...)``.

    >>> layers = List([1, [2, 3]])
    >>> layers.rebind({"[1][0]": 5})
    [1, [5, 3]]
    """

    _sym_spec: Any = None
    _sym_plain = True
    _sym_listens = False

    def __init__(self, items: Iterable[Any] = (), *, value_spec: ValueSpec | None = None) -> None:
        found = list(_stored(items))
        if self:  # `__init__` is called again
            self.clear()
        if value_spec is not None:
            found = _check_items(self, value_spec, found)
        element = item_spec(value_spec, 0)
        _extend(
            self,
            [
                v if v.__class__ in ATOMS else keep(self, adopt(self, i, v, element))
                for i, v in enumerate(found)
            ],
        )
        _complete(self)

    __repr__ = Symbolic.__repr__
    __str__ = Symbolic.__str__

    def _sym_keys(self) -> range:
        return range(len(self))

    def _sym_values(self) -> list[Any]:
        return self if self._sym_refs is None else [kept(self, v) for v in self]

    def _sym_child(self, key: object) -> Any:
        if key.__class__ is int and -len(self) <= key < len(self):
            return kept(self, list.__getitem__(self, key))
        return MISSING_VALUE

    def _sym_copy(self, parent: object = None, key: object = None, memo: Any = None) -> List:
        made = _new(self.__class__)
        made._sym_parent = parent
        made._sym_key = key
        made._sym_spec = self._sym_spec
        is_shared = self._sym_refs is not None
        items = self._sym_values() if is_shared else self[:]
        copies = getattr(items[0].__class__, "_sym_copies", None) if items and not is_shared else None
        if copies is not None:
            copies(items, _bind(made), made, memo)
            return made
        items = [
            v
            if v.__class__ in ATOMS
            else v._sym_copy(made, i, memo)
            if isinstance(v, Node)
            else copy_child(v, made, i, memo)
            for i, v in enumerate(items)
        ]
        _extend(made, [keep(made, v) for v in items] if is_shared else items)
        return made

    def _sym_put(self, key: Any, value: Any) -> None:
        list.__setitem__(self, key, keep(self, value))

    def _sym_reset(self) -> None:
        if self._sym_template is not None:
            self._sym_template = None

    _sym_plan = plan_list
    _sym_swap = swap_list

    def __setitem__(self, index: Any, value: object) -> None:
        if isinstance(index, slice):
            self._set_slice(index, value)
        else:
            if not hasattr(index, "__index__"):
                list.__getitem__(self, index)  # raises the error of a list
            index = operator.index(index)
            if not -len(self) <= index < len(self):
                raise ItemError(
                    f"a List {at_path(path(self))} has {len(self)} items; item {index} does not exist."
                )
            commit_one(self, index, value)

    _set_slice = _through_items(list.__setitem__)
    _pop = _through_items(list.pop)
    __delitem__ = _through_items(list.__delitem__)
    clear = _through_items(list.clear)
    insert = _through_items(list.insert)
    remove = _through_items(list.remove)
    reverse = _through_items(list.reverse)
    sort = _through_items(list.sort)

    def append(self, value: object) -> None:
        """Adds an item at the end."""
        commit_one(self, len(self), value)

    def extend(self, values: Iterable[Any]) -> None:
        """Adds items at the end."""
        n = len(self)
        commit([(self, {n + i: value for i, value in enumerate(_stored(values))})])

    def pop(self, index: object = -1) -> Any:
        """Removes an item and returns it."""
        if index == -1 and self:
            value = list.__getitem__(self, -1)
            commit_one(self, len(self) - 1, MISSING_VALUE)
            return value
        return self._pop(index)

    def __add__(self, other: Any) -> Any:
        """Returns a List of copies of these items and of the items of another list."""
        return List([*self._sym_values(), *_stored(other)]) if isinstance(other, list) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        """Returns a List with copies of the items of a plain list and of these."""
        return List(other) + self if isinstance(other, list) else NotImplemented

    def __mul__(self, n: Any) -> Any:
        """Returns a List with copies of these items, several times."""
        return List(list(self._sym_values()) * n)

    __rmul__ = __mul__

    def __iadd__(self, values: Iterable[Any]) -> List:  # type: ignore[misc]  # list's overloads
        self.extend(values)
        return self

    def __imul__(self, n: Any) -> List:
        commit([(self, Whole(list(self._sym_values()) * n))])
        return self

    def copy(self) -> List:
        """Returns a symbolic copy."""
        return self._sym_copy()

    def __eq__(self, other: object) -> bool:
        return equal(self, other) if isinstance(other, list) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not equal(self, other) if isinstance(other, list) else NotImplemented

    def __hash__(self) -> int:  # type: ignore[override]  # plain ones have none; nodes are hashed by value
        return hash_of(self)


def _check_items(made: Any, spec: Any, items: Any) -> Any:
    """Returns the items of a new container, checked by its spec."""
    if not isinstance(spec, ValueSpec):
        name = type(made).__name__
        raise FieldTypeError(
            f"value_spec of a {name} must be a spec such as pg.typing.{name}(...); got {quote(spec)}. "
            "For an entry of this name, write pg.Dict({'value_spec': ...})."
        )
    made._sym_spec = spec
    return spec.check(items)


def _complete(made: Any) -> None:
    """Runs the parent hooks of the items of a new container; if one fails, the items have no parent as before."""
    if ARRIVED:
        try:
            announce(made)
        except BaseException:
            release(made, made._sym_values())
            raise


def _stored(items: Any) -> Any:
    """Returns the items of a List or Dict with its Refs; other values unchanged."""
    if isinstance(items, List):
        return items._sym_values()
    return dict(zip(items, items._sym_values())) if isinstance(items, Dict) else items


_new = list.__new__
_extend = list.extend
_append = list.append
_bind: Any = list.append.__get__  # the append of a list, without the checks of a List


_OPTIONS = {  # arguments of PyGlove's Dict
    "sealed": "pg.Dict(...).seal()",
    "allow_partial": "a value_spec whose fields have defaults",
    "accessor_writable": "pg.Dict(...).seal() if entries may not change",
    "root_path": "nothing instead: the path follows from the tree",
    "onchange_callback": "a pg.Object with the method on_change",
    "pass_through": "nothing instead",
}


@final
class Dict(dict[Any, Any], Symbolic):
    """A symbolic dict, whose keys can also be read as attributes.

    Args:
      items: a mapping or pairs.
      value_spec: the allowed items, as ``pg.typing.Dict(...)``.
      **fields: more items.

    >>> d = Dict(kernel=3, layer={"filters": 8})
    >>> d.layer.filters, d["kernel"]
    (8, 3)
    """

    _sym_spec: Any = None
    _sym_plain = False
    _sym_listens = False

    def __init__(self, items: Any = (), /, *, value_spec: ValueSpec | None = None, **fields: Any) -> None:
        for name in fields:
            if name in _OPTIONS:
                raise FieldTypeError(
                    f"pg.Dict has no argument {name!r}. Write {_OPTIONS[name]}; for an entry of this name, write "
                    f"pg.Dict({{{name!r}: {quote(fields[name])}}})."
                )
        found = {**dict(_stored(items)), **fields}
        if value_spec is not None:
            found = _check_items(self, value_spec, found)
        for k, v in found.items():
            if v is not MISSING_VALUE:
                new = (
                    v
                    if v.__class__ in ATOMS
                    else keep(self, adopt(self, place(k), v, item_spec(value_spec, k)))
                )
                dict.__setitem__(self, k, new)
        _complete(self)

    def _sym_keys(self) -> Any:
        return dict.keys(self)

    def _sym_values(self) -> Any:
        values = dict.values(self)
        return values if self._sym_refs is None else [kept(self, v) for v in values]

    def _sym_child(self, key: object) -> Any:
        return kept(self, dict.get(self, key, MISSING_VALUE))

    def _sym_copy(self, parent: object = None, key: object = None, memo: Any = None) -> Dict:
        made = dict.__new__(self.__class__)
        made._sym_parent = parent
        made._sym_key = key
        for k, v in zip(dict.keys(self), self._sym_values()):
            new = v if v.__class__ in ATOMS else keep(made, copy_child(v, made, place(k), memo))
            dict.__setitem__(made, k, new)
        if self._sym_spec is not None:
            made._sym_spec = self._sym_spec
        return made

    def _sym_put(self, key: object, value: object) -> None:
        dict.__setitem__(self, key, keep(self, value))

    def _sym_assign(self, key: Any, value: Any) -> bool:
        found = dict.get(self, key, MISSING_VALUE)
        if (
            self._sym_spec is not None
            or found is value
            or (isinstance(found, Node) and found._sym_hears_parent)
        ):
            return False
        swap_dict(self, {key: value})
        return True

    def _sym_reset(self) -> None:
        if self._sym_template is not None:
            self._sym_template = None

    _sym_plan = plan_dict
    _sym_swap = swap_dict
    __repr__ = Symbolic.__repr__
    __str__ = Symbolic.__str__

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return dict.__getitem__(self, name)
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"Dict has no key {name!r}{suggest(name, self) or '.'} It has: {listing(self)}.")

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_sym_"):
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            self.__getattr__(name)  # raises AttributeError
        del self[name]

    def __setitem__(self, key: object, value: object) -> None:
        commit_one(self, key, value)

    def __delitem__(self, key: object) -> None:
        commit_one(self, key, MISSING_VALUE)

    def update(self, *args: Any, **fields: Any) -> None:
        """Sets several items, as one change."""
        commit([(self, dict(*map(_stored, args), **fields))])

    def __or__(self, other: Any) -> Any:
        """Returns a Dict with copies of these entries and of those of another dict, which take precedence."""
        return Dict({**_stored(self), **_stored(other)}) if isinstance(other, dict) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        """Returns a Dict with copies of the entries of a plain dict and of these, which take precedence."""
        return Dict(other) | self if isinstance(other, dict) else NotImplemented

    def __ior__(self, other: Any) -> Dict:
        self.update(other)
        return self

    def setdefault(self, key: object, default: object = None) -> Any:
        """Returns the value at ``key``, which becomes ``default`` first if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        """Removes a key and returns its value."""
        if key not in self:
            return {}.pop(key, *default)
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[Any, Any]:
        """Removes the last item and returns it."""
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        key, value = next(reversed(dict.items(self)))
        del self[key]
        return key, value

    def clear(self) -> None:
        """Removes all items."""
        commit([(self, Whole({}))])

    def copy(self) -> Dict:
        """Returns a symbolic copy."""
        return self._sym_copy()

    def __eq__(self, other: object) -> bool:
        return equal(self, other) if isinstance(other, dict) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not equal(self, other) if isinstance(other, dict) else NotImplemented

    def __hash__(self) -> int:  # type: ignore[override]  # plain ones have none; nodes are hashed by value
        return hash_of(self)


def _list_node(items: list[Any], spec: Any) -> List:
    """Returns the List for a plain list of checked items."""
    made = _new(List)
    if spec is not None:
        made._sym_spec = spec
    element = spec.element if spec is not None else None
    for i, v in enumerate(items):
        if v.__class__ not in ATOMS:
            if (
                isinstance(v, Node)
                and v._sym_parent is None
                and v.__class__ not in CONTAINERS
                and not v._sym_hears_parent
            ):
                v._sym_parent = made
                v._sym_key = i
            else:
                v = keep(made, adopt(made, i, v, element))
        _append(made, v)
    return made


def _dict_node(items: dict[Any, Any], spec: object) -> Dict:
    """Returns the Dict for a plain dict of checked items."""
    made = dict.__new__(Dict)
    if spec is not None:
        object.__setattr__(made, "_sym_spec", spec)
    for k, v in items.items():
        new = v if v.__class__ in ATOMS else keep(made, adopt(made, place(k), v, item_spec(spec, k)))
        dict.__setitem__(made, k, new)
    return made


PLAIN[list] = _list_node
PLAIN[dict] = _dict_node
CONTAINERS.update((List, Dict))
