"""Superkernel: weighted sum of zero-padded kernels, which runs a mixture of a layer's sizes in one forward pass.

The output of a layer that is linear in its weight is the weighted sum of the outputs of its sizes if its weight is the
weighted sum of their weights.  Batch normalization uses a mask over the channels of its output instead.  This module
finds the layers for which that holds, and their masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .rules import centred, find_rule, leading
from .sharing import Skeleton
from .slices import SlicedRule, Width

Sizes = Mapping[tuple[int, ...], Skeleton]
"""The size at each combination of places on the axes; a place is usually a value."""

Interval = tuple[int, int]

Kept = Interval | list[int]
"""The entries of a dimension that a part has: from the first to before the second, or each of them."""


@final
@dataclass(slots=True, eq=False)
class MaskFactor:
    """A factor of a mask over some dimensions of a tensor.

    Attributes:
      axes: the axes whose weights it depends on.
      table: ones for the entries that are in a part, by places on the axes; dimensions are the axes, then those of the tensor.
      shape: the shape of the mask; it broadcasts to the tensor.
    """

    axes: tuple[int, ...]
    table: Tensor
    shape: tuple[int, ...]

    def compute(self, rows: Sequence[Tensor], like: Tensor) -> Tensor:
        """Returns the mask: for each entry, the total weight of the sizes that have it."""
        if (self.table.device, self.table.dtype) != (like.device, like.dtype):
            self.table = self.table.to(like.device, like.dtype)  # converted once
        found = self.table
        for axis in self.axes:  # not a matrix product, which autocast would round
            row = rows[axis].to(like.device, like.dtype)
            found = (row.reshape(-1, *[1] * (found.dim() - 1)) * found).sum(0)
        return found.reshape(self.shape)


@final
@dataclass(frozen=True, slots=True)
class Superkernel:
    """The sizes of a layer as one layer with masks.

    Attributes:
      largest: the size that contains all others.
      weights: by parameter name, the factors of the mask to multiply it with.
      output: the factors of a mask over channels of the output; for batch normalization.
    """

    largest: Skeleton
    weights: dict[str, list[MaskFactor]]
    output: list[MaskFactor]


def find_superkernel(sizes: Sizes) -> Superkernel | None:
    """Returns the superkernel of a layer's sizes; None if they have to run one by one."""
    found = list(sizes.values())
    first = found[0].module
    if any(type(size.module) is not type(first) or not _is_plain(size) for size in found):
        return None
    largest = _find_largest(found)
    if largest is None:
        return None
    kind = next((kind for kind, folds in _FOLDABLE.items() if isinstance(first, kind) and folds(found)), None)
    if kind is None:
        return None
    if kind is _BatchNorm:
        widths = {place: _norm_box(size) for place, size in sizes.items()}
        return Superkernel(largest, {}, find_mask_factors(widths, [_width(largest)]))
    weights = {}
    for name in [binding.name for binding in largest.bindings]:
        full = _shape(largest, name) or ()
        boxes = {place: _box(size, name, full) for place, size in sizes.items()}
        weights[name] = find_mask_factors(boxes, full)
    return Superkernel(largest, weights, [])


def find_mask_factors(
    boxes: Mapping[tuple[int, ...], Sequence[Kept]], full: Sequence[int]
) -> list[MaskFactor]:
    """Factorizes a mask: dimensions that depend on different axes get different factors.

    >>> boxes = {(0, 0): [(0, 1)], (0, 1): [(0, 2)], (1, 0): [(0, 1)], (1, 1): [(0, 2)]}
    >>> [(f.axes, f.table.tolist()) for f in find_mask_factors(boxes, [2])]
    [((1,), [[1.0, 0.0], [1.0, 1.0]]), ((0,), [1.0, 1.0])]

    Args:
      boxes: by places on the axes: the entries that the part has in each dimension.
      full: the size of each dimension.
    """
    counts = [max(place[axis] for place in boxes) + 1 for axis in range(len(next(iter(boxes))))]
    groups: list[tuple[set[int], list[int]]] = []  # axes and dimensions that depend on each other
    for dim in range(len(full)):
        axes, dims = {axis for axis in range(len(counts)) if _matters(boxes, axis, dim)}, [dim]
        for group in [group for group in groups if group[0] & axes]:
            groups.remove(group)
            axes, dims = axes | group[0], [*group[1], *dims]
        if axes:
            groups.append((axes, dims))
    used = set().union(*(axes for axes, _ in groups))
    groups += [({axis}, []) for axis in range(len(counts)) if axis not in used]
    return [_make_mask_factor(boxes, counts, full, sorted(axes), sorted(dims)) for axes, dims in groups]


