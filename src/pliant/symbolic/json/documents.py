"""Trees as JSON text and files: exact, readable, and safe to load from untrusted sources.

Loading builds objects of registered or allowed classes only.  It imports and unpickles nothing, and checks arguments
as a constructor call does.  The JSON conforms to the standard; ``form`` describes the forms.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from pliant.values.errors import (
    FieldTypeError,
    LoadError,
    PliantError,
    UnregisteredTypeError,
    check_file,
    check_items,
)
from pliant.values.slips import check_names

from ..read.compare import node_class
from ..read.text import check_indent
from ..tree.adoption import PLAIN, announce
from ..tree.live import walk_nodes, warn_of_edits
from .form import Fault, locate
from .reader import Reader
from .writer import Writer

_DEEP = "it is nested too deeply (or contains itself)."


_LOST = (
    "JSON stores the program, without these edits. Store the live network by `torch.save(x, path)`, or change the program by `rebind` "
    "instead."
)


def to_json(value: object, *, hide_default_values: bool = False) -> Any:
    """Returns a value as data that ``json`` can write: dicts, lists, text, finite numbers, booleans, None.

    Fields without a value are left out.  Subclasses of ``str``, ``int`` and ``float`` (such as NumPy's ``float64``)
    become their base class; a plain container and its symbolic form have the same JSON.

    Args:
      value: a node, or a value built from nodes, containers and simple values.
      hide_default_values: whether fields with their default values are left out.

    Raises:
      FieldTypeError: a part of it has no JSON form; the message names its path.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> to_json(Dict(kernel=(3, 3), rate=float("inf")))
    {'kernel': ['__tuple__', 3, 3], 'rate': {'_type': 'float', 'value': 'inf'}}
    """
    warn_of_edits(walk_nodes(value), _LOST)
    try:
        return Writer(hide=hide_default_values).write(value)
    except (Fault, PliantError) as error:
        cause, place = locate(error)
        raise FieldTypeError(f"{place}: {cause}") from None
    except RecursionError:
        raise FieldTypeError(f"{one_type(value)} cannot be written as JSON: {_DEEP}") from None


def to_json_str(value: object, *, json_indent: int | None = None, hide_default_values: bool = False) -> str:
    """Returns a value as JSON text; see ``to_json``.

    >>> to_json_str({"kernel": (3, 3)})
    '{"kernel": ["__tuple__", 3, 3]}'
    """
    data = to_json(value, hide_default_values=hide_default_values)
    try:
        # `to_json` has checked for cycles.
        return json.dumps(
            data,
            indent=None if json_indent is None else check_indent(json_indent),
            allow_nan=False,
            check_circular=False,
        )
    except RecursionError:
        raise FieldTypeError(f"{one_type(value)} cannot be written as JSON: {_DEEP}") from None


@check_names({})
def from_json(data: object, *, allow: Iterable[Any] = (), allow_partial: bool = False) -> Any:
    """Returns the value for data that ``to_json`` returned; dicts and lists become symbolic.

    Args:
      data: data from ``to_json``.
      allow: classes, functions and enums that it may name in addition to the registered ones.
      allow_partial: whether objects may lack required fields.

    Raises:
      UnregisteredTypeError: it names a type that is neither registered nor allowed.
      LoadError: it does not have the form that ``to_json`` writes, or a class rejects its arguments.

    >>> from_json({"kernel": ["__tuple__", 3, 3]})
    {kernel=(3, 3)}
    """
    try:
        return _symbolic(
            Reader(check_items(allow, "allow", "[Conv, relu]"), partial=allow_partial).read(data)
        )
    except (Fault, PliantError) as error:
        cause, place = locate(error)
        message = f"the stored value {place} cannot be loaded: {cause}"
        if isinstance(cause, UnregisteredTypeError):
            raise UnregisteredTypeError(message, type_name=cause.type_name) from cause
        raise LoadError(message) from cause
    except RecursionError:
        raise LoadError(f"the stored value cannot be loaded: {_DEEP}") from None


@check_names({})
def from_json_str(text: str, *, allow: Iterable[Any] = (), allow_partial: bool = False) -> Any:
    """Returns the value for text that ``to_json_str`` returned; arguments and errors as for ``from_json``.

    >>> from_json_str('{"kernel": ["__tuple__", 3, 3]}').kernel
    (3, 3)
    """
    if not isinstance(text, str):
        raise LoadError(
            f"from_json_str needs JSON text; got {one_type(text)}. Use `pg.from_json` for data, `pg.load` for files."
        )
    try:
        data = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        hint = " The text is cut off." if cut else ""
        raise LoadError(
            f"this is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).{hint}"
        ) from error
    except RecursionError:
        raise LoadError(f"the stored value cannot be loaded: {_DEEP}") from None
    except LoadError:
        raise
    except ValueError as error:  # an integer with more digits than Python reads
        raise LoadError(f"the stored value cannot be loaded: {error}.") from error
    return from_json(data, allow=allow, allow_partial=allow_partial)


def save(
    value: object, path: str | os.PathLike[str], *, indent: int | None = 2, hide_default_values: bool = False
) -> None:
    """Writes a value to a JSON file atomically: after a crash the old file is intact.

    Args:
      value: as for ``to_json``.
      path: the file; its folder must exist.
      indent: spaces per level, or None for one line.
      hide_default_values: as for ``to_json``.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save({"filters": 8}, folder + "/model.json")
    ...     load(folder + "/model.json")
    {filters=8}
    """
    from pliant.values.files import write_atomically

    text = to_json_str(value, json_indent=indent, hide_default_values=hide_default_values)
    write_atomically(os.path.realpath(check_file(path, "save")), text + "\n")  # keeps a symbolic link


@check_names({})
def load(path: str | os.PathLike[str], *, allow: Iterable[Any] = (), allow_partial: bool = False) -> Any:
    """Returns the value that ``save`` wrote; arguments and errors as for ``from_json``.

    Raises:
      OSError: the file cannot be read.
      LoadError: as for ``from_json``; the message names the file.
    """
    try:
        with open(check_file(path, "load"), encoding="utf-8") as file:
            return from_json_str(file.read(), allow=allow, allow_partial=allow_partial)
    except UnicodeDecodeError as error:
        raise LoadError(f"{os.fspath(path)}: this is not JSON, and not text: {error}.") from error
    except LoadError as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from error
    except ValueError as error:  # a name with a null character
        raise LoadError(f"{os.fspath(path)!r} is not the name of a file: {error}.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a JSON object as a dict."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise LoadError(f"the key {twice!r} occurs twice in one JSON object, so its value is ambiguous.")
    return made


def _symbolic(value: object) -> Any:
    """Returns a loaded value with its plain containers made symbolic."""
    maker = PLAIN.get(value.__class__)
    if maker is not None:
        made = maker(value, None)
        announce(made)
        return made
    return tuple(map(_symbolic, value)) if value.__class__ is tuple else value


def one_type(value: object) -> str:
    """Returns the type of a value for a message: ``"a Conv"``."""
    return f"a {node_class(value).__qualname__}"
