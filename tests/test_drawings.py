"""The drawings of the documentation are those that their script makes, and are readable on light and dark pages."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "use" / "families"
PAGES = sorted(FOLDER.glob("*.md"))
DRAWN = FOLDER.parent / "drawings"  # by pg.draw
COLUMNS = 80  # of code: more do not fit on a page, and scroll


@pytest.fixture(scope="module")
def script():
    pytest.importorskip("torch", reason="the drawings show networks of the zoo")
    spec = importlib.util.spec_from_file_location("drawings", FOLDER / "drawings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_are_those_that_the_script_makes(script):
    files = {file.stem: file.read_text("utf-8") for file in FOLDER.glob("*.svg")}
    assert files == {name: make() for name, make in script.DRAWINGS.items()}


def test_drawings_of_pg_draw_are_those_that_their_script_makes():
    pytest.importorskip("torch", reason="the drawings show networks of PyTorch")
    spec = importlib.util.spec_from_file_location("make_drawings", DRAWN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    files = {file.stem: file.read_text("utf-8") for file in DRAWN.glob("*.svg")}
    assert files == {name: make().svg for name, make in module.DRAWINGS.items()}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.svg")), ids=lambda file: file.stem)
def test_drawing_has_a_title_and_fits_the_page(file):
    root = ET.parse(file).getroot()
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text
    assert "prefers-color-scheme:dark" in file.read_text("utf-8")
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width <= 680
    for shape in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, wide, high = (float(shape.attrib[name]) for name in ("x", "y", "width", "height"))
        assert min(x, y) >= 0
        assert x + wide <= width
        assert y + high <= height


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_shows_a_drawing(page):
    assert re.search(r"^!\[[^\]]+\]\(\w+\.svg\)$", page.read_text("utf-8"), re.M)


@pytest.mark.parametrize(
    "page", [*PAGES, FOLDER.parent / "design.md", FOLDER.parent / "case_study.md"], ids=lambda page: page.stem
)
def test_code_is_not_wider_than_the_page(page):
    wide = []
    inside = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            inside = not inside
        elif inside and len(line) > COLUMNS:
            wide.append(f"{page.name}:{number}")
    assert wide == []
