"""Calls of the layers of a network, in order, with their keys in a table of costs."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.symbolic.edit.clone import clone
from pliant.symbolic.tree.realize import is_twin, realize, require_complete
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed

from .example import explaining
from .tensors import META, change_tensors, find_tensors


@final
@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module.

    Attributes:
      module: without open choices.
      path: of the module in the network.
      inputs: the arguments, positional first, then named.
      output: the returned value.
      inside: the cost of the modules and operations inside, where it is known.
    """

    module: nn.Module
    path: str
    inputs: tuple[Any, ...]
    output: Any
    inside: float


Key = Callable[[Call], "str | None"]
"""From a call of a module to its key in a table; None if the table has its parts instead, or if it takes no time."""


def name_layer(module: nn.Module, inputs: tuple[Any, ...]) -> str:
    """Returns the key of a call in measured tables: the class, a digest of its layers, and the shapes of its inputs.

    >>> name_layer(nn.ReLU(), (torch.zeros(1, 8),))
    'ReLU-9a6229e6722f-input:1x8'
    """
    sizes = [(name, tuple(p.shape)) for name, p in [*module.named_parameters(), *module.named_buffers()]]
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(module)) + repr(sizes)
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    shapes = ",".join("x".join(map(str, x.shape)) or "scalar" for x in inputs if isinstance(x, Tensor))
    return f"{type(module).__name__}-{digest}-input:{shapes}"


def list_calls(
    network: Any, inputs: tuple[Any, ...], named: Mapping[str, Any], key: Key | None
) -> Iterator[tuple[str, Call]]:
    """Yields the parts of a network that have entries in a table, with their keys, in the order of their calls.

    The network runs without data where its code permits it.

    Raises:
      FieldTypeError: it is not a module, or the key function returns neither text nor None.
      IncompleteError: it has undecided holes.
    """
    try:
        with torch.no_grad():
            found = _record(copy_network(network, on_meta=True), *_move((inputs, named), META))
    except (FieldTypeError, FieldValueError):
        raise
    except Exception:  # noqa: BLE001  # its code needs data; a real error occurs again
        with torch.no_grad(), explaining((inputs, named)):
            found = _record(copy_network(network, on_meta=False), inputs, named)
    yield from select_calls(found, key)


def select_calls(found: list[tuple[int, Call]], key: Key | None) -> Iterator[tuple[str, Call]]:
    """Yields those of recorded calls that have keys: with a key function the outermost ones, else the innermost.

    Args:
      found: depths and calls, each before those inside of it.
      key: see ``Key``.
    """
    inside = -1  # the depth of a call that has a key
    for (depth, call), following in zip(found, [*(d for d, _ in found[1:]), 0]):
        if 0 <= inside < depth:
            continue
        inside = -1
        name = name_layer(call.module, call.inputs) if key is None and following <= depth else None
        if key is not None:
            name = key(call)
            if not (name is None or isinstance(name, str)):
                raise FieldTypeError(
                    f"a key function returns text or None; got {quote(name)} for {call.path!r}."
                )
        if name is not None:
            inside = depth
            yield name, call


def copy_network(network: Any, *, on_meta: bool) -> nn.Module:
    """Returns a realized copy of a network in evaluation mode, with its weights or on the device ``meta``.

    Raises:
      FieldTypeError: it is not a module.
      IncompleteError: it has undecided holes.
    """
    if not isinstance(network, nn.Module):
        raise FieldTypeError(
            f"a network is an nn.Module; got {quote_typed(network)}. "
            "Make a program of a space first with `pg.materialize(space, decisions)`."
        )
    if is_twin(type(network)):
        require_complete(network)
        with torch.random.fork_rng(devices=[]), torch.device("meta" if on_meta else "cpu"):
            return realize(clone(network, deep=True)).eval()
    if not on_meta:
        return copy.deepcopy(network).eval()
    known: dict[int, Any] = {id(t): nn.Parameter(t.detach().to(META), False) for t in network.parameters()}
    known.update((id(t), t.detach().to(META)) for t in network.buffers())
    return copy.deepcopy(network, known).eval()


def _move(value: Any, device: torch.device) -> Any:
    return change_tensors(value, lambda tensor: tensor.detach().to(device))


def _record(network: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> list[tuple[int, Call]]:
    """Runs a network, and returns its calls with their depths, each before those inside of it."""
    paths = {module: path for path, module in network.named_modules()}
    found: list[Any] = []
    opened: list[int] = []

    def enter(module: nn.Module, args: Any, fields: Any) -> None:
        opened.append(len(found))
        found.append(None)

    def leave(module: nn.Module, args: Any, fields: Any, output: Any) -> None:
        index = opened.pop()
        found[index] = len(opened), Call(module, paths[module], (*args, *fields.values()), output, 0.0)

    handles = [module.register_forward_pre_hook(enter, with_kwargs=True) for module in paths]
    handles += [module.register_forward_hook(leave, with_kwargs=True) for module in paths]
    try:
        network(*inputs, **named)
    finally:
        for handle in handles:
            handle.remove()
    return found


def record_on_data(network: Any, inputs: tuple[Any, ...], key: Key | None) -> Iterator[tuple[str, Call]]:
    """Yields the parts of a network that have entries in a table, with weights, after a run on the device of its inputs."""
    concrete = copy_network(network, on_meta=False)
    for tensor in find_tensors(inputs, [])[:1]:
        concrete.to(tensor.device)
    with torch.no_grad(), explaining(inputs):
        found = _record(concrete, inputs, {})
    yield from select_calls(found, key)


def has_cuda(values: Any) -> bool:
    """Returns whether a tensor in a value is on a CUDA device."""
    return any(tensor.is_cuda for tensor in find_tensors(values, []))
