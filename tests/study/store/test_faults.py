"""What the database reports, retold: what it means here, and what to do."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from pliant.study.store.faults import explain


@pytest.fixture
def is_read_only(monkeypatch):
    """All file systems are read-only; to make one takes the rights of root."""
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_RDONLY))


@pytest.mark.parametrize("said", ["unable to open database file", "attempt to write a readonly database"])
def test_a_file_system_that_is_read_only(said, is_read_only, tmp_path):
    assert re.search(
        r"'.*a\.db' is on a read-only file system.* To read it, leave out the algorithm: Study\.open\(path\)\.",
        str(explain(sqlite3.OperationalError(said), tmp_path / "a.db")),
    )


@pytest.mark.parametrize(
    ("said", "lesson"),
    [
        (
            "unable to open database file",
            "Check that its folder exists, and that you may read and write there",
        ),
        ("attempt to write a readonly database", "Check the permissions of the file and of its folder"),
        (
            "disk I/O error",
            r"or the file may not grow, by a limit on the size of files \(`ulimit -f`\) or a quota",
        ),
        ("database or disk is full", "Free some space and run again"),
    ],
)
def test_a_file_system_that_can_be_written(said, lesson, tmp_path):
    for folder in (tmp_path, Path("nowhere")):
        assert re.search(lesson, str(explain(sqlite3.OperationalError(said), folder / "a.db")))


def test_what_is_not_about_the_folder(is_read_only, tmp_path):
    found = explain(sqlite3.DatabaseError("database disk image is malformed"), tmp_path / "a.db")
    assert "is damaged" in str(found)
