"""Tables from objects in memory and from Parquet files agree with the same table as CSV."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from pliant.tabular import read_table
from pliant.tabular.reading import parquet as reader
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, UnknownFieldError

ROWS = [
    {"age": 31, "city": "Oslo", "member": True, "since": dt.date(2020, 1, 2)},
    {"age": None, "city": "Rome", "member": False, "since": None},
    {"age": 4.5, "city": None, "member": True, "since": dt.date(1969, 12, 31)},
]


def plain(table):
    return {
        name: [None if one != one else one for one in column.tolist()]
        for name, column in table.columns.items()
    }


EXPECTED = {
    "age": [31.0, None, 4.5],
    "city": ["Oslo", "Rome", None],
    "member": ["True", "False", "True"],
    "since": [dt.datetime.fromisoformat("2020-01-02"), None, dt.datetime.fromisoformat("1969-12-31")],
}


def test_all_kinds_of_objects(tmp_path):
    frame = pd.DataFrame(ROWS)
    frame["since"] = pd.to_datetime(frame["since"])
    by_column = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    file = tmp_path / "data.parquet"
    frame.to_parquet(file)
    array = frame.astype(object).to_numpy()
    found = [read_table(one) for one in (ROWS, by_column, frame, file, read_table(ROWS))]
    assert [plain(one) for one in found] == [EXPECTED] * 5
    assert list(plain(read_table(array)).values()) == list(EXPECTED.values())
    assert list(plain(read_table(array.tolist())).values()) == list(EXPECTED.values())


def test_columns_of_other_types():
    frame = pd.DataFrame(
        {
            "nullable": pd.array([1, None, 3], "Int64"),
            "category": pd.Categorical([1, 2, 1]),
            "zone": pd.to_datetime(["2020-01-01T02:00+02:00"] * 3, utc=True),
            "decimal": [decimal.Decimal("1.5")] * 3,
            "bytes": [b"x", b"y", None],
            "mixed": [1, "one", 2.0],
        }
    )
    table = read_table(frame)
    assert plain(table)["nullable"] == [1.0, None, 3.0]
    assert table.categorical == {"category"}
    assert plain(table)["zone"][0].isoformat() == "2020-01-01T00:00:00"
    assert plain(table)["decimal"] == [1.5] * 3
    assert plain(table)["bytes"] == ["x", "y", None]
    assert plain(table)["mixed"] == ["1", "one", "2"]


def test_whole_numbers_that_floats_do_not_tell_apart_are_texts():
    large = 2**53
    table = read_table(
        {
            "a": np.array([large + 1, 5]),
            "b": np.array([-large, 5], np.int64),
            "c": [large + 1, 10**400],
            "d": [-(10**400), None],
            "e": np.array([large - 1, 5]),
        }
    )
    assert {name: column.tolist() for name, column in table.columns.items()} == {
        "a": ["9007199254740993", "5"],
        "b": ["-9007199254740992", "5"],
        "c": ["9007199254740993", "inf"],
        "d": ["-inf", None],
        "e": [9007199254740991, 5],
    }


def test_a_structured_array():
    array = np.array([(1, "x"), (2, "y")], dtype=[("a", "i4"), ("b", "U3")])
    assert plain(read_table(array)) == {"a": [1.0, 2.0], "b": ["x", "y"]}


def test_categories_by_name():
    table = read_table({"zip": [94107, 10001], "size": [1, 2]}, categorical=["zip"])
    assert table.categorical == {"zip"}
    with pytest.raises(UnknownFieldError, match=r"no column 'zap'; did you mean 'zip'\?"):
        read_table({"zip": [94107, 10001]}, categorical=["zap"])


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (3, FieldTypeError, "a table is the path of a CSV or Parquet file.*got 3 of type int"),
        (np.zeros(3), FieldValueError, r"has the shape \(rows, columns\); got \(3,\).*reshape\(-1, 1\)"),
        (np.zeros((3, 2), complex), FieldTypeError, "the column 'x0' has values of type complex128"),
        ({"a": [1, 2], "b": [1]}, FieldValueError, r"equal lengths; got \{'a': 2, 'b': 1\}"),
        ([[1, 2], [1]], FieldValueError, r"equal lengths; got lengths \[1, 2\]"),
        (
            {"a": [[1], [2]]},
            FieldTypeError,
            r"must be a string or a number. The column 'a' has \[1\] of type list",
        ),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            FieldValueError,
            "the data frame has two columns named 'a'",
        ),
    ],
)
def test_what_is_not_a_table(data, error, message):
    with pytest.raises(error, match=message):
        read_table(data)


def test_values_that_no_table_has_are_converted_or_left_out():
    given = {"a": [[1], [2]], "b": [1, 2]}
    with pytest.raises(
        FieldTypeError, match=r"'a' has \[1\] of type list\. Convert it, or leave the column out\."
    ):
        read_table(given)
    assert plain(read_table(given | {"a": [one[0] for one in given["a"]]})) == {
        "a": [1.0, 2.0],
        "b": [1.0, 2.0],
    }
    assert plain(read_table({"b": given["b"]})) == {"b": [1.0, 2.0]}


def test_spaces_around_names(tmp_path):
    """Names of the same table are equal, whether it is read from a file or comes from pandas."""
    file = tmp_path / "data.csv"
    file.write_text("age ,  city,\n1,x,2\n")
    frame = pd.read_csv(file).rename(columns={"Unnamed: 2": ""})
    frame.to_parquet(tmp_path / "data.parquet")
    found = [
        read_table(one).names for one in (file, frame, tmp_path / "data.parquet", frame.to_dict("records"))
    ]
    assert found == [("age", "city", "column 3")] * 4
    with pytest.raises(FieldValueError, match="the table has two columns named 'age', number 1 and number 2"):
        read_table({"age": [1], "age ": [2]})


def test_a_sample_of_no_rows():
    with pytest.raises(FieldValueError, match="sample_rows is at least 1, or None for all rows; got 0"):
        read_table("data.csv", sample_rows=0)


def test_a_path_without_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_table(tmp_path / "none.csv")


# --- Parquet ---------------------------------------------------------------------------------------------------


def test_parquet_with_categories_and_many_batches(tmp_path):
    file = tmp_path / "data.parquet"
    texts = pa.array(["a", "b"] * 200).dictionary_encode()
    parquet.write_table(pa.table({"n": range(400), "c": texts}), file, row_group_size=64)
    table = read_table(file)
    assert table.categorical == {"c"}
    assert table.columns["c"].tolist() == ["a", "b"] * 200
    sample = read_table(file, sample_rows=40, seed=3)
    assert sample.rows == 40
    assert sample.notes == ("40 of 400 rows were drawn at random.",)
    kept = sample.columns["n"].astype(int)
    assert sample.columns["c"].tolist() == [["a", "b"][i % 2] for i in kept]
    assert kept.max() > 200


def test_parquet_that_is_too_large(tmp_path, monkeypatch):
    """A file of few bytes can declare many rows; the number is checked before they are read."""
    file = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"n": [1] * 5000, "m": [2] * 5000}), file)
    monkeypatch.setattr(reader, "MAX_CELLS", 1000)
    with pytest.raises(
        LoadError, match=r"5000 rows and 2 columns; at most 1000 cells.*sample_rows=50, `--sample-rows`"
    ):
        read_table(file)
    assert read_table(file, sample_rows=50).rows == 50


def test_parquet_that_is_damaged(tmp_path):
    file = tmp_path / "data.parquet"
    file.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(LoadError, match=r"'data\.parquet' is not a Parquet file, or it is damaged"):
        read_table(file)


def test_parquet_of_lists(tmp_path):
    file = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"n": [[1], [2]]}), file)
    with pytest.raises(FieldTypeError, match="The column 'n' has"):
        read_table(file)
