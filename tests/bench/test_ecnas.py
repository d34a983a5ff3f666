"""The EC-NAS tables: complete, and found by the hash of a cell."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.bench import get_task
from pliant.values.errors import LoadError


def test_4v_is_complete(data):
    task = get_task("ecnas_4v", data)
    assert (task.fidelities, task.repeats, task.cost_unit) == ((4, 12, 36, 108), 3, "seconds")
    results = [task.evaluate(d) for d in task.space.iterate()]
    feasible = [result for result in results if result is not None]
    assert {task._row(d) for d in task.space.iterate()} - {None} == set(range(91))
    assert max(result.test for result in feasible) == task.optimum.test
    assert max(result.reward for result in feasible) == task.optimum.reward


def test_5v_is_complete(data):
    task = get_task("ecnas_5v", data)
    assert (task.fidelities, task.repeats) == ((2, 4), 1)
    assert task.optimum.reward == pytest.approx(77.01, abs=0.005)
    rows = {task._row(d) for d in task.space.iterate()} - {None}
    assert rows == set(range(2532))


def test_rows_are_those_of_the_file(data):
    task = get_task("ecnas_4v", data)
    with np.load(data / "ecnas_4v.npz") as archive:
        columns = {name: archive[name] for name in ("hash", "epochs", "final_eval", "params")}
    cell = columns["hash"] == b"5529e1779433733d1145e20de5d8604e"
    for fidelity in task.fidelities:
        rows = columns["final_eval"][cell & (columns["epochs"] == fidelity)]
        found = next(
            r for d in task.space.iterate() if (r := task.evaluate(d, fidelity)) and matches(r, rows)
        )
        assert found.cost == pytest.approx(rows[:, 1].mean())
    assert found.test == pytest.approx(100 * rows[:, 4].mean())
    assert found.info["energy_kwh"] == pytest.approx(rows[:, 5].mean())
    assert found.info["params_m"] == columns["params"][cell][0] / 1e6


def matches(result, rows):
    return result.reward == pytest.approx(100 * rows[0, 3])


def test_more_training_costs_more_and_helps_on_average(data):
    task = get_task("ecnas_4v", data)
    means = [
        np.mean([[r.cost, r.reward] for d in task.space.iterate() if (r := task.evaluate(d, f))], axis=0)
        for f in task.fidelities
    ]
    assert (np.diff(means, axis=0) > 0).all()


def change_table(data, tmp_path, name, **changes):
    with np.load(data / f"{name}.npz") as archive:
        columns = {key: archive[key].copy() for key in archive.files}
    for key, change in changes.items():
        columns[key] = change(columns[key])
    np.savez(tmp_path / f"{name}.npz", **columns)


def test_damaged_tables(data, tmp_path):
    change_table(data, tmp_path, "ecnas_5v", hash=lambda h: np.where(np.arange(2532) == 0, h[1], h))
    with pytest.raises(LoadError, match="does not hold each of the 2,532 cells once"):
        get_task("ecnas_5v", tmp_path)
    change_table(data, tmp_path, "ecnas_4v", epochs=lambda e: np.where(np.arange(1092) == 0, 12, e))
    with pytest.raises(LoadError, match="the same number of trainings for each cell"):
        get_task("ecnas_4v", tmp_path)
    change_table(data, tmp_path, "ecnas_4v", eval_fields=lambda fields: fields + 100)
    with pytest.raises(LoadError, match=r"has the fields \[101.*expected at least 1, 2, 4, 5 and 6"):
        get_task("ecnas_4v", tmp_path)
