"""JSON of values: ``to_json``, ``from_json``, and files with it.

Loading builds objects of registered classes only; see ``pliant.pyglove.values`` for what it refuses.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pliant.values.errors import quote

from ... import typing as pg_typing
from ... import values as utils
from .. import flags

_TYPE: Final = "_type"
_TUPLE: Final = "__tuple__"


def _symbolic() -> Any:
    from ..base import Symbolic

    return Symbolic


def from_json(
    json_value: Any,
    *,
    allow_partial: bool = False,
    root_path: Any = None,
    auto_import: bool = True,
    auto_dict: bool = False,
    value_spec: Any = None,
    **kwargs: Any,
) -> Any:
    """Returns the value of JSON data; dicts and lists become symbolic ones.

    Args:
      json_value: the data.
      allow_partial: whether objects may lack required values.
      root_path: the path of the value.
      auto_import: whether the modules of named classes may be imported, if that is allowed at all.
      auto_dict: whether objects of unknown classes become dicts.
      value_spec: the spec of the value, or None.
      **kwargs: passed on to ``from_json`` of the classes.

    Raises:
      TypeError: a class is not registered.
      ValueError: the data is not valid.
    """
    base = _symbolic()
    if isinstance(json_value, base):
        return json_value
    path = utils.KeyPath() if root_path is None else root_path
    more = dict(allow_partial=allow_partial, auto_import=auto_import, auto_dict=auto_dict, **kwargs)
    if isinstance(json_value, list):
        if json_value and json_value[0] == _TUPLE:
            if len(json_value) < 2:
                raise ValueError(
                    utils.message_on_path(
                        f"Tuple should have at least one element besides '{_TUPLE}'. Encountered: {quote(json_value)}.",  # wording: PyGlove's message
                        path,
                    )
                )
            return tuple(
                from_json(v, root_path=utils.KeyPath(i, path), **more) for i, v in enumerate(json_value[1:])
            )
        return base.ListType.from_json(json_value, value_spec=value_spec, root_path=path, **more)
    if isinstance(json_value, dict):
        if _TYPE not in json_value:
            return base.DictType.from_json(json_value, value_spec=value_spec, root_path=path, **more)
        return _from_typed(json_value, path, more)
    if value_spec is not None:
        return value_spec.apply(json_value, allow_partial=allow_partial, root_path=path)
    return json_value


def _from_typed(json_value: dict[str, Any], path: Any, more: dict[str, Any]) -> Any:
    """Returns the object of a dict that names a class."""
    name = json_value[_TYPE]
    rest = {k: v for k, v in json_value.items() if k != _TYPE}
    cls = utils.JSONConvertible.class_from_typename(name) if isinstance(name, str) else None
    if cls is not None:
        return cls.from_json(rest, root_path=path, **more)
    if more["auto_dict"] and name not in _SPECIAL:
        return from_json({**rest, "type_name": name}, root_path=path, **more)
    options = {k: v for k, v in more.items() if k in ("auto_import", "auto_dict")}
    return utils.from_json(json_value, **options)


_SPECIAL: Final = frozenset({"type", "function", "method", "module"})


def from_json_str(
    json_str: str,
    *,
    allow_partial: bool = False,
    root_path: Any = None,
    auto_import: bool = True,
    auto_dict: bool = False,
    **kwargs: Any,
) -> Any:
    """Returns the value of JSON text; see ``from_json``."""
    return from_json(
        _read_keys(json.loads(json_str)),
        allow_partial=allow_partial,
        root_path=root_path,
        auto_import=auto_import,
        auto_dict=auto_dict,
        **kwargs,
    )


def _read_keys(value: Any) -> Any:
    """Returns data in which keys such as ``"n_:1"`` are numbers again."""
    if isinstance(value, dict):
        return {
            (int(k[3:]) if isinstance(k, str) and k.startswith("n_:") else k): _read_keys(v)
            for k, v in value.items()
        }
    return [_read_keys(v) for v in value] if isinstance(value, list) else value


def _write_keys(value: Any) -> Any:
    """Returns data in which keys that are numbers are text such as ``"n_:1"``."""
    if isinstance(value, dict):
        return {(f"n_:{k}" if isinstance(k, int) else k): _write_keys(v) for k, v in value.items()}
    return [_write_keys(v) for v in value] if isinstance(value, list) else value


def to_json(value: Any, **kwargs: Any) -> Any:
    """Returns a value as JSON data.

    Args:
      value: the value.
      **kwargs: passed on to ``sym_jsonify`` or ``to_json`` of the classes.

    Raises:
      ValueError: it has no JSON form.
    """
    if isinstance(value, _symbolic()):
        return value.sym_jsonify(**kwargs)
    if type(value) is list:
        return [to_json(v, **kwargs) for v in value]
    if type(value) is tuple:
        return [_TUPLE, *(to_json(v, **kwargs) for v in value)]
    if type(value) is dict:
        return {k: to_json(v, **kwargs) for k, v in value.items()}
    return utils.to_json(value, **kwargs)


def to_json_field(value: Any, field: Any, **kwargs: Any) -> Any:
    """Returns the value of a field as JSON data; a registered converter of its class is used."""
    if field is not None and not isinstance(value, (_symbolic(), utils.JSONConvertible, str, int, float)):
        converter = pg_typing.get_json_value_converter(type(value)) if value is not None else None
        if converter is not None:
            return converter(value)
    return to_json(value, **kwargs)


def to_json_str(value: Any, *, json_indent: int | None = None, **kwargs: Any) -> str:
    """Returns a value as JSON text.

    Args:
      value: the value.
      json_indent: the number of spaces for each level; None for one line.
      **kwargs: as for ``to_json``.
    """
    return json.dumps(_write_keys(to_json(value, **kwargs)), indent=json_indent)


def load(path: str, *args: Any, **kwargs: Any) -> Any:
    """Returns the value of a file, by the function of ``set_load_handler`` or the default one."""
    handler = flags.get_load_handler() or default_load_handler
    value = handler(path, *args, **kwargs)
    if flags.is_tracking_origin() and isinstance(value, _symbolic()):
        value._set_raw_attr("_sym_origin", None)
        value.sym_setorigin(path, "load")
    return value


def save(value: Any, path: str, *args: Any, **kwargs: Any) -> Any:
    """Saves a value to a file, by the function of ``set_save_handler`` or the default one."""
    handler = flags.get_save_handler() or default_save_handler
    return handler(value, path, *args, **kwargs)


def default_load_handler(path: str, file_format: str = "json", **kwargs: Any) -> Any:
    """Returns the value of a file.

    Args:
      path: the file.
      file_format: ``"json"``, or ``"txt"`` for its text.
      **kwargs: as for ``from_json``.

    Raises:
      ValueError: another format.
    """
    text = Path(path).read_text("utf-8")
    if file_format == "json":
        return from_json_str(text, **kwargs)
    if file_format == "txt":
        return text
    raise ValueError(f"Unsupported `file_format`: {file_format!r}. Use 'json' or 'txt'.")


def default_save_handler(
    value: Any, path: str, *, indent: int | None = None, file_format: str = "json", **kwargs: Any
) -> None:
    """Saves a value to a file, whose folders are made.

    Args:
      value: the value.
      path: the file.
      indent: as ``json_indent`` of ``to_json_str``.
      file_format: ``"json"``, or ``"txt"`` for readable text.
      **kwargs: as for ``to_json``.

    Raises:
      ValueError: another format.
    """
    if file_format == "json":
        text = to_json_str(value, json_indent=indent, **kwargs)
    elif file_format == "txt":
        text = value if isinstance(value, str) else utils.format(value, compact=False, verbose=False)
    else:
        raise ValueError(f"Unsupported `file_format`: {file_format!r}. Use 'json' or 'txt'.")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, "utf-8")


def open_jsonl(path: str, mode: str = "r", **kwargs: Any) -> Any:
    """Refuses: files with a sequence of values are a part of PyGlove's ``io``, which this package leaves out.

    Raises:
      NotImplementedError: always.
    """
    raise NotImplementedError(
        "pliant.pyglove has no `open_jsonl`. Write one `pg.to_json_str(value)` per line, and read lines with `pg.from_json_str`."
    )
