"""Construction of modules without data: tensors on the device ``meta``, and copies of frequent layers.

``Factories`` makes tensors without data and skips the initial values of weights.  ``layer_templates`` makes a layer of PyTorch
by copying one with the same arguments, which takes a tenth of the time of its constructor.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, final

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

from pliant.symbolic.tree.realize import overseer

from .tensors import META

plainly: Final = torch._C.DisableTorchFunction
"""Context in which tensors are read without ``Factories``."""


@final
class Factories(TorchFunctionMode):
    """Makes tensors on the device ``meta``, where initial values of weights are not needed."""

    def __torch_function__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        fields = kwargs or {}
        if func in _FACTORIES:
            fields["device"] = META
        elif func in _INITIALIZERS:
            return args[0] if args else fields["tensor"]
        return func(*args, **fields)


_FACTORIES: Final = _device_constructors()
_INITIALIZERS: Final = frozenset(
    value
    for name, value in vars(torch.nn.init).items()
    if name.endswith("_") and name[0] != "_" and callable(value)
)

# ------------------------------------------------------------------ layers

_CLASSES: Final = (nn.Conv2d, nn.BatchNorm2d, nn.Linear, nn.ReLU6)
_CONSTRUCTORS: Final[dict[Any, Callable[..., None]]] = {cls: cls.__init__ for cls in _CLASSES}
_ATOMS: Final = frozenset({int, bool, float, str, type(None)})
_MUTABLE: Final = frozenset({list, dict, set, OrderedDict})
_HOOKS: Final = (
    torch_module._global_parameter_registration_hooks,
    torch_module._global_buffer_registration_hooks,
)
MAX_TEMPLATES: Final = 4000  # the table is emptied then


@final
class LayerTemplates:
    """Context in which the constructors of frequent layers, called in a count, copy a layer with the same arguments.

    The constructors are replaced while any thread is in the context; in other threads, and for subclasses, they do what they
    always do.  A constructor that the user's code has replaced stays.
    """

    def __init__(self) -> None:
        self._known: dict[Any, _Template] = {}
        self._lock = threading.Lock()
        self._users = 0
        self._replacements = {cls: self._replace(cls, original) for cls, original in _CONSTRUCTORS.items()}

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._exchange(_CONSTRUCTORS, self._replacements)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._exchange(self._replacements, _CONSTRUCTORS)

    def _exchange(self, before: Any, after: Any) -> None:
        for cls in _CONSTRUCTORS:
            if cls.__init__ is before[cls]:
                cls.__init__ = after[cls]

    def _replace(self, cls: Any, original: Any) -> Any:
        @functools.wraps(original)
        def __init__(layer: Any, *args: Any, **fields: Any) -> Any:  # noqa: N807  # stands for the constructor
            if overseer.get() is None or layer.__class__ is not cls or any(_HOOKS):
                return original(layer, *args, **fields)
            values = (*args, *fields.values())
            kinds = tuple([v.__class__ for v in values])
            if not _ATOMS.issuperset(kinds):
                return original(layer, *args, **fields)
            key = cls, values, kinds, tuple(fields), torch.get_default_dtype()
            template = self._known.get(key)
            if template is None:
                original(layer, *args, **fields)
                if len(self._known) >= MAX_TEMPLATES:
                    self._known.clear()
                self._known[key] = _Template(layer)
            else:
                template.copy_to(layer)
            return None

        return __init__


@final
class _Template:
    """The attributes of a layer."""

    def __init__(self, layer: nn.Module) -> None:
        state: dict[str, Any] = layer.__dict__
        mutable: list[tuple[str, Any]] = [(n, v) for n, v in state.items() if type(v) in _MUTABLE]
        self._fixed = {name: value for name, value in state.items() if type(value) not in _MUTABLE}
        weights = state["_parameters"]
        mutable = [(name, value) for name, value in mutable if value is not weights]
        self._empty = tuple((name, type(value)) for name, value in mutable if not value)
        self._filled = tuple((name, value.copy()) for name, value in mutable if value)
        self._table = type(weights)
        with plainly():
            self._parameters = tuple(
                (name, None if weight is None else weight.data, weight is not None and weight.requires_grad)
                for name, weight in weights.items()
            )

    def copy_to(self, layer: nn.Module) -> None:
        """Gives a layer these attributes, with weights of its own."""
        state = layer.__dict__
        state.update(self._fixed)
        for name, make in self._empty:
            state[name] = make()
        for name, value in self._filled:
            state[name] = value.copy()
        with plainly():
            state["_parameters"] = self._table(
                (name, None if data is None else nn.Parameter(data, requires_grad))
                for name, data, requires_grad in self._parameters
            )


layer_templates: Final = LayerTemplates()
