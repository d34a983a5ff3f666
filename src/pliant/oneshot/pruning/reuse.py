"""Reuses outputs of modules while decisions of a super-network are changed one at a time.

A module whose decisions are those of the first network returns the recorded output for an equal input, without running.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from ..choices.mutable import Mutable
from ..elastic.module import Elastic
from ..rewrite.network import Supernet

MOST_BYTES = 2**29  # of recorded tensors


@dataclass(frozen=True, slots=True)
class _Record:
    """A call: the tensors that it got and returned, with their versions, which in-place operations change."""

    given: Any
    output: Any
    tensors: tuple[tuple[Tensor, int], ...]

    @property
    def is_intact(self) -> bool:
        return all(tensor._version == version for tensor, version in self.tensors)


@final
class OutputReuse:
    """Records the calls in a super-network, and answers equal ones for other decisions.

    >>> import pliant as pg
    >>> from pliant.oneshot import open_network, supernet
    >>> network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    >>> program = open_network(network).rebind({"layers[1].layers[0].bias": pg.oneof([True, False], name="bias")})
    >>> net, x, reuse = supernet(program).eval(), torch.ones(1, 2), OutputReuse(1)
    >>> for index in range(2):
    ...     _ = net.activate([index])
    ...     with torch.no_grad(), reuse.applied(net, 0):
    ...         _ = net(x)
    >>> reuse.count  # the first layer did not run again
    1

    Attributes:
      count: how many calls it answered.

    Args:
      batches: how many inputs there are.
    """

    def __init__(self, batches: int) -> None:
        self.count, self.bytes = 0, 0
        self._first: Mapping[str, Any] | None = None
        self._records: list[dict[Any, _Record]] = [{} for _ in range(batches)]
        self._is_full = [False] * batches

    @contextmanager
    def applied(self, supernet: Supernet, batch: int) -> Iterator[None]:
        """A context for one run of the network on the input of a number; the first run of each is recorded."""
        values = dict(supernet.selection.values)
        if self._first is None:
            self._first = values
        first = self._first
        changed = {key for key in {*first, *values} if first.get(key) != values.get(key)}
        records, is_new = self._records[batch], not self._is_full[batch]
        wrapped: list[nn.Module] = []
        calls: dict[str, int] = {}
        for name, module in _find_parts(supernet.network):
            if "forward" not in module.__dict__ and (is_new or not changed & _find_keys(module)):
                wrapped.append(module)
                module.__dict__["forward"] = self._wrap(name, module.forward, records, calls, is_new=is_new)
        try:
            yield
        finally:
            for module in wrapped:
                del module.__dict__["forward"]
            self._is_full[batch] = True

    def _wrap(
        self, name: str, run: Any, records: dict[Any, _Record], calls: dict[str, int], *, is_new: bool
    ) -> Any:
        def forward(*args: Any, **fields: Any) -> Any:
            calls[name] = calls.get(name, 0) + 1
            key, given = (name, calls[name]), (args, fields)
            if not is_new:
                found = records.get(key)
                if found is None or not found.is_intact or not _is_equal(found.given, given):
                    return run(*args, **fields)
                self.count += 1
                return found.output
            before = _tensors(given)
            output = run(*args, **fields)
            after = _tensors(output)
            if before is not None and after is not None and self.bytes < MOST_BYTES:
                self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in after)
                tensors = tuple((tensor, tensor._version) for tensor in [*before, *after])
                records[key] = _Record(given, output, tensors)
            return output

        return forward


def _find_parts(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yields the modules below a network that have weights or decisions, and not the inside of elastic ones."""
    for name, module in network.named_children():
        if next(module.parameters(), None) is None and not isinstance(module, Mutable):
            continue
        yield name, module
        if not isinstance(module, Elastic):
            for inner, part in _find_parts(module):
                yield f"{name}.{inner}", part


def _find_keys(module: nn.Module) -> set[str]:
    """Returns the decisions inside of a module."""
    found: set[str] = set()
    for part in module.modules():
        if isinstance(part, Elastic):
            found.update(part.keys)
        elif isinstance(part, Mutable):
            found.add(part.key)
    return found


def _tensors(value: Any) -> list[Tensor] | None:
    """Returns the tensors in arguments or outputs; None if there is something whose state may change, such as a cache."""
    if isinstance(value, Tensor):
        return [value]
    if value is None or isinstance(value, (bool, int, float, str, torch.dtype, torch.device)):
        return []
    if type(value) not in (tuple, dict, list):
        return None
    parts = [_tensors(item) for item in (value.values() if isinstance(value, dict) else value)]
    return None if None in parts else [tensor for part in parts if part is not None for tensor in part]


def _is_equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return a is b or (
            isinstance(b, Tensor) and a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)
        )
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_is_equal(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(_is_equal, a, b))
    return bool(a == b)
