"""Class statements: reads the fields of an ``Object`` subclass from its body, and refuses what would have no effect.

Python's construction hooks work as in a dataclass or an ``abc.ABC``, or the class statement is refused with what to write.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, MemberDescriptorType
from typing import Any, Never

from pliant.schema import Field, Schema, ValueSpec, from_annotation
from pliant.values.errors import SchemaError, quote
from pliant.values.missing import MISSING_VALUE
from pliant.values.signature import read_annotations, read_signature

from .parameters import declared_default

_DERIVED = (
    "def on_bound(self):\n        self.y = 2 * self.x  # runs before the first use, and again after a change"
)
_HOOKS = {
    "__post_init__": _DERIVED,
    "_on_init": _DERIVED,
    "_on_path_change": "def on_parent_change(self, old_parent, new_parent): ...",
    "sym_eq": "def __eq__(self, other):\n        return pg.eq(self, other)",
    "sym_ne": "def __eq__(self, other):\n        return pg.eq(self, other)",
    "sym_lt": "def __lt__(self, other): ...",
    "sym_hash": "def __hash__(self):\n        return pg.hash(self)",
    "__new__": "@classmethod\n    def make(cls, ...):\n        return cls(...)",
}
_SETTINGS = {
    "use_symbolic_comparison": (True, "define `__eq__` and `__hash__`"),
    "allow_symbolic_assignment": (True, "call `seal()` on the objects"),
    "allow_symbolic_mutation": (True, "call `seal()` on the objects"),
    "allow_symbolic_attribute": (True, "read arguments by `x.sym_init_args`"),
}


def read_fields(
    cls: Any, inherited: Schema, scope: Mapping[str, Any], *, kw_only: bool
) -> tuple[list[Field], set[str]]:
    """Returns the fields that a class body declares, and the names of those that are passed by name only."""
    fields, by_name = [], set()
    annotations = read_annotations(cls)
    for name, annotation in annotations.items():
        text = annotation if isinstance(annotation, str) else str(annotation)
        kw_only = kw_only or text.rstrip("'>").endswith("KW_ONLY")
        if name.startswith("_") or "ClassVar" in text.removeprefix("typing.Annotated[").split("[")[0]:
            continue
        default = cls.__dict__.get(name, MISSING_VALUE)
        if isinstance(default, MemberDescriptorType):  # of __slots__
            default = MISSING_VALUE
        _check_default(cls, name, default)
        if "InitVar" in text.split("[")[0]:
            refuse(
                cls,
                f"{name}: InitVar",
                "is an argument that is not kept; an object is built from its fields again",
                f"{name}: int = 0",
            )
        if name.isupper() and default is not MISSING_VALUE:
            _check_constant(cls, name, text, default)
        with _naming(cls, name):
            spec = from_annotation(annotation, globals=scope, owner_name=cls.__name__)
            more = default.metadata if isinstance(default, dataclasses.Field) else None
            fields.append(Field(name, with_default(spec, default), metadata=more))
        if kw_only or getattr(default, "kw_only", False) is True:
            by_name.add(name)
    for name, value in list(cls.__dict__.items()):
        field = inherited.get(name)
        if name in annotations or name.startswith("_") or field is None:
            continue
        _check_default(cls, name, value)
        with _naming(cls, name):
            fields.append(Field(name, with_default(field.value_spec, value), field.description))
    return fields, by_name


def _check_default(cls: Any, name: str, value: object) -> None:
    """Raises SchemaError for a method or property with the name of a field, and for settings that have no effect."""
    is_method = isinstance(value, FunctionType) and value.__qualname__ == f"{cls.__qualname__}.{name}"
    is_descriptor = hasattr(type(value), "__get__") and not callable(value)  # property, cached_property, ...
    if is_method or is_descriptor or isinstance(value, staticmethod):
        kind = "method" if is_method else type(value).__name__
        refuse(
            cls,
            name,
            f"is a {kind} and also a field",
            f"def compute_{name}(self): ...  # another name\n    # or delete the {kind}; a function as default: {name} = function",
        )
    if isinstance(value, dataclasses.Field):
        off = [
            n
            for n, usual in (("init", True), ("repr", True), ("compare", True), ("hash", None))
            if getattr(value, n) is not usual
        ]
        if off:
            refuse(
                cls,
                f"{name}: field({off[0]}=...)",
                "has no effect, because each field is an argument that is shown and compared",
                _DERIVED,
            )


def _check_constant(cls: Any, name: str, annotation: str, value: object) -> None:
    """Raises SchemaError for an upper-case name with a plain value, which PyGlove takes as a constant."""
    if isinstance(value, (ValueSpec, dataclasses.Field)):
        return
    kind = annotation.removeprefix("<class ").strip("<>'")
    if (found := re.fullmatch(r"(?:typing\.)?Final(?:\[(.*)\])?", kind)) is not None:
        kind = found[1] or type(value).__name__
    right = f"{name}: ClassVar[{kind}] = {quote(value, 500)}\n    # or, for a field: {name}: {kind} = dataclasses.field(default={quote(value, 500)})"
    refuse(cls, name, "is written as a constant, but its annotation makes it a field", right)


def check_statement(cls: Any) -> None:
    """Raises SchemaError for a hook or setting in a class body that would not run, and for bases whose fields would be lost."""
    body = cls.__dict__
    for name, right in _HOOKS.items():
        owner = next((base for base in cls.__mro__ if name in base.__dict__), object)
        if owner is object or (owner is not cls and hasattr(owner, "_sym_slots")):
            continue
        if name == "__new__" and not isinstance(owner.__dict__[name], staticmethod):
            continue  # of a built-in class
        what = name if owner is cls else f"{name} of {owner.__name__}"
        refuse(
            cls,
            what,
            "is not called: copies, rebind and stored programs build objects from their fields",
            right,
        )
    for name, (usual, right) in _SETTINGS.items():
        if body.get(name, usual) is not usual:
            refuse(cls, f"{name} = {quote(body[name], 500)}", "has no effect", f"# leave it out, and {right}")
    init = body.get("__init__")
    if (
        isinstance(init, FunctionType)
        and not getattr(init, "_sym_made", False)
        and not _calls_init(init.__code__, {n: v for n, v in body.items() if isinstance(v, FunctionType)})
    ):
        names = list(read_signature(init).parameters)[1:]
        known = [n for n in read_annotations(cls) if not n.startswith("_")]
        passed = ", ".join(f"{n}={n if n in names else '...'}" for n in known or names)
        right = f"def __init__({', '.join(['self', *names])}):\n        super().__init__({passed})"
        refuse(cls, "__init__", "does not call super().__init__, which sets the fields", right)
    if isinstance(init, FunctionType) and not getattr(init, "_sym_made", False):
        for name in _stored_attributes(init.__code__):
            found = next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)
            if (name.startswith("_") or name not in read_annotations(cls)) and not hasattr(
                type(found), "__set__"
            ):
                right = f"def on_bound(self):\n        self.{name} = ...  # computed from the fields, also in copies"
                refuse(
                    cls,
                    f"self.{name} in __init__",
                    "would be lost in copies, which have the fields only",
                    right,
                )
    for base in cls.__mro__[1:]:
        found = base.__dict__.get("__dataclass_fields__")
        if found and not hasattr(base, "__schema__"):
            why = f"is a dataclass, and its fields ({', '.join(found)}) would not be fields of {cls.__name__}"
            right = f"{next(iter(found))}: int = 0  # each field again, without this base"
            refuse(cls, base.__name__, why, f"{right}\n    # or symbolize it: pg.symbolize({base.__name__})")


def refuse(cls: Any, what: str, why: str, right: str) -> Never:
    """Raises SchemaError for a class statement, with the lines to write instead."""
    raise SchemaError(f"{cls.__name__}: {what} {why}. Write instead:\n    {right}")


def _calls_init(code: CodeType, methods: dict[str, FunctionType]) -> bool:
    """Returns whether code calls some ``__init__``, also in functions inside it and in methods that it calls."""
    if "__init__" in code.co_names or "_sym_init" in code.co_names:
        return True
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    inner += [methods[n].__code__ for n in code.co_names if n in methods]
    rest = {n: m for n, m in methods.items() if n not in code.co_names}
    return any(_calls_init(c, rest) for c in inner)


def _stored_attributes(code: CodeType) -> Iterator[str]:
    """Yields the attributes that a method sets on its object."""
    import dis  # slow to import, and rarely needed

    before: Any = None
    for step in dis.get_instructions(code):
        at = before[-1] if isinstance(before, tuple) else before
        if step.opname == "STORE_ATTR" and at == code.co_varnames[0]:
            yield step.argval
        before = step.argval


def mark_abstract(cls: Any) -> None:
    """Makes a class with abstract methods refuse to create objects, as ``abc.ABC`` does."""
    names = {
        n
        for base in cls.__mro__
        for n, v in base.__dict__.items()
        if getattr(v, "__isabstractmethod__", False)
    }
    found = frozenset(n for n in names if getattr(getattr(cls, n, None), "__isabstractmethod__", False))
    if found or getattr(cls, "__abstractmethods__", None):
        cls.__abstractmethods__ = found


@contextlib.contextmanager
def _naming(cls: Any, name: str) -> Iterator[None]:
    """Adds the class and field to the message of a SchemaError."""
    try:
        yield
    except SchemaError as error:
        raise SchemaError(f"{cls.__name__}.{name}: {error}") from error


def with_default(spec: ValueSpec, default: object) -> ValueSpec:
    """Returns the spec with a default value, or the spec that a declaration has as its value."""
    if isinstance(default, ValueSpec):
        return default
    default = declared_default(default)
    return spec if default is MISSING_VALUE else spec.with_default(default)
