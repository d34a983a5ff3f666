"""The script that runs the suite on several versions of Python and PyTorch."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "versions"


def test_classifiers_name_the_versions_that_are_tested():
    tested = re.search(r"for minor in ([\d ]+);", SCRIPT.read_text()).group(1).split()
    named = re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert named == tested
    assert str(sys.version_info.minor) in tested


@pytest.mark.parametrize("pair", ["python9.9", "/nowhere/python3.11:2.6.0"])
def test_python_that_is_not_there(pair):
    run = subprocess.run([SCRIPT, pair], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stdout == (
        f"{pair}: {pair.partition(':')[0]} does not start, is older than Python 3.11, or has no module venv\n"
    )


def test_python_that_is_too_old(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 3.10\nexit 1\n")
    old.chmod(0o755)
    run = subprocess.run([SCRIPT, old], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.count("is older than Python 3.11")) == (1, 1)
