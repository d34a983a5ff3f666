"""Search spaces and trainers of a few lines, and the command to search them, each in a folder of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ..cli import conftest as commands

environment, folder, pliant = commands.environment, commands.folder, commands.pliant

SPACES = """
import pliant as pg

def board():
    return pg.Dict(x=pg.intv(0, 9), side=pg.oneof(["left", "right"]))

def small():
    return pg.Dict(x=pg.oneof([0, 1, 2, 3]))

def other():
    return pg.Dict(x=pg.oneof([0, 1, 2, 3, 4]))

def wavy():
    return pg.Dict(lr=pg.floatv(0.001, 1.0, scale="log"))

def many():
    return pg.Dict(x=pg.oneof(list(range(40))))

def paced():
    return pg.Dict(x=pg.intv(0, 9), epochs=pg.intv(1, 4, name="budget"))

def needs(size):
    return pg.Dict(x=pg.intv(0, size))

def nothing():
    pass

def plain():
    return {"x": 1}

def broken():
    raise KeyError("no data")

def leaves():
    raise SystemExit(3)

NUMBER = 3
"""

# A trainer that imports nothing of ours: it reads its flags and writes its metrics by itself.
TRAINER = """
import json, os, sys, time

flags = dict(token[2:].split("=", 1) for token in sys.argv[1:])
text = flags["nas_params_str"]
if text.endswith(".json"):
    text = open(text).read()
params = json.loads(text)
tag, path = os.environ["CLOUD_ML_HP_METRIC_TAG"], os.environ["CLOUD_ML_HP_METRIC_FILE"]
trial, job_dir = os.environ["CLOUD_ML_TRIAL_ID"], flags["job-dir"]

def decided(name):
    value = params[name]
    return float(value) if not isinstance(value, str) else int(value.split("/")[0])

def report(value, step=1, **others):
    entry = {"timestamp": time.time(), "trial": trial, tag: str(value), "global_step": str(step),
             "checkpoint_path": "", "model_flops": "0.0"}
    for i, (name, number) in enumerate(others.items()):
        entry[f"key_{i}"], entry[f"value_{i}"] = name, str(number)
    with open(path, "a") as file:
        file.write(json.dumps(entry, sort_keys=True) + "\\n")
"""


@pytest.fixture
def spaces(folder):
    """A module of search spaces, in the working folder."""
    (folder / "spaces.py").write_text(SPACES)
    return folder


@pytest.fixture
def trainer(spaces):
    """Writes a trainer; returns its path."""

    def write(body: str, name: str = "trainer.py") -> Path:
        path = spaces / name
        path.write_text(TRAINER + body)
        return path

    return write


@pytest.fixture
def nas(pliant, spaces, monkeypatch):
    """Runs a command of the NAS client in this process; returns its output after checking the exit code."""
    paths = os.pathsep.join([str(Path(__file__).parents[2] / "src"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", paths)

    def run(*arguments: object, status: int = 0) -> str:
        return pliant("nas", *arguments, status=status).output

    return run


@pytest.fixture
def local(nas):
    """Runs a search in the folder ``out``, of the space ``board`` unless another is named."""

    def run(*arguments: object, space: str = "board", trainer: str = "trainer.py", status: int = 0) -> str:
        return nas(
            "search-in-local",
            f"--search_space_module=spaces.{space}",
            f"--local_binary={trainer}",
            "--local_output_dir=out",
            "--seed=1",
            *arguments,
            status=status,
        )

    return run


@pytest.fixture
def listed(nas):
    """Returns the trials of a job, as the service lists them."""

    def read(job: object = "out", *arguments: object) -> list:
        return json.loads(nas("list-trials", f"--job_id={job}", *arguments))

    return read
