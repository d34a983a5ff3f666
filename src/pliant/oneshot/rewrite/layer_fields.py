"""Reads the arguments that a layer was made with from its attributes: the fields of its node in an opened network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pliant.values.class_table import ClassTable
from pliant.values.errors import FieldTypeError, quote
from pliant.values.signature import read_signature

Reader = Callable[[Any], Mapping[str, Any]]
"""Takes a layer; returns arguments with which its class makes a layer of the same kind and size."""

_readers = ClassTable[Reader]()

_CONTAINERS = (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_PLAIN = (int, float, bool, str, type(None), torch.dtype)
_OTHER_NAMES = {"eps": ("variance_epsilon", "epsilon")}


def add_fields(layer: type[nn.Module], reader: Reader | None = None) -> Any:
    """Registers how the arguments of a layer class and its subclasses are read, for ``open_network``; also a decorator.

    Layers of ``torch.nn`` need none, nor do others whose attributes have the names of the arguments.

    >>> class Scale(nn.Module):
    ...     '''Multiplies each of ``width`` channels by a weight.'''
    ...     def __init__(self, width):
    ...         super().__init__()
    ...         self.weight = nn.Parameter(torch.ones(width))
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> @add_fields(Scale)
    ... def read(layer):
    ...     return {"width": len(layer.weight)}
    >>> read_fields(Scale(3))
    (<class 'pliant.oneshot.rewrite.layer_fields.Scale'>, {'width': 3})

    Args:
      layer: a class of modules.
      reader: see ``Reader``.

    Raises:
      FieldTypeError: ``layer`` is not a class of modules, or ``reader`` is not callable.
    """
    given: Any = layer
    if not (isinstance(given, type) and issubclass(given, nn.Module)):
        raise FieldTypeError(f"add_fields takes a class of modules, such as nn.Conv2d; got {quote(layer)}.")
    if reader is None:
        return lambda given: add_fields(layer, given)
    if not callable(reader):
        raise FieldTypeError(f"a reader is a function (layer) -> dict of arguments; got {quote(reader)}.")
    return _readers.add(layer, reader)


def read_fields(layer: nn.Module) -> tuple[type[nn.Module], dict[str, Any]] | None:
    """Returns the class that makes a layer, and its arguments; None for containers and where they cannot be read.

    The class is that of ``torch.nn`` from which the layer's class derives, or else the layer's own.  What is read by names
    of attributes only counts if it makes a layer with the same sizes and settings.

    >>> read_fields(nn.LSTM(4, 8, batch_first=True))[1]["hidden_size"]
    8
    """
    for base in type(layer).__mro__:
        is_own = base.__module__.startswith("torch.nn.") and issubclass(base, nn.Module)
        reader = _readers.find(base) if is_own else _readers.get(base)
        if reader is not None:
            return base, dict(reader(layer))
        if is_own and base not in _CONTAINERS:
            return _read_by_name(layer, base)
        if is_own and base is not nn.Module:
            return None
    return None if layer._modules or not layer._parameters else _read_by_name(layer, type(layer))


def read_settings(module: nn.Module) -> dict[str, Any]:
    """Returns the plain attributes of a module that has parts: its own numbers, such as ``num_heads``.

    >>> class Block(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.num_heads, self.proj = 2, nn.Linear(2, 2)
    >>> read_settings(Block())
    {'num_heads': 2}
    """
    if type(module).__module__.startswith("torch.nn."):
        return {}
    return {
        name: value
        for name, value in vars(module).items()
        if type(value) in (int, float, bool, str) and name.isidentifier() and not name.startswith("_") and name != "training"
    }  # fmt: skip


def _read_by_name(layer: nn.Module, base: type[nn.Module]) -> tuple[type[nn.Module], dict[str, Any]] | None:
    found: dict[str, Any] = {}
    is_certain = base.__module__.startswith("torch.nn.")
    for name, parameter in read_signature(base).parameters.items():
        if name in ("device", "dtype"):
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return None
        own = next((n for n in (name, *_OTHER_NAMES.get(name, ())) if hasattr(layer, n)), None)
        if own is not None:
            value = getattr(layer, own)
            if name == "bias" and not isinstance(value, bool):
                value = value is not None
            found[name] = value[0] if isinstance(value, tuple) and value and len(set(value)) == 1 else value
            is_certain = is_certain and own == name
        elif parameter.default is parameter.empty:
            sizes = {tuple(p.shape) for p in layer._parameters.values() if p is not None}
            if (
                len(sizes) != 1 or len(shape := sizes.pop()) != 1
            ):  # a norm, or a scale: one number for each channel
                return None
            found[name], is_certain = shape[0], False
        else:
            is_certain = False
        if name in found and not _is_plain(found[name]):
            return None
    return (base, found) if _makes(base, found, layer, is_certain=is_certain) else None


def _is_plain(value: object) -> bool:
    return isinstance(value, _PLAIN) or (isinstance(value, (tuple, list)) and all(map(_is_plain, value)))


def _makes(
    base: type[nn.Module], arguments: Mapping[str, Any], layer: nn.Module, *, is_certain: bool
) -> bool:
    """Returns whether the arguments make a layer with the tensors of ``layer``, and unless certain with its settings."""
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            made = base(**arguments)
    except Exception:  # noqa: BLE001  # whatever a user's constructor raises
        return False
    own, given = _shapes(layer), _shapes(made)
    if is_certain:  # a subclass may have further tensors; weight normalization has others
        return all(name in own and own[name] == given[name] for name in given)
    return own == given and all(
        name in vars(made) and vars(made)[name] == value
        for name, value in vars(layer).items()
        if name != "training" and not name.startswith("_") and _is_plain(value)
    )


def _shapes(layer: nn.Module) -> dict[str, Any]:
    tensors: dict[str, Tensor | None] = {**layer._parameters, **layer._buffers}
    return {name: _shape(tensor) for name, tensor in tensors.items()}


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None or nn.parameter.is_lazy(tensor) else tuple(tensor.shape)


def _read_recurrent(layer: Any) -> dict[str, Any]:
    names = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"]
    names += (
        ["proj_size"] if isinstance(layer, nn.LSTM) else ["nonlinearity"] if isinstance(layer, nn.RNN) else []
    )
    return {name: getattr(layer, name) for name in names}


def _read_attention(layer: Any) -> dict[str, Any]:
    names = ["embed_dim", "num_heads", "dropout", "add_zero_attn", "kdim", "vdim", "batch_first"]
    bias = {"bias": layer.in_proj_bias is not None, "add_bias_kv": layer.bias_k is not None}
    return {**{name: getattr(layer, name) for name in names}, **bias}


add_fields(nn.RNNBase, _read_recurrent)
add_fields(nn.MultiheadAttention, _read_attention)
