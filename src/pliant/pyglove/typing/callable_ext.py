"""Arguments that a ``with`` block presets (``preset_args``), and calls with arguments that a function may not have."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from pliant.pyglove import values
from pliant.values.errors import FieldValueError
from pliant.values.signature import read_signature

from .signatures.reading import signature
from .typed_missing import MISSING_VALUE, is_missing

_presets: Final[contextvars.ContextVar[dict[str, dict[str, Any]]]] = contextvars.ContextVar("pyglove_presets")


class PresetArgValue(values.Formattable):
    """Default of an argument whose value ``preset_args`` gives.

    >>> @enable_preset_args()
    ... def scale(x, by=PresetArgValue(2)):
    ...     return x * by
    >>> with preset_args({"by": 3}):
    ...     scale(5)
    15
    >>> scale(5)
    10

    Args:
      default: the value outside of ``preset_args`` blocks; without it, the argument is required there.
    """

    def __init__(self, default: Any = MISSING_VALUE) -> None:
        self.default = default

    @property
    def has_default(self) -> bool:
        """Whether it has a value outside of ``preset_args`` blocks."""
        return not is_missing(self.default)

    @classmethod
    def inspect(cls, func: Callable[..., Any]) -> dict[str, PresetArgValue]:
        """Returns the arguments of a function whose values are preset."""
        found = read_signature(func).parameters.values()
        return {p.name: p.default for p in found if isinstance(p.default, PresetArgValue)}

    @classmethod
    def resolve_args(
        cls,
        call_args: Sequence[Any],
        call_kwargs: dict[str, Any],
        positional_arg_names: Sequence[str],
        arg_defaults: dict[str, Any],
        *,
        preset_kwargs: dict[str, Any],
        include_all_preset_kwargs: bool = False,
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """Returns the arguments of a call, by place and by name, with those that are preset.

        Args:
          call_args: the values that are given by place.
          call_kwargs: the values that are given by name.
          positional_arg_names: the names of the arguments that can be given by place.
          arg_defaults: the defaults of the arguments.
          preset_kwargs: the preset values.
          include_all_preset_kwargs: give also preset values that are not arguments by name.

        Raises:
          FieldValueError: a required argument is neither given nor preset.
        """
        given = dict(call_kwargs)
        args = list(call_args)
        for name in positional_arg_names[len(args) :]:
            if name in given:
                args.append(given.pop(name))
            elif name in arg_defaults:
                args.append(_resolve(name, arg_defaults[name], preset_kwargs))
            else:
                break
        given = {k: v for k, v in given.items() if k not in positional_arg_names[: len(args)]}
        for name, default in arg_defaults.items():
            if name not in positional_arg_names and name not in given and isinstance(default, PresetArgValue):
                given[name] = _resolve(name, default, preset_kwargs)
        if include_all_preset_kwargs:
            extra = {
                k: v for k, v in preset_kwargs.items() if k not in positional_arg_names and k not in given
            }
            given |= extra
        return args, given

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PresetArgValue) and bool(self.default == other.default)

    __hash__ = None  # type: ignore[assignment]  # its default may not be hashable

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        items = [("default", self.default, MISSING_VALUE)]
        return values.kvlist_str(items, compact, verbose, root_indent, label="PresetArgValue", **kwargs)


def _resolve(name: str, default: Any, preset: dict[str, Any]) -> Any:
    if not isinstance(default, PresetArgValue):
        return default
    if name in preset:
        return preset[name]
    if default.has_default:
        return default.default
    raise FieldValueError(
        f"Argument {name!r} is not present. Give it, or preset it with pg.typing.preset_args."
    )


@contextmanager
def preset_args(
    kwargs: dict[str, Any], *, preset_name: str = "global", inherit_preset: str | bool = False
) -> Iterator[dict[str, Any]]:
    """Presets arguments of functions inside a ``with`` block.

    Args:
      kwargs: the values by the names of the arguments.
      preset_name: the name of the preset, which functions name.
      inherit_preset: keep the values of the outer block of this name, or of another preset's.
    """
    outer = _presets.get({})
    base = outer.get(preset_name if inherit_preset is True else inherit_preset, {}) if inherit_preset else {}
    current = {**base, **kwargs}
    token = _presets.set({**outer, preset_name: current})
    try:
        yield current
    finally:
        _presets.reset(token)


def enable_preset_args(
    include_all_preset_kwargs: bool = False, preset_name: str = "global"
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: lets ``preset_args`` give the arguments of a function whose default is a ``PresetArgValue``.

    Args:
      include_all_preset_kwargs: give also preset values that are not arguments, to a function with ``**kwargs``.
      preset_name: the name of the preset.
    """

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        parameters = read_signature(func).parameters.values()
        if not any(isinstance(p.default, PresetArgValue) for p in parameters):
            return func
        names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        has_varkw = any(p.kind is p.VAR_KEYWORD for p in parameters)

        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            args_, kwargs_ = PresetArgValue.resolve_args(
                args,
                kwargs,
                names,
                defaults,
                preset_kwargs=_presets.get({}).get(preset_name, {}),
                include_all_preset_kwargs=include_all_preset_kwargs and has_varkw,
            )
            return func(*args_, **kwargs_)

        return call

    return decorate


class CallableWithOptionalKeywordArgs:
    """A function that is called without those of some arguments that it does not have.

    >>> CallableWithOptionalKeywordArgs(lambda x: x, ["step"])(1, step=2)
    1

    Args:
      func: the function.
      optional_keywords: the names of the arguments that it may not have.
    """

    def __init__(self, func: Callable[..., Any], optional_keywords: list[str]) -> None:
        found = signature(func, auto_typing=False, auto_doc=False)
        self._func = func
        self._left_out = set() if found.has_varkw else set(optional_keywords) - set(found.arg_names)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._func(*args, **{k: v for k, v in kwargs.items() if k not in self._left_out})
