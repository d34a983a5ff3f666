"""Latency of networks: sums of the entries of a latency table over layers, and the measurement of such a table.

The latency of a network is modelled as the sum of those of its parts (Cai et al., "ProxylessNAS", ICLR 2019, section 3.3).
Latencies measured on one machine are not valid for another.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from pliant.algorithms.options import check_count
from pliant.space import Choice
from pliant.space.sample import as_random
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, SpaceError, listing, suggest
from pliant.values.files import write_atomically
from pliant.values.lines import read_json
from pliant.values.npz import read_columns
from pliant.values.numbers import to_real

from ..elastic.lazy import LazyLayer
from ..rewrite.network import Supernet
from .graph import CostGraph
from .model import Cost, run_metered
from .trace import Call, Meter


@final
class LatencyTable:
    """Latency table: milliseconds by the key of a layer or block.

    >>> table = LatencyTable({"conv-3": 1.5, "conv-5": 2.0})
    >>> table["conv-5"], len(table)
    (2.0, 2)

    Args:
      entries: milliseconds by key.
      path: the file of the table, for messages.
    """

    def __init__(self, entries: Mapping[str, float], *, path: str = "") -> None:
        given: Mapping[Any, Any] = entries
        for key, value in given.items():
            number = to_real(value)
            if not isinstance(key, str) or number is None or not 0 <= number < float("inf"):
                raise FieldTypeError(
                    f"a latency table maps text to milliseconds of at least 0; got {key!r:.80}: {value!r:.80}."
                )
        self.entries, self.path = {key: float(value) for key, value in entries.items()}, path

    def __getitem__(self, key: str) -> float:
        """Returns the milliseconds of a key.

        Raises:
          FieldValueError: the key is missing; the message names the nearest one.
        """
        found = self.entries.get(key)
        if found is None:
            where = f"the latency table {self.path}" if self.path else "this latency table"
            raise FieldValueError(
                f"{where} has no entry {key!r}{suggest(key, self.entries) or '.'} It has {len(self)}: "
                f"{listing(self.entries, 3)}."
            )
        return found

    def __len__(self) -> int:
        return len(self.entries)

    def save(self, path: str | Path) -> None:
        """Writes the table as a JSON file, ``{key: milliseconds}``."""
        write_atomically(path, json.dumps(self.entries, indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(
        cls, path: str | Path, *, key: str = "key", value: str = "mean_ms", **where: Any
    ) -> LatencyTable:
        """Reads a table.

        Args:
          path: a ``.json`` file, ``{key: milliseconds}``, or an ``.npz`` file with a row per entry.
          key: the column of keys in an ``.npz`` file.
          value: its column of milliseconds.
          **where: values by column that select rows, such as ``resolution=160``.

        Raises:
          LoadError: the file has another format, or lacks the columns or rows.
        """
        file = Path(path)
        try:
            if file.suffix == ".json":
                entries = read_json(file.read_bytes())
                if not isinstance(entries, dict):
                    raise ValueError("its content is not a JSON object")
                return cls(entries, path=str(file))
            names = read_columns(file, needed := (key, value, *where))
            columns = {name: column.to_list() for name, column in names.items() if column}
            if len(set(map(len, columns.values()))) > 1:
                raise ValueError(f"the columns {listing(columns)} have different lengths")
            columns[value] = list(map(float, columns.get(value, ())))
        except (OSError, ValueError) as error:
            raise LoadError(
                f'{file} is not a latency table: {error}. Give a .json file such as {{"conv-3": 1.5}}, in milliseconds, or an '
                f".npz file with a column of keys ({key!r}) and one of milliseconds ({value!r})."
            ) from error
        for name in needed:
            if name not in names:
                raise LoadError(
                    f"{file} has no column {name!r}{suggest(name, names) or '.'} Its columns: {', '.join(names)}."
                )
        found: dict[str, float] = {}
        for i, (name, number) in enumerate(zip(columns[key], columns[value])):
            if all(columns[column][i] == wanted for column, wanted in where.items()):
                if name in found:
                    raise LoadError(
                        f"{file} has several rows with the key {name!r}. Select one by another column, as in "
                        f"`LatencyTable.load(path, resolution=160)`. Its columns: {', '.join(names)}."
                    )
                found[name] = number
        if not found:
            raise LoadError(
                f"{file} has no row with {', '.join(f'{k}={v!r}' for k, v in where.items())}. Its values: "
                + "; ".join(f"{k} {listing(sorted(set(columns[k])), 24)}" for k in where)
                + "."
            )
        return cls(found, path=str(file))

    def __repr__(self) -> str:
        return f"LatencyTable({len(self)} entries{f' of {self.path}' if self.path else ''})"


Key = Callable[[Call], "str | None"]
"""From a call of a module to its key in a table; None if the table has its parts instead, or if it takes no time."""

MAX_IDLE_DRAWS: Final = 10  # measuring stops after so many random networks without a new part


@final
class Latency(Cost):
    """Latency of a network in milliseconds: the sum of the entries of a table for its layers or blocks.

    Each module without open decisions (a candidate of a choice, an elastic module in one size, the layers around them) has
    a key.  If the key is text, the parts of the module do not count.

    >>> import pliant as pg
    >>> Linear, Sequential, ReLU = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU))
    >>> net = pg.oneshot.supernet(Sequential(Linear(2, 4), pg.oneof([Linear(4, 4), ReLU()])))
    >>> table = LatencyTable({"linear 2": 0.5, "linear 4": 0.7})
    >>> def key(call):
    ...     return f"linear {call.module.in_features}" if isinstance(call.module, nn.Linear) else None
    >>> cost = Latency(net, torch.zeros(1, 2), table, key=key)
    >>> cost([0]), cost([1])
    (1.2, 0.5)

    Args:
      supernet: see ``Cost``.
      example: see ``Cost``.
      table: as read from a file, or made by ``measure_latencies``.
      key: see ``Key``; for a measured table None.

    Raises:
      FieldValueError: at the call with a network that needs a missing entry.
    """

    def __init__(
        self, supernet: Supernet, example: object, table: LatencyTable, *, key: Key | None = None
    ) -> None:
        super().__init__(supernet, example)
        if not isinstance(table, LatencyTable):
            raise FieldTypeError(
                f"Latency takes a LatencyTable; got {table!r:.80} of type {type(table).__name__}. Make one with "
                "`LatencyTable.load(path)` or `measure_latencies(supernet, example)`."
            )
        self.table, self.key = table, key

    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        run_metered(self, _Lookup(self.table, self.key), graph, values)


@final
class _Lookup(Meter):
    def __init__(self, table: LatencyTable, key: Key | None) -> None:
        self._table, self._key = table, key

    def covers(self, module: nn.Module) -> bool:
        return self._key is None

    def price(self, call: Call) -> float:
        key = name_call(call) if self._key is None else self._key(call)
        if key is None:
            return call.inside
        try:
            return self._table[key]
        except FieldValueError as error:
            again = "Measure again with more networks."
            advice = again if self._key is None else "Correct the key function or the table."
            raise FieldValueError(
                f"the latency of the {type(call.module).__name__} at {call.path!r}: {error} {advice}"
            ) from None


def name_call(call: Call) -> str:
    """Returns the key of a call in measured tables: the class, a digest of its layers, and the shapes of its inputs."""
    module = _settled(call.module)
    sizes = [(name, tuple(p.shape)) for name, p in [*module.named_parameters(), *module.named_buffers()]]
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(module)) + repr(sizes)
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    shapes = ",".join(_say(x) for x in call.inputs if isinstance(x, Tensor))
    return f"{type(module).__name__}-{digest}-input:{shapes}"


def format_key(kind: str, inputs: Tensor | str, outputs: Tensor | str, **fields: int) -> str:
    """Returns a key in the format of the tables of Once-for-All and ProxylessNAS: height, width and channels of one image.

    >>> x, y = torch.zeros(1, 24, 80, 80), torch.zeros(1, 32, 40, 40)
    >>> format_key("expanded_conv", x, y, expand=72, kernel=3, stride=2, idskip=0, se=0, hs=0)
    'expanded_conv-input:80x80x24-output:40x40x32-expand:72-kernel:3-stride:2-idskip:0-se:0-hs:0'

    Args:
      kind: ``Conv``, ``expanded_conv``, ``Conv_1``, ``AvgPool2D``, ``Conv_2`` and ``Logits`` in those tables.
      inputs: a tensor (batch, channels, height, width) or (batch, channels), or text.
      outputs: the same.
      **fields: further parts of the key, in this order.
    """
    found = [kind, f"input:{_describe(inputs)}", f"output:{_describe(outputs)}"]
    return "-".join([*found, *(f"{name}:{int(value)}" for name, value in fields.items())])


def _describe(value: Tensor | str) -> str:
    return value if isinstance(value, str) else "x".join(map(str, (*value.shape[2:], value.shape[1])))


def _say(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "scalar"


# ------------------------------------------------------------------ measuring


def measure_latencies(
    supernet: Supernet, example: object, *, networks: int = 200, repeats: int = 30, seed: int = 0
) -> LatencyTable:
    """Measures the parts of a super-network on its device; returns a table for ``Latency``.

    All parts are measured in random order, ``repeats`` times, and the least time of each counts: the random order spreads
    other load over all parts, and disturbances only add time.  (Two rounds that measured whole networks one after another
    agreed by chance, with a Kendall's tau of 0.1; sums over a table made this way agreed with whole networks in random
    order at 0.78.)  Each part runs alone, so transfers between parts are not included.

    Args:
      supernet: has the parts.
      example: an input, with the batch size to measure.
      networks: the largest number of random networks whose parts are measured; if candidates are countable, all of theirs.
      repeats: the number of measurements of each part.
      seed: of the networks, and of the order.
    """
    networks = check_count(networks, "networks", "measure_latencies")
    repeats = check_count(repeats, "repeats", "measure_latencies")
    parts = _Parts(supernet, example)
    random, known, since = as_random(seed), 0, 0
    for _ in range(networks):
        parts(supernet.space.sample(random))
        since = 0 if len(parts.found) > known else since + 1
        known = len(parts.found)
        if since == MAX_IDLE_DRAWS:
            break
    countable = [p for p in supernet.space.points if isinstance(p, Choice) or p.count < float("inf")]
    with contextlib.suppress(SpaceError):  # too many combinations: the drawn networks have to suffice
        parts({p.path: torch.full((int(p.count),), 1.0 / p.count) for p in countable})
    least = dict.fromkeys(parts.found, float("inf"))
    order = list(parts.found.items())
    with torch.no_grad():
        for round_ in range(repeats + 1):
            random.shuffle(order)
            for key, (module, inputs) in order:
                started = time.perf_counter()
                module(*inputs)
                if any(isinstance(x, Tensor) and x.is_cuda for x in inputs):
                    torch.cuda.synchronize()
                if round_:  # the first round warms up
                    least[key] = min(least[key], time.perf_counter() - started)
    return LatencyTable({key: seconds * 1e3 for key, seconds in least.items()})


@final
class _Parts(Cost):
    """Collects the parts of networks, with copies of their weights; the cost is 0."""

    def __init__(self, supernet: Supernet, example: object) -> None:
        super().__init__(supernet, example)
        self.found: dict[str, tuple[nn.Module, tuple[Any, ...]]] = {}

    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        run_metered(self, _Collect(self.found), graph, values)


@final
class _Collect(Meter):
    def __init__(self, found: dict[str, tuple[nn.Module, tuple[Any, ...]]]) -> None:
        self._found = found

    def covers(self, module: nn.Module) -> bool:
        return True

    def price(self, call: Call) -> float:
        key = name_call(call)
        if key not in self._found:
            inputs = tuple(x.detach().clone() if isinstance(x, Tensor) else x for x in call.inputs)
            self._found[key] = copy.deepcopy(_settled(call.module)).eval(), inputs
        return 0.0


def _settled(module: nn.Module) -> nn.Module:
    """Returns the ordinary layer inside of one that infers its width from its input; other modules unchanged."""
    current = module.current() if isinstance(module, LazyLayer) else None
    return module if current is None else current.module
