"""The example of networks for tables: it is short, and what it prints is plausible."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples" / "tabular.py"


def test_it_is_short():
    assert len(FILE.read_text("utf-8").splitlines()) <= 20


def test_it_finds_networks(tmp_path):
    code = FILE.read_text("utf-8").replace("trials=16", "trials=2, epochs=30")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "target 'target': 3 classes." in done.stdout
    accuracy = re.search(r"accuracy on 58 new rows: ([\d.]+)", done.stdout)
    assert float(accuracy[1]) > 0.85
