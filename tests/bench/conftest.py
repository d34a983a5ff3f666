"""Real tables of results are read from where PLIANT_DATA says, else from ../shared/data beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("PLIANT_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture(scope="session")
def data():
    """The folder with tables; what needs it is skipped without."""
    if not DATA.is_dir():
        pytest.skip(f"needs tables of published results; set PLIANT_DATA to their folder (none at {DATA})")
    return DATA
