"""NAS-Bench-Macro as a benchmark task: its table, and the columns of reward, test and cost.

Su et al., CVPR 2021.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pliant.values.errors import LoadError
from pliant.values.lines import read_json
from pliant.zoo import nasbench_macro as networks

from .tables import Table, Tabular, find_table, index_rows, read_archive

SOURCE = (
    "The published file is data/nas-bench-macro_cifar10.json of github.com/xiusu/NAS-Bench-Macro; the same columns in a "
    "NumPy archive (arch, test_acc, params, flops) are read faster."
)
NAMES = ("nasbench_macro.npz", "nas-bench-macro_cifar10.json")
SIZE = len(networks.BLOCKS) ** networks.LAYERS


def nasbench_macro(data: str | os.PathLike[str] | None = None) -> Tabular:
    """Returns the NAS-Bench-Macro task.

    The table has the CIFAR-10 test accuracy of three trainings of each network, and not validation accuracy.  Reward is the accuracy of one training (``repeat``, the first unless given); test is the mean of the
    three (optimum 93.127).  The table lacks training times: ``cost`` is the network's millions of multiply-adds.

    Args:
      data: the table (archive or published JSON) or its folder.

    Raises:
      TableError, LoadError: see ``get_task``.
    """
    file = find_table(NAMES, data, SOURCE)
    shapes = {"arch": (SIZE,), "test_acc": (SIZE, 3), "params": (SIZE,), "flops": (SIZE,)}
    columns = _read_json(file) if file.suffix == ".json" else read_archive(file, shapes)
    accuracies = np.asarray(columns["test_acc"], dtype=np.float64)
    flops = np.asarray(columns["flops"], dtype=np.float64) / 1e6
    table = Table(
        fidelities=(1,),
        rewards=accuracies.T[None],
        tests=accuracies.mean(axis=1),
        costs=flops[None],
        cost_unit="10^6 multiply-adds",
        info={"flops_m": flops, "params_m": columns["params"] / 1e6},
    )
    row = index_rows(columns["arch"], file, _read_network, kind="network of NAS-Bench-Macro", count=SIZE)
    return Tabular("nasbench_macro", networks.make_space(), table, row=row)


def _read_json(file: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        records = read_json(file.read_text("utf-8"))
        return {
            "arch": np.array(list(records), dtype=object),
            "test_acc": np.array(
                [record["test_acc"] for record in records.values()], dtype=np.float64
            ).reshape(len(records), 3),
            **{
                name: np.array([float(record[name]) for record in records.values()])
                for name in ("params", "flops")
            },
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise LoadError(
            f"the table {str(file)!r} is not the published JSON of NAS-Bench-Macro, one record with test_acc, params and "
            f"flops per network: {error!r}. {SOURCE}"
        ) from error


def _read_network(text: str) -> tuple[int, ...] | None:
    """Returns the decisions of a published name; None for other text."""
    return tuple(map(int, text)) if len(text) == networks.LAYERS and set(text) <= set("012") else None
