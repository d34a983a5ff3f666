"""``wrap``: makes an existing class symbolic, by a subclass whose objects store the arguments of their ``__init__``."""

from __future__ import annotations

import inspect
import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..detouring import detour
from .base import Symbolic
from .object import Object, ObjectMeta
from .parts.base_init import base_init
from .parts.compare import is_pure_symbolic


class ClassWrapperMeta(ObjectMeta):
    """Metaclass of wrapped classes."""

    def __repr__(cls) -> str:  # noqa: N805  # of a metaclass
        wrapped = cls.__dict__.get("sym_wrapped_cls")
        if wrapped is None:
            return f"<class {cls.__type_name__!r}>"
        return f"Symbolic[{wrapped!r}]"


class ClassWrapper(Object, metaclass=ClassWrapperMeta):
    """Base class of wrapped classes."""

    auto_schema = False
    auto_register = False
    infer_symbolic_fields_from_annotations = False
    sym_wrapped_cls: Any = None

    @property
    def sym_wrapped(self) -> Any:
        """The object of the user's class; the object itself."""
        return self


class _Wrapped(ClassWrapper):
    """A wrapped class: a subclass of the user's class and of this one."""

    def __init_subclass__(cls, user_cls: Any = None) -> None:
        if user_cls is not None:
            return
        own_init = cls.__dict__.get("__init__")
        if own_init is not None:  # a class derived from a wrapped class
            schema = pg_typing.schema(own_init, auto_typing=False, auto_doc=False, remove_self=True)
            schema.set_name(f"{cls.__module__}.{cls.__qualname__}")
            cls._user_init = own_init
            del cls.__init__
            cls.apply_schema(schema)
        cls.register_for_deserialization()

    @classmethod
    def _generate_sym_attributes(cls) -> None:
        """Leaves the attributes to the user's class."""

    @classmethod
    def _update_signatures_based_on_schema(cls) -> None:
        from .parts.meta import init_signature

        cls.__init__ = _make_wrapper_init(cls, init_signature(cls))  # type: ignore[method-assign]  # the generated one

    @base_init
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ends the chain of the user's ``super().__init__``."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def wrapped_cls_initialized(self) -> bool:
        """Whether the user's ``__init__`` ran for the current arguments."""
        return bool(self._sym_raw("_is_initialized", False))

    def _on_bound(self) -> None:
        if self.sym_partial or is_pure_symbolic(self):
            self._set_raw_attr("_is_initialized", False)
            return
        reset = type(self)._reset_state_fn
        if reset is not None:
            reset(self)
        else:
            _clear_state(self)
        self._set_raw_attr("_is_running", True)
        try:
            args, kwargs = _user_arguments(self)
            type(self).__init__(self, *args, **kwargs)
        finally:
            self._set_raw_attr("_is_running", False)
        self._set_raw_attr("_is_initialized", True)

    _reset_state_fn: Any = None
    _user_init: Any = None


_STATE: Final = frozenset(
    """_allow_partial _accessor_writable _sealed _sym_parent _sym_path _sym_origin _known_missing _known_nondefault
    _known_puresymbolic _sym_attributes _is_running _is_initialized _sym_template _sym_mark _sym_sealed""".split()
)


def _clear_state(obj: Any) -> None:
    """Deletes what the user's class stored in an object."""
    state = object.__getattribute__(obj, "__dict__")
    for name in [n for n in state if n not in _STATE]:
        del state[name]


def _user_arguments(obj: Any) -> tuple[list[Any], dict[str, Any]]:
    """Returns the arguments of the user's ``__init__``."""
    cls = type(obj)
    args: list[Any] = []
    taken: set[str] = set()
    names = cls.init_arg_list
    rest = names[-1][1:] if names and names[-1].startswith("*") else None
    for name in names:
        taken.add(name.removeprefix("*"))
    if rest is not None:
        args = [obj.sym_inferred(n) for n in names[:-1]]
        args.extend(obj.sym_inferred(rest))
        named = [k for k in obj.sym_keys() if k not in taken]
    else:
        named = list(obj.sym_keys())
    return args, {k: obj.sym_inferred(k) for k in named}


