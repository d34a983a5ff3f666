"""Ties in a network: a weight or a module that has several places, such as the embedding that is also the last layer."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.live import note_parts
from pliant.symbolic.tree.node import Node, children
from pliant.symbolic.tree.realize import hole_paths
from pliant.values.errors import FieldValueError

from ..elastic.module import Elastic


@dataclass(frozen=True, slots=True)
class Tie:
    """A place at which a network has again what it has at its first place.

    Attributes:
      first: the path of the first place, such as ``"embed.weight"``.
      place: the path of the other place.
      is_module: whether a whole module is there, or a weight.
    """

    first: str
    place: str
    is_module: bool


_found: weakref.WeakKeyDictionary[nn.Module, tuple[Tie, ...]] = weakref.WeakKeyDictionary()


def find_ties(network: nn.Module) -> tuple[Tie, ...]:
    """Returns all ties of a network: of modules with weights, and of weights; paths begin at the network.

    >>> network = nn.ModuleDict({"embed": nn.Embedding(5, 2), "head": nn.Linear(2, 5, bias=False)})
    >>> network["head"].weight = network["embed"].weight
    >>> find_ties(network)
    (Tie(first='embed.weight', place='head.weight', is_module=False),)
    """
    seen: dict[int, str] = {}
    return tuple(_walk(network, "", seen))


def _walk(module: nn.Module, prefix: str, seen: dict[int, str]) -> Iterator[Tie]:
    for name, weight in module._parameters.items():
        if weight is not None and (first := seen.setdefault(id(weight), prefix + name)) != prefix + name:
            yield Tie(first, prefix + name, is_module=False)
    for name, child in _parts(module):
        if has_weights(child):
            first = seen.setdefault(id(child), prefix + name)
            if first != prefix + name:
                yield Tie(first, prefix + name, is_module=True)
                continue
        yield from _walk(child, f"{prefix}{name}.", seen)


def has_weights(module: nn.Module) -> bool:
    """Returns whether a module or a part of it has a weight; parts with holes have none yet."""
    return any(w is not None for w in module._parameters.values()) or any(
        has_weights(m) for _, m in _parts(module)
    )


def _parts(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module._modules.items():
        if child is not None and not (isinstance(child, Node) and hole_paths(child)):
            yield name, child


def tie_again(copied: nn.Module, source: nn.Module) -> None:
    """Ties in a copy what is tied in its source and no module inside ties; places that were given something else stay.

    Raises:
      FieldValueError: the places of a tied weight have different sizes now, or a searched size.
    """
    if (ties := _found.get(source)) is None:
        ties = _found[source] = tuple(
            tie for tie in find_ties(source) if _head(tie.first) != _head(tie.place)
        )
    for tie in ties:
        (owner, name), (above, last) = _split(tie.first), _split(tie.place)
        try:
            first, place = copied.get_submodule(owner), copied.get_submodule(above)
        except AttributeError:
            continue  # a part was replaced
        if tie.is_module:
            if place._modules.get(last) is None and last in place._modules:
                place._modules[last] = first._modules.get(name)
                if isinstance(place, Node):
                    note_parts(place)
            continue
        if isinstance(first, Elastic) or isinstance(place, Elastic):
            raise FieldValueError(
                f"the weights at {tie.first!r} and {tie.place!r} are one weight, and the size of one of these layers is searched, which "
                f"a super-network cannot tie. Leave both sizes as they are. {_ADVICE}"
            )
        are_copies = all(
            _is_copy(part, copied, source, path) for part, path in ((first, owner), (place, above))
        )
        weight, other = first._parameters.get(name), place._parameters.get(last)
        if weight is None or other is None or not are_copies:
            continue  # a layer was replaced
        if weight.shape != other.shape:
            raise FieldValueError(
                f"the weights at {tie.first!r} and {tie.place!r} are one weight, and have the sizes {tuple(weight.shape)} and "
                f"{tuple(other.shape)} now. Change the sizes of both layers together. {_ADVICE}"
            )
        place._parameters[last] = weight


_ADVICE = "Or give one of the two layers a weight of its own before the network is opened: `layer.weight = nn.Parameter(layer.weight.clone())`."


def _is_copy(part: nn.Module, copied: nn.Module, source: nn.Module, path: str) -> bool:
    original = source.get_submodule(path)
    return part is copied or any(isinstance(v, Ref) and v.value is original for _, v in children(part) or ())


def _head(path: str) -> str:
    return path.partition(".")[0]


def _split(path: str) -> tuple[str, str]:
    owner, _, name = path.rpartition(".")
    return owner, name
