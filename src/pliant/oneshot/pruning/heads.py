"""Finds the attention blocks of a network, their heads, and what their number of heads decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import gcd
from typing import Any, final

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pliant.hyper.hole import OneOf
from pliant.symbolic.edit.clone import clone
from pliant.values.path import Path

from ..channels.propagation import WidthSum
from ..elastic.widths import find_widths
from .opening import run_once

HEADS_NAME = "heads of "
_PRODUCTS = frozenset({"matmul", "__matmul__", "bmm", "einsum"})


@final
@dataclass(frozen=True, slots=True)
class Attention:
    """An attention block.

    Attributes:
      path: of the module that computes the attention.
      heads: its number of heads of queries.
      groups: its number of heads of keys and values, which is smaller for grouped queries.
      head_dim: the channels of each head; 0 if they are not known.
      inputs: the paths of the layers that compute queries, keys and values.
      outputs: the paths of the layers behind the attention, in the same module.
      is_causal: whether it said so to ``scaled_dot_product_attention``.
    """

    path: str
    heads: int
    groups: int
    head_dim: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    is_causal: bool = False


@dataclass(slots=True)
class _Found:
    """What is known of a module during a run."""

    heads: int = 0
    head_dim: int = 0
    is_causal: bool = False
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def find_attentions(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Attention, ...]:
    """Returns the attention blocks of a network, with their heads.

    These are the innermost modules that call a softmax, or ``scaled_dot_product_attention``, on a tensor with a dimension
    of heads.

    >>> import torch
    >>> class Block(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
    ...     def forward(self, x):
    ...         q, k, v = self.qkv(x).view(len(x), -1, 3, 2, 4).permute(2, 0, 3, 1, 4)
    ...         y = nn.functional.scaled_dot_product_attention(q, k, v)
    ...         return self.proj(y.transpose(1, 2).flatten(2))
    >>> (found,) = find_attentions(nn.Sequential(Block()), (torch.ones(1, 3, 8),))
    >>> found.heads, found.head_dim, found.inputs, found.outputs
    (2, 4, ('0.qkv',), ('0.proj',))

    Args:
      network: stays as it is.
      inputs: of the network.
    """
    record = _Record({id(module): name for name, module in network.named_modules()})
    with _watched(network, record), record:
        run_once(network, inputs)
    return tuple(_conclude(network, path, found) for path, found in record.found.items() if found.heads)


def _conclude(network: nn.Module, path: str, found: _Found) -> Attention:
    inputs, dim = tuple(dict.fromkeys(found.before)), found.head_dim
    sizes = [_output_width(network.get_submodule(one)) for one in inputs]
    groups = found.heads
    for size in sizes:
        groups = gcd(groups, size // dim) if dim and size % dim == 0 else 1
    outputs = tuple(one for one in dict.fromkeys(found.after) if one not in inputs)
    return Attention(
        path, found.heads, groups if sizes else 1, dim, inputs, outputs, is_causal=found.is_causal
    )


def _output_width(layer: nn.Module) -> int:
    widths = find_widths(layer)
    assert widths is not None
    assert widths.writes is not None
    return int(getattr(layer, widths.writes))


@contextmanager
def _watched(network: nn.Module, record: _Record) -> Iterator[None]:
    """A context in which the modules that run are recorded."""

    def before(module: nn.Module, args: Any) -> None:
        record.stack.append(record.names[id(module)])

    def after(module: nn.Module, args: Any, output: Any) -> None:
        name = record.stack.pop()
        widths = find_widths(module)
        if widths is not None and widths.writes is not None:
            record.note_layer(name)

    hooks = []
    for _, module in network.named_modules():
        hooks.append(module.register_forward_pre_hook(before, prepend=True))
        hooks.append(module.register_forward_hook(after))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@final
class _Record(TorchFunctionMode):
    """Records which modules compute attention, and the layers before and after that in each."""

    def __init__(self, names: dict[int, str]) -> None:
        super().__init__()
        self.names, self.stack = names, list[str]()
        self.found: dict[str, _Found] = {}
        self.last_product: Tensor | None = None

    def note_layer(self, name: str) -> None:
        """Records a layer that ran, in all modules around it."""
        for above in self.stack:
            found = self.found.setdefault(above, _Found())
            (found.after if found.heads else found.before).append(name)

    def __torch_function__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        fields, name = kwargs or {}, getattr(func, "__name__", "")
        if name in _PRODUCTS:
            self.last_product = next((x for x in args if isinstance(x, Tensor) and x.dim() == 4), None)
        elif name == "scaled_dot_product_attention" and self.stack:
            query = args[0] if args else fields.get("query")
            if isinstance(query, Tensor) and query.dim() == 4:
                self._note(self.stack[-1], query, causal=bool(fields.get("is_causal", False)))
        elif name == "softmax" and self.stack and isinstance(x := (args or (None,))[0], Tensor):
            product = self.last_product
            if x.dim() == 4 and product is not None and product.shape[:-1] == x.shape[:-1]:
                self._note(self._owner(), product, causal=False)
        return func(*args, **fields)

    def _owner(self) -> str:
        """Returns the module whose softmax runs: not an ``nn.Softmax`` in it."""
        found: dict[str, _Found] = self.found
        top = self.stack[-1]
        return top if top in found or len(self.stack) == 1 else self.stack[-2]

    def _note(self, path: str, query: Tensor, *, causal: bool) -> None:
        found = self.found.setdefault(path, _Found())
        found.heads, found.head_dim, found.is_causal = int(query.shape[1]), int(query.shape[-1]), causal


# ------------------------------------------------------------------ what depends on the number of heads

_FIXED = re.compile(r"group|head_dim|head_size|layer|idx|index|depth|window|length|position|drop|scal")
_SIZES = re.compile(r"dim|size|width|embed|hidden|channels|features|inner")
_EMBEDDING = re.compile(r"embed|hidden|model|in_|channels|^dim$")


def head_updates(
    attention: Attention,
    settings: Mapping[str, Any],
    layers: Mapping[str, tuple[Path, str, int]],
    hole: OneOf,
) -> Iterator[dict[Path | str, Any]]:
    """Yields what a searched number of heads may change in an attention block, the likeliest first.

    The keys are paths of widths of layers, and names of settings of the block.

    Args:
      attention: the block.
      settings: its plain attributes.
      layers: by path of each layer in ``inputs``, the path of its node, the argument of its output width, and that width.
      hole: over the number of groups of heads.
    """
    widths: dict[Path | str, Any] = {}
    for path, writes, width in layers.values():
        widths[path + writes] = scale(hole, width // attention.groups)
    whole = attention.heads * attention.head_dim
    wide = {whole, attention.groups * attention.head_dim, *(width for _, _, width in layers.values())}
    numbers, sizes = dict[str, Any](), dict[str, Any]()
    for name, value in settings.items():
        is_total = name.startswith("all_head")
        if type(value) is not int or (_FIXED.search(name) and not is_total):
            continue
        if value in (attention.heads, attention.groups) and not _SIZES.search(name):
            numbers[name] = scale(hole, value // attention.groups)
        elif value in wide and value % attention.groups == 0:
            sizes[name] = scale(hole, value // attention.groups)
    inner = {name: value for name, value in sizes.items() if not _EMBEDDING.search(name)}
    seen: list[set[str]] = []
    for names in ({**numbers, **sizes}, {**numbers, **inner}, numbers, sizes, {}):
        if set(names) not in seen:
            seen.append(set(names))
            found = dict(widths)
            found.update(names.items())
            yield found


def scale(hole: OneOf, factor: int) -> Any:
    """Returns a width that is a multiple of a hole."""
    return clone(hole) if factor == 1 else WidthSum([clone(hole)], [factor])
