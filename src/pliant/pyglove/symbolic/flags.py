"""Switches of symbolic values: of the whole process, or of a ``with`` block in the current thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from .. import values as utils


@dataclass
class _Process:
    """The switches of the whole process."""

    empty_field_description: bool = True
    repeated_registration: bool = True
    origin_stacktrace_limit: int = 10
    load_handler: Callable[..., Any] | None = None
    save_handler: Callable[..., Any] | None = None


_process: Final = _Process()


def allow_empty_field_description(allow: bool = True) -> None:
    """Sets whether fields of classes declared from now on may lack a description."""
    _process.empty_field_description = allow


def is_empty_field_description_allowed() -> bool:
    """Returns whether fields may lack a description."""
    return _process.empty_field_description


def allow_repeated_class_registration(allow: bool = True) -> None:
    """Sets whether a second class may take the serialization key of another class."""
    _process.repeated_registration = allow


def is_repeated_class_registration_allowed() -> bool:
    """Returns whether a second class may take the serialization key of another class."""
    return _process.repeated_registration


def set_origin_stacktrace_limit(limit: int) -> None:
    """Sets how many lines of the stack an ``Origin`` keeps."""
    _process.origin_stacktrace_limit = limit


def get_origin_stacktrace_limit() -> int:
    """Returns how many lines of the stack an ``Origin`` keeps."""
    return _process.origin_stacktrace_limit


def set_load_handler(load_handler: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Sets the function that ``load`` calls, and returns the one before; None for the default.

    Raises:
      ValueError: it is not callable.
    """
    if load_handler and not callable(load_handler):
        raise ValueError("`load_handler` must be callable.")
    before, _process.load_handler = _process.load_handler, load_handler
    return before


def get_load_handler() -> Callable[..., Any] | None:
    """Returns the function that ``load`` calls; None for the default."""
    return _process.load_handler


def set_save_handler(save_handler: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Sets the function that ``save`` calls, and returns the one before; None for the default.

    Raises:
      ValueError: it is not callable.
    """
    if save_handler and not callable(save_handler):
        raise ValueError("`save_handler` must be callable.")
    before, _process.save_handler = _process.save_handler, save_handler
    return before


def get_save_handler() -> Callable[..., Any] | None:
    """Returns the function that ``save`` calls; None for the default."""
    return _process.save_handler


def _scope(name: str, value: object) -> AbstractContextManager[None]:
    return utils.thread_local_value_scope(f"pliant.pyglove.{name}", value, _DEFAULTS[name])


def _read(name: str) -> Any:
    return utils.thread_local_get(f"pliant.pyglove.{name}", _DEFAULTS[name])


_DEFAULTS: Final[dict[str, Any]] = {
    "notify_on_change": True,
    "track_origin": False,
    "type_check": True,
    "writable_accessors": None,
    "sealed": None,
    "partial": None,
    "call_functors": None,
}


def notify_on_change(enabled: bool = True) -> AbstractContextManager[None]:
    """Returns a context in which changes are announced (``_on_change``, ``_on_bound``) or not."""
    return _scope("notify_on_change", enabled)


def is_change_notification_enabled() -> bool:
    """Returns whether changes are announced."""
    return bool(_read("notify_on_change"))


def track_origin(enabled: bool = True) -> AbstractContextManager[None]:
    """Returns a context in which new symbolic objects store their ``Origin`` or not."""
    return _scope("track_origin", enabled)


def is_tracking_origin() -> bool:
    """Returns whether new symbolic objects store their ``Origin``."""
    return bool(_read("track_origin"))


def enable_type_check(enabled: bool = True) -> AbstractContextManager[None]:
    """Returns a context in which values are checked against the specs of their fields or not."""
    return _scope("type_check", enabled)


def is_type_check_enabled() -> bool:
    """Returns whether values are checked against the specs of their fields."""
    return bool(_read("type_check"))


def allow_writable_accessors(writable: bool | None = True) -> AbstractContextManager[None]:
    """Returns a context in which items may be assigned or not; None for what each object says."""
    return _scope("writable_accessors", writable)


def is_under_accessor_writable_scope() -> bool | None:
    """Returns what the innermost ``allow_writable_accessors`` says; None without one."""
    found: bool | None = _read("writable_accessors")
    return found


def as_sealed(sealed: bool | None = True) -> AbstractContextManager[None]:
    """Returns a context in which all objects are read-only or writable; None for what each object says."""
    return _scope("sealed", sealed)


def is_under_sealed_scope() -> bool | None:
    """Returns what the innermost ``as_sealed`` says; None without one."""
    found: bool | None = _read("sealed")
    return found


def allow_partial(allow: bool | None = True) -> AbstractContextManager[None]:
    """Returns a context in which objects may lack required values or not; None for what each object says."""
    return _scope("partial", allow)


def is_under_partial_scope() -> bool | None:
    """Returns what the innermost ``allow_partial`` says; None without one."""
    found: bool | None = _read("partial")
    return found


def auto_call_functors(enabled: bool = True) -> AbstractContextManager[None]:
    """Returns a context in which creating a functor with all its arguments calls it at once."""
    return _scope("call_functors", enabled)


def should_call_functors_during_init() -> bool | None:
    """Returns what the innermost ``auto_call_functors`` says; None without one."""
    found: bool | None = _read("call_functors")
    return found
