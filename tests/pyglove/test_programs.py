"""Programs of the kinds that import PyGlove in public: they run under PyGlove itself and under ours, with the same values.

Each program seeds what it draws, and prints its results as JSON.  What PyGlove leaves to the order of a set is under the key
"loose", where the kinds of the results are compared.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"
NAMES = [
    "algorithm_factory", "es_enas", "function_regression", "nats_bench", "one_max", "prompts", "sticky_notes", "tsp",
]  # fmt: skip
VERSION = "0.4.5"
OURS = "import runpy, sys, pliant.pyglove as ours; ours.install(); runpy.run_path(sys.argv[1], run_name='__main__')"


def installed() -> str | None:
    """The installed version of PyGlove, or None."""
    try:
        return metadata.version("pyglove")
    except metadata.PackageNotFoundError:
        return None


@functools.cache
def run(name: str, *, ours: bool) -> Any:
    """What a program prints, in a process of its own."""
    file = str(PROGRAMS / f"{name}.py")
    command = [sys.executable, "-c", OURS, file] if ours else [sys.executable, file]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def kinds(value: Any) -> Any:
    """The structure of a result: types in place of values."""
    if isinstance(value, dict):
        return {key: kinds(one) for key, one in value.items()}
    if isinstance(value, list):
        return [kinds(one) for one in value]
    return type(value).__name__


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_unchanged(name):
    assert run(name, ours=True)


@pytest.mark.skipif(
    installed() != VERSION, reason=f"needs pyglove=={VERSION}, which the extra `test` installs"
)
@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_pyglove(name):
    ours, theirs = run(name, ours=True), run(name, ours=False)
    assert kinds(ours.pop("loose", None)) == kinds(theirs.pop("loose", None))
    assert ours == theirs
