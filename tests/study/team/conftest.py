"""The programs of this folder import each other by name, as they run as programs."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
POSTGRES = os.environ.get("PLIANT_POSTGRES", "")


@pytest.fixture(params=["file", "postgres"] if POSTGRES else ["file"])
def place(request, tmp_path):
    """A place for a study: a file, and a database of the server that PLIANT_POSTGRES names."""
    if request.param == "file":
        yield tmp_path / "study.db"
        return
    name = f"team_{uuid.uuid4().hex[:12]}"
    yield f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}study={name}"
    import psycopg

    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(f'DROP SCHEMA IF EXISTS "study_{name}" CASCADE')
