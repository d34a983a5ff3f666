"""The page about the NAS client: its files and commands work as they are printed, in their order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pliant.study import Study

PAGE = Path(__file__).parents[2] / "docs" / "use" / "nas.md"
FILES = re.compile(r'^```python title="(?P<name>[^"]+)"\n(?P<text>.*?)^```$', re.M | re.S)
COMMANDS = re.compile(r"(?P<waiver>^<!-- not run: [^\n]*-->\n)?^```sh\n(?P<text>.*?)^```$", re.M | re.S)


def test_the_page_works_as_it_is_printed(folder, environment):
    text = PAGE.read_text("utf-8")
    for file in FILES.finditer(text):
        (folder / file["name"]).write_text(file["text"])
    script = "".join(match["text"] for match in COMMANDS.finditer(text) if not match["waiver"])
    assert script.count("pliant nas") == 8
    tools = folder / "tools"
    tools.mkdir()
    (tools / "pliant").write_text(f'#!/bin/sh\nexec {sys.executable} -W error -m pliant "$@"\n')
    (tools / "pliant").chmod(0o755)
    done = subprocess.run(
        [shutil.which("sh"), "-e", "-c", script],
        cwd=folder,
        env={**environment, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with Study.open(folder / "out" / "search.study.db") as study:
        assert study.counts()["completed"] == 10
    with Study.open(folder / "out" / "train.study.db") as study:
        assert study.counts()["completed"] == 2
    with Study.open(folder / "fast" / "search.study.db") as study:
        assert all(trial.metrics["latency"] <= 5 for trial in study.trials("completed"))
