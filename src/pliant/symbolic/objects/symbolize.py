"""``symbolize``: makes an existing class or function symbolic without changing its source.

A class gets a subclass whose objects consist of their constructor arguments; the user's ``__init__`` runs at the first
use of an attribute that is not symbolic (``realize``).  A function becomes a functor.
"""

from __future__ import annotations

import enum
import threading
import weakref
from pathlib import PurePath
from types import BuiltinFunctionType
from typing import Any, Never, get_origin

from pliant.schema import Schema, schema_from_members
from pliant.values.class_table import ClassTable
from pliant.values.errors import SchemaError, quote, quote_typed
from pliant.values.missing import MISSING_VALUE
from pliant.values.signature import read_signature
from pliant.values.slips import explain_argument

from ..edit.commit import commit_one, survey
from ..json.form import SYMBOLIZERS
from ..read.compare import equal, is_made_in_c, node_class
from ..tree.adoption import admit, announce
from ..tree.leaf import Ref
from ..tree.live import is_own_code, renew_part
from ..tree.node import Node, children, copy_plain, rebuild
from ..tree.realize import fill, get, is_twin, put, realize
from .declare import declare, spec_for
from .functor import functor_class, split_arguments
from .object import Machinery
from .parameters import Binding, schema_of_signature

_made, _metaclasses = ClassTable[Any](), ClassTable[Any]()
_became: weakref.WeakValueDictionary[tuple[int, int], Any] = (
    weakref.WeakValueDictionary()
)  # by ids of its bases
_realizing = threading.local()


def symbolize(
    target: object = None, fields: object = None, *, eq: bool = True, repr: bool = True, **_unknown: Never
) -> Any:
    """Returns a symbolic class for a class or function.  Also a decorator, with or without constraints.

    Args:
      target: the class or function; or the constraints, in ``@pg.symbolize([...])``.
      fields: constraints for some arguments, as for ``pg.members``.
      eq: whether ``==`` compares symbolically; otherwise it is that of the class, as ``hash`` always is.
        ``pg.eq`` and ``pg.hash`` always compare symbolically.
      repr: whether ``repr`` and ``str`` show the arguments; otherwise they are those of the class.

    Raises:
      SchemaError: the target cannot be symbolized, or a constraint names an unknown argument.

    >>> class Block:
    ...     def __init__(self, filters):
    ...         self.width = filters * 2
    >>> SymbolicBlock = symbolize(Block)
    >>> block = SymbolicBlock(4)
    >>> block.width, block.rebind(filters=8).width, block, isinstance(block, Block)
    (8, 16, Block(filters=8), True)
    """
    for name in _unknown:
        raise explain_argument("pg.symbolize", name, {}, ("fields", "eq", "repr"))
    if target is None or isinstance(target, (list, dict)):
        constraints = target if target is not None else fields
        return lambda it: symbolize(it, constraints, eq=eq, repr=repr)
    generic = get_origin(target)  # of List[int]; its parameters have no effect
    if isinstance(generic, type):
        target = generic
    if isinstance(target, type):
        return symbolize_class(target, fields, eq=eq, repr=repr)
    if callable(target):
        if not (eq and repr):
            raise SchemaError(
                f"symbolize({getattr(target, '__name__', target)}, {'repr' if eq else 'eq'}=False) has no effect: "
                "a function has neither `==` nor repr to keep. Leave it out."
            )
        if isinstance(target, Node):
            raise SchemaError(f"{quote(target)} is symbolic already.")
        return functor_class(target, fields)
    raise SchemaError(
        f"symbolize needs a class or a function; got {quote_typed(target)}. Pass a method as an attribute of "
        "its class (`pg.symbolize(A.method)`), and a value inside a function that returns it."
    )


