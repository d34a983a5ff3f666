"""Where a study is: paths of files, and addresses of databases, whose passwords are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pliant.study.store.location import Server, check_exists, to_location
from pliant.values.errors import FieldTypeError, StudyError


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_an_address(scheme):
    found = to_location(f"{scheme}://me:s3cret@host:5432/db?sslmode=require&study=digits_1")
    assert found == Server("postgresql+psycopg://me:s3cret@host:5432/db?sslmode=require", "digits_1")
    assert found.stem == "digits_1"
    assert str(found) == "postgresql+psycopg://me:***@host:5432/db?sslmode=require&study=digits_1"
    assert to_location(found) is found


def test_an_address_without_password_or_options():
    found = to_location("postgresql://host/db?study=a")
    assert (found.url, str(found)) == (
        "postgresql+psycopg://host/db",
        "postgresql+psycopg://host/db?study=a",
    )


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "?study=",
        "?study=Digits",
        "?study=a-b",
        "?study=_a",
        "?study=a&study=b",
        "?name=a",
        "?study=" + "a" * 41,
        '?study=a";DROP TABLE x',
    ],
)
def test_an_address_without_a_name(rest):
    with pytest.raises(
        StudyError,
        match=r"'postgresql://me:\*\*\*@host/db.*' does not name a study: the address of a database ends in",
    ) as caught:
        to_location(f"postgresql://me:s3cret@host/db{rest}")
    assert "s3cret" not in str(caught.value)


def test_an_address_of_something_else_hides_its_password():
    with pytest.raises(
        StudyError, match=r"'mysql://me:\*\*\*@host/db' is not the path of one\. Give a path"
    ) as caught:
        to_location("mysql://me:s3cret@host/db")
    assert "s3cret" not in str(caught.value)


def test_a_file(tmp_path):
    assert to_location("a/b.db") == Path("a/b.db")
    assert to_location(tmp_path / "b.db") == tmp_path / "b.db"


@pytest.mark.parametrize("path", [5, None, b"a.db", Path])
def test_what_is_no_place(path):
    with pytest.raises(FieldTypeError, match=r"a study is named by the path of its file, .*`seed=\.\.\.`"):
        to_location(path)


def test_a_folder(tmp_path):
    with pytest.raises(StudyError, match="is a folder; name a file in it, such as"):
        to_location(tmp_path)


def test_a_file_of_almost_this_name(tmp_path):
    (tmp_path / "digits.db").touch()
    (tmp_path / "digit.db-wal").touch()
    with pytest.raises(
        StudyError, match=r"no study found at '.*digit\.db'; did you mean 'digits\.db'\? Make one"
    ):
        check_exists(tmp_path / "digit.db")
    with pytest.raises(StudyError, match=r"no study found at '.*a\.db'\. Make one"):
        check_exists(tmp_path / "no" / "a.db")
