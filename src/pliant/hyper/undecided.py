"""``Undecided``: refuses uses of a hole as if it were its value, with an error that says what to write instead.

Comparisons by `==`, hashes, copies, and text without a format are about the hole itself, and work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import accumulate
from types import FrameType
from typing import Any, ClassVar, Never

from pliant.symbolic.tree.node import ATOMS, Node, path
from pliant.values.errors import IncompleteError, quote

_SIGNS = "add + sub - mul * truediv / floordiv // mod % pow ** matmul @ and & or | xor ^ lshift << rshift >>".split()
_COMPUTED = {  # special methods, as expressions of the hole {0} and the other operand {1}
    **{name: f"{{0}} {sign} {{1}}" for name, sign in zip(_SIGNS[::2], _SIGNS[1::2])},
    **{f"r{name}": f"{{1}} {sign} {{0}}" for name, sign in zip(_SIGNS[::2], _SIGNS[1::2])},
    "divmod": "divmod({0}, {1})",
    "rdivmod": "divmod({1}, {0})",
    "neg": "-{0}",
    "pos": "+{0}",
    "invert": "~{0}",
    "getitem": "{0}[{1}]",
    "call": "{0}(...)",
    **{name: name + "({0})" for name in ("abs", "complex", "float", "int", "len", "round")},
    **{name: f"math.{name}({{0}})" for name in ("ceil", "floor", "trunc")},
}
_USED = {  # those whose results cannot be candidates
    **{name: f"{{0}} {sign} {{1}}" for name, sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()},
    "setitem": "{0}[{1}] = ...",
    "delitem": "del {0}[{1}]",
    "contains": "{1} in {0}",
    "bool": "if {0}",
    "index": "int({0})",
    "iter": "iter({0})",
    "reversed": "reversed({0})",
}


class Undecided:
    """Base class of holes: a use as a value raises IncompleteError, which is a TypeError; an attribute AttributeError."""

    __slots__ = ()
    _is_choice: ClassVar[bool] = False  # of one candidate
    _sym_names: ClassVar[tuple[str, ...]]

    def __getattr__(self, name: str) -> Never:
        if name == "__qualname__":
            asks = sys._getframe(1)  # PyTorch, to say that this is not a module, buffer or parameter
            if asks.f_code.co_name == "typename" and asks.f_globals.get("__name__") == "torch":
                raise refuse(self, "{0}")
        if name.startswith("_") or name in self._sym_names or not name.isidentifier():
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )
        raise AttributeError(_explain(self, f"{{0}}.{name}", is_result=True), name=name, obj=self)

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        raise refuse(self, "format({0}, {1})", spec)

    def __array_ufunc__(self, function: Any, method: str, *operands: Any, **options: Any) -> Any:
        """Refuses calculations of NumPy; `==` and `!=` compare a hole with each element."""
        if function.__name__ not in ("equal", "not_equal"):
            raise refuse(self, f"{function.__name__}({{0}})")
        return getattr(function, method)(*map(_box, operands), **options)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), options: Any = None) -> Never:
        """Refuses calculations of PyTorch."""
        raise refuse(next(_find_holes([args, options])), f"{function.__name__}({{0}})")


def _refusing(name: str, use: str) -> Callable[..., Never]:
    def method(self: Any, *operands: object, **options: object) -> Never:
        raise refuse(self, use, *operands, is_result=name in _COMPUTED)

    method.__name__ = f"__{name}__"
    return method


for _name, _use in {**_COMPUTED, **_USED}.items():
    setattr(Undecided, f"__{_name}__", _refusing(_name, _use))


def _box(value: object) -> Any:
    """Returns an array without dimensions that holds a hole; other values as they are."""
    if not isinstance(value, Undecided):
        return value
    box = sys.modules["numpy"].empty((), object)
    box[()] = value
    return box


def refuse(hole: Any, use: str, *operands: object, is_result: bool = False) -> IncompleteError:
    """Returns the error for a use of a hole; arguments as for ``_explain``."""
    return IncompleteError(_explain(hole, use, *operands, is_result=is_result), holes=[str(path(hole))])


def _explain(hole: Any, use: str, *operands: object, is_result: bool = False) -> str:
    """Returns what is wrong with a use of a hole, such as ``{0} + {1}``, and what to write."""
    others = [quote(one, 30) if one.__class__ in ATOMS else "x" for one in operands]
    right = _find_taker(hole)
    if right is None:
        right = "Compute with it in a function with @pg.symbolize above it, and give that the hole; a program is then called, `program()`"
        if is_result and type(hole)._is_choice and hole.name is None:
            listed = f"{hole.candidates!r}"
            results = f"[{use.format('c', *others)} for c in {listed if len(listed) < 60 else 'candidates'}]"
            right += f". Or choose among the results: pg.oneof({results})"
    return (
        f"`{use.format('hole', *others)}` needs a value, but {quote(hole, 120)} is a hole, which gets its value when a program is "
        f"made from the space (pg.sample, pg.materialize). {right}."
    )


def _find_taker(hole: Any) -> str | None:
    """Returns what to write for the class, else the function, that was given a hole: of nested calls, the outermost."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in (__name__, "pliant.hyper.hole"):
        frame = frame.f_back
    owner = function = None
    while frame is not None and not str(frame.f_globals.get("__name__")).startswith("pliant."):
        code, values = frame.f_code, frame.f_locals
        variadic = (code.co_flags & 12).bit_count()  # *args, **options
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + variadic]
        given = [values.get(name) for name in names]
        state = {} if not given or isinstance(given[0], (Node, type)) else getattr(given[0], "__dict__", {})
        is_held, is_given = (any(one is hole for one in _find_holes(one)) for one in (dict(state), given))
        if is_held or (is_given and code.co_name == "__init__"):
            owner = type(given[0])
        elif (
            is_given
            and code.co_name.isidentifier()
            and "." not in code.co_qualname.rpartition("<locals>.")[2]
        ):
            function = frame.f_globals.get(code.co_name), code.co_name
        elif not is_given and code.co_name.isidentifier():  # not a comprehension
            break
        frame = frame.f_back
    if owner is not None:
        name = _spell(owner, owner.__name__)
        if any(base.__module__ == "torch.optim.optimizer" for base in owner.__mro__):
            return (
                f"Write pg.functor({name})(...) for it, and call what a program has there with the parameters"
            )
        return f"Write pg.symbolize({name})(...) in place of {name}(...): it takes holes"
    if function is not None:
        name = _spell(*function)
        return f"Write pg.symbolize({name})(...) in place of {name}(...), and call each program to get the result"
    return None


def _find_holes(value: Any, depth: int = 3) -> Iterator[Any]:
    """Yields the holes in arguments."""
    if isinstance(value, Undecided):
        yield value
    elif depth and type(value) in (dict, list, tuple):
        for one in value.values() if type(value) is dict else value:
            yield from _find_holes(one, depth - 1)


def _spell(it: Any, name: str) -> str:
    """Returns the shortest name by which a class or function can be imported, such as ``torch.nn.Linear``."""
    for module in accumulate(str(getattr(it, "__module__", "")).split("."), "{}.{}".format):
        if module != "__main__" and getattr(sys.modules.get(module), name, None) is it:
            return f"{module}.{name}"
    return name
