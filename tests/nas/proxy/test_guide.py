"""The page about proxy tasks: its files and commands work as they are printed, in their order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "use" / "proxy.md"
FILES = re.compile(r'^```python title="(?P<name>[^"]+)"\n(?P<text>.*?)^```$', re.M | re.S)
COMMANDS = re.compile(r"^```sh\n(?P<text>.*?)^```$", re.M | re.S)


def test_the_page_works_as_it_is_printed(folder, environment, state):
    text = PAGE.read_text("utf-8")
    for file in FILES.finditer(text):
        (folder / file["name"]).write_text(file["text"])
    script = "".join(match["text"] for match in COMMANDS.finditer(text))
    assert script.count("pliant nas") == 6
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
    assert [one["count"] for one in state("models")["rounds"]] == [8, 6, 5]
    assert [one["name"] for one in state("proxies")["proxies"]] == ["data_0.25", "data_0.5", "data_1.0"]
    assert state("proxies")["proxies"][0]["end"][:2] == ["correlation", 1]
    assert state("variance")["variance"] == 0.0