def symbolize_class(base: Any, fields: object = None, *, eq: bool = True, repr: bool = True) -> Any:
    """Returns the symbolic subclass of ``base``; the same class each time if it has no constraints."""
    if issubclass(base, Node):
        return base
    if fields is None and eq and repr and (known := _made.get(base)) is not None:
        return known
    _refuse(base)
    own = schema_from_members(fields) if fields else Schema([])
    namespace = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        "_sym_origin": base,
        "_sym_user_init": base.__init__,
        "__jit_unused_properties__": [*getattr(base, "__jit_unused_properties__", ()), *_PROPERTIES],
        **_METHODS,
    }
    if base.__eq__ is not object.__eq__ or not eq:
        del namespace["__eq__"]
    namespace["__hash__"] = base.__hash__
    if not repr:
        namespace |= {"__repr__": base.__repr__, "__str__": base.__str__}
    if hasattr(base, "__class_getitem__"):  # a generic class; its parameters have no effect
        namespace["__class_getitem__"] = classmethod(lambda cls, parameters: cls)
    cls = _metaclass(type(base))(base.__name__, (base, _machinery(base), InPlaceNew), namespace)
    cls._sym_owner = cls
    _declare_foreign(cls, own)
    return _made.add(base, cls) if fields is None and eq and repr else cls


def _machinery(base: Any) -> Any:
    if not hasattr(base, "named_modules"):
        return Machinery
    from .modules import ModuleMachinery  # most programs have no modules

    return ModuleMachinery


def _refuse(base: Any) -> None:
    """Raises SchemaError for a class whose objects cannot be filled after their creation."""
    if base.__init__ is object.__init__ and isinstance(base.__new__, BuiltinFunctionType):
        immutable = base.__new__ is not object.__new__
    else:
        immutable = issubclass(base, (int, float, str, bytes, tuple, frozenset, enum.Enum, PurePath))
    if immutable:
        raise SchemaError(
            f"{base.__name__} cannot be symbolized: its objects are immutable values, whose content is fixed before "
            "__init__ runs. Use it as a plain value, or symbolize a function that returns it."
        )
    if base is object or issubclass(base, type) or getattr(base, "_is_protocol", False):
        raise SchemaError(
            f"{base.__name__} cannot be symbolized: objects of it are not programs. Symbolize a class that derives from it, or "
            "a function that returns it."
        )
    if any(is_made_in_c(cls) for cls in base.__mro__ if cls is not object):
        raise SchemaError(
            f"{base.__name__} cannot be symbolized: its content is not in attributes, and the built-in methods of its base "
            "read it directly. Use pg.Dict or pg.List, or symbolize a function that returns it."
        )


def _declare_foreign(cls: Any, own: Schema) -> None:
    """Declares the fields of a class from the signature of the user's ``__init__``."""
    init = cls._sym_user_init
    maker = _user_new(cls) if init is object.__init__ else init
    if maker is None:
        found = Binding(Schema([]), None, frozenset(), ())
    else:
        found = schema_of_signature(maker, own, owner=cls.__name__, annotated=False, method_of=cls)
    cls._sym_variadic = found.variadic
    cls._sym_positional_only = found.positional_only
    cls._sym_partial_ok = False
    cls._sym_listens = False
    declare(
        cls,
        found.schema,
        attributes=False,
        runs=True,
        variadic=found.variadic,
        keyword_only=found.keyword_only,
        foreign=True,
    )
    _defer_to_user(cls, cls._sym_init, init, maker)


def _defer_to_user(cls: Any, symbolic_init: Any, user_init: Any, maker: Any) -> None:
    """Makes ``super().__init__`` of a subclass call the user's ``__init__`` while an object is realized."""

    def __init__(self: Any, /, *args: Any, **fields: Any) -> None:  # noqa: N807  # installed below
        if get(self, "__dict__").get("_sym_busy"):
            if user_init is not object.__init__:
                user_init(self, *args, **fields)
        else:
            symbolic_init(self, *args, **fields)

    if maker is not None:  # the user's signature, which scikit-learn reads
        __init__.__signature__ = read_signature(maker)  # type: ignore[attr-defined]
        cls._sym_maker = staticmethod(maker)
    __init__._sym_made = True  # type: ignore[attr-defined]  # marks it as generated, as `declare` does
    __init__.__doc__ = symbolic_init.__doc__
    cls.__init__ = __init__
    cls._sym_init = __init__


class InPlaceNew:
    """Last base of a symbolized class, whose ``__new__`` the user's ``__new__`` calls.

    While an object is being realized, it returns that object instead of a new one.
    """

    __slots__ = ()

    def __new__(cls, /, *args: Any, **fields: Any) -> Any:
        """Returns the object that is being realized, or a new one."""
        pending = getattr(_realizing, "pending", None)
        if pending is not None and node_class(pending) is cls:
            _realizing.pending = None
            return pending
        return object.__new__(cls)


