"""Files to search, and commands over them, each in a folder and a process state of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pliant.cli.main import main

SOURCE = Path(__file__).parents[2] / "src"

DARTS = '''
"""Finds a point on a board."""
import pliant as pg

def search_space():
    return pg.Dict(x=pg.intv(0, 99), y=pg.floatv(0, 1), throw=pg.oneof(["left", "right"]))

def evaluate(program):
    return -abs(program.x - 42) - program.y + (program.throw == "right")

def test(program):
    return evaluate(program) / 100

def handmade():
    return pg.Dict(x=50, y=0.5, throw="left")
'''


@pytest.fixture
def environment():
    """Variables for a process that is to find this copy of the package."""
    paths = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": paths}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder; what commands load and where they look for it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "200")
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def darts(folder):
    """A file to search."""
    path = folder / "darts.py"
    path.write_text(DARTS)
    return path


@pytest.fixture
def pliant(folder):
    """Runs a command in this process; returns its result after checking the exit status."""

    def run(*arguments: object, status: int = 0):
        result = CliRunner().invoke(main, [str(a) for a in arguments], prog_name="pliant")
        assert result.exit_code == status, result.output
        return result

    return run


@pytest.fixture
def pliant_process(folder, environment):
    """Runs a command in a process of its own, in the working folder."""

    def run(*arguments: object, **variables: str):
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "pliant", *map(str, arguments)],
            cwd=folder,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
