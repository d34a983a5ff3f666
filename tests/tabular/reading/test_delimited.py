"""Text with delimiters: what is detected, what is refused with which remedy, and that memory is bounded."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.tabular.reading import delimited
from pliant.tabular.reading.delimited import read_delimited
from pliant.values.errors import FieldValueError, LoadError


@pytest.fixture
def write(tmp_path):
    def go(text, encoding="utf-8", name="data.csv"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return file

    return go


def columns(table):
    return {name: column.tolist() for name, column in table.columns.items()}


@pytest.mark.parametrize("letter", [",", ";", "\t", "|"])
def test_delimiter_is_detected(write, letter):
    file = write(f"name{letter}size\nA, b{letter}1\nC;d{letter}2\n".replace(", b", " b").replace(";d", " d"))
    assert columns(read_delimited(file)) == {"name": ["A b", "C d"], "size": [1.0, 2.0]}


def test_semicolons_with_decimal_commas(write):
    assert columns(read_delimited(write("a;b\n1,5;x\n2,5;y\n")))["a"] == ["1,5", "2,5"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encoding_is_detected(write, encoding):
    found = read_delimited(write("città,größe\nForlì,1\n", encoding))
    assert columns(found) == {"città": ["Forlì"], "größe": [1.0]}


def test_an_encoding_that_is_given(write):
    assert columns(read_delimited(write("a\nж\n", "koi8-r"), encoding="koi8-r")) == {"a": ["ж"]}
    with pytest.raises(LoadError, match=r"not text in the encoding 'utf-8'.*such as encoding='latin-1'"):
        read_delimited(write("a\nж\n", "koi8-r"), encoding="utf-8")
    with pytest.raises(LoadError, match="not text in the encoding 'utf-99'"):
        read_delimited(write("a\n1\n"), encoding="utf-99")


@pytest.mark.parametrize(
    "encoding", ["a\0b", "\udcff", 10**5000, "x" * 10**6, "hex", ["utf-8"]], ids=lambda e: type(e).__name__
)
def test_what_is_not_an_encoding(write, encoding):
    with pytest.raises(LoadError, match=r"is not text in the encoding .*such as encoding='latin-1'") as found:
        read_delimited(write("a\n1\n"), encoding=encoding)
    assert len(str(found.value)) < 2200
    assert str(found.value).isprintable()


@pytest.mark.parametrize(
    "delimiter", ["\n", "\r", '"', "\0", 10**5000, ["a"], "::"], ids=lambda d: type(d).__name__
)
def test_what_is_not_a_delimiter(write, delimiter):
    with pytest.raises(FieldValueError, match="a delimiter is one letter, such as ';'; got "):
        read_delimited(write("a,b\n1,2\n"), delimiter=delimiter)


def test_blanks_as_delimiters(write):
    assert columns(read_delimited(write("a b\n1  2\n"), delimiter=" ")) == {"a": [1.0], "b": [2.0]}


def test_quotation_marks_and_line_breaks(write):
    file = write('a,b\r\n"two\r\nlines, and ""more""",1\r\n\r\nx,2\r\n')
    assert columns(read_delimited(file)) == {"a": ['two\r\nlines, and "more"', "x"], "b": [1.0, 2.0]}


def test_missing_values_of_all_spellings(write):
    spellings = ["", "NA", "n/a", "NaN", "NULL", "None", "?", "-", "#N/A", "<NA>", " "]
    file = write("a,b\n" + "".join(f"{one},{i}\n" for i, one in enumerate(spellings)) + "3,0\nx,0\n")
    assert columns(read_delimited(file))["a"] == [None] * len(spellings) + ["3", "x"]
    numbers = write("a,b\n" + "".join(f"{one},{i}\n" for i, one in enumerate(spellings)) + "3,0\n")
    found = read_delimited(numbers).columns["a"]
    assert found.dtype == np.float64
    assert np.isnan(found).tolist() == [True] * len(spellings) + [False]


def test_whole_numbers_that_floats_do_not_tell_apart_stay_texts(write):
    table = read_delimited(write("a,b\n9007199254740993,9007199254740991\n9007199254740992,1e300\n"))
    assert table.columns["a"].tolist() == ["9007199254740993", "9007199254740992"]
    assert table.columns["b"].tolist() == [9007199254740991, 1e300]


def test_numbers_that_only_python_reads(write):
    assert columns(read_delimited(write("a\n1_000\n2\n")))["a"] == ["1_000", "2"]


