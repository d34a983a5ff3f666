"""NAS-Bench-201 against its published figures."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.bench import get_task
from pliant.bench.nasbench201 import nasbench201
from pliant.values.errors import FieldValueError, LoadError
from pliant.zoo import nasbench201 as cells


def best(task):
    return max((task.evaluate(d) for d in task.space.iterate()), key=lambda result: result.test)


@pytest.mark.parametrize(
    ("dataset", "test", "reward"),
    [
        ("cifar10", 94.37, 91.61),
        ("cifar10-12", 94.37, 84.89),
        ("cifar100", 73.51, 61.32),
        ("imagenet16-120", 47.33, 38.67),  # 47.31 as the mean of three; the table has two of them
    ],
)
def test_published_maxima(data, dataset, test, reward):
    task = get_task(f"nasbench201/{dataset}", data)
    assert round(task.optimum.test, 2) == test
    assert round(task.optimum.reward, 2) == reward
    assert task.regret(best(task)) == 0
    assert task.space.size == 15_625


def test_every_row_is_found_by_its_published_name(data):
    task = get_task("nasbench201/cifar10", data)
    with np.load(data / "nb201.npz") as archive:
        archs, validation, test = (
            archive[name] for name in ("arch", "c10valid_xvalid_200_mean", "c10_test_200_mean")
        )
    for row in range(0, 15_625, 25):
        decisions = task.encode(cells.from_text(archs[row].decode()))
        result = task.evaluate(decisions)
        assert (result.reward, result.test) == (validation[row], test[row])


def test_best_cell_of_cifar10(data):
    """The cell of index 6111, as published."""
    task = get_task("nasbench201/cifar10", data)
    with np.load(data / "nb201.npz") as archive:
        cell = cells.from_text(archive["arch"][6111].decode())
    assert task.regret(task.evaluate(task.encode(cell))) == 0
    assert list(cell.ops).count("nor_conv_3x3") == 4


def test_cost_is_training_work(data):
    task = get_task("nasbench201/cifar10", data)
    heavy = task.evaluate([3] * 6)
    assert task.fidelities == (12, 200)
    assert heavy.info["flops_m"] == pytest.approx(220.12, abs=0.01)  # the published maximum
    assert heavy.cost == pytest.approx(3 * 220.11969e6 * 25_000 * 200 / 1e15)
    assert task.evaluate([3] * 6, 12).cost == pytest.approx(heavy.cost * 12 / 200)


def test_unknown_dataset(data):
    with pytest.raises(FieldValueError, match=r"no data set 'cifar'; did you mean 'cifar10'"):
        nasbench201("cifar", data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda archs: archs[0].replace(b"none", b"noop"), "no cell of NAS-Bench-201"),
        (lambda archs: archs[1], "has 15,624 of the 15,625 names, each of a cell"),
    ],
)
def test_table_of_other_cells(tmp_path, change, message):
    archs = np.array([cells.to_text(c.ops).encode() for c in all_cells()])
    columns = dict.fromkeys(
        ["c10_val_12", "c10_test_200_mean", "c10_flops_M_derived", "c10_params_M"], np.ones(5**6)
    )
    np.savez(tmp_path / "nb201.npz", arch=archs, **columns)
    assert get_task("nasbench201/cifar10-12", tmp_path).optimum.test == 1
    archs[0] = change(archs)
    np.savez(tmp_path / "nb201.npz", arch=archs, **columns)
    with pytest.raises(LoadError, match=message):
        get_task("nasbench201/cifar10-12", tmp_path)


def all_cells():
    import pliant as pg

    return pg.iter(cells.make_space())
