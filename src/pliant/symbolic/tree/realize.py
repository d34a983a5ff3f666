"""Lazy realization: runs the user's constructor at the first use of an attribute that is not symbolic.

Until then an object of a symbolized class (or of a class with an ``on_bound`` hook) consists of its arguments.  It is
created as an instance of a hidden subclass, its *twin*, whose ``__getattribute__`` answers symbolic names.  For any
other name it assigns the real class to ``__class__``, runs the user's code (``_sym_run``), and looks the name up
there.  From then on attribute access costs the same as in the user's class.  ``forget`` reverts it.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from contextvars import ContextVar
from functools import partial
from types import FunctionType
from typing import Any, TypeVar, final

from pliant.values.errors import IncompleteError, PliantError
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Path
from pliant.values.placeholder import Placeholder
from pliant.values.text import to_html

from .leaf import Ref, bare
from .live import note_parts
from .node import ATOMS, Node, children, path

Value = TypeVar("Value")
get = object.__getattribute__
put = object.__setattr__

# Names that do not realize an object, in addition to fields, `_sym_…`, `_v_…` and Pliant's own methods.
_SYMBOLIC = frozenset(
    """__class__ __copy__ __deepcopy__ __reduce_ex__ __reduce__ __eq__ __ne__ __hash__ __repr__ __str__ __format__
    __init__ __new__ __schema__ __sizeof__ __doc__ __module__ __weakref__ __init_subclass__ __subclasshook__
    __getattribute__ __setattr__ __delattr__ __signature__ __sklearn_clone__ __lt__ __gt__ _repr_html_""".split()
)
# Special methods that do not use an object: creation, attributes, deletion.
_NOT_USED = frozenset(
    """__init__ __new__ __init_subclass__ __getattribute__ __getattr__ __setattr__ __delattr__ __dir__ __del__
    __getstate__ __setstate__ __reduce__ __reduce_ex__ __copy__ __deepcopy__ __sizeof__ __repr__""".split()
)
# Names that notebooks, debuggers and TorchScript look up on every object; this must not build a network.
_PROBES = tuple(
    "_repr_ _ipython_ _pytest __array __dataclass __name__ __qualname__ __wrapped__ __func__ _torchscript_ _mock".split()
)

overseer: ContextVar[Any] = ContextVar("overseer", default=None)
"""In a context that counts costs, what handles calls of unrealized modules (``call``), builds them (``build``), and knows
which ones are complete (``is_complete``)."""

_lock = threading.Lock()  # held briefly, never while the user's code runs


class RealizationError(PliantError, RuntimeError):
    """The user's constructor failed with an AttributeError, which Python would take for a missing attribute."""


def make_twin(cls: Any, public: frozenset[str], arguments: frozenset[str]) -> type:
    """Returns the hidden subclass whose instances are unrealized ``cls`` objects.

    Args:
      cls: the class.
      public: names of Pliant's methods and of fields that are attributes of ``cls``.
      arguments: names of fields that are attributes of unrealized objects only; ``fill`` handles the realized ones.
    """
    own = _SYMBOLIC | public

    def __getattribute__(self: Any, name: str) -> Any:  # noqa: N807  # installed on the class below
        if name[:5] == "_sym_" or name[:3] == "_v_":
            return get(self, name)
        if name == "_repr_html_" and cls._sym_foreign:  # its own form would need the object
            return partial(to_html, self)
        if name in own:
            return cls if name == "__class__" else get(self, name)
        if name in arguments:
            return bare(get(self, "__dict__")["_v_" + name])
        if name in get(self, "__dict__").get("_sym_more", ()):
            return bare(get(self, "__dict__")["_sym_more"][name])
        if name.startswith(_PROBES) and (name == "_repr_mimebundle_" or not hasattr(cls, name)):
            raise AttributeError(name)
        realize(self)
        return getattr(self, name)

    def __getattr__(self: Any, name: str) -> Any:  # noqa: N807  # keeps the user's __getattr__ from hiding errors
        raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}")

    namespace = {
        "_sym_twin_of": cls,
        "__getattribute__": __getattribute__,
        "__getattr__": __getattr__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "__slots__": (),
        "__dir__": lambda self: sorted({*dir(cls), *get(self, "_sym_keys")()}),
        **_special_methods(cls),
    }
    if cls._sym_foreign:
        namespace["__setattr__"] = cls._sym_assign_unrealized
    elif cls.__setattr__ is object.__setattr__:
        namespace["__setattr__"] = _assign_after_realizing(cls)
    made: type = type(cls)(cls.__name__, (cls,), namespace)
    return made