def _metaclass(base: Any) -> Any:
    """Returns the metaclass of a symbolized class: that of its base, with ``__call__`` deferred to realization."""
    if base.__call__ is type.__call__:
        return base

    def __call__(cls: Any, /, *args: Any, **fields: Any) -> Any:  # noqa: N807  # installed on the class below
        pending = getattr(_realizing, "pending", None)
        call = base.__call__ if pending is not None and node_class(pending) is cls else type.__call__
        return call(cls, *args, **fields)

    return _metaclasses.get(base) or _metaclasses.add(
        base, type(base.__name__, (base,), {"__call__": __call__})
    )


def _new(cls: Any, /, *args: Any, **fields: Any) -> Any:
    """Returns a blank object; while one is being realized, that object, after the user's ``__new__``."""
    pending = getattr(_realizing, "pending", None)
    if pending is None or node_class(pending) is not cls:
        return cls._sym_blank()
    user_new = _user_new(cls)
    made = user_new(cls, *args, **fields) if user_new is not None else pending
    _realizing.pending = None
    if made is not pending:
        if not isinstance(made, cls):
            raise SchemaError(
                f"{cls.__name__}.__new__ returned a {type(made).__name__}, so it cannot be realized in place. "
                "Symbolize a function that builds it instead."
            )
        get(pending, "__dict__").update(get(made, "__dict__"))
    return pending


def _run(self: Any) -> None:
    """Runs the user's ``__new__`` and ``__init__`` on this object."""
    cls = node_class(self)
    bound: dict[str, Any] = {k: plain(v) for k, v in zip(self._sym_keys(), self._sym_values())}
    args, rest = split_arguments(cls, bound)
    _realizing.pending = self
    try:
        cls(*args, **rest)
    finally:
        _realizing.pending = None
    fill(self)


def _user_new(cls: Any) -> Any:
    """Returns the user's own ``__new__``, or None."""
    for base in cls.__mro__:
        if base is Machinery or base is InPlaceNew or base is object:
            return None
        found = base.__dict__.get("__new__")
        if isinstance(found, staticmethod) and found.__func__ is not _new:
            return found.__func__
    return None


def plain(value: object) -> Any:
    """Returns an argument for the user's constructor: symbolic containers as plain ones, a ``Ref`` as its value."""
    if value.__class__ is Ref:
        return value.value
    if isinstance(value, (list, dict)) and isinstance(value, Node):
        items = [plain(v) for _, v in children(value) or ()]
        return items if isinstance(value, list) else dict(zip(dict.keys(value), items))
    if isinstance(value, tuple):
        items = children(value) or []
        new = [plain(v) for _, v in items]
        return value if all(a is b for a, (_, b) in zip(new, items)) else rebuild(value, new)
    return value


def _setattr(self: Any, name: str, value: Any) -> None:
    """Sets an attribute of a realized object; if it holds an argument, the program changes with it.

    ``torch.compile`` traces this function when a ``forward`` sets an attribute.
    """
    if name[:5] == "_sym_" or name[:3] == "_v_":
        put(self, name, value)
        return
    cls: Any = type(self)
    if name == "__class__" and not issubclass(value, Node):
        value = become(cls, value)
    if name == "qconfig" and not self._sym_busy:
        _refuse_quantization(self)
    known = name in cls._sym_names or (cls._sym_wild and name in self.__dict__.get("_sym_more", ()))
    if known and not self._sym_busy and _is_argument(self, name, value):
        survey((self,))  # raises if it is sealed
        record = admit(self, name, copy_plain(value), spec_for(cls, name))
        super(cls._sym_owner, self).__setattr__(name, value)
        self._sym_swap({name: record})
        announce(self)
        renew_part(self, name)
    else:
        super(cls._sym_owner, self).__setattr__(name, value)
        if hasattr(type(value), "state_dict") and is_own_code(self):
            renew_part(self, name)


def _refuse_quantization(self: Any) -> None:
    """Raises SchemaError if ``torch.ao.quantization``, which sets ``qconfig`` first, would pass over a layer."""
    parts: Any = getattr(self, "named_modules", dict)()
    for name, module in parts:
        is_torch = isinstance(module, Node) and type(module).__module__[:9] == "torch.nn."
        if is_torch and getattr(module, "_parameters", None):
            raise SchemaError(
                f"quantization finds layers by their exact class, so this symbolized {type(module).__name__}{name and f' at {name!r}'} "
                "would stay as it is. Quantize a copy that consists of ordinary modules: `pg.oneshot.to_plain(network)`."
            )


