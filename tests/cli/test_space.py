"""`pliant space`, and the command as a whole."""

from __future__ import annotations

import re


def test_space_is_shown(pliant, darts):
    output = pliant("space", "darts.py", "--samples", 2).output
    assert output.startswith("Space of size infinite with 3 decision points\n")
    assert re.search(r"\n  x +intv +0 to 99 +", output)
    assert len(re.findall(r"\nProgram \d:\nDict\(x=\d+, y=[\d.e-]+, throw='\w+'\)\n", output)) == 2


def test_cost_and_structure_are_functions_of_the_file(pliant, darts):
    with darts.open("a") as file:
        file.write(
            "\ndef far(program):\n    return program.x\ndef side(program):\n    return program.throw\n"
        )
    output = pliant("space", "darts.py", "--cost", "far", "--structure", "side", "--programs", 200).output
    assert "quantiles of far: 0%: " in output
    assert "200 valid with 2 structures" in output
    assert "[dead_decisions] x: no value" in output
    assert re.search(r"defines no 'fair'", pliant("space", "darts.py", "--cost", "fair", status=1).output)


def test_a_search_space_file_has_no_functions(pliant, folder):
    (folder / "a.json").write_text('{"op": {"_type": "layer_choice", "_value": ["a", "b"]}}')
    assert '{"op": {"_value": ' in pliant("space", "a.json").output.replace("\n  ", "")
    output = pliant("space", "a.json", "--cost", "far", status=2).output
    assert "name functions in a Python file; FILE is JSON" in output


def test_samples_follow_the_seed(pliant, darts):
    first, again, other = (pliant("space", "darts.py", "--seed", seed).output for seed in (0, 0, 1))
    assert first == again != other


def test_no_samples(pliant, darts):
    assert "Program 1" not in pliant("space", "darts.py", "--samples", 0).output


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
    assert re.search(r"search .*\n +shrink .*\n +space ", pliant("--help").output)


def test_unknown_command(pliant):
    assert re.search(r"No such command 'serch'", pliant("serch", status=2).output)


NETWORKS = """
import torch, pliant as pg
from torch import nn

Sequential, Linear, Embedding = map(pg.symbolize, (nn.Sequential, nn.Linear, nn.Embedding))

def search_space():
    return Sequential(Linear(8, pg.oneof([4, 64], name="w")), Linear(pg.oneof([4, 64], name="w"), 2))

def tokens():
    return Sequential(Embedding(7, 4), Linear(4, pg.oneof([2, 3])))
"""


def test_an_example_gives_the_costs_of_networks(pliant, folder):
    (folder / "nets.py").write_text(NETWORKS)
    output = pliant("space", "nets.py", "--example", "1x8").output
    assert "quantiles of multiply-adds: 0%: 40, " in output
    assert "quantiles of parameters: 0%: 46, " in output
    assert "40 to 640" in output
    output = pliant("space", "nets.py:tokens", "--example", "1x5:long").output
    assert "quantiles of multiply-adds: 0%: 40, " in output


def test_an_example_that_does_not_fit(pliant, folder, darts):
    (folder / "nets.py").write_text(NETWORKS)
    (folder / "a.json").write_text('{"op": {"_type": "layer_choice", "_value": ["a", "b"]}}')
    output = " ".join(pliant("space", "nets.py", "--example", "1x9", status=2).output.split())
    assert "--example 1x9: the network does not run on inputs of float32 (1, 9): " in output
    for wrong in ("1,8", "1x-8", "1x8:int", ""):
        output = pliant("space", "nets.py", "--example", wrong, status=1).output
        assert "such as 1x3x224x224, or 1x128:long for indices" in " ".join(output.split())
    output = pliant("space", "darts.py", "--example", "1x8", status=2).output
    assert "a program of this space is a Dict. Use --cost NAME" in " ".join(output.split())
    for arguments in (["a.json"], ["nets.py", "--cost", "tokens"]):
        output = pliant("space", *arguments, "--example", "1x8", status=2).output
        assert "it goes with a Python file and without --cost" in " ".join(output.split())
