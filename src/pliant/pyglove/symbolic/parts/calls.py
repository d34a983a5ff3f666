"""How the arguments of functors are bound: when one is created, and when it is called."""

from __future__ import annotations

from typing import Any

from pliant.values.errors import quote

from ... import values as utils
from .. import flags

_MISSING: Any = utils.MISSING_VALUE


def bind_creation(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns the bound arguments by name.

    Args:
      cls: the functor class.
      args: positional arguments.
      kwargs: arguments by name; the switches of objects stay in it.

    Raises:
      TypeError: there are too many, or one is given twice.
    """
    names = cls.init_arg_list
    rest = names[-1][1:] if names and names[-1].startswith("*") else None
    if rest is not None:
        names = names[:-1]
    given: dict[str, Any] = {}
    if len(args) > len(names):
        if rest is None:
            raise TypeError(_too_many(f"{cls.__name__}()", len(names), len(args)))
        given[rest] = list(args[len(names) :])
    given.update(zip(names, args))
    for key in [k for k in kwargs if k not in ("sealed", "explicit_init")]:
        if key in given:
            raise TypeError(f"{cls.__name__}() got multiple values for keyword argument {key!r}.")
        given[key] = kwargs.pop(key)
    return given


def _too_many(name: str, most: int, count: int) -> str:
    plural, were = ("" if most == 1 else "s"), ("was" if count == 1 else "were")
    return f"{name} takes {most} positional argument{plural} but {count} {were} given."


def bind_call(
    functor: Any, signature: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Returns the arguments of a call, with those that are bound already.

    Args:
      functor: the functor.
      signature: the signature of its function.
      args: the positional arguments of the call.
      kwargs: the others; ``override_args`` and ``ignore_extra_args`` are switches of the call.

    Raises:
      TypeError: an argument is missing, unknown, or bound already.
    """
    kwargs = dict(kwargs)
    override = kwargs.pop("override_args", functor._sym_raw("_override_args", False))
    ignore = kwargs.pop("ignore_extra_args", functor._sym_raw("_ignore_extra_args", False))
    name = f"{signature.id}()"
    positional = [a.name for a in signature.args]
    rest = signature.varargs
    if len(args) > len(positional) and rest is None:
        if not ignore:
            raise TypeError(_too_many(name, len(positional), len(args)))
        args = args[: len(positional)]
    new: dict[str, Any] = {}
    for i, (key, value) in enumerate(zip(positional, args)):
        _check_free(functor, name, key, value, f"position {i}", override)
        new[key] = _checked(functor, key, value)
    if len(args) > len(positional):
        value = list(args[len(positional) :])
        _check_free(functor, name, rest.name, value, f"position {len(positional)}", override)
        new[rest.name] = list(_checked(functor, rest.name, value))
    known = {*positional, *(a.name for a in signature.kwonlyargs)}
    for key, value in kwargs.items():
        if key not in known and signature.varkw is None:
            if ignore:
                continue
            raise TypeError(f"{name} got an unexpected keyword argument {key!r}.")
        if key in new:
            raise TypeError(f"{name} got multiple values for argument {key!r}.")
        _check_free(functor, name, key, value, "keyword argument", override)
        new[key] = _checked(functor, key, value)
    return _collect(functor, signature, name, new)


def _collect(
    functor: Any, signature: Any, name: str, new: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Returns the arguments of the function: those of the call, then those that are bound."""

    def take(key: str) -> Any:
        return new.pop(key) if key in new else functor.sym_inferred(key, _MISSING)

    positional = [(a.name, take(a.name)) for a in signature.args]
    missing = [key for key, value in positional if isinstance(value, utils.MissingValue)]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise TypeError(
            f"{name} missing {len(missing)} required positional argument{plural}: {', '.join(map(repr, missing))}."
        )
    args = [value for _, value in positional]
    if signature.varargs is not None:
        more = take(signature.varargs.name)
        args.extend([] if isinstance(more, utils.MissingValue) else more)
    named = {a.name: take(a.name) for a in signature.kwonlyargs}
    missing = [key for key, value in named.items() if isinstance(value, utils.MissingValue)]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise TypeError(
            f"{name} missing {len(missing)} required keyword argument{plural}: {', '.join(map(repr, missing))}."
        )
    if signature.varkw is not None:
        taken = {a.name for a in [*signature.args, *signature.kwonlyargs]}
        taken.update([signature.varargs.name] if signature.varargs is not None else [])
        for key in functor.sym_keys():
            if key not in taken and key not in new:
                named[key] = functor.sym_inferred(key)
        named.update(new)
    return args, named


def _check_free(functor: Any, name: str, key: str, value: Any, place: str, override: bool) -> None:
    """Raises TypeError if an argument was given at creation, unless calls may override."""
    if key in functor._specified and not override:
        old = functor.sym_getattr(key)
        raise TypeError(
            f"{name} got new value for argument {key!r} from {place}, but 'override_args' is set to False. "
            f"Old value: {old!r}, new value: {quote(value)}."
        )


def _checked(functor: Any, key: str, value: Any) -> Any:
    """Returns a value as its field takes it; a list or dict of the caller stays the same object."""
    field = functor.sym_attr_field(key)
    if field is None or not flags.is_type_check_enabled():
        return value
    return field.apply(value, root_path=utils.KeyPath(key, functor.sym_path))
