"""Measured latency: of networks, and of their layers as a table; interleaved, with minima and their spread."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, TypeVar

import torch
from torch import nn

from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed
from pliant.values.numbers import to_whole

from .calls import Key, copy_network, has_cuda, record_on_data
from .example import check_inputs, explaining
from .table import CostTable
from .tensors import find_tensors

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Timing:
    """Measured times of one forward pass, in milliseconds.

    Attributes:
      least_ms: the least one: disturbances only add time.
      median_ms: the median.
      spread_ms: the range of the middle half, from the lower to the upper quartile.
    """

    least_ms: float
    median_ms: float
    spread_ms: float


def measure_latency(networks: Sequence[Any], *inputs: Any, repeats: int = 30, seed: int = 0) -> list[Timing]:
    """Measures the latency of networks on this machine; candidates take turns in random order, so that load hits all alike.

    Each network runs in evaluation mode without gradients, on the device of the inputs.

    >>> import torch
    >>> from torch import nn
    >>> small, large = measure_latency([nn.Linear(8, 8), nn.Linear(2048, 2048)], torch.zeros(4, 8), repeats=0)
    Traceback (most recent call last):
    ...
    pliant.values.errors.FieldValueError: measure_latency(repeats=...) takes a whole number from 1; got 0.
    >>> x = torch.zeros(64, 256)
    >>> small, large = measure_latency([nn.Linear(256, 8), nn.Linear(256, 4096)], x, repeats=5)
    >>> small.least_ms < large.least_ms
    True

    Args:
      networks: the candidates, modules or programs without open decisions; their weights and modes are unchanged.
      *inputs: positional arguments of each, with the batch size to measure.
      repeats: how often each is measured, after one run that warms up.
      seed: of the order.

    Raises:
      FieldTypeError: ``networks`` is not a sequence of modules.
      FieldValueError: ``repeats`` is not a whole number from 1.
    """
    _check(networks, inputs, repeats, "measure_latency")
    made = [copy_network(network, on_meta=False) for network in networks]
    for tensor in find_tensors(inputs, [])[:1]:
        for network in made:
            network.to(tensor.device)
    calls = {i: partial(network, *inputs) for i, network in enumerate(made)}
    with explaining(inputs):
        times = time_calls(calls, repeats, Random(seed), waits=has_cuda(inputs))
    return [_summarize(times[i]) for i in range(len(made))]


def measure_layers(
    networks: Sequence[Any],
    *inputs: Any,
    key: Key | None = None,
    table: CostTable | None = None,
    repeats: int = 30,
    seed: int = 0,
) -> CostTable:
    """Measures the layers of networks on this machine; returns a table of milliseconds for ``look_up``.

    Give samples of a space to get a table for it: ``[pg.random_sample(space, seed) for seed in range(20)]``.  The least time
    of each part counts.  Each part runs alone, so transfers between parts are not included.

    >>> import torch
    >>> from torch import nn
    >>> from pliant.cost import look_up
    >>> net, x = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8)), torch.zeros(2, 4)
    >>> table = measure_layers([net], x, repeats=3)
    >>> len(table), look_up(net, x, table=table).total > 0
    (3, True)

    Args:
      networks: modules or programs without open decisions.
      *inputs: positional arguments of each, with the batch size to measure.
      key: from a call to its key, or None if its parts have keys (``pg.cost.format_key`` writes keys of published tables); by
        default each layer without layers inside has a key of its configuration and the shapes of its inputs.
      table: entries that are known already; they are not measured, and are part of the result.
      repeats: how often each part is measured, after one run that warms up.
      seed: of the order.

    Raises:
      FieldTypeError: ``networks`` is not a sequence of modules, or ``table`` is not a table.
      FieldValueError: ``repeats`` is not a whole number from 1, or ``table`` has another unit.
    """
    _check(networks, inputs, repeats, "measure_layers")
    if not (table is None or isinstance(table, CostTable)):
        raise FieldTypeError(f"measure_layers(table=...) takes a CostTable; got {quote(table)}.")
    if table is not None and table.unit != "ms":
        raise FieldValueError(
            f"measure_layers measures milliseconds; the given table has the unit {table.unit!r}."
        )
    known = {} if table is None else dict(table)
    calls: dict[str, Callable[[], object]] = {}
    for network in networks:
        for name, call in record_on_data(network, inputs, key):
            if name not in known and name not in calls:
                calls[name] = _repeat(call.module, call.inputs)
    times = time_calls(calls, repeats, Random(seed), waits=has_cuda(inputs))
    return CostTable({**known, **{name: min(found) * 1e3 for name, found in times.items()}})


def time_calls(
    calls: Mapping[Name, Callable[[], object]], repeats: int, random: Random, *, waits: bool
) -> dict[Name, list[float]]:
    """Returns the seconds of each call in each round; a first round warms up.

    All calls are measured in random order in each round, so that other load on the machine hits all of them alike.

    Args:
      calls: functions by name.
      repeats: the number of rounds.
      random: of the order.
      waits: whether to wait for the GPU.
    """
    times: dict[Name, list[float]] = {name: [] for name in calls}
    order = list(calls.items())
    with torch.no_grad():
        for round_ in range(repeats + 1):
            random.shuffle(order)
            for name, call in order:
                if waits:
                    torch.cuda.synchronize()
                started = time.perf_counter()
                call()
                if waits:
                    torch.cuda.synchronize()
                if round_:
                    times[name].append(time.perf_counter() - started)
    return times


def _repeat(module: nn.Module, inputs: tuple[Any, ...]) -> Callable[[], object]:
    return lambda: module(*inputs)


def _summarize(seconds: list[float]) -> Timing:
    ordered = sorted(1e3 * s for s in seconds)
    last = len(ordered) - 1
    low, middle, high = (ordered[round(q * last)] for q in (0.25, 0.5, 0.75))
    return Timing(ordered[0], middle, high - low)


def _check(networks: object, inputs: tuple[Any, ...], repeats: object, function: str) -> None:
    check_inputs(function, inputs)
    if isinstance(networks, (nn.Module, str)) or not isinstance(networks, Sequence):
        raise FieldTypeError(
            f"{function} takes a list of networks, also for one: `pg.cost.{function}([network], x)`; got {quote_typed(networks)}."
        )
    count = to_whole(repeats)
    if count is None or count < 1:
        raise FieldValueError(f"{function}(repeats=...) takes a whole number from 1; got {quote(repeats)}.")
