"""`pliant space`, and the command as a whole."""

from __future__ import annotations

import re


def test_space_is_shown(pliant, darts):
    output = pliant("space", "darts.py", "--samples", 2).output
    assert output.startswith("Space of size infinite with 3 decision points\n  x: integer from 0 to 99\n")
    assert len(re.findall(r"\nProgram \d:\nDict\(x=\d+, y=[\d.e-]+, throw='\w+'\)\n", output)) == 2


def test_samples_follow_the_seed(pliant, darts):
    first, again, other = (pliant("space", "darts.py", "--seed", seed).output for seed in (0, 0, 1))
    assert first == again != other


def test_no_samples(pliant, darts):
    assert "Program" not in pliant("space", "darts.py", "--samples", 0).output


def test_bad_file(pliant):
    assert re.search(r"Error: the file 'a.py' does not exist", pliant("space", "a.py", status=1).output)


def test_evaluate_is_not_needed(pliant, darts):
    darts.write_text(darts.read_text().partition("def evaluate")[0])
    assert "Program 3" in pliant("space", "darts.py").output


def test_help_names_what_a_file_defines(pliant):
    output = pliant("search", "--help").output
    for line in (
        "search_space()     -> a program",
        "evaluate(program)  -> its reward",
        "handmade()         -> a",
    ):
        assert line in output
    assert re.search(r"search .*\n +space ", pliant("--help").output)


def test_unknown_command(pliant):
    assert re.search(r"No such command 'serch'", pliant("serch", status=2).output)
