"""``Object``: the base class of symbolic classes; and ``members`` and ``use_init_args``, which declare their fields."""

from __future__ import annotations

import abc
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from pliant.values.errors import quote

from .. import values as utils
from . import flags
from .base import Symbolic
from .dict import Dict
from .parts.arguments import bind_arguments
from .parts.base_init import base_init
from .parts.compare import eq, lt, sym_hash, type_order
from .parts.documents import from_json
from .parts.meta import ObjectMeta, finish_init_arg_list, key_text, make_init
from .parts.permissions import treats_as_sealed, writtable_via_accessors
from .parts.rebinding import apply_changes
from .parts.updates import FieldUpdate, Inferential, WritePermissionError

__all__ = ["Object", "ObjectMeta", "members", "use_init_args"]


class _Declared(Symbolic, metaclass=ObjectMeta):
    """How classes of objects are declared."""

    _HAS_DYNAMIC_ATTRIBUTES = True

    @classmethod
    def _normalize_schema(cls, schema: Any) -> Any:
        """Returns the schema that the class uses; subclasses may change it."""
        return schema

    @classmethod
    def _on_schema_update(cls) -> None:
        """Called after the schema of the class changed."""
        cls.__schema__.metadata["init_arg_list"] = finish_init_arg_list(cls)
        cls._update_signatures_based_on_schema()
        cls._generate_sym_attributes()

    @classmethod
    def _update_signatures_based_on_schema(cls) -> None:
        """Gives the class an ``__init__`` with the signature of its fields, if it has none of its own."""
        at: Any = cls.__init__
        base = getattr(at, "generated_for", None)
        if base is None and not getattr(at, "_is_base_init", False):
            return
        cls.__init__ = make_init(cls, base or at)  # type: ignore[method-assign]  # the generated one

    @classmethod
    def _generate_sym_attributes(cls) -> None:
        """Makes the fields attributes, where the class has no method or property of that name."""
        for key, field in cls.__schema__.items():
            if key.is_const and cls._is_free(key_text(key)):
                cls._create_sym_attribute(key_text(key), field)

    @classmethod
    def _is_free(cls, name: str) -> bool:
        for base in cls.__mro__:
            if name in base.__dict__:
                found = base.__dict__[name]
                if isinstance(found, _Attribute):
                    return False
                if getattr(found, "__isabstractmethod__", False):
                    return True
                if isinstance(found, (property, types.FunctionType, staticmethod, classmethod)):
                    return False
                return isinstance(base, ObjectMeta)
        return True

    @classmethod
    def _create_sym_attribute(cls, attr_name: str, field: Any) -> None:
        """Makes one field an attribute."""
        if attr_name.isidentifier():
            setattr(cls, attr_name, _Attribute(attr_name, field.description))
            abc.update_abstractmethods(cls)

    @classmethod
    def _infer_fields_from_annotations(cls) -> list[Any]:
        return cls.infer_fields()


class _Attribute(property):
    """The attribute of a field."""

    def __init__(self, name: str, description: Any) -> None:
        super().__init__(lambda obj: obj._sym_inferred(name), doc=description or f"The field {name!r}.")


