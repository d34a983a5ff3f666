"""NAS-Bench-201 as benchmark tasks: its table, and the columns of reward, test and cost.

Dong and Yang, ICLR 2020; the topology space of NATS-Bench (Dong et al., TPAMI 2021) has the same cells, and a table of
its results with the same columns can be read as well.  The table is an archive ``nb201.npz`` with one row per cell, in any order:
``arch`` (the published name), and accuracies in percent as below.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from pliant.values.errors import FieldValueError, listing, suggest
from pliant.zoo import nasbench201 as cells

from .tables import Table, Tabular, find_table, index_rows, read_archive

SOURCE = (
    "It holds the published results of NAS-Bench-201 (15,625 rows: github.com/D-X-Y/NAS-Bench-201, "
    "github.com/D-X-Y/NATS-Bench) as columns of a NumPy archive; `pliant.bench.nasbench201` says which."
)


@dataclass(frozen=True)
class _Dataset:
    """The columns of a task: rewards by fidelity (epochs), tests as the mean of columns."""

    rewards: dict[int, str]
    tests: tuple[str, ...]
    images: int  # per epoch
    area: float = 1.0  # of an image, relative to 32 x 32


DATASETS = {
    "cifar10": _Dataset({12: "c10_val_12", 200: "c10valid_xvalid_200_mean"}, ("c10_test_200_mean",), 25_000),
    "cifar10-12": _Dataset({12: "c10_val_12"}, ("c10_test_200_mean",), 25_000),
    "cifar100": _Dataset({12: "c100_val_12"}, ("c100_xtest_200_mean",), 50_000),
    "imagenet16-120": _Dataset(
        {12: "in16_val_12"}, ("in16_xtest_200_trialA", "in16_xtest_200_trialB"), 151_700, 0.25
    ),
}
"""The tasks by name, and the columns that each reads."""


def nasbench201(dataset: str, data: str | os.PathLike[str] | None = None) -> Tabular:
    """Returns the task of one data set.

    ``cifar10``: reward is the validation accuracy of training on half of the training set, for 12 or 200 epochs
    (mean of the published repeats; the two are different schedules, not one run); test is the accuracy of training
    on all of it for 200 epochs (optimum 94.37).  ``cifar10-12``: the published search protocol, the 12-epoch
    validation accuracy as reward and the same test.  ``cifar100`` and ``imagenet16-120``: 12-epoch validation accuracy as
    reward, 200-epoch test accuracy (optima 73.51 and 47.33; the latter is a mean of two of the three repeats,
    whose published maximum is 47.31).

    The table has no training times: ``cost`` is 3 x multiply-adds x images x epochs, in units of 10 ** 15.

    Args:
      dataset: a key of ``DATASETS``.
      data: the table or its folder.

    Raises:
      FieldValueError: the data set is unknown.
      TableError, LoadError: see ``get_task``.
    """
    if dataset not in DATASETS:
        raise FieldValueError(
            f"NAS-Bench-201 has no data set {dataset!r}{suggest(dataset, DATASETS) or '.'} It has {listing(DATASETS)}."
        )
    spec = DATASETS[dataset]
    file = find_table(["nb201.npz"], data, SOURCE)
    size = 5**6
    names = [*spec.rewards.values(), *spec.tests, "c10_flops_M_derived", "c10_params_M"]
    columns = read_archive(file, {"arch": (size,), **dict.fromkeys(names, (size,))})
    flops = columns["c10_flops_M_derived"] * spec.area
    per_epoch = 3 * flops * 1e6 * spec.images / 1e15
    table = Table(
        fidelities=tuple(spec.rewards),
        rewards=np.stack([columns[name] for name in spec.rewards.values()])[:, None, :],
        tests=np.mean([columns[name] for name in spec.tests], axis=0),
        costs=np.stack([per_epoch * epochs for epochs in spec.rewards]),
        cost_unit="10^15 multiply-adds",
        info={"flops_m": flops, "params_m": columns["c10_params_M"]},
    )
    row = index_rows(columns["arch"], file, _read_cell, kind="cell of NAS-Bench-201", count=size)
    return Tabular(f"nasbench201/{dataset}", cells.make_space(), table, row=row)


def _read_cell(text: str) -> tuple[int, ...] | None:
    """Returns the decisions of a published name; None for other text."""
    edges = text.replace("+", "").strip("|").replace("||", "|").split("|")
    ops = [edge.partition("~")[0] for edge in edges]
    if len(ops) != len(cells.EDGES) or not set(ops) <= set(cells.OPS):
        return None
    return tuple(map(cells.OPS.index, ops))
