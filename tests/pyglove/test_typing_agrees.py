"""Value specs, paths and trees do the same under the PyGlove package and under ``pliant.pyglove``."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "typed_values.py"
OURS = "import runpy, sys, pliant.pyglove; pliant.pyglove.install(); runpy.run_path(sys.argv[1], run_name='__main__')"


def lines_of(*command: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(
    importlib.util.find_spec("pyglove") is None, reason="the PyGlove package is not installed"
)
def test_same_values_errors_and_texts():
    assert lines_of("-c", OURS, str(PROGRAM)) == lines_of(str(PROGRAM))