class _Held(_Declared):
    """The symbolic side of ``Object``: its fields are held by a ``Dict``."""

    _sym_attributes: Any
    use_symbolic_comparison: ClassVar[bool]

    @property
    def sym_init_args(self) -> Any:
        """The fields, as a symbolic dict; changes of it change the object."""
        return self._sym_attributes

    def sym_hasattr(self, key: Any) -> bool:
        return bool(self._sym_attributes.sym_hasattr(key))

    def sym_attr_field(self, key: Any) -> Any:
        return self._sym_attributes.sym_attr_field(key)

    def sym_keys(self) -> Iterator[Any]:
        return iter(self._sym_attributes.sym_keys())

    def sym_values(self) -> Iterator[Any]:
        return iter(self._sym_attributes.sym_values())

    def sym_items(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._sym_attributes.sym_items())

    def _sym_getattr(self, key: Any) -> Any:
        return dict.__getitem__(self._sym_attributes, key)

    def _sym_inferred(self, key: Any, **kwargs: Any) -> Any:
        held = object.__getattribute__(self, "__dict__").get("_sym_attributes")
        if held is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {quote(key)} yet.")
        value = dict.get(held, key, _NONE)
        if value is _NONE:
            value = self.sym_getattr(key)
        return value.infer(**kwargs) if isinstance(value, Inferential) else value

    def sym_eq(self, other: Any) -> bool:
        return self is other or (
            type(self) is type(other) and eq(self._sym_attributes, other._sym_attributes)
        )

    def sym_lt(self, other: Any) -> bool:
        if type(self) is not type(other):
            return type_order(self) < type_order(other)
        return lt(self._sym_attributes, other._sym_attributes)

    def sym_hash(self) -> int:
        return hash((type(self), sym_hash(self._sym_attributes)))

    def sym_setparent(self, parent: Any) -> None:
        old_parent = self.sym_parent
        super().sym_setparent(parent)
        if old_parent is not parent:
            self._on_parent_change(old_parent, parent)

    def _update_children_paths(self, old_path: Any, new_path: Any) -> None:
        self._sym_attributes.sym_setpath(new_path)
        self._on_path_change(old_path, new_path)

    def _forget_facts(self) -> None:
        super()._forget_facts()
        self._sym_attributes._forget_facts()

    def _sym_rebind(self, path_value_pairs: dict[Any, Any]) -> list[FieldUpdate]:
        if treats_as_sealed(self):
            raise WritePermissionError(self._error_message(f"Cannot rebind a sealed {type(self).__name__}."))
        return apply_changes(self, path_value_pairs)

    def _sym_missing(self) -> dict[Any, Any]:
        found: dict[Any, Any] = self._sym_attributes.sym_missing(flatten=False)
        return found

    def _sym_nondefault(self) -> dict[Any, Any]:
        found: dict[Any, Any] = self._sym_attributes.sym_nondefault(flatten=False)
        return found

    def sym_seal(self, is_seal: Any = True) -> Any:
        self._sym_attributes.sym_seal(is_seal)
        return super().sym_seal(is_seal)

    def _set_item_without_permission_check(self, key: Any, value: Any) -> FieldUpdate | None:
        update: FieldUpdate | None = self._sym_attributes._set_item_without_permission_check(key, value)
        return update

    def _sym_clone(self, deep: bool, memo: Any = None) -> Any:
        made = type(self).__new__(type(self))
        Symbolic.__init__(
            made,
            allow_partial=self.allow_partial,
            accessor_writable=self.accessor_writable,
            sealed=self.sym_sealed,
        )
        made._set_raw_attr("_sym_attributes", self._sym_attributes._copy_for(made, deep, memo))
        made._on_init()
        return made

    # --- hooks of subclasses

    def _on_init(self) -> None:
        """Called once, when the fields are set; calls ``_on_bound``."""
        self._on_bound()

    def _on_bound(self) -> None:
        """Called when the fields are set, and after each change of them."""

    def _on_change(self, field_updates: dict[Any, FieldUpdate]) -> None:
        self._on_bound()

    def _on_path_change(self, old_path: Any, new_path: Any) -> None:
        """Called when the path changes."""

    def _on_parent_change(self, old_parent: Any, new_parent: Any) -> None:
        """Called when the value that contains this one changes."""


_NONE: Any = object()