def test_a_column_of_numbers_whose_later_rows_are_text(write, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK_ROWS", 2)
    assert columns(read_delimited(write("a\n1.0\n2.5\nx\n3\n"))) == {"a": ["1", "2.5", "x", "3"]}


def test_without_a_header(write):
    file = write("5.1,3.5\n4.9,3.0\n")
    with pytest.raises(FieldValueError, match=r"has numbers, 5.1, 3.5.*header=False, `--no-header`"):
        read_delimited(file)
    assert columns(read_delimited(file, header=False)) == {"column 1": [5.1, 4.9], "column 2": [3.5, 3.0]}


def test_an_unnamed_column(write):
    assert columns(read_delimited(write(",a\n0,7\n1,8\n"))) == {"column 1": [0.0, 1.0], "a": [7.0, 8.0]}


def test_a_table_without_rows(write):
    assert read_delimited(write("a,b\n")).rows == 0


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", LoadError, r"'data.csv' is empty"),
        ("\n\n", LoadError, r"'data.csv' is empty"),
        (
            "a,b,a\n1,2,3\n",
            FieldValueError,
            "two columns named 'a', number 1 and number 3. Rename one of them.",
        ),
        ("a,b\n1,2\n1,2,3\n", LoadError, "line 3 of 'data.csv' has 3 fields, and the header has 2"),
        ("a,b\n1,2\n1\n", LoadError, "line 3 of 'data.csv' has 1 fields, and the header has 2"),
        ('a,b\n"1,2\n3,4\n', LoadError, "A quotation mark may be missing"),
        (b"PK\x03\x04rest", LoadError, "an Excel workbook.*Save it as CSV first"),
        (b"\x1f\x8brest", LoadError, r"is compressed by gzip.*Decompress it first, as `gunzip` does"),
        (b'[{"a": 1}]', LoadError, "is JSON, not text with delimiters. Save it as CSV first"),
        (b"<!doctype html>\n", LoadError, "is a page in HTML or XML"),
        (b"# made today\na,b\n1,2\n", LoadError, "line 2 .* has 2 fields.*or remove lines above the header"),
        (b"PAR1rest", LoadError, r"a Parquet file.*Rename it to end in \.parquet"),
        (b"a,b\n\0\0\n", LoadError, "has zero bytes, so it is not text"),
    ],
)
def test_what_is_not_a_table(write, text, error, message):
    with pytest.raises(error, match=message):
        read_delimited(write(text))


def test_two_columns_of_one_name_are_renamed(write):
    with pytest.raises(FieldValueError, match=r"number 1 and number 3\. Rename one of them\."):
        read_delimited(write("a,b,a\n1,2,3\n"))
    assert columns(read_delimited(write("a,b,c\n1,2,3\n"))) == {"a": [1.0], "b": [2.0], "c": [3.0]}


def test_a_long_delimiter(write):
    with pytest.raises(FieldValueError, match="a delimiter is one letter, such as ';'; got '::'"):
        read_delimited(write("a\n1\n"), delimiter="::")


def test_a_line_without_an_end(write, monkeypatch):
    monkeypatch.setattr(delimited, "_MAX_LINE", 100)
    with pytest.raises(LoadError, match="a line of more than 100 letters"):
        read_delimited(write("a,b\n" + "1" * 200))


# --- large files: refused whole, sampled on request ------------------------------------------------------------


@pytest.fixture
def large(write, monkeypatch):
    monkeypatch.setattr(delimited, "MAX_BYTES", 1000)
    return write("a,b\n" + "".join(f"{i},x{i}\n" for i in range(500)))


def test_a_large_file_is_refused(large):
    with pytest.raises(LoadError, match=r"is not read whole.*sample_rows=100000, or `--sample-rows 100000`"):
        read_delimited(large)


def test_two_gigabytes(tmp_path):
    file = tmp_path / "huge.csv"
    with file.open("wb") as stream:
        stream.write(b"a,b\n")
        stream.truncate(2 << 30)  # takes no space on the disk
    with pytest.raises(
        LoadError, match=r"'huge.csv' has 2.0 GiB, and a file above 0.5 GiB is not read whole"
    ):
        read_delimited(file)


def test_a_large_file_is_sampled(large):
    found = read_delimited(large, sample_rows=50, seed=1)
    assert found.rows == 50
    assert found.notes == ("50 of 500 rows were drawn at random.",)
    order = found.columns["a"]
    assert (np.diff(order) > 0).all()
    assert order.max() > 250
    assert found.columns["b"].tolist() == [f"x{int(i)}" for i in order]
    again, other = (read_delimited(large, sample_rows=50, seed=seed).columns["a"] for seed in (1, 2))
    assert (again == order).all()
    assert (other != order).any()


def test_a_sample_of_more_rows_than_there_are(large):
    found = read_delimited(large, sample_rows=10_000)
    assert found.rows == 500
    assert found.notes == ()


def test_too_many_cells(write, monkeypatch):
    monkeypatch.setattr(delimited, "MAX_CELLS", 100)
    file = write("a,b\n" + "1,2\n" * 60)
    with pytest.raises(LoadError, match=r"more than 100 cells.*`--sample-rows 100000`"):
        read_delimited(file)
    assert read_delimited(file, sample_rows=40).rows == 40
