"""Origins: which output channel of which layer each entry of a tensor comes from, recorded while a network runs.

Operations that only move entries (``cat``, ``chunk``, ``reshape``, ...) move the origins with them.  Others keep the origins
of their first tensor, or lose them.  Nothing is lost but knowledge: without origins, a width keeps its first entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor

LIMIT = (
    2**24
)  # an origin is (number of the layer) * LIMIT + channel; the numbers start at 1, so 0 means unknown

_MOVES = frozenset(
    "view reshape flatten unflatten ravel permute transpose swapaxes swapdims movedim moveaxis t squeeze unsqueeze __getitem__ chunk split "
    "split_with_sizes tensor_split unbind select narrow expand expand_as repeat repeat_interleave tile flip roll index_select view_as "
    "reshape_as contiguous clone detach pixel_shuffle pixel_unshuffle channel_shuffle pad _pad diagonal T mT H mH".split()
)
_JOINS = frozenset({"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"})
_PRODUCTS = frozenset({"matmul", "__matmul__", "__rmatmul__", "bmm", "mm"})
_OPAQUE = frozenset(  # these mix entries, also where their output has the shape of their input
    "linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d einsum addmm baddbmm addbmm mv dot inner outer "
    "tensordot multi_head_attention_forward embedding embedding_bag gather scatter take sort argsort topk cdist fft ifft".split()
)
_ATTENTION = "scaled_dot_product_attention"
_REDUCTIONS = frozenset({"mean", "sum", "amax", "amin", "max", "min", "norm", "std", "var", "logsumexp"})


@final
@dataclass(frozen=True, slots=True)
class Use:
    """A tensor that something computes with.

    Attributes:
      shape: its shape.
      origins: the origins of its entries, of the same shape; None if they are not known.
      joint: the number of a use in the same operation, entry by entry, whose entries must stay together with these.
    """

    shape: tuple[int, ...]
    origins: Tensor | None
    joint: int | None = None


@final
@dataclass(slots=True)
class Origins:
    """The record of one run.

    Attributes:
      is_complete: whether origins are recorded; otherwise only the shapes of the same uses.
      uses: in running order.
      layers: by ``id``, the number of each layer that has given origins to its output.
      reads: by ``id`` of a layer, the origins of the channels of its input.
      outputs: by ``id`` of a layer, the number of channels of its output.
    """

    is_complete: bool = False
    uses: list[Use] = field(default_factory=list)
    layers: dict[int, int] = field(default_factory=dict)
    reads: dict[int, Tensor] = field(default_factory=dict)
    outputs: dict[int, int] = field(default_factory=dict)

    # ------------------------------------------------------------------ layers

    def start(self, key: int, output: Any, dim: int, groups: int = 1) -> None:
        """Records that the channels of an output, in dimension ``dim``, are those of the layer ``key``."""
        if not _has(output, dim):
            return
        size = int(output.shape[dim])
        self.outputs[key] = size
        number = self.layers.setdefault(key, len(self.layers) + 1)
        origins = None
        if self.is_complete:
            origins = _spread(number * LIMIT + torch.arange(size), output, dim)
            put_origins(output, origins)
        if groups > 1:
            self._use_groups(output, origins, dim, groups)

    def read(self, key: int, given: Any, dim: int, groups: int = 1, *, contracts: bool) -> None:
        """Records the input of a layer; ``contracts`` if its output channels are new ones."""
        if not _has(given, dim):
            return
        origins = find_origins(given)
        if origins is not None:
            self.reads.setdefault(key, _along(origins, dim))
        if groups > 1:
            self._use_groups(given, origins, dim, groups)
        elif contracts:
            self.uses.append(Use(tuple(given.shape), origins))

    def keep(self, given: object, output: Any, dim: int) -> None:
        """Records that the channels of an output, or equal numbers of them, belong to those of the input."""
        origins = find_origins(given)
        if origins is None or not _has(output, dim):
            return
        if tuple(origins.shape) != tuple(output.shape):
            channels = _along(origins, dim)
            times = int(output.shape[dim]) // max(1, len(channels))
            if not times or times * len(channels) != output.shape[dim]:
                return
            origins = _spread(channels.repeat_interleave(times), output, dim)
        put_origins(output, origins)

    def _use_groups(self, tensor: Tensor, origins: Tensor | None, dim: int, groups: int) -> None:
        """Records the use of each group of channels."""
        size = int(tensor.shape[dim])
        if size % groups == 0:
            row = None if origins is None else _along(origins, dim).reshape(groups, size // groups)
            self.uses.append(Use((groups, size // groups), row))

    # ------------------------------------------------------------------ operations

    def record(
        self, name: str, func: Any, args: tuple[Any, ...], fields: dict[str, Any], *, output: Any
    ) -> None:
        """Records an operation after it ran."""
        self._record_uses(name, args, fields)
        if not self.is_complete or not any(find_origins(x) is not None for x in _tensors((args, fields))):
            return
        try:
            found = self._move(name, func, args, fields, output)
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
            return  # an operation that does not run on numbers of origins
        outputs, origins = (list(x) if isinstance(x, (tuple, list)) else [x] for x in (output, found))
        for one, known in zip(outputs, origins):
            if isinstance(one, Tensor) and isinstance(known, Tensor) and one.shape == known.shape:
                put_origins(one, known)

    def _record_uses(self, name: str, args: tuple[Any, ...], fields: dict[str, Any]) -> None:
        if name == "glu":
            dim = args[1] if len(args) > 1 else fields.get("dim", -1)
            first, second = args[0].chunk(2, dim)
            halves = find_origins(args[0])
            known = (None, None) if halves is None else halves.chunk(2, dim)
            self._use_jointly([Use(tuple(first.shape), known[0]), Use(tuple(second.shape), known[1])])
        elif name in _JOINS or name in _PRODUCTS or name == _ATTENTION:
            self.uses += [Use(tuple(x.shape), find_origins(x)) for x in _tensors((args, fields))]

    def use_together(self, tensors: list[Tensor]) -> None:
        """Records tensors that one operation takes entry by entry."""
        self._use_jointly([Use(tuple(x.shape), find_origins(x)) for x in tensors])

    def _use_jointly(self, uses: list[Use]) -> None:
        first = len(self.uses)
        self.uses += [Use(one.shape, one.origins, first if i else None) for i, one in enumerate(uses)]

    def _move(self, name: str, func: Any, args: tuple[Any, ...], fields: dict[str, Any], output: Any) -> Any:
        """Returns the origins of what an operation returned; None if they are not known."""
        first: Any = args[0] if args else None
        own = find_origins(first)
        if name in _OPAQUE:
            return None
        if name in _MOVES:
            return None if own is None else _apply(func, own, args[1:], fields)
        if name in _JOINS:
            parts = [_or_none(x) for x in first]
            return func(parts, *args[1:], **fields)
        if name == "glu":
            dim = args[1] if len(args) > 1 else fields.get("dim", -1)
            return None if own is None else own.chunk(2, dim)[0]
        if name in _PRODUCTS or name == _ATTENTION:
            return _multiply(name, args, fields, output)
        given = [x for x in _tensors((args, fields)) if find_origins(x) is not None]
        if isinstance(output, Tensor) and all(_broadcasts(x, output) for x in given):
            found = torch.zeros((), dtype=torch.long).expand(output.shape)
            for x in given:
                found = torch.where(found == 0, find_origins(x).expand(output.shape), found)  # type: ignore[union-attr]  # it has
            return found
        return None if own is None else _reduce(name, own, args, fields, output)


def find_origins(tensor: object) -> Tensor | None:
    """Returns the origins that a run recorded for a tensor."""
    return getattr(tensor, "_pliant_origins", None) if isinstance(tensor, Tensor) else None


def put_origins(tensor: Tensor, origins: Tensor) -> None:
    """Records the origins of a tensor, of the same shape."""
    tensor._pliant_origins = origins  # type: ignore[attr-defined]  # tensors take attributes


def _has(value: object, dim: int) -> bool:
    return isinstance(value, Tensor) and -value.dim() <= dim < value.dim()


def _spread(channels: Tensor, like: Tensor, dim: int) -> Tensor:
    """Returns origins of the shape of ``like`` that are the same at all places of a channel."""
    shape = [1] * like.dim()
    shape[dim] = len(channels)
    return channels.reshape(shape).expand(like.shape)


def _along(origins: Tensor, dim: int) -> Tensor:
    """Returns the origins along one dimension, at the first place of all others."""
    flat = origins.movedim(dim, 0)
    return flat.reshape(flat.shape[0], -1)[:, 0] if flat.numel() else flat.new_zeros(flat.shape[0])


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        items: Iterable[Any] = value.values() if isinstance(value, dict) else value
        for item in items:
            yield from _tensors(item)


def _or_none(tensor: Tensor) -> Tensor:
    found = find_origins(tensor)
    return torch.zeros((), dtype=torch.long).expand(tensor.shape) if found is None else found


def _apply(func: Any, origins: Tensor, args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
    try:
        return func(origins, *args, **fields)
    except (
        RuntimeError,
        NotImplementedError,
    ):  # a kernel for floats only; these numbers are exact in doubles
        found = func(origins.double(), *args, **fields)
        return [x.long() for x in found] if isinstance(found, (tuple, list)) else found.long()


def _broadcasts(tensor: Tensor, output: Tensor) -> bool:
    pairs = zip(reversed(tensor.shape), reversed(output.shape))
    return tensor.dim() <= output.dim() and all(a in (1, b) for a, b in pairs)


def _multiply(name: str, args: tuple[Any, ...], fields: dict[str, Any], output: Tensor) -> Tensor | None:
    """Returns the origins of a matrix product: of the columns of the second matrix, or else of the rows of the first."""
    taken = [*args, *fields.values()]
    first, second = (taken[0], taken[2]) if name == _ATTENTION else taken[:2]
    if name == "__rmatmul__":
        first, second = second, first
    columns, rows = find_origins(second), find_origins(first)
    if columns is not None and columns.dim() > 1 and _is_same(columns, -2):
        line = columns[..., :1, :]
        if (
            line.dim() > 2 and output.dim() == line.dim() and output.shape[-3] != line.shape[-3]
        ):  # grouped queries
            line = line.repeat_interleave(output.shape[-3] // line.shape[-3], -3)
        return line.expand(output.shape)
    if rows is not None and rows.dim() > 1 and columns is None and _is_same(rows, -1):
        return rows[..., :, :1].expand(output.shape)
    return None  # the product is over the channels


def _is_same(origins: Tensor, dim: int) -> bool:
    return torch.equal(origins.narrow(dim, 0, 1).expand(origins.shape), origins)


def _reduce(
    name: str, own: Tensor, args: tuple[Any, ...], fields: dict[str, Any], output: Any
) -> Tensor | None:
    """Returns the origins of a tensor with other or fewer dimensions, if these have the same origins at all places."""
    first = output[0] if isinstance(output, (tuple, list)) and output else output
    if not isinstance(first, Tensor):
        return None
    if first.dim() < own.dim() and name in _REDUCTIONS:
        dims = fields.get("dim", args[1] if len(args) > 1 else None)
        if dims is None:
            return None
        keeps = bool(fields.get("keepdim", False))
        lowest, highest = own.amin(dims, keepdim=keeps), own.amax(dims, keepdim=keeps)
        return lowest if torch.equal(lowest, highest) else None
    if first.dim() != own.dim():
        return None
    for dim, (before, after) in enumerate(zip(own.shape, first.shape)):
        if before != after:
            if not _is_same(own, dim):
                return None
            own = own.narrow(dim, 0, 1).expand(*(after if d == dim else n for d, n in enumerate(own.shape)))
    return own
