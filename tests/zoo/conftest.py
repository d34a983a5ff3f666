"""Real tables of published results are read from where PLIANT_DATA says, else from ../shared/data beside the checkout."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DATA = Path(os.environ.get("PLIANT_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture
def table() -> Callable[[str], dict[str, Any]]:
    """Returns the columns of a published table by its name."""
    numpy = pytest.importorskip("numpy")

    def read(name: str) -> dict[str, Any]:
        if not (DATA / f"{name}.npz").exists():
            pytest.skip(
                f"needs tables of published results; set PLIANT_DATA to their folder (none at {DATA})"
            )
        with numpy.load(DATA / f"{name}.npz", allow_pickle=False) as columns:
            return {key: columns[key] for key in columns}

    return read