def _assign_after_realizing(cls: Any) -> Any:
    """Returns ``__setattr__`` of a twin, which realizes the object unless a field is set."""

    def __setattr__(self: Any, name: str, value: object) -> None:  # noqa: N807  # installed on the twin
        if name[:5] != "_sym_" and name[:3] != "_v_" and name not in cls._sym_fields:
            realize(self)
        put(self, name, value)

    return __setattr__


def _special_methods(cls: type) -> dict[str, Any]:
    """Returns the user's special methods (``__call__``, ...), wrapped, because ``__getattribute__`` does not see them."""
    found: dict[str, Any] = {}
    for name in {n for base in cls.__mro__ for n in base.__dict__ if n[:2] == n[-2:] == "__"} - _NOT_USED:
        member = next(base.__dict__[name] for base in cls.__mro__ if name in base.__dict__)
        if isinstance(member, FunctionType) and not member.__module__.startswith("pliant."):
            found[name] = _after_realizing(member, cls)
    if hasattr(cls, "__del__"):
        found["__del__"] = lambda self: None  # nothing to clean up yet
    return found


def _after_realizing(method: Any, cls: type) -> Any:
    """Returns a special method that realizes the object first, and operands of its class."""
    is_call = method.__name__ in ("__call__", "_wrapped_call_impl")  # the second one is PyTorch's

    @functools.wraps(method)
    def call(self: Any, *args: Any, **fields: Any) -> Any:
        if is_call and (watcher := overseer.get()) is not None:
            return watcher.call(self, method, args, fields)
        operands = (realize(a) if isinstance(a, cls) else a for a in args)
        return method(realize(self), *operands, **fields)

    return call


LATE_SECONDS = 10.0


@final
class Busy:
    """Marks an object whose user code is running: the thread, and the other threads at its start."""

    __slots__ = ("done", "others", "owner")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.owner = threading.get_ident()
        self.others = frozenset(t.ident for t in threading.enumerate()) - {self.owner}

    def wait(self) -> None:
        """Waits until the user's code has run, if another thread runs it.

        The user's code may have started a younger thread and wait for it.  So a younger thread waits
        ``LATE_SECONDS`` at most, and then reads the unfinished object, as in plain Python.
        """
        me = threading.get_ident()
        if me != self.owner:
            self.done.wait(None if me in self.others else LATE_SECONDS)


def _guard(cls: Any) -> Any:
    """Returns the hidden subclass for ``cls`` objects in construction, which makes other threads wait."""
    if "_sym_guard_class" in cls.__dict__:
        return cls.__dict__["_sym_guard_class"]
    base_get = cls.__getattribute__

    def __getattribute__(self: Any, name: str) -> Any:  # noqa: N807  # installed on the class below
        if name[:5] == "_sym_" or name[:3] == "_v_":
            return get(self, name)
        if name == "__class__":
            return cls
        busy = get(self, "_sym_busy")
        if busy and busy.owner != threading.get_ident():
            busy.wait()
            if busy.done.is_set():
                return getattr(self, name)  # its class has changed
        return base_get(self, name)

    namespace = {
        "_sym_twin_of": cls,
        "_sym_guard": True,
        "__getattribute__": __getattribute__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__slots__": (),
    }
    cls._sym_guard_class = type(cls)(cls.__name__, (cls,), namespace)
    return cls._sym_guard_class


def is_twin(cls: type) -> bool:
    """Returns whether the instances of a class are unrealized objects."""
    own = cls.__dict__
    return "_sym_twin_of" in own and "_sym_guard" not in own


def is_realized(value: object) -> bool:
    """Returns whether the user's code has run for ``value`` (True for values without such code)."""
    return not is_twin(type(value))


def realize(value: Value) -> Value:
    """Runs the user's constructor (or ``on_bound``) of ``value`` now, if it has not run; returns ``value``.

    Raises:
      IncompleteError: a field below has no value, or a hole is undecided; the message names its path.
      Exception: any error of the user's code; the object stays unrealized.
    """
    twin: Any = type(value)
    cls = twin.__dict__.get("_sym_twin_of")
    if cls is None:
        return value
    with _lock:
        busy: Busy | None = None
        mine = type(value) is twin and "_sym_guard" not in twin.__dict__
        if mine:
            watcher = overseer.get()
            is_complete = watcher is not None and watcher.is_complete(value)
            if not is_complete and not isinstance(value, Placeholder):  # it may be used while it is undecided
                require_complete(value)
            busy = Busy()
            put(value, "_sym_busy", busy)
            # Without other threads, nothing can read the unfinished object.
            put(value, "__class__", _guard(cls) if busy.others else cls)
        else:
            # Another thread was first, or this one is running the user's code.
            busy = get(value, "_sym_busy") or None
    if busy is not None:
        if mine:
            _run(value, twin, cls, busy)
        else:
            busy.wait()
    return value