def _make_mask_factor(
    boxes: Mapping[tuple[int, ...], Sequence[Kept]],
    counts: list[int],
    full: Sequence[int],
    axes: list[int],
    dims: list[int],
) -> MaskFactor:
    table = torch.zeros([*(counts[axis] for axis in axes), *(full[dim] for dim in dims)])
    for place, box in boxes.items():
        if all(place[axis] == 0 for axis in range(len(counts)) if axis not in axes):
            found = torch.ones(())
            for dim in dims:
                kept, line = box[dim], torch.zeros(full[dim])
                line[kept if isinstance(kept, list) else slice(*kept)] = 1.0
                found = found.unsqueeze(-1) * line
            table[tuple(place[axis] for axis in axes)] = found
    shape = tuple(full[dim] if dim in dims else 1 for dim in range(len(full)))
    return MaskFactor(tuple(axes), table, shape if dims else ())


def _matters(boxes: Mapping[tuple[int, ...], Sequence[Kept]], axis: int, dim: int) -> bool:
    """Returns whether the entries of a dimension depend on the place on an axis."""
    return any(box[dim] != boxes[(*place[:axis], 0, *place[axis + 1 :])][dim] for place, box in boxes.items())


# ------------------------------------------------------------------ which layers


def _is_plain(size: Skeleton) -> bool:
    """Returns whether a size is one layer without submodules, hooks or other tensors."""
    module = size.module
    return (
        not module._modules
        and not module._forward_pre_hooks
        and not module._forward_hooks
        and all(binding.layer is module for binding in size.bindings)
    )


def _find_largest(sizes: Sequence[Skeleton]) -> Skeleton | None:
    """Returns the size whose tensors contain those of all other sizes under the same names; None if no size does."""
    keys = {binding.name: binding.key for size in sizes for binding in size.bindings}
    if any(keys[binding.name] != binding.key for size in sizes for binding in size.bindings):
        return None  # separate tensors: statistics for each width
    shapes = [[_shape(size, name) for size in sizes] for name in keys]
    if any(len({len(shape) for shape in row if shape is not None}) > 1 for row in shapes):
        return None
    tops = [tuple(map(max, zip(*(shape for shape in row if shape is not None)))) for row in shapes]
    return next((size for size, own in zip(sizes, zip(*shapes)) if list(own) == tops), None) if tops else None


def _shape(size: Skeleton, name: str) -> tuple[int, ...] | None:
    return next((tuple(binding.stand_in.shape) for binding in size.bindings if binding.name == name), None)


def _width(norm: Skeleton) -> int:
    return int(norm.module.num_features)  # type: ignore[arg-type]  # all batch normalization layers have it


def _norm_box(norm: Skeleton) -> list[Kept]:
    """Returns the channels of a batch normalization layer."""
    width: Any = norm.module.num_features
    return [list(width.kept()) if isinstance(width, Width) else (0, int(width))]


