"""The page that lists PyGlove's names says what is there."""

from __future__ import annotations

import importlib
import importlib.util
import re
from importlib import metadata
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "use"
PAGE = (FOLDER / "pyglove_names.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (adapted|different|absent) \| (.+) \|$", re.M)


def read_sections() -> dict[str, tuple[list[str], list[str]]]:
    """The names that the page says are there, and those that it says are not, by module."""
    sections = {}
    for part in PAGE.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        same = re.search(r"^Same: (.*)\.$", body, re.M)
        there = re.findall(r"`(\w+)`", same[1]) if same else []
        rows = ROW.findall(body)
        sections[title.removeprefix("pg").lstrip(".")] = (
            there + [name for name, kind, _ in rows if kind != "absent"],
            [name for name, kind, _ in rows if kind == "absent"],
        )
    return sections


@pytest.mark.parametrize("module", read_sections())
def test_what_is_listed_is_there_and_what_is_absent_is_not(module):
    ours = importlib.import_module(f"pliant.pyglove.{module}".rstrip("."))
    there, absent = read_sections()[module]
    assert there
    assert [name for name in there if not hasattr(ours, name)] == []
    assert [name for name in absent if hasattr(ours, name)] == []


def test_the_page_is_what_its_script_writes():
    try:
        version = metadata.version("pyglove")
    except metadata.PackageNotFoundError:
        version = None
    if version != "0.4.5":
        pytest.skip("needs pyglove==0.4.5, which the extra `test` installs")
    spec = importlib.util.spec_from_file_location("pyglove_names", FOLDER / "pyglove_names.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.make() == PAGE, "run docs/use/pyglove_names.py"


def test_the_version_is_that_of_the_names():
    ours = importlib.import_module("pliant.pyglove")
    assert f"The public names of PyGlove {ours.__version__}," in PAGE
