"""``CostTable``: milliseconds, or another cost such as energy, by the key of a layer or block; its files and keys.

Costs that were measured on one machine are not valid for another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from torch import Tensor

from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    LoadError,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.files import write_atomically
from pliant.values.lines import read_json
from pliant.values.npz import read_columns
from pliant.values.numbers import to_real


@final
class CostTable(Mapping[str, float]):
    """Lookup table of costs: milliseconds, or another unit such as millijoules, by the key of a layer or block.

    >>> table = CostTable({"conv-3": 1.5, "conv-5": 2.0})
    >>> table["conv-5"], len(table), table.unit
    (2.0, 2, 'ms')

    Args:
      entries: costs by key, at least 0.
      unit: of the costs, for people.
      path: the file of the table, for messages.
    """

    def __init__(self, entries: Mapping[str, float], *, unit: str = "ms", path: str = "") -> None:
        given: Mapping[Any, Any] = entries
        if not isinstance(given, Mapping):
            raise FieldTypeError(f"a table of costs is a dict of numbers by key; got {quote_typed(given)}.")
        for key, value in given.items():
            number = to_real(value)
            if not isinstance(key, str) or number is None or not 0 <= number < float("inf"):
                raise FieldTypeError(
                    f"a table of costs maps text to numbers of at least 0, such as milliseconds; got {quote(key)}: {quote(value)}."
                )
        if not isinstance(unit, str):
            raise FieldTypeError(f"CostTable(unit=...) takes text such as 'ms' or 'mJ'; got {quote(unit)}.")
        self.unit = unit
        self.entries, self.path = {key: float(value) for key, value in entries.items()}, path

    def __getitem__(self, key: str) -> float:
        """Returns the cost of a key.

        Raises:
          FieldValueError: the key is missing; the message names the nearest one.
        """
        found = self.entries.get(key)
        if found is None:
            where = f"the table of costs {self.path}" if self.path else "this table of costs"
            raise FieldValueError(
                f"{where} has no entry {key!r}{suggest(key, self.entries) or '.'} It has {len(self)}: "
                f"{listing(self.entries, 3)}."
            )
        return found

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def get(self, key: str, default: Any = None) -> Any:
        """Returns the cost of a key, or ``default``."""
        return self.entries.get(key, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def save(self, path: str | Path) -> None:
        """Writes the table as a JSON file: ``{key: milliseconds}``; for another unit ``{"unit": ..., "entries": {key: cost}}``."""
        content = self.entries if self.unit == "ms" else {"unit": self.unit, "entries": self.entries}
        write_atomically(path, json.dumps(content, indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: str | Path, *, key: str = "key", value: str = "mean_ms", **where: Any) -> CostTable:
        """Reads a table.

        Args:
          path: a ``.json`` file as ``save`` writes it, or an ``.npz`` file with a row per entry.
          key: the column of keys in an ``.npz`` file.
          value: its column of costs.
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
                if entries.keys() == {"unit", "entries"} and isinstance(entries["entries"], dict):
                    return cls(entries["entries"], unit=entries["unit"], path=str(file))
                return cls(entries, path=str(file))
            names = read_columns(file, needed := (key, value, *where))
            columns = {name: column.to_list() for name, column in names.items() if column}
            if len(set(map(len, columns.values()))) > 1:
                raise ValueError(f"the columns {listing(columns)} have different lengths")
            columns[value] = list(map(float, columns.get(value, ())))
        except (OSError, ValueError) as error:
            raise LoadError(
                f'{file} is not a table of costs: {error}. Give a .json file such as {{"conv-3": 1.5}}, in milliseconds, or an '
                f".npz file with a column of keys ({key!r}) and one of costs ({value!r})."
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
                        f"`CostTable.load(path, resolution=160)`. Its columns: {', '.join(names)}."
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
        return f"CostTable({len(self)} entries in {self.unit}{f' of {self.path}' if self.path else ''})"


def format_key(kind: str, inputs: Tensor | str, outputs: Tensor | str, **fields: int) -> str:
    """Returns a key in the format of the tables of Once-for-All and ProxylessNAS: height, width and channels of one image.

    >>> import torch
    >>> x, y = torch.zeros(1, 24, 80, 80), torch.zeros(1, 32, 40, 40)
    >>> format_key("expanded_conv", x, y, expand=72, kernel=3, stride=2, idskip=0, se=0, hs=0)
    'expanded_conv-input:80x80x24-output:40x40x32-expand:72-kernel:3-stride:2-idskip:0-se:0-hs:0'

    Args:
      kind: ``Conv``, ``expanded_conv``, ``Conv_1``, ``AvgPool2D``, ``Conv_2`` and ``Logits`` in those tables.
      inputs: a tensor (batch, channels, height, width) or (batch, channels), or text.
      outputs: the same.
      **fields: further parts of the key, in this order.
    """
    found = [str(_describe(kind)), f"input:{_describe(inputs)}", f"output:{_describe(outputs)}"]
    return "-".join([*found, *(f"{name}:{int(value)}" for name, value in fields.items())])


def _describe(value: Any) -> str:
    if not isinstance(value, (str, Tensor)):
        raise FieldTypeError(f"a key of latencies has tensors, or text; got {quote_typed(value)}.")
    return value if isinstance(value, str) else "x".join(map(str, (*value.shape[2:], value.shape[1])))
