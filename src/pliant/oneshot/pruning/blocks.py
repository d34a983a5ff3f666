"""Finds the blocks of a network that can be left out: residual ones, and parts of a sequence that keep the shape of their input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..choices.skip import Skip
from ..rewrite.layer_fields import read_settings
from .opening import run_once

_ADDITIONS = frozenset({"add", "add_", "__add__", "__iadd__", "__radd__"})


@dataclass(slots=True)
class _Call:
    """One call of a module while the network runs."""

    name: str
    given: Any
    is_residual: bool = False


@dataclass(slots=True)
class _Record:
    calls: dict[str, int] = field(default_factory=dict)
    keeps: dict[str, bool] = field(default_factory=dict)
    lengths: dict[str, int | None] = field(default_factory=dict)
    residual: set[str] = field(default_factory=set)
    stack: list[_Call] = field(default_factory=list)


def find_blocks(network: nn.Module, inputs: tuple[Any, ...]) -> dict[str, int | None]:
    """Returns the blocks that an identity can replace, by path in the order of the network, with what they return.

    That is None for a tensor, and the length for a tuple whose first value is the output.

    A block is residual if its own code adds its input to something.  Blocks are also the parts of a ``Sequential`` or
    ``ModuleList`` that have weights and keep the shape of their input.  Of blocks in each other the inner residual one counts.

    >>> import torch
    >>> class Block(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.body = nn.Linear(4, 4)
    ...     def forward(self, x):
    ...         return x + self.body(x)
    >>> find_blocks(nn.Sequential(nn.Linear(3, 4), Block(), nn.Linear(4, 2)), (torch.zeros(1, 3),))
    {'1': None}

    Args:
      network: stays as it is.
      inputs: of the network.
    """
    found = _Record()
    with _recorded(network, found):
        run_once(network, inputs)
    parts = dict(network.named_modules())
    able = [name for name, keeps in found.keeps.items() if keeps and name and found.calls[name] == 1]
    able = [
        name for name in able if parts[name]._modules and next(parts[name].parameters(), None) is not None
    ]
    chosen = [name for name in able if name in found.residual]
    chosen = [name for name in chosen if not any(_is_inside(other, name) for other in chosen)]
    for name in able:
        above, _, last = name.rpartition(".")
        is_item = last.isdecimal() and len(parts[above]._modules) > 1
        if is_item and not any(_is_inside(a, b) or a == b for c in chosen for a, b in ((c, name), (name, c))):
            chosen.append(name)
    order = list(parts)
    return {name: found.lengths[name] for name in sorted(chosen, key=order.index)}


def make_skip(block: nn.Module, outputs: int | None) -> Any:
    """Returns what takes the place of a block: it returns its input, and has the plain attributes of the block.

    Args:
      block: stays as it is.
      outputs: see ``Skip``.
    """
    return Skip(outputs, read_settings(block) or None)


def _is_inside(name: str, outer: str) -> bool:
    return name.startswith(outer + ".")


@contextmanager
def _recorded(network: nn.Module, found: _Record) -> Iterator[None]:
    """A context in which the calls of all modules are recorded."""

    def before(name: str) -> Any:
        def hook(module: nn.Module, args: Any, fields: Any) -> None:
            given = args[0] if args else next(iter(fields.values()), None)
            found.stack.append(_Call(name, given))

        return hook

    def after(name: str) -> Any:
        def hook(module: nn.Module, args: Any, fields: Any, output: Any) -> None:
            call = found.stack.pop()
            first = output[0] if isinstance(output, (tuple, list)) and output else output
            same = (
                isinstance(first, Tensor)
                and isinstance(call.given, Tensor)
                and first.shape == call.given.shape
            )
            length = None if isinstance(output, Tensor) else len(output) if type(output) is tuple else 0
            kept = same and length != 0 and found.lengths.setdefault(name, length) == length
            found.keeps[name] = found.keeps.get(name, True) and kept
            found.calls[name] = found.calls.get(name, 0) + 1
            if call.is_residual:
                found.residual.add(name)

        return hook

    hooks = []
    for name, module in network.named_modules():
        hooks.append(module.register_forward_pre_hook(before(name), with_kwargs=True, prepend=True))
        hooks.append(module.register_forward_hook(after(name), with_kwargs=True))
    try:
        with _Additions(found):
            yield
    finally:
        for hook in hooks:
            hook.remove()


@final
class _Additions(TorchFunctionMode):
    """Records which modules add their input to something."""

    def __init__(self, found: _Record) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        if self.found.stack and getattr(func, "__name__", "") in _ADDITIONS:
            call = self.found.stack[-1]
            call.is_residual = call.is_residual or any(x is call.given for x in args if isinstance(x, Tensor))
        return func(*args, **(kwargs or {}))