def _make_wrapper_init(cls: Any, signature: inspect.Signature) -> Any:
    """Returns the ``__init__`` of a wrapped class: it binds the arguments, and then runs the user's ``__init__``."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # the name in tracebacks
        if Symbolic._sym_raw(self, "_is_running"):
            if cls._user_init is not None and "_user_init" in cls.__dict__:
                cls._user_init(self, *args, **kwargs)
            elif "sym_wrapped_cls" in cls.__dict__:
                super(cls, self).__init__(*args, **kwargs)
            return
        if Symbolic._sym_raw(self, "_sym_attributes") is None:
            Object.__init__(self, *args, explicit_init=True, **kwargs)

    made: Any = __init__
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    made.__signature__ = signature
    made.__doc__ = None
    return made


_wrappers: Final[list[weakref.ref[Any]]] = []


def wrap(
    cls: Any,
    init_args: Any = None,
    *,
    reset_state_fn: Callable[[Any], None] | None = None,
    repr: bool = True,  # the interface
    eq: bool = False,
    class_name: str | None = None,
    module_name: str | None = None,
    auto_doc: bool = False,
    auto_typing: bool = False,
    serialization_key: str | None = None,
    additional_keys: list[str] | None = None,
    override: dict[str, Any] | None = None,
) -> Any:
    """Returns a symbolic subclass of a class, which is left as it is.

    The user's ``__init__`` runs when all arguments are known, and again after each change of an argument.

    Args:
      cls: the class.
      init_args: the specs of arguments, as tuples ``(name, spec, description, metadata)``; None for what ``__init__`` says.
      reset_state_fn: called before each run of ``__init__``; None to delete the attributes.
      repr: whether objects are printed by their arguments.
      eq: whether objects are compared by their arguments, if the class has no ``__eq__``.
      class_name: the name of the new class; None for the same.
      module_name: its module; None for the same.
      auto_doc: whether descriptions are read from docstrings.
      auto_typing: whether specs are read from annotations.
      serialization_key: the name of the class in JSON.
      additional_keys: more names by which ``from_json`` finds the class.
      override: methods and attributes for the new class.

    Raises:
      TypeError, ValueError, KeyError: it is not a class, or an argument does not fit it.

    >>> class Trainer:
    ...     def __init__(self, rate):
    ...         self.steps = 10 / rate
    >>> trainer = wrap(Trainer)(2)
    >>> trainer.rebind(rate=5).steps
    2.0
    """
    if not inspect.isclass(cls):
        raise TypeError(f"Class wrapper can only be created from classes. Encountered {quote(cls)}.")
    if issubclass(cls, Symbolic):
        return cls
    schema = _init_schema(cls, init_args, auto_doc, auto_typing)
    meta: Any = ClassWrapperMeta
    if not issubclass(ClassWrapperMeta, type(cls)):
        meta = type("WrapperMeta", (ClassWrapperMeta, type(cls)), {})
    body = _body(cls, repr, eq, class_name, module_name)
    body.update(override or {})
    body["_reset_state_fn"] = None if reset_state_fn is None else staticmethod(reset_state_fn)
    made = meta(class_name or cls.__name__, (cls, _Wrapped), body, user_cls=cls)
    schema.set_name(made.__type_name__)
    made.apply_schema(schema)
    made.register_for_deserialization(serialization_key, additional_keys)
    _wrappers.append(weakref.ref(made))
    return made


def _body(
    cls: Any, is_repr: bool, is_eq: bool, class_name: str | None, module_name: str | None
) -> dict[str, Any]:
    """Returns the body of the new class."""
    name = class_name or cls.__name__
    own_eq = cls.__eq__ is not object.__eq__
    compared = Object if is_eq and not own_eq else cls
    shown: Any = Symbolic if is_repr else cls
    return {
        "__module__": module_name or cls.__module__,
        "__qualname__": name,
        "__doc__": cls.__doc__,
        "sym_wrapped_cls": cls,
        "use_symbolic_comparison": is_eq and not own_eq,
        "__eq__": compared.__eq__,
        "__ne__": compared.__ne__,
        "__hash__": compared.__hash__,
        "__repr__": shown.__repr__,
        "__str__": shown.__str__,
        "__setattr__": cls.__setattr__,
        "__init_subclass__": _DERIVE,
    }


def _derive(cls: Any, /, **kwargs: Any) -> None:
    """Called for classes derived from a wrapped class."""
    _Wrapped.__init_subclass__.__func__(cls, **kwargs)


_DERIVE: Final[Any] = classmethod(_derive)


def _init_schema(cls: Any, init_args: Any, auto_doc: bool, auto_typing: bool) -> Any:
    """Returns the schema of the arguments of a class."""
    init = cls.__init__
    if init is object.__init__ or not isinstance(init, types.FunctionType):
        if init_args:
            raise ValueError(
                f"{quote(cls)}.__init__ takes no argument while non-empty `args` is provided: {quote(init_args)}. "
                "Leave `args` out, or define `__init__`."
            )
        if init is object.__init__:
            schema = pg_typing.create_schema([], name=cls.__qualname__, allow_nonconst_keys=True)
            schema.metadata["init_arg_list"] = []
            return schema
    else:
        names = init.__code__.co_varnames[: init.__code__.co_argcount]
        if not names or names[0] != "self":
            raise ValueError(f"{cls.__name__}.__init__ must have `self` as the first argument.")
    return pg_typing.schema(cls, init_args, auto_doc=auto_doc, auto_typing=auto_typing, remove_self=True)


def wrap_module(
    module: Any,
    names: Sequence[str] | None = None,
    where: Callable[[Any], bool] | None = None,
    export_to: Any = None,
    **kwargs: Any,
) -> list[Any]:
    """Wraps the classes of a module.

    Args:
      module: the module.
      names: the names of classes; None for all.
      where: which classes, a predicate.
      export_to: a module that gets the new classes; None for none.
      **kwargs: as for ``wrap``.

    Returns:
      The new classes.
    """
    made: list[Any] = []
    seen: set[int] = set()
    for name in dir(module) if names is None else names:
        cls = getattr(module, name, None)
        if not inspect.isclass(cls) or id(cls) in seen or (where is not None and not where(cls)):
            continue
        seen.add(id(cls))
        if export_to is not None:
            kwargs = {**kwargs, "module_name": export_to.__name__}
        wrapper = wrap(cls, **kwargs)
        if export_to is not None:
            setattr(export_to, name, wrapper)
        made.append(wrapper)
    return made


@contextmanager
def apply_wrappers(
    wrapper_classes: Sequence[Any] | None = None, where: Callable[[Any], bool] | None = None
) -> Iterator[None]:
    """Makes objects of wrapped classes where a program makes objects of the classes themselves, in a ``with`` block.

    Args:
      wrapper_classes: the wrapped classes; None for all there are.
      where: which of them, a predicate.
    """
    classes = (
        [c for ref in _wrappers if (c := ref()) is not None] if wrapper_classes is None else wrapper_classes
    )
    chosen = [c for c in classes if where is None or where(c)]
    with detour([(c.sym_wrapped_cls, c) for c in chosen]):
        yield