def _is_argument(self: Any, name: str, value: Any) -> bool:
    """Returns whether an attribute that has the name of an argument holds it.

    A tensor in place of a number or flag is state: the parameter ``bias`` of a ``torch.nn.Linear``, whose argument is
    True.
    """
    if not isinstance(self._sym_child(name), (int, float, str)):
        return True
    live = None if is_twin(type(self)) else getattr(self, name, None)
    return not any(hasattr(type(v), "requires_grad") for v in (value, live))


def _assign_unrealized(self: Any, name: str, value: Any) -> None:
    """Sets an attribute of an unrealized object: rebinds a field, and realizes the object for any other name."""
    if name[:5] == "_sym_" or name[:3] == "_v_":
        put(self, name, value)
    elif name in self._sym_keys() and _is_argument(self, name, value):
        commit_one(self, name, value)
    elif name == "__dict__":  # it becomes a shallow copy of another object
        put(self, name, value)
        if any(n[:5] != "_sym_" and n[:3] != "_v_" for n in value):
            put(self, "__class__", node_class(self))
    else:
        setattr(realize(self), name, value)


def become(cls: Any, other: Any) -> Any:
    """Returns the symbolic class for an object that changes its class to ``other``.

    Some objects change their class in use: a ``torch.nn.LazyLinear`` becomes a ``Linear`` at its first input.  Then
    methods are those of ``other``, while the fields and the class in JSON stay.
    """
    if (known := _became.get((id(cls), id(other)))) is not None:
        return known
    kept = {
        n: v
        for base in reversed(cls.__mro__[:-1])
        for n, v in base.__dict__.items()
        if n in _METHODS or n[:5] == "_sym_"
    }
    kept.pop("_sym_twin_of", None)
    namespace = {
        **kept,
        "__module__": other.__module__,
        "__qualname__": other.__qualname__,
        "__doc__": other.__doc__,
        "__hash__": other.__hash__,
        "__schema__": cls.__schema__,
        "_sym_stands_for": getattr(cls, "_sym_stands_for", None) or cls,
        "_sym_before": cls,  # must live as long as its id is in `_became`
    }
    made = _metaclass(type(other))(other.__name__, (other, _machinery(other), InPlaceNew), namespace)
    made._sym_owner = _became[id(cls), id(other)] = made
    return made


def _delattr(self: Any, name: str) -> None:
    if name in type(self)._sym_fields and is_twin(type(self)):
        commit_one(self, name, MISSING_VALUE)
        return
    realize(self)
    super(type(self)._sym_owner, self).__delattr__(name)


def _eq(self: Any, other: object) -> Any:
    return equal(self, other) if node_class(self) is node_class(other) else NotImplemented


def _sklearn_clone(self: Any) -> Any:
    return self._sym_copy()


def _init_subclass(cls: Any, /, **options: Any) -> None:
    """Makes a subclass of a symbolized class symbolic."""
    if "_sym_twin_of" in cls.__dict__ or "_sym_origin" in cls.__dict__:
        return
    super(cls._sym_owner, cls).__init_subclass__(**options)
    own_init = cls.__dict__.get("__init__")
    if own_init is not None:
        cls._sym_user_init = own_init
        del cls.__init__
    _declare_foreign(cls, Schema([]))


_PROPERTIES = [name for name in dir(Machinery) if isinstance(getattr(Machinery, name), property)]
_METHODS: dict[str, Any] = {
    "__new__": staticmethod(_new),
    "__setattr__": _setattr,
    "_sym_assign_unrealized": staticmethod(_assign_unrealized),
    "__delattr__": _delattr,
    "__eq__": _eq,
    "__repr__": Machinery.__repr__,
    "__copy__": Machinery.__copy__,
    "__deepcopy__": Machinery.__deepcopy__,
    "__reduce_ex__": Machinery.__reduce_ex__,
    "__sklearn_clone__": _sklearn_clone,
    "__init_subclass__": classmethod(_init_subclass),
    "_sym_run": _run,
}

SYMBOLIZERS.append(symbolize)
