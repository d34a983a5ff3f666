"""Patches by rule: functions with a name that return changes, which can be written as text (``widen?2``)."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, Final

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..symbolic.base import Symbolic
from ..symbolic.functor import Functor, functor_class
from .arguments import parse_arg, parse_args, parse_list, parse_uri

__all__ = [
    "Patcher",
    "allow_repeated_patcher_registration",
    "from_uri",
    "parse_arg",
    "parse_args",
    "parse_list",
    "parse_uri",
    "patch",
    "patcher",
    "patcher_names",
]


class Patcher(Functor):
    """Base class of patchers: functors whose function takes a tree, and returns how to change it."""

    auto_schema = False
    _checks: Any = None

    def patch(self, value: Any) -> Any:
        """Changes a tree, and returns it or what replaces it.

        Raises:
          TypeError: it is not symbolic, or the function returned something else than changes.
        """
        signature = type(self).__signature__
        if not isinstance(value, Symbolic):
            raise TypeError(
                f"The 1st argument of {signature.id} must be a symbolic type. Encountered {quote(value)}."
            )
        return _apply(value, self._rule_for(value))

    def _rule_for(self, value: Any) -> Any:
        """Returns the changes, and stores how the result is checked."""
        name = type(self).__signature__.args[0].name
        self._set_raw_attr("_checks", None)
        rule = self(override_args=True, **{name: value})
        if isinstance(rule, tuple) and len(rule) == 2:
            rule, check = rule
            if check is not None and not callable(check):
                raise TypeError(
                    f"The validator returned from patcher {type(self).__signature__.id} is not callable: {check!r}."
                )
            self._set_raw_attr("_checks", check)
        return rule

    def validate(self, value: Any) -> None:
        """Checks a tree that was changed, by the second result of the function, if there is one."""
        check = self._sym_raw("_checks")
        if check is not None:
            check(value)


class _Registry:
    """The patchers by name."""

    def __init__(self) -> None:
        self.classes: dict[str, Any] = {}
        self.may_repeat = True

    def add(self, name: str, cls: Any) -> None:
        if name in self.classes and not self.may_repeat:
            raise KeyError(f"Patcher {name!r} already registered. Give another name.")
        self.classes[name] = cls


_registry: Final = _Registry()


def allow_repeated_patcher_registration(allow: bool = True) -> None:
    """Sets whether a patcher may take the name of another one."""
    _registry.may_repeat = allow


def patcher_names() -> list[str]:
    """Returns the names of the patchers."""
    return list(_registry.classes)


def patcher(
    args: Any = None, name: str | None = None, auto_typing: bool = False, auto_doc: bool = False
) -> Callable[[Any], Any]:
    """Makes a patcher from a function, and registers it (a decorator).

    The function takes a tree and further arguments.  It returns new values by path, a function for ``rebind``, another
    patcher or its text, or a list of these; and, as the second value of a tuple, a function that checks the result.
    A path ``""`` replaces the tree.

    Args:
      args: the specs of its arguments, as tuples ``(name, spec)``.
      name: its name in text; None for the name of the function.
      auto_typing: whether specs are read from annotations.
      auto_doc: whether descriptions are read from the docstring.

    Raises:
      TypeError: the function has no argument, or an argument cannot be written as text.
      KeyError: the name is taken, where that is not allowed.

    >>> from pliant.pyglove.symbolic.dict import Dict
    >>> @patcher([("factor", pg_typing.Int())])
    ... def multiply_width(model, factor):
    ...     return {"width": model.width * factor}
    >>> patch(Dict(width=8), "multiply_width?4")
    {width=32}
    """

    def decorate(func: Any) -> Any:
        cls = functor_class(
            func, args, base_class=Patcher, auto_typing=auto_typing, auto_doc=auto_doc, add_to_registry=True
        )
        _check_signature(cls.__signature__)
        _registry.add(name or func.__name__, cls)
        return cls

    return decorate


def _check_signature(signature: Any) -> None:
    """Raises TypeError for a function that cannot be a patcher."""
    if not signature.args:
        raise TypeError(
            f"Patcher function should have at least 1 argument as patching target. (Patcher={signature.id!r})"
        )
    target = signature.args[0]
    if not _is_patcher_target_spec(target.value_spec):
        raise TypeError(
            f"{target.value_spec!r} cannot be used for constraining Patcher target. (Patcher={signature.id!r}, "
            f"Argument={target.name!r}) Use pg.typing.Any, Object, Dict or List."
        )
    for arg in [*signature.args[1:], *signature.kwonlyargs]:
        if not _is_patcher_parameter_spec(arg.value_spec):
            raise TypeError(
                f"{arg.value_spec!r} cannot be used for constraining Patcher argument. (Patcher={signature.id!r}, "
                f"Argument={arg.name!r}) Use numbers, text, Enum of text, or lists of these."
            )


def _is_patcher_target_spec(value_spec: Any) -> bool:
    """Returns whether a spec can describe what is patched."""
    return isinstance(value_spec, (pg_typing.Any, pg_typing.Object, pg_typing.Dict, pg_typing.List))


def _is_patcher_parameter_spec(value_spec: Any, leaf_only: bool = False) -> bool:
    """Returns whether the values of a spec can be written as text."""
    if isinstance(value_spec, (pg_typing.Any, pg_typing.Bool, pg_typing.Int, pg_typing.Float, pg_typing.Str)):
        return True
    if isinstance(value_spec, pg_typing.Enum):
        return all(isinstance(v, str) for v in value_spec.values)
    if isinstance(value_spec, pg_typing.List) and not leaf_only:
        return _is_patcher_parameter_spec(value_spec.element.value, True)
    return False


def from_uri(uri: str) -> Any:
    """Returns the patcher of a text such as ``widen?4``.

    Raises:
      KeyError: a patcher of that name, or the argument, does not exist.
      ValueError: the text has another form, or a value is not allowed.
    """
    name, args, kwargs = parse_uri(uri)
    cls = _registry.classes.get(name)
    if cls is None:
        raise KeyError(f"Patcher {name!r} is not registered. There are: {patcher_names()}.")
    signature = cls.__signature__
    values, named = parse_args(signature, args, kwargs)
    names = [a.name for a in signature.args][1:]
    return cls.partial(**dict(zip(names, values)), **named)


def patch(value: Any, rule: Any) -> Any:
    """Changes a tree, and returns it or what replaces it.

    Args:
      value: the tree.
      rule: new values by path, a function for ``rebind``, a patcher or its text, or a list of these.

    Raises:
      TypeError: a rule is something else.
      ValueError: a check of the result fails, or the text of a patcher has another form.
    """
    checks: list[Patcher] = []
    value = _apply(value, rule, checks)
    for check in checks:
        check.validate(value)
    return value


def _apply(value: Any, rule: Any, checks: list[Patcher] | None = None) -> Any:
    """Applies rules one after the other."""
    for one in rule if isinstance(rule, list) else [rule]:
        if isinstance(one, str):
            one = from_uri(one)
        if isinstance(one, Patcher):
            value = one.patch(value)
            if checks is not None:
                checks.append(one)
        elif isinstance(one, dict):
            value = _rebind(value, one)
        elif isinstance(one, (types.FunctionType, types.MethodType)):
            value = value.sym_rebind(one, raise_on_no_change=False)
        else:
            raise TypeError(
                f"Patching rule {one!r} should be a dict of path to values, a rebind function, a patcher (object or text), "
                "or a list of these."
            )
    return value


def _rebind(value: Any, changes: dict[Any, Any]) -> Any:
    """Applies new values by path; the path ``""`` replaces the tree."""
    if len(changes) == 1 and "" in changes:
        return changes[""]
    return value.sym_rebind(changes, raise_on_no_change=False) if changes else value
