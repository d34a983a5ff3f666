"""Archives of tables that are damaged or made up: an error that says what is wrong, and never another one."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from pliant.bench import get_task
from pliant.bench.nasbench101 import unique_cells
from pliant.bench.nasbench101.table import parse_row
from pliant.bench.tables import read_archive
from pliant.values.errors import LoadError


def columns_101(vertices=3):
    cells = list(unique_cells(vertices))
    count = len(cells)
    return {
        "hashes": np.array([cell.fingerprint().encode() for cell in cells]),
        "vertices": np.array([len(cell.ops) for cell in cells]),
        "parameters": np.arange(count),
        "fidelities": np.array([54, 108]),
        "validation": np.full((2, 3, count), 0.5),
        "test": np.full((3, count), 0.5),
        "seconds": np.ones((2, 3, count)),
    }


def change(array, drawn):
    return drawn.choice(
        [
            lambda: array[..., :-1],
            lambda: array[:1],
            lambda: array[None],
            lambda: array.reshape(-1),
            lambda: np.zeros((0, *array.shape[1:]), array.dtype),
            lambda: np.array(3),
            lambda: np.full(array.shape, "x"),
            lambda: np.full(array.shape, b"\xff"),
            lambda: np.full(array.shape, "ä" * 32),
            lambda: np.full(array.shape, b"0" * 32),
            lambda: np.full(array.shape, True),
            lambda: array.astype("U32"),
        ]
    )()


def test_a_table_of_nasbench101_of_which_one_column_is_another(tmp_path):
    drawn, file = random.Random(0), tmp_path / "nasbench101.npz"
    whole = columns_101()
    np.savez(file, **whole)
    good = get_task("nasbench101", file, vertices=3)
    assert good.evaluate([0, 0, 1, 0]).reward == 50.0
    refused = 0
    for name in [*whole] * 12:
        np.savez(file, **{**whole, name: change(whole[name], drawn)})
        try:
            task = get_task("nasbench101", file, vertices=3)
            for decisions in task.space.iterate():
                task.evaluate(decisions)
        except LoadError:
            refused += 1
    assert refused > 60


def test_axes_of_one_name_have_one_length(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.zeros(4))
    with pytest.raises(
        LoadError,
        match=r"'y' of the table .* has the shape \(4,\); expected \('b',\), where \{'a': 2, 'b': 3\}",
    ):
        read_archive(tmp_path / "a.npz", {"x": ("a", "b"), "y": ("b",)})


@pytest.mark.parametrize("values", [["ä"], [b"\xff"]])
def test_text_is_ascii_and_numbers_are_numbers(tmp_path, values):
    np.savez(tmp_path / "a.npz", arch=np.array(values), x=np.array(values), hash=np.zeros(1))
    with pytest.raises(
        LoadError, match=r"'arch' of the table .* must be ASCII text; got the type .* with other text"
    ):
        read_archive(tmp_path / "a.npz", {"arch": (1,)})
    with pytest.raises(LoadError, match=r"'x' of the table .* must be numbers; got the type"):
        read_archive(tmp_path / "a.npz", {"x": (1,)})
    with pytest.raises(LoadError, match=r"'hash' of the table .* must be ASCII text; got the type float64"):
        read_archive(tmp_path / "a.npz", {"hash": (1,)})


GOOD = ["0" * 32, 108, "0100", "input,output", ""]
ROWS = {
    "deep": "[" * 16_000,
    "deep within": json.dumps(GOOD)[:-3] + "[" * 900 + "]" * 900 + "]",
    "a long number": "[" + "9" * 5000 + "]",
    "a huge number of epochs": [GOOD[0], 10**30, *GOOD[2:]],
    "infinite epochs": '["' + "0" * 32 + '", Infinity, "0100", "input,output", ""]',
    "no epochs": [GOOD[0], 0, *GOOD[2:]],
    "part of an epoch": [GOOD[0], 1.5, *GOOD[2:]],
    "epochs as text": [GOOD[0], "108", *GOOD[2:]],
    "a list as hash": [["a"] * 32, *GOOD[1:]],
    "a hash of other letters": ["ä" * 32, *GOOD[1:]],
    "a list as operations": [*GOOD[:3], ["input", "output"], ""],
    "a list as matrix": [*GOOD[:2], 5, *GOOD[3:]],
    "a huge count": [*GOOD[:4], "EP" + "//8" * 100],
    "not base64": [*GOOD[:4], "ä"],
    "fewer fields": GOOD[:4],
    "an object": {},
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows_of_nasbench101(kind):
    text = ROWS[kind] if isinstance(ROWS[kind], str) else json.dumps(ROWS[kind])
    with pytest.raises(LoadError, match="is not one of NAS-Bench-101"):
        parse_row(text.encode())


RECORD = {"test_acc": [1.0, 2.0, 3.0], "params": 1, "flops": 1}
TABLES = {
    "deep": "[" * 100_000,
    "a long name and many short ones": json.dumps(
        {"0" * 10**6: RECORD} | {str(i): RECORD for i in range(6560)}
    ),
    "other numbers of accuracies": json.dumps({"0": RECORD, "1": {**RECORD, "test_acc": [1.0]}}),
    "one accuracy": json.dumps({"0": {**RECORD, "test_acc": 1.0}}),
    "nested accuracies": json.dumps({"0": {**RECORD, "test_acc": [[[1.0, 2.0, 3.0]] * 2]}}),
    "a huge number": json.dumps({"0": {**RECORD, "params": 10**400}}),
    "a list": json.dumps({"0": {**RECORD, "flops": [1, 2]}}),
    "text": "\xff\xfe",
}


@pytest.mark.parametrize("kind", TABLES)
def test_json_of_nasbench_macro(tmp_path, kind):
    file = tmp_path / "nas-bench-macro_cifar10.json"
    file.write_text(TABLES[kind], "latin1")
    with pytest.raises(LoadError, match=r"is not the published JSON|no network of|has \S+ of the"):
        get_task("nasbench_macro", file)
