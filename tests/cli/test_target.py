"""How `pliant search` finds the functions of a file, and what it says where they are not."""

from __future__ import annotations

import os
import re
import sys

import pytest

from pliant.cli.target import TargetError, load_target

SPACE = "import pliant as pg\ndef search_space():\n    return pg.Dict(x=pg.intv(0, 9))\n"
EVALUATE = "def evaluate(program):\n    return program.x\n"

BAD_FILES = {
    "no space": (
        EVALUATE,
        r"task.py defines no 'search_space'. A file to search defines:\n  search_space\(\) ->",
    ),
    "a space misspelt": (
        "def serch_space():\n    pass\n" + EVALUATE,
        r"defines no 'search_space'; did you mean 'serch_space'",
    ),
    "no evaluate": (
        SPACE + "def evalaute(program):\n    pass\n",
        r"defines no 'evaluate'; did you mean 'evalaute'.*\n  evaluate\(program\) -> its reward",
    ),
    "evaluate is a number": (SPACE + "evaluate = 3\n", r"evaluate in task.py is a int, not a function"),
    "evaluate takes nothing": (
        SPACE + "def evaluate():\n    return 1\n",
        r"evaluate in task.py is called with one argument, the program.*its signature is evaluate\(\)",
    ),
    "evaluate takes more": (
        SPACE + "def evaluate(program, epochs):\n    return 1\n",
        r"its signature is evaluate\(program, epochs\). Give other arguments defaults",
    ),
    "test takes nothing": (SPACE + EVALUATE + "def test():\n    return 1\n", r"`def test\(program\)`"),
    "the space fails": (
        "def search_space():\n    return {}['layers']\n" + EVALUATE,
        r"search_space\(\) of task.py failed: KeyError: 'layers' \(task.py:2\)",
    ),
    "the space is a wrong call": (
        "import pliant as pg\ndef search_space():\n    return pg.oneof([])\n" + EVALUATE,
        r"search_space\(\) of task.py failed: SpaceError: .*candidates.* \(task.py:3\)",
    ),
    "the space is None": (
        "def search_space():\n    pass\n" + EVALUATE,
        r"search_space\(\) of task.py returned None; does it lack a `return`\?",
    ),
    "no holes": (
        "def search_space():\n    return {'x': 1}\n" + EVALUATE,
        r"nothing to search: .*dict has no hole",
    ),
    "the hand-made program fails": (
        SPACE + EVALUATE + "def handmade():\n    return 1 / 0\n",
        r"handmade\(\) of task.py failed: ZeroDivisionError: division by zero \(task.py:7\)",
    ),
    "no Python": ("def search_space(:\n", r"task.py is not valid Python: invalid syntax \(task.py:1\)"),
    "fails on import": (
        "import json\njson.loads('')\n",
        r"task.py cannot be loaded: JSONDecodeError: .* \(task.py:2\)",
    ),
    "imports what is not there": (
        "import torchh\n",
        r"task.py cannot be loaded: ModuleNotFoundError: No module named 'torchh' \(task.py:1\)",
    ),
    "exits on import": ("raise SystemExit(3)\n", r"task.py cannot be loaded: SystemExit: 3 \(task.py:1\)"),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file(pliant, folder, text, message):
    (folder / "task.py").write_text(text)
    assert re.search(message, pliant("search", "task.py", "--trials", 2, status=1).output, re.S)
    assert not list(folder.glob("*.db"))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("dart.py", r"the file 'dart.py' does not exist; did you mean 'darts.py'"),
        ("nowhere/darts.py", r"the file 'nowhere/darts.py' does not exist"),
        (".", r"'.' is a folder; name a Python file in it"),
        ("notes.txt", r"'notes.txt' is not a Python file; its name should end in '.py'"),
        ("dart", r"the module 'dart' does not exist; did you mean 'darts.py'"),
        ("no.such.module", r"the module 'no.such.module' does not exist"),
        ("darts.py:wide_space", r"darts.py defines no 'wide_space'"),
    ],
)
def test_bad_place(pliant, darts, folder, place, message):
    (folder / "notes.txt").write_text("")
    assert re.search(message, pliant("search", place, status=1).output)


def test_file_is_needed(pliant):
    assert "Missing argument 'FILE'" in pliant("search", status=2).output


def test_another_space_of_the_file(darts):
    darts.write_text(darts.read_text() + "def small_space():\n    return pg.Dict(x=pg.intv(0, 1))\n")
    target = load_target("darts.py:small_space")
    assert sorted(target.make_space()) == ["x"]
    assert target.name == "darts.small_space"  # so that it has a study of its own


def test_module(darts, folder):
    (folder / "tasks").mkdir()
    darts.rename(folder / "tasks" / "board.py")
    target = load_target("tasks.board")
    assert (target.label, target.name) == ("tasks.board", "board")
    assert set(target.make_space()) == {"x", "y", "throw"}


def test_program_instead_of_a_function(folder):
    (folder / "task.py").write_text("import pliant as pg\nsearch_space = pg.Dict(x=pg.intv(0, 9))\n")
    target = load_target("task.py")
    assert target.make_space() is target.module.search_space


def test_file_imports_its_neighbours_and_keeps_its_name(folder):
    (folder / "parts").mkdir()
    (folder / "parts" / "size_of_board.py").write_text("SIZE = 7\n")
    text = "import pliant as pg\nfrom size_of_board import SIZE\nclass Throw(pg.Object):\n    x: int\n"
    (folder / "parts" / "board_of_parts.py").write_text(text)
    module = load_target("parts/board_of_parts.py").module
    assert module.SIZE == 7
    assert module.Throw.__module__ == "board_of_parts"
    assert sys.modules["board_of_parts"] is module


def test_name_that_is_taken(folder):
    (folder / "json.py").write_text(SPACE)
    import json

    assert load_target("json.py").module.__name__ == "json_searched"
    assert sys.modules["json"] is json


def test_failed_file_may_be_loaded_again(folder):
    (folder / "task.py").write_text("1 / 0\n")
    with pytest.raises(TargetError, match=r"task.py cannot be loaded: ZeroDivisionError"):
        load_target("task.py")
    (folder / "task.py").write_text(SPACE)
    assert load_target("task.py").module.__name__ == "task"


def test_a_file_that_changes_within_a_second_is_read_anew(tmp_path):
    """Python would take its compiled copy, as size and second of the change are the same."""
    file = tmp_path / "task.py"
    for text, expected in (("first", "first"), ("other", "other")):
        file.write_text(f"NAME = {text!r}\n" + SPACE + EVALUATE)
        os.utime(file, (1_000_000_000, 1_000_000_000))
        assert expected == load_target(str(file)).module.NAME
        sys.modules.pop("task")
