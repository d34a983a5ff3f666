"""Finds the attention blocks of a network, their heads, and what their number of heads decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import gcd
from typing import Any, final

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pliant.hyper.hole import OneOf
from pliant.symbolic.edit.clone import clone
from pliant.values.path import Path

from ..channels.origins import LIMIT
from ..channels.probe import probe
from ..channels.propagation import WidthSum
from ..elastic.widths import find_widths
from .narrowing import SETTING, find_readers, narrow
from .opening import run_once

HEADS_NAME = "heads of "
_PRODUCTS = frozenset({"matmul", "__matmul__", "bmm", "baddbmm", "einsum"})


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
      tokens: how many tokens each of them is compared with in this run.
      upstream: the paths of the layers in it whose outputs those in ``inputs`` read.
    """

    path: str
    heads: int
    groups: int
    head_dim: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tokens: int = 0
    upstream: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What is known of a module during a run."""

    heads: int = 0
    head_dim: int = 0
    tokens: int = 0
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
    blocks = {path: found for path, found in record.found.items() if found.heads}
    sources = _find_sources(network, inputs) if blocks else {}
    return tuple(_conclude(network, path, found, sources) for path, found in blocks.items())


def _find_sources(network: nn.Module, inputs: tuple[Any, ...]) -> dict[str, set[str]]:
    """Returns by path of a layer the layers that compute the channels which it reads."""
    names = {id(module): name for name, module in network.named_modules()}
    try:
        origins = probe(network, inputs, {}, traced=True).origins
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError):
        return {}
    layers = {number: names[key] for key, number in origins.layers.items()}
    return {
        names[key]: {layers[number] for number in set((read // LIMIT).tolist()) if number in layers}
        for key, read in origins.reads.items()
    }


def is_bias(layer: nn.Module, heads: int) -> bool:
    """Returns whether a layer is a table with a number for each head, which is added to the scores of positions."""
    return isinstance(layer, nn.Embedding) and layer.embedding_dim == heads


def _conclude(network: nn.Module, path: str, found: _Found, sources: Mapping[str, set[str]]) -> Attention:
    before, dim = list(dict.fromkeys(found.before)), found.head_dim
    read = {source for one in before for source in sources.get(one, ())}  # by another layer: not by the heads
    inputs = tuple(one for one in before if one not in read)
    layers = [network.get_submodule(one) for one in inputs]
    sizes = [_output_width(layer) for layer in layers if not is_bias(layer, found.heads)]
    groups = found.heads
    for size in sizes:
        groups = gcd(groups, size // dim) if dim and size % dim == 0 else 1
    outputs = tuple(one for one in dict.fromkeys(found.after) if one not in before)
    groups = groups if sizes else 1
    upstream = tuple(one for one in before if one in read)
    return Attention(path, found.heads, groups, dim, inputs, outputs, found.tokens, upstream)


def _output_width(layer: nn.Module) -> int:
    widths = find_widths(layer)
    assert widths is not None
    assert widths.writes is not None
    return int(getattr(layer, widths.writes))


@contextmanager
def _watched(network: nn.Module, record: _Record) -> Iterator[None]:
    """A context in which the modules that run are recorded."""

    def before(module: nn.Module, args: Any, fields: Any) -> None:
        name = record.names[id(module)]
        first = next((x for x in [*args, *fields.values()] if isinstance(x, Tensor) and x.dim()), None)
        record.batches[name] = 0 if first is None else len(first)
        record.stack.append(name)

    def after(module: nn.Module, args: Any, output: Any) -> None:
        name = record.stack.pop()
        widths = find_widths(module)
        if widths is not None and widths.writes is not None:
            record.note_layer(name)

    hooks = []
    for _, module in network.named_modules():
        hooks.append(module.register_forward_pre_hook(before, prepend=True, with_kwargs=True))
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
        self.batches: dict[str, int] = {}  # by module, the first size of its first tensor
        self.last_product: Tensor | None = None

    def note_layer(self, name: str) -> None:
        """Records a layer that ran, in all modules around it."""
        for above in self.stack:
            found = self.found.setdefault(above, _Found())
            (found.after if found.heads else found.before).append(name)

    def __torch_function__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        fields, name = kwargs or {}, getattr(func, "__name__", "")
        if name in _PRODUCTS:
            taken = [*args, *fields.values()][int(name == "baddbmm") :]
            self.last_product = next((x for x in taken if isinstance(x, Tensor) and x.dim() in (3, 4)), None)
        elif name == "scaled_dot_product_attention" and self.stack:
            given = [*args, *(fields[other] for other in ("query", "key") if other in fields)]
            if isinstance(given[0], Tensor) and given[0].dim() == 4:
                self._note(self.stack[-1], given[0].shape[1], given[0].shape[-1], given[1].shape[-2])
        elif name == "softmax" and self.stack and isinstance(x := (args or (None,))[0], Tensor):
            heads = 0 if self.last_product is None else self._count_heads(self.last_product.shape, x.shape)
            if heads and self.last_product is not None:
                self._note(self._owner(), heads, self.last_product.shape[-1], x.shape[-1])
                self.last_product = None
        return func(*args, **fields)

    def _owner(self) -> str:
        """Returns the module whose softmax runs: not an ``nn.Softmax`` in it."""
        found: dict[str, _Found] = self.found
        top = self.stack[-1]
        return top if top in found or len(self.stack) == 1 else self.stack[-2]

    def _count_heads(self, product: Sequence[int], scores: Sequence[int]) -> int:
        """Returns the number of heads, given the shapes of the first factor of a product and of a softmax; 0 if unknown."""
        if len(scores) == 4:
            batch, heads, length, _ = scores
            fits = tuple(product[:-1]) in (
                (batch, heads, length),
                (batch, length, heads),
                (batch * heads, length),
            )
            return heads if fits else 0
        batch = self.batches.get(self._owner(), 0)
        if len(scores) != 3 or tuple(product[:-1]) != tuple(scores[:-1]) or not batch or scores[0] % batch:
            return 0
        return scores[0] // batch if scores[0] > batch else 0

    def _note(self, path: str, heads: int, head_dim: int, tokens: int) -> None:
        found = self.found.setdefault(path, _Found())
        found.heads, found.head_dim, found.tokens = int(heads), int(head_dim), int(tokens)


def narrow_attention(network: nn.Module, one: Attention, inputs: Any) -> bool:
    """Lets the code of an attention block see inputs as wide as its heads, in place; returns whether it could."""
    return bool(one.head_dim and one.path) and narrow(
        network.get_submodule(one.path), one.heads * one.head_dim, find_readers(network, one.path, inputs)
    )


def explain(reason: str) -> str:
    """Returns why a block has no decision, given why its program failed."""
    _, found, error = reason.partition("its widths cannot be propagated: ")
    return f"its code does not run with fewer heads: {error}" if found else reason


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
    if SETTING in settings:
        widths[SETTING] = scale(hole, settings[SETTING] // attention.groups)
    whole = attention.heads * attention.head_dim
    wide = {whole, attention.groups * attention.head_dim, *(width for _, _, width in layers.values())}
    numbers, sizes = dict[str, Any](), dict[str, Any]()
    for name, value in settings.items():
        is_total = name.startswith("all_head")
        if type(value) is not int or name == SETTING or (_FIXED.search(name) and not is_total):
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