def _box(size: Skeleton, name: str, full: tuple[int, ...]) -> list[Kept]:
    """Returns the entries of a part in each dimension: the first channels or their slices, the middle of the kernel."""
    binding = next((binding for binding in size.bindings if binding.name == name), None)
    if binding is None:  # a size without a bias
        return [(0, 0) for _ in full]
    shape = tuple(binding.stand_in.shape)
    starts = [0 if dim < 2 else (full[dim] - shape[dim]) // 2 for dim in range(len(full))]
    found: list[Kept] = [(start, start + count) for start, count in zip(starts, shape)]
    if isinstance(binding.rule, SlicedRule):
        for dim, index in binding.rule.dims.items():
            found[dim] = index.tolist()
    return found


def _same(sizes: Sequence[Skeleton], *names: str) -> bool:
    return all(len({str(getattr(size.module, name)) for size in sizes}) == 1 for name in names)


def _runs(module: nn.Module, kind: type[nn.Module], rule: object, *methods: str) -> bool:
    """Returns whether a layer has the code and the sharing rule of its PyTorch class."""
    return find_rule(module) is rule and all(
        getattr(type(module), name) is getattr(kind, name) for name in ("forward", *methods)
    )


def _can_fold_embedding(sizes: Sequence[Skeleton]) -> bool:
    module: Any = sizes[0].module
    usual = module.max_norm is None and not module.sparse and not module.scale_grad_by_freq
    unpadded = module.padding_idx is None  # a padding row has no gradient, so its weights would get none
    return usual and unpadded and _same(sizes, "num_embeddings") and _runs(module, nn.Embedding, leading)


def _can_fold_norm(sizes: Sequence[Skeleton]) -> bool:
    module: Any = sizes[0].module
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    kind = next((kind for kind in kinds if isinstance(module, kind)), None)
    same = _same(sizes, "eps", "momentum", "affine", "track_running_stats")
    return kind is not None and same and _runs(module, kind, leading)


def _can_fold_convolution(sizes: Sequence[Skeleton]) -> bool:
    module: Any = sizes[0].module
    kind = next(kind for kind in (nn.Conv1d, nn.Conv2d, nn.Conv3d) if isinstance(module, kind))
    same = _same(sizes, "stride", "dilation", "padding_mode")
    runs = same and _runs(module, kind, centred, "_conv_forward")
    return runs and _can_fold_channels(sizes) and _can_fold_kernels(sizes)


def _can_fold_channels(sizes: Sequence[Skeleton]) -> bool:
    """Returns whether the first channels of all sizes see the same inputs, which depends on the groups."""
    modules: list[Any] = [size.module for size in sizes]
    if all(m.groups == 1 for m in modules) or _same(sizes, "in_channels", "out_channels", "groups"):
        return True
    is_depthwise = all(m.groups == m.in_channels for m in modules)
    return is_depthwise and len({m.out_channels // m.groups for m in modules}) == 1


def _can_fold_kernels(sizes: Sequence[Skeleton]) -> bool:
    """Returns whether padding aligns the centres of all kernels, and so the outputs."""
    modules: list[Any] = [size.module for size in sizes]
    if _same(sizes, "kernel_size", "padding"):
        return True
    if modules[0].padding_mode != "zeros":
        return False
    pads = [_pads(m) for m in modules]
    for dim, dilation in enumerate(modules[0].dilation):
        kernels = [m.kernel_size[dim] for m in modules]
        most = kernels.index(max(kernels))
        for kernel, pad in zip(kernels, pads):
            wider = kernels[most] - kernel
            if wider % 2 or any(a - b != wider // 2 * dilation for a, b in zip(pads[most][dim], pad[dim])):
                return False
    return True


def _pads(module: Any) -> list[Interval]:
    """Returns the padding of a convolution before and after its input, by dimension."""
    if module.padding == "valid":
        return [(0, 0) for _ in module.kernel_size]
    if module.padding == "same":
        totals = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(pad, pad) for pad in module.padding]


_FOLDABLE: dict[type[nn.Module], Callable[[Sequence[Skeleton]], bool]] = {
    nn.Conv1d: _can_fold_convolution,
    nn.Conv2d: _can_fold_convolution,
    nn.Conv3d: _can_fold_convolution,
    nn.Linear: lambda sizes: _runs(sizes[0].module, nn.Linear, leading),
    nn.Embedding: _can_fold_embedding,
    _BatchNorm: _can_fold_norm,
}
