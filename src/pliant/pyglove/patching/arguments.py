"""The text form of patchers: ``name?value&argument=value``, and how text becomes the values of their arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pliant.values.errors import quote

from .. import typing as pg_typing
from .. import values as utils

_NAME: Final = re.compile(r"[a-zA-Z_][\w.]*\Z")
_KEYWORD: Final = re.compile(r"[a-zA-Z_]\w*\Z")
_YES: Final = frozenset({"true", "yes", "1"})
_NO: Final = frozenset({"false", "no", "0"})


def parse_uri(uri: str) -> tuple[str, list[str], dict[str, str]]:
    """Returns the name, the positional and the named arguments of a patcher, as text.

    Raises:
      ValueError: the text has another form.

    >>> parse_uri("widen?2&axis=1")
    ('widen', ['2'], {'axis': '1'})
    """
    name, mark, rest = uri.partition("?")
    if not _NAME.match(name):
        raise ValueError(
            f"{name!r} is not a valid Patcher name. Write letters, digits and '_', such as 'widen?2'."
        )
    args: list[str] = []
    kwargs: dict[str, str] = {}
    for part in rest.split("&") if mark else ():
        key, equals, value = part.partition("=")
        if equals:
            if not _KEYWORD.match(key):
                raise ValueError(f"Invalid argument specification: {part}. Write `name=value`.")
            kwargs[key] = value
        elif kwargs:
            raise ValueError(
                f"Positional argument should be provided before keyword arguments. Encountered {part!r} in {uri!r}."
            )
        else:
            args.append(part)
    return name, args, kwargs


def parse_args(signature: Any, args: list[str], kwargs: dict[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """Returns the values of arguments.

    Args:
      signature: the signature of the patcher; its first argument is what is patched.
      args: the positional arguments as text.
      kwargs: the named arguments as text.

    Raises:
      KeyError: there are too many, or an unknown one.
      ValueError: a text is not a value of its argument.
    """
    names = [a.name for a in signature.args][1:]
    if len(args) > len(names):
        raise KeyError(
            f"{signature.id}: Too many positional arguments are provided. Expected at most {len(names)}, got {len(args)}."
        )
    values = [_parse_named(signature, name, text) for name, text in zip(names, args)]
    return values, {name: _parse_named(signature, name, text) for name, text in kwargs.items()}


def _parse_named(signature: Any, name: str, text: str) -> Any:
    spec = signature.get_value_spec(name)
    if spec is None:
        raise KeyError(f"{signature.id}: Unexpected argument {name!r}.")
    return parse_arg(signature.id, name, spec, text)


def parse_arg(patcher_id: str, arg_name: str, value_spec: Any, arg_str: str) -> Any:
    """Returns the value of an argument.

    Args:
      patcher_id: the patcher; for messages.
      arg_name: the argument; for messages.
      value_spec: the spec of the argument.
      arg_str: its text.

    Raises:
      ValueError: the text is not a value for the spec.
    """
    where = f"(Patcher={patcher_id!r}, Argument={arg_name!r})"
    if value_spec.is_noneable and arg_str in ("None", "none"):
        return None
    if isinstance(value_spec, pg_typing.Enum):
        if not all(isinstance(v, str) or v is None for v in value_spec.values):
            raise ValueError(
                f"{quote(value_spec)} cannot be used for Patcher argument. Only Enum of string type can be used. {where}"
            )
        value: Any = arg_str
    elif isinstance(value_spec, pg_typing.List):
        value = parse_list(
            arg_str,
            lambda i, text: parse_arg(patcher_id, f"{arg_name}[{i}]", value_spec.element.value, text),
        )
    else:
        parse = next((p for kind, p in _PARSERS if isinstance(value_spec, kind)), None)
        if parse is None:
            raise ValueError(
                f"{quote(value_spec)} cannot be used for Patcher argument. Use numbers, text, or lists of them. {where}"
            )
        value = parse(arg_str, where)
    return value_spec.apply(value, root_path=utils.KeyPath.parse(f"{patcher_id}.{arg_name}"))


def parse_list(string: str, convert_fn: Callable[[int, str], Any]) -> list[Any]:
    """Returns the items of a list such as ``1:2``.

    Args:
      string: the text; the empty text is an empty list.
      convert_fn: a function from index and text to an item.
    """
    return [convert_fn(i, text) for i, text in enumerate(string.split(":"))] if string else []


def _parse_bool(text: str, where: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError(f"Cannot convert {text!r} to bool. {where}")


def _parse_int(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"Cannot convert {text!r} to int. {where}") from error


def _parse_float(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"Cannot convert {text!r} to float. {where}") from error


def _parse_str(text: str, where: str) -> str:
    for mark in "\"'":
        starts, ends = text.startswith(mark), text.endswith(mark)
        if starts and ends and len(text) > 1:
            return text[1:-1]
        if starts or ends:
            raise ValueError(f"Unmatched quote for string value: {text!r}. {where}")
    return text


_PARSERS: Final[tuple[tuple[Any, Callable[[str, str], Any]], ...]] = (
    (pg_typing.Bool, _parse_bool),
    (pg_typing.Int, _parse_int),
    (pg_typing.Float, _parse_float),
    (pg_typing.Str, _parse_str),
    (pg_typing.Any, lambda text, where: text),
)