class Object(_Held):
    """Base class of symbolic classes.  Fields are declared by annotations or by ``members``.

    Args:
      *args: values of the fields of ``init_arg_list``.
      allow_partial: whether required values may be missing.
      sealed: whether the object is read-only; None for what the class says (``allow_symbolic_mutation``).
      root_path: the path of the object.
      explicit_init: whether the ``__init__`` of other bases is left to the caller.
      **kwargs: values of fields by name.

    Raises:
      TypeError, ValueError: an argument is missing, unknown or not allowed.

    >>> class Block(Object):
    ...     filters: int
    ...     kernel: int = 3
    >>> Block(8).rebind(kernel=5)
    Block(filters=8, kernel=5)
    """

    allow_symbolic_attribute: ClassVar[bool] = True
    allow_symbolic_assignment: ClassVar[bool] = False
    allow_symbolic_mutation: ClassVar[bool] = True
    use_symbolic_comparison: ClassVar[bool] = True
    infer_symbolic_fields_from_annotations: ClassVar[bool] = True
    auto_schema: ClassVar[bool] = True

    def __init_subclass__(cls, user_cls: Any = None) -> None:
        super().__init_subclass__()
        own_init = cls.__dict__.get("__init__")
        if own_init is not None and not getattr(own_init, "_is_base_init", False):
            utils.ensure_explicit_method_override(
                own_init,
                f"`{cls.__name__}.__init__` is a PyGlove managed method: it is made from the fields. Compute what depends on "
                "the fields in `_on_bound`, or mark your method with `@pg.explicit_method_override`.",
            )
        if cls.auto_schema:
            is_inferring = cls.infer_symbolic_fields_from_annotations
            cls.update_schema(cls._infer_fields_from_annotations() if is_inferring else [])
        if getattr(cls, "auto_register", True):
            cls.register_for_deserialization()

    @classmethod
    def partial(cls, *args: Any, **kwargs: Any) -> Any:
        """Returns an object that may lack required values."""
        return cls(*args, allow_partial=True, **kwargs)

    @classmethod
    def from_json(
        cls, json_value: Any, *, allow_partial: bool = False, root_path: Any = None, **kwargs: Any
    ) -> Any:
        """Returns the object of JSON data; see ``from_json`` of the module."""
        path = utils.KeyPath() if root_path is None else root_path
        given = {
            k: from_json(v, root_path=utils.KeyPath(k, path), allow_partial=allow_partial, **kwargs)
            for k, v in json_value.items()
        }
        return cls(allow_partial=allow_partial, root_path=path, **given)

    @base_init
    def __init__(
        self,
        *args: Any,
        allow_partial: bool = False,
        sealed: bool | None = None,
        root_path: Any = None,
        explicit_init: bool = False,
        **kwargs: Any,
    ) -> None:
        cls = type(self)
        if not isinstance(allow_partial, bool):
            raise TypeError(
                f"Expect bool type for argument 'allow_partial' in {cls.__name__}.__init__(). Encountered {quote(allow_partial)}."
            )
        Symbolic.__init__(
            self,
            allow_partial=allow_partial,
            accessor_writable=cls.allow_symbolic_assignment,
            sealed=False,
            root_path=root_path,
            init_super=not explicit_init,
        )
        fields = bind_arguments(self, args, kwargs)
        held = Dict(
            fields,
            value_spec=cls.sym_fields,
            allow_partial=allow_partial,
            root_path=root_path,
            _held_for=self,
        )
        self._set_raw_attr("_sym_attributes", held)
        self._on_init()
        if not cls.allow_symbolic_mutation if sealed is None else sealed:
            self.sym_seal(True)

    def __setattr__(self, name: str, value: Any) -> None:
        if name[0] == "_" or self._is_plain_attribute(name):
            object.__setattr__(self, name, value)
            return
        if treats_as_sealed(self):
            raise WritePermissionError(
                self._error_message(f"Cannot set attribute {name!r}: object is sealed.")
            )
        if not writtable_via_accessors(self):
            raise WritePermissionError(
                self._error_message(
                    f"Cannot set attribute of {type(self)!r} while `{type(self).__name__}.allow_symbolic_assignment` is set "
                    f"to False. Use `rebind({name}=...)`, or set it to True in the class."
                )
            )
        update = self._set_item_without_permission_check(name, value)
        if update is not None and flags.is_change_notification_enabled():
            self._notify_field_updates([update])

    def _is_plain_attribute(self, name: str) -> bool:
        """Returns whether an attribute is not a field."""
        held = object.__getattribute__(self, "__dict__").get("_sym_attributes")
        cls = type(self)
        if held is None and cls.__schema__.get_field(name) is not None:
            raise ValueError(
                f"{cls.__qualname__}.__init__() should call `super().__init__` before it sets fields."
            )
        found = getattr(cls, name, None)
        if isinstance(found, property) and not isinstance(found, _Attribute) and found.fset is not None:
            return True
        return not cls.allow_symbolic_attribute or cls.__schema__.get_field(name) is None

    def __getattr__(self, name: str) -> Any:
        held = object.__getattribute__(self, "__dict__").get("_sym_attributes")
        if held is not None and name[:2] != "__" and dict.__contains__(held, name):
            return self.sym_inferred(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        if type(self).use_symbolic_comparison:
            return bool(self.sym_eq(other))
        return self is other

    def __ne__(self, other: object) -> bool:
        return not self.__eq__(other)

    def __hash__(self) -> int:
        return self.sym_hash() if type(self).use_symbolic_comparison else object.__hash__(self)

    def sym_jsonify(self, **kwargs: Any) -> Any:
        """Returns the class and the fields as JSON data; the options are those of ``Dict``."""
        return {"_type": type(self).__serialization_key__, **self._sym_attributes.sym_jsonify(**kwargs)}

    def format(
        self, compact: bool = False, verbose: bool = False, root_indent: int = 0, **kwargs: Any
    ) -> str:
        """Returns the object as text; the options are those of ``Dict``."""
        options = {"cls_name": type(self).__name__, "bracket_type": utils.BracketType.ROUND, **kwargs}
        return str(
            self._sym_attributes.format(compact, verbose, root_indent, key_as_attribute=True, **options)
        )

    def _init_kwargs(self) -> dict[str, Any]:
        given = super()._init_kwargs()
        given.pop("accessor_writable", None)
        return given

    def __reduce_ex__(self, protocol: Any) -> Any:
        items = {k: v for k, v in self.sym_items() if not isinstance(v, utils.MissingValue)}
        return _restore, (type(self), items, self._init_kwargs())

    # --- members of a Node of Pliant

    def _sym_make(self, *values: Any) -> Any:
        items = dict(zip(self._sym_keys(), values))
        return type(self)._sym_build(**{k: v for k, v in items.items() if not _is_missing(v)})

    @classmethod
    def _sym_build(cls, **kwargs: Any) -> Any:
        return cls(**kwargs)


Object.update_schema([])


def _is_missing(value: Any) -> bool:
    return isinstance(value, utils.MissingValue) or repr(value) == "MISSING_VALUE"


def _restore(cls: Any, items: dict[str, Any], switches: dict[str, Any]) -> Any:
    """Returns an unpickled object."""
    made = cls.__new__(cls)
    Object.__init__(made, **items, **switches)
    return made


def members(
    fields: Any,
    metadata: dict[str, Any] | None = None,
    init_arg_list: Sequence[str] | None = None,
    serialization_key: str | None = None,
    additional_keys: list[str] | None = None,
    add_to_registry: bool = True,
) -> Callable[[Any], Any]:
    """Declares the fields of a class (a decorator).

    Args:
      fields: tuples ``(key, spec, description, metadata)`` in a list, the last two optional; or a dict.
      metadata: any information for the schema.
      init_arg_list: the names of the positional arguments; one with ``*`` takes the rest; None for all fields.
      serialization_key: the name of the class in JSON; None for its module and name.
      additional_keys: more names by which ``from_json`` finds the class.
      add_to_registry: whether ``from_json`` finds the class.

    >>> from pliant.pyglove import typing as pg_typing
    >>> @members([("x", pg_typing.Int(min_value=0))])
    ... class Point(Object):
    ...     pass
    >>> Point(1)
    Point(x=1)
    """

    def decorate(cls: Any) -> Any:
        cls.update_schema(fields, init_arg_list=init_arg_list, metadata=metadata)
        if add_to_registry:
            cls.register_for_deserialization(serialization_key, additional_keys)
        return cls

    return decorate


def use_init_args(init_arg_list: Sequence[str]) -> Callable[[Any], Any]:
    """Sets the positional arguments of a class (a decorator).

    Args:
      init_arg_list: their names; one with ``*`` takes the rest.
    """

    def decorate(cls: Any) -> Any:
        cls.update_schema([], init_arg_list=init_arg_list)
        return cls

    return decorate


Symbolic.ObjectType = Object
