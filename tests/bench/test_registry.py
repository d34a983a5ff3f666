"""Names of tasks, and where their tables are looked for."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.bench import TableError, get_task
from pliant.bench.tables import read_archive
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, UnknownFieldError


def test_unknown_name_gets_the_nearest():
    with pytest.raises(
        FieldValueError, match=r"unknown task 'nasbench201/cifar-10'; did you mean 'nasbench201/cifar10'\?"
    ):
        get_task("nasbench201/cifar-10")


def test_unknown_option_gets_the_nearest():
    with pytest.raises(
        UnknownFieldError, match=r"'nk' has no option 'candidate'; did you mean 'candidates'\?.*'n', 'k'"
    ):
        get_task("nk", candidate=3)
    with pytest.raises(UnknownFieldError, match="It takes: none"):
        get_task("branin", dimensions=3)


def test_options_are_part_of_the_name():
    assert get_task("nk", n=6, k=1, seed=3).name == "nk(n=6, k=1, seed=3)"


@pytest.mark.parametrize(
    ("name", "file", "source"),
    [
        ("nasbench101", "nasbench101.npz", "google-research/nasbench"),
        ("nasbench201/cifar10", "nb201.npz", "D-X-Y/NAS-Bench-201"),
        ("nasbench_macro", "nas-bench-macro_cifar10.json", "xiusu/NAS-Bench-Macro"),
        ("ecnas_4v", "ecnas_4v.npz", "energy_4V9E.tfrecord"),
        ("ecnas_5v", "ecnas_5v.npz", "energy_5V9E.tfrecord"),
    ],
)
def test_missing_table_says_what_was_expected_and_where_to_get_it(monkeypatch, tmp_path, name, file, source):
    monkeypatch.delenv("PLIANT_DATA", raising=False)
    with pytest.raises(TableError, match=f"{file}.*PLIANT_DATA.*{source}"):
        get_task(name)
    with pytest.raises(FileNotFoundError, match=f"expected the file .*{file}.*{source}"):
        get_task(name, tmp_path)
    with pytest.raises(TableError, match=r"no table of results at .*absent"):
        get_task(name, tmp_path / "absent")
    monkeypatch.setenv("PLIANT_DATA", str(tmp_path))
    with pytest.raises(TableError, match="no table of results at"):
        get_task(name)


def test_the_variable_names_the_folder(monkeypatch, data):
    monkeypatch.setenv("PLIANT_DATA", str(data))
    assert get_task("ecnas_4v").space.size == 3**2 * 2**6


def test_a_file_may_be_given_itself(data):
    assert get_task("nasbench_macro", data / "nasbench_macro.npz").space.size == 6561


class TestWrongTables:
    def test_text(self, tmp_path):
        (tmp_path / "nb201.npz").write_text("not found")
        with pytest.raises(LoadError, match=r"cannot be read as an \.npz archive.*Expected the columns arch"):
            get_task("nasbench201/cifar10", tmp_path)

    def test_nothing(self, tmp_path):
        (tmp_path / "nb201.npz").touch()
        with pytest.raises(LoadError, match="cannot be read"):
            get_task("nasbench201/cifar10", tmp_path)

    def test_single_array(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros(3))
        with pytest.raises(LoadError, match="a single array"):
            read_archive(tmp_path / "a.npy", {"x": (3,)})

    def test_objects_are_not_unpickled(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
        with pytest.raises(LoadError, match="cannot be read"):
            read_archive(tmp_path / "a.npz", {"x": (1,)})

    def test_another_table(self, data):
        with pytest.raises(
            LoadError, match=r"no column 'c10_val_12'.*Is it the table of another benchmark\?"
        ):
            get_task("nasbench201/cifar10-12", data / "nasbench_macro.npz")
        with pytest.raises(LoadError, match=r"column 'hash' .* has the shape \(1092,\); expected \(2532,\)"):
            get_task("ecnas_5v", data / "ecnas_4v.npz")

    def test_part_of_a_table(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)))
        with pytest.raises(LoadError, match=r"shape \(2, 3\); expected \('rows', 4\), where \{'rows': 2\}"):
            read_archive(tmp_path / "a.npz", {"x": ("rows", 4)})
        with pytest.raises(LoadError, match=r"expected \(6,\)"):
            read_archive(tmp_path / "a.npz", {"x": (6,)})


class TestSizes:
    @pytest.mark.parametrize(
        ("name", "options", "message"),
        [
            ("nk", {"k": -1}, r"nk\(k=\.\.\.\) takes an integer of at least 0; got -1"),
            ("nk", {"n": 3, "k": 3}, "k=3 and n=3"),
            ("nk", {"candidates": 1}, "integer of at least 2; got 1"),
            ("nk", {"n": 30, "k": 13}, r"2\^13 joint values.*at most 4096"),
            ("tour", {"n": 2}, "of at least 3; got 2"),
            ("nasbench101", {"vertices": 8}, r"integer from 2 to 7; got 8"),
        ],
    )
    def test_values(self, name, options, message):
        with pytest.raises(FieldValueError, match=message):
            get_task(name, **options)

    @pytest.mark.parametrize(("name", "option"), [("nk", "n"), ("tour", "n"), ("nasbench101", "vertices")])
    def test_types(self, name, option):
        with pytest.raises(
            FieldTypeError, match=rf"{option}=\.\.\.\) takes (an integer|a whole number).*got '7' of type str"
        ):
            get_task(name, **{option: "7"})
