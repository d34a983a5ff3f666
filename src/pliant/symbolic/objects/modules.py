"""What symbolized PyTorch modules have beyond other symbolized classes: parts with any name, such as BERT's layer ``query``."""

from __future__ import annotations

from typing import Any, final

from pliant.values.missing import MISSING_VALUE

from ..tree.realize import realize
from .methods import Symbolic
from .object import Machinery


def _find_part(module: Any, name: str) -> Any:
    """Returns the submodule, weight or buffer of a name, which PyTorch keeps where Python looks last; or MISSING_VALUE."""
    state = object.__getattribute__(module, "__dict__")
    for table in ("_modules", "_parameters", "_buffers"):
        if name in state.get(table, ()):
            return state[table][name]
    if name in module._sym_keys() and "_modules" not in state:
        return getattr(realize(module), name)
    return MISSING_VALUE


@final
class _Method:
    """A public method of symbolic objects that gives way to a part of its name."""

    def __init__(self, name: str) -> None:
        self.name, self.own = name, vars(Symbolic)[name]

    def __get__(self, module: Any, owner: Any = None) -> Any:
        part = MISSING_VALUE if module is None else _find_part(module, self.name)
        return self.own.__get__(module, owner) if part is MISSING_VALUE else part


@final
class _Property(property):
    """A public property of symbolic objects that gives way to a part of its name."""

    def __get__(self, module: Any, owner: Any = None) -> Any:
        name = self.fget.__name__ if self.fget is not None else ""
        part = MISSING_VALUE if module is None else _find_part(module, name)
        return super().__get__(module, owner) if part is MISSING_VALUE else part


class ModuleMachinery(Machinery):
    """Base of symbolized classes of modules."""

    __slots__ = ()


for _name, _own in vars(Symbolic).items():
    if not _name.startswith("_"):
        setattr(
            ModuleMachinery, _name, _Property(_own.fget) if isinstance(_own, property) else _Method(_name)
        )
