"""Signatures of functions, classes and callable objects."""

from __future__ import annotations

import inspect
from typing import Any

from pliant.pyglove.values.docstr_utils import DocStr, docstr
from pliant.values.errors import FieldTypeError, quote
from pliant.values.signature import read_signature

from ..schemas import Schema
from ..specs.callables import Callable
from .signature import CallableType, Signature


def read_callable(target: Any, *, auto_typing: bool = False, auto_doc: bool = False) -> Signature:
    """Returns the signature of a function, class or callable object.

    Args:
      target: the function, class or object.
      auto_typing: check values against annotations.
      auto_doc: read the descriptions from the docstring.

    Raises:
      FieldTypeError: it cannot be called.
    """
    if not callable(target):
        raise FieldTypeError(
            f"{quote(target)} is not callable. Give a function, a class or an object with __call__."
        )
    known = getattr(target, "__signature__", None)
    if isinstance(known, Signature):
        return known
    if isinstance(target, type):
        return _read_class(target, auto_typing, auto_doc)
    if getattr(target, "__signature_of__", None) is not None:
        return read_callable(target.__signature_of__.__call__.__get__(target), auto_typing=auto_typing)
    function = target
    if not (inspect.isroutine(target) or inspect.isfunction(target)):
        function = target.__call__
        if not inspect.isroutine(function):
            raise FieldTypeError(f"{quote(target)}.__call__ is not a method. Define it with def.")
    kind = CallableType.METHOD if inspect.ismethod(function) else CallableType.FUNCTION
    name = getattr(function, "__name__", type(function).__name__)
    return Signature.from_signature(
        read_signature(function),
        name,
        kind,
        getattr(function, "__module__", None) or "builtins",
        getattr(function, "__qualname__", name),
        auto_typing,
        docstr(function) if auto_doc else None,
    )


def _read_class(cls: type[Any], auto_typing: bool, auto_doc: bool) -> Signature:
    """Returns the signature of making an object: of ``__init__``, without ``self``."""
    text = docstr(cls) if auto_doc else None
    init = cls.__init__
    described = docstr(init) if auto_doc and inspect.isfunction(init) else None
    merged = _merge(text, described)
    if inspect.isfunction(init):
        signature = read_signature(init)
        parameters = list(signature.parameters.values())[1:]
        signature = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    elif init is object.__init__ and getattr(cls, "__new__", None) is object.__new__:
        signature = inspect.Signature()
    else:
        empty = inspect.Parameter
        signature = inspect.Signature(
            [empty("args", empty.VAR_POSITIONAL), empty("kwargs", empty.VAR_KEYWORD)]
        )
    made = Signature.from_signature(
        signature, cls.__name__, CallableType.METHOD, cls.__module__, cls.__qualname__, auto_typing, merged
    )
    made.description = text.short_description if text is not None else None
    return made


def _merge(of_class: DocStr | None, of_init: DocStr | None) -> DocStr | None:
    """Returns the docstring of ``__init__`` with the arguments that the class describes."""
    if of_init is None or of_class is None:
        return of_init or of_class
    of_init.args = {**of_class.args, **of_init.args}
    return of_init


def signature(func: Any, auto_typing: bool = True, auto_doc: bool = True) -> Signature:
    """Returns the signature of a function, class or callable object.

    >>> def scale(x: int, *, by: float = 2.0): ...
    >>> signature(scale).get_value_spec("by")
    Float(default=2.0)

    Args:
      func: the function, class or object.
      auto_typing: check values against annotations.
      auto_doc: read the descriptions from the docstring.

    Raises:
      FieldTypeError: it cannot be called.
    """
    return read_callable(func, auto_typing=auto_typing, auto_doc=auto_doc)


def schema(
    cls_or_fn: Any,
    args: Any = None,
    returns: Any = None,
    *,
    auto_typing: bool = True,
    auto_doc: bool = True,
    remove_self: bool = True,
    include_return: bool = False,
) -> Schema:
    """Returns the schema of the arguments of a function or class; that of a symbolic class is its own.

    Args:
      cls_or_fn: the function or class.
      args: specs of arguments, as field definitions.
      returns: the spec of what it returns.
      auto_typing: check values against annotations.
      auto_doc: read the descriptions from the docstring.
      remove_self: leave out ``self``.
      include_return: add a field for what it returns.
    """
    own = getattr(cls_or_fn, "__schema__", None)
    if isinstance(own, Schema):
        return own
    found = signature(cls_or_fn, auto_typing, auto_doc).annotate(args, return_value=returns)
    return found.to_schema(remove_self, include_return)


Callable.read_signature = staticmethod(read_callable)
