"""Probes a network: runs it with other channel widths and records which widths each layer receives.

During a probe, each layer of a known class takes any input width and may return more channels than it has.  Tensors of
different widths that are added are resized, and their sizes recorded.  Only the shapes in such a run are meaningful.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pliant.hyper.hole import DerivedHole, Hole, Intv, ManyOf, OneOf
from pliant.space.build import join_ids
from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import children
from pliant.values.path import Path, step_text

from ..choices.evaluation import evaluating
from ..choices.hole_keys import HoleKeys, name_picks
from ..elastic.widths import Widths, find_widths, input_width, is_depthwise
from .origins import Origins, find_origins, put_origins

JoinPoint = tuple[int, int]
"""The number of a pointwise operation in running order, and the dimension from the end."""


@final
@dataclass(frozen=True)
class MatchedNode:
    """A place of a program with holes that is also in a program made from it.

    Attributes:
      path: the path in the program with holes, including candidates.
      value: the value in the program with holes.
      child: the value in the program without holes.
      key: the decision key of a hole.
    """

    path: Path
    value: Any
    child: Any
    key: str = ""


def match_nodes(program: Any, child: Any, chosen: Mapping[str, Any], keys: HoleKeys) -> Iterator[MatchedNode]:
    """Yields all places of a program that are also in ``child``, parents before children.

    Args:
      program: a program with holes.
      child: the program that ``chosen`` makes of it.
      chosen: the decisions by path.
      keys: the keys of the holes.
    """

    def walk(value: Any, made: Any, path: Path, id: str, location: str) -> Iterator[MatchedNode]:
        at = join_ids(id, location)
        if isinstance(value, Ref):
            return
        if isinstance(value, (OneOf, ManyOf)):
            picks = value.num_choices if isinstance(value, ManyOf) else 1
            for pick, decided in enumerate(name_picks(keys.find(at, value.name), picks)):
                inner = made[pick] if isinstance(value, ManyOf) else made
                yield MatchedNode(path, value, inner, decided)
                index = chosen[decided]
                inner_id = f"{decided}[={index}/{len(value.candidates)}]"
                yield from walk(
                    value.candidates._sym_child(index), inner, path + "candidates" + index, inner_id, ""
                )
            return
        is_free = isinstance(value, Hole) and not isinstance(value, DerivedHole)
        yield MatchedNode(path, value, made, keys.find(at, value.name) if is_free else "")
        if isinstance(value, DerivedHole):
            yield from _match_inner(value, path, at, keys)
        below: dict[Any, Any] = {} if isinstance(value, Hole) else dict(children(made) or ())
        for key, item in children(value) or ():
            if key in below:
                inner_location = location + step_text(key, first=not location)
                yield from walk(item, below[key], path + key, id, inner_location)

    yield from walk(program, child, Path(), "", "")


def _match_inner(derived: DerivedHole, path: Path, at: str, keys: HoleKeys) -> Iterator[MatchedNode]:
    """Yields the holes from which a derived hole is computed, at their places in the program."""
    decided, places = list(_decide_inner(derived, at)), list(_find_numbers(derived, path))
    if len(decided) == len(places):
        for place, (hole, own) in zip(places, decided):
            yield MatchedNode(place, hole, None, keys.find(own, hole.name))


def _decide_inner(value: Any, at: str) -> Iterator[tuple[Any, str]]:
    """Yields the holes of the inner program of a derived hole, with their places in the space."""
    if isinstance(value, (OneOf, Intv)):
        yield value, at
    elif isinstance(value, DerivedHole):
        yield from _decide_inner(value.inner(), at)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _decide_inner(item, join_ids(at, step_text(index, first=not at)))


def _find_numbers(value: Any, path: Path) -> Iterator[Path]:
    for key, item in children(value) or ():
        if isinstance(item, (OneOf, Intv)):
            yield path + key
        else:
            yield from _find_numbers(item, path + key)


@final
@dataclass(slots=True)
class Probe:
    """The widths that occurred in one run.

    Attributes:
      widths: by ``id`` of a layer, the width of its input.
      built_for: by ``id`` of a layer, the input width that it was built for.
      joins: by join point, the sizes of the tensors that a pointwise operation joins.
      origins: where the entries of tensors come from.
    """

    widths: dict[int, int] = field(default_factory=dict)
    built_for: dict[int, int] = field(default_factory=dict)
    joins: dict[JoinPoint, tuple[int, ...]] = field(default_factory=dict)
    origins: Origins = field(default_factory=Origins)


def probe(
    network: nn.Module, example: tuple[Any, ...], outputs: Mapping[int, int], *, traced: bool = False
) -> Probe:
    """Runs a network on an example with other widths.

    Args:
      network: stays as it is.
      example: the inputs of the network, on its device.
      outputs: by ``id`` of a layer, another width for its output.
      traced: whether to record origins, and not only the shapes of what has some.
    """
    found = Probe(origins=Origins(is_complete=traced))
    mode = _JoinRecorder(found)
    random = torch.random.fork_rng(devices=[])
    with torch.no_grad(), random, evaluating(network), _adapted(network, found, outputs, mode), mode:
        network(*example)
    return found


@contextmanager
def _adapted(
    network: nn.Module, found: Probe, outputs: Mapping[int, int], mode: _JoinRecorder
) -> Iterator[None]:
    """A context in which the known layers of a network take any width."""
    adapted: list[nn.Module] = []
    try:
        for layer in network.modules():
            widths = find_widths(layer)
            if widths is not None and "forward" not in layer.__dict__:
                adapted.append(layer)
                layer.__dict__["forward"] = _adapt(layer, widths, found, outputs.get(id(layer)), mode)
        yield
    finally:
        for layer in adapted:
            del layer.__dict__["forward"]


def _adapt(
    layer: nn.Module, widths: Widths, found: Probe, output: int | None, mode: _JoinRecorder
) -> Callable[..., Any]:
    """Returns a ``forward`` that takes any width, records it, and returns the width ``output``."""
    run = layer.forward
    keeps_width = widths.writes is None or is_depthwise(layer)
    origins, key, groups = found.origins, id(layer), 1 if keeps_width else _groups(layer)

    def forward(*args: Any, **fields: Any) -> Any:
        with mode.paused():
            own, first = input_width(layer, widths), args[0] if args else next(iter(fields.values()))
            width, source = own, first
            if widths.reads is not None:
                origins.read(key, first, widths.dim, groups, contracts=not keeps_width)
            if own is not None and first.dim() >= abs(widths.dim):
                width = int(first.shape[widths.dim])
                found.widths[id(layer)], found.built_for[id(layer)] = width, own
                args = tuple(_resize(x, widths.dim, own) for x in args)
                fields = {name: _resize(x, widths.dim, own) for name, x in fields.items()}
            given = run(*args, **fields)
            if keeps_width and own is not None and width is not None and width != own:
                dim = widths.dim
                given = _change_output(given, lambda y: _resize(y, dim, y.shape[dim] // own * width))
            elif output is not None:
                given = _change_output(given, lambda y: _resize(y, widths.dim, output))
            result = given[0] if isinstance(given, tuple) else given
            if keeps_width:
                origins.keep(source, result, widths.dim)
            else:
                origins.start(key, result, widths.dim, groups)
            return given

    return forward


def _groups(layer: nn.Module) -> int:
    found: Any = getattr(layer, "groups", 1)
    return found if isinstance(found, int) else 1


def _change_output(value: object, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple):  # attention and recurrent layers return more than their output
        return (change(value[0]), *value[1:])
    return change(value)


def _resize(x: object, dim: int, width: int) -> Any:
    """Cuts a tensor in one dimension, or pads it with zeros."""
    if not isinstance(x, Tensor) or x.dim() < (dim + 1 if dim >= 0 else -dim) or x.shape[dim] == width:
        return x
    made, origins = _cut_or_pad(x, dim, width), find_origins(x)
    if origins is not None:
        put_origins(made, _cut_or_pad(origins, dim, width))
    return made


def _cut_or_pad(x: Tensor, dim: int, width: int) -> Tensor:
    if x.shape[dim] > width:
        return x.narrow(dim, 0, width)
    shape = list(x.shape)
    shape[dim] = width - x.shape[dim]
    return torch.cat([x, x.new_zeros(shape)], dim)


@final
class _JoinRecorder(TorchFunctionMode):
    """Resizes tensors to one width in pointwise operations, and records their sizes."""

    def __init__(self, found: Probe) -> None:
        super().__init__()
        self.found, self.count, self.is_paused = found, 0, 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.is_paused += 1
        try:
            yield
        finally:
            self.is_paused -= 1

    def __torch_function__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        fields = kwargs or {}
        tensors = [x for x in args if isinstance(x, Tensor)] if not self.is_paused else []
        name = getattr(func, "__name__", "")
        if len(tensors) < 2 or name not in _POINTWISE:
            output = func(*args, **fields)
            if not self.is_paused:
                name = getattr(func.__self__, "__name__", "") if name == "__get__" else name
                self.found.origins.record(name, func, args, fields, output=output)
            return output
        self.count += 1
        alike = list(tensors)
        for dim in range(-1, -1 - max(t.dim() for t in tensors), -1):
            sizes = tuple(int(t.shape[dim]) for t in tensors if t.dim() >= -dim)
            joined = [size for size in sizes if size != 1]
            if len(joined) > 1:
                self.found.joins[(self.count, dim)] = tuple(joined)
                for i, t in enumerate(alike):
                    if t.dim() >= -dim and t.shape[dim] != 1:
                        alike[i] = _resize(t, dim, max(joined))
        again = iter(alike)
        taken = tuple(next(again) if isinstance(x, Tensor) else x for x in args)
        self.found.origins.use_together(alike)
        output = func(*taken, **fields)
        self.found.origins.record(name, func, taken, fields, output=output)
        return output


_POINTWISE = frozenset(
    name
    for base in ("add", "sub", "mul", "div", "true_divide", "pow", "maximum", "minimum", "where", "lerp")
    for name in (base, base + "_", f"__{base}__", f"__i{base}__", f"__r{base}__")
) | frozenset({"__truediv__", "__itruediv__", "__rtruediv__", "addcmul", "rsub"})