def _run(value: Any, twin: type, cls: type, busy: Busy) -> None:
    """Runs the user's code for a value that is marked as busy."""
    try:
        if (watcher := overseer.get()) is None:
            value._sym_run()
            realize_modules(value)
            note_parts(value)
        else:
            watcher.build(value)
        put(value, "__class__", cls)
    except BaseException as error:
        forget(value, twin)
        if isinstance(error, AttributeError):
            raise RealizationError(
                f"building {cls.__name__} at {str(path(value)) or 'the root'} failed: {error}"
            ) from error
        raise
    finally:
        put(value, "_sym_busy", False)
        busy.done.set()


def realize_modules(value: Any) -> None:
    """Realizes the submodules of a new PyTorch module in order: weights do not depend on which one is used first."""
    modules = get(value, "__dict__").get("_modules")
    for module in modules.values() if isinstance(modules, dict) else ():
        if is_twin(type(module)):
            with contextlib.suppress(IncompleteError):  # with a hole; its first use raises this
                realize(module)
        elif module is not None and not isinstance(module, Node):
            realize_modules(module)


def fill(value: Any) -> None:
    """Stores the arguments of a realized object as attributes, unless the user's class has attributes of these names."""
    state = get(value, "__dict__")
    for name, argument in zip(value._sym_keys(), value._sym_values()):
        if name not in state and argument is not MISSING_VALUE:
            with contextlib.suppress(
                Exception
            ):  # an error of the user's code: reading the attribute raises it again
                if not hasattr(value, name):
                    state[name] = bare(argument)


def forget(value: object, twin: type) -> None:
    """Makes ``value`` unrealized: deletes everything but its symbolic part, and sets its class to ``twin``."""
    state = get(value, "__dict__")
    for name in [n for n in state if not n.startswith(("_sym_", "_v_"))]:
        del state[name]
    for slot in slot_state(value):
        object.__delattr__(value, slot)
    put(value, "__class__", twin)


def slot_state(value: object) -> dict[str, Any]:
    """Returns the values of the ``__slots__`` of the user's classes in ``value``."""
    found = {}
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = f"_{base.__name__.lstrip('_')}{slot}" if slot[:2] == "__" and slot[-2:] != "__" else slot
            if name not in ("__dict__", "__weakref__"):
                with contextlib.suppress(AttributeError):  # a slot that was never filled
                    found[name] = base.__dict__[name].__get__(value)
    return found


def missing_paths(value: object, at: Path | None = None) -> list[str]:
    """Returns the paths of fields without a value below ``value``."""
    at = path(value) if at is None else at
    found: list[str] = []
    if isinstance(value, Node):
        optional = getattr(type(value), "_sym_partial_ok", False)
        for key, child in zip(value._sym_keys(), value._sym_values()):
            if child is MISSING_VALUE and not optional:
                found.append(str(at + key))
    for key, child in children(value) or ():
        found += missing_paths(child, at + key)
    return found


def hole_paths(value: object, at: Path | None = None) -> list[str]:
    """Returns the paths of undecided holes in and below ``value``."""
    at = path(value) if at is None else at
    if isinstance(value, Placeholder) and not isinstance(value, Ref):
        return [str(at)]
    return [p for key, child in children(value) or () for p in hole_paths(child, at + key)]


def _is_complete(value: object) -> bool:
    """Returns whether no value is missing and no hole is undecided."""
    if value.__class__ in ATOMS:
        return True
    if isinstance(value, Placeholder) and not isinstance(value, Ref):
        return False
    if isinstance(value, Node):
        values = value._sym_values()
        if not getattr(type(value), "_sym_partial_ok", False) and any(v is MISSING_VALUE for v in values):
            return False
        return all(v.__class__ in ATOMS or _is_complete(v) for v in values)
    return all(_is_complete(v) for _, v in children(value) or ())


def is_ready(value: object) -> bool:
    """Returns whether the user's code may run for ``value``: it is complete, or a hole."""
    return isinstance(value, Placeholder) or _is_complete(value)


def require_complete(value: object) -> None:
    """Raises IncompleteError if ``value`` lacks a value or has undecided holes."""
    if _is_complete(value):
        return
    name = type(value).__name__
    missing = missing_paths(value)
    if missing:
        raise IncompleteError(
            f"{name} is not complete: no value at {', '.join(map(repr, missing[:8]))}. "
            f"Set it with `x.rebind({{{missing[0]!r}: ...}})` before use."
        )
    holes = hole_paths(value)
    if holes:
        raise IncompleteError(
            f"{name} is a search space, not a program: undecided holes at {', '.join(map(repr, holes[:8]))}. "
            "Decide its holes first with `pg.materialize`, `pg.random_sample` or `pg.sample`.",
            holes=holes,
        )
