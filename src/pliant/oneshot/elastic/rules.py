"""Sharing rules: how a layer class slices its weight from the maximal weight, such as the centre of a kernel.

A rule takes the maximal tensor of one parameter and returns the part that a layer of a given size uses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pliant.values.class_table import ClassTable
from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote

from .widths import CONV1D, check_layer_class, name_class

Rule = Callable[[nn.Module, str, Tensor], Tensor]
"""Takes a layer of the wanted size, the name of one of its parameters or buffers, and the maximal tensor of that name;
returns the part that the layer uses, as a view if possible."""

_rules = ClassTable[Rule]()
_rules_by_name: dict[str, Rule] = {}  # of classes of other packages, which are not imported


def add_rule(layer: type[nn.Module] | str, rule: Rule | None = None) -> Any:
    """Registers the sharing rule of a layer class and its subclasses; also a decorator.

    >>> class Scale(nn.Module):
    ...     '''Multiplies each of ``width`` channels by a weight.'''
    ...     def __init__(self, width):
    ...         super().__init__()
    ...         self.weight = nn.Parameter(torch.ones(width))
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> @add_rule(Scale)
    ... def scale(layer, name, full):
    ...     return full[: layer.weight.shape[0]]

    Args:
      layer: a class of modules; or its full name, such as ``"transformers.pytorch_utils.Conv1D"``, if its package is not
        imported here.
      rule: see ``Rule``.

    Raises:
      FieldTypeError: ``layer`` is not a class of modules, or ``rule`` is not callable.
      FieldValueError: ``layer`` is not the full name of a class.
    """
    check_layer_class(layer, "add_rule")
    if rule is None:
        return lambda given: add_rule(layer, given)
    if not callable(rule):
        raise FieldTypeError(
            f"a sharing rule is a function (layer, name, full) -> tensor; got {quote(rule)}."
        )
    if isinstance(layer, str):
        _rules_by_name[layer] = rule
        return rule
    return _rules.add(layer, rule)


def find_rule(layer: nn.Module) -> Rule | None:
    """Returns the sharing rule of a layer's class or nearest base class; None without one."""
    found = (_rules.get(base) or _rules_by_name.get(name_class(base)) for base in type(layer).__mro__)
    return next((rule for rule in found if rule is not None), None)


def missing_rule(layer: nn.Module, place: str, shapes: list[tuple[int, ...]]) -> FieldValueError:
    """Returns the error for a layer whose size is searched and whose class has no sharing rule."""
    name = type(layer).__name__
    known = listing(sorted(kind.__name__ for kind in _rules.classes))
    return FieldValueError(
        f"the {name} at {place!r} has several sizes ({', '.join(map(str, shapes[:4]))}), and {name} has no sharing rule, which "
        f"slices them from one weight. Write `@pg.oneshot.add_rule({name})` above `def rule(layer, name, full): ...`, which returns "
        f"the part of the tensor `full` that the parameter of this layer uses; or choose between whole layers with pg.oneof. "
        f"Classes with rules: {known}."
    )


# ------------------------------------------------------------------ the table


def leading(layer: nn.Module, name: str, full: Tensor) -> Tensor:
    """Uses the first entries of every dimension."""
    return _cut(full, _shape(layer, name))


def centred(layer: nn.Module, name: str, full: Tensor) -> Tensor:
    """Uses the first channels and the centre of the kernel (Cai et al., Once-for-All, ICLR 2020, section 3.2)."""
    wanted = _shape(layer, name)
    cut = _cut(full, (*wanted[:2], *full.shape[2:]))
    for dim in range(2, full.dim()):
        start = (full.shape[dim] - wanted[dim]) // 2
        if wanted[dim] != full.shape[dim]:
            cut = cut.narrow(dim, start, wanted[dim])
    return cut


def _stacked(blocks: int) -> Rule:
    """Returns the rule of layers whose first dimension stacks ``blocks`` equal parts (gates, or query, key and value)."""

    def rule(layer: nn.Module, name: str, full: Tensor) -> Tensor:
        wanted = _shape(layer, name)
        if full.shape[0] == wanted[0]:
            return _cut(full, wanted)
        part, size = full.shape[0] // blocks, wanted[0] // blocks
        rows = torch.cat([full.narrow(0, i * part, size) for i in range(blocks)])
        return _cut(rows, wanted)

    return rule


_query_key_value, _gates, _gates3 = _stacked(3), _stacked(4), _stacked(3)


def _attention(layer: nn.Module, name: str, full: Tensor) -> Tensor:
    stacked = name in ("in_proj_weight", "in_proj_bias")
    return _query_key_value(layer, name, full) if stacked else leading(layer, name, full)


def _lstm(layer: nn.Module, name: str, full: Tensor) -> Tensor:
    return leading(layer, name, full) if name.startswith("weight_hr") else _gates(layer, name, full)


def _shape(layer: nn.Module, name: str) -> tuple[int, ...]:
    found = layer._parameters.get(name)
    return tuple((layer._buffers[name] if found is None else found).shape)  # type: ignore[union-attr]


def _cut(full: Tensor, shape: tuple[int, ...]) -> Tensor:
    for dim, size in enumerate(shape):
        if full.shape[dim] != size:
            full = full.narrow(dim, 0, size)
    return full


_TABLE: dict[Rule, tuple[type[nn.Module], ...]] = {
    leading: (
        nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.PReLU, nn.RNN,
        nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
        nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
    ),
    centred: (
        nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    ),
    _attention: (nn.MultiheadAttention,),
    _lstm: (nn.LSTM,),
    _gates3: (nn.GRU,),
}  # fmt: skip
for _rule, _layers in _TABLE.items():
    for _layer in _layers:
        add_rule(_layer, _rule)
add_rule(CONV1D, leading)
