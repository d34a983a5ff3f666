"""A saved winner names the classes and functions that were its candidates, and is loaded where its space was made."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pliant as pg
from pliant.values.errors import UnregisteredTypeError

MODULE = """
import pliant as pg

class Tanh: ...
class ReLU: ...
def warm(rate): return rate
def cold(rate): return rate

@pg.symbolize
class Dense:
    def __init__(self, width, activation, schedule, last):
        self.parts = width, activation, schedule, last

def search_space():
    return Dense(pg.oneof([1, 2]), pg.oneof([Tanh, ReLU]), pg.manyof(1, [warm, cold]), pg.permute([warm, ReLU]))

{space}
"""
SAVE = """
import net, pliant as pg
winner = pg.materialize(net.search_space(), [1, 1, 1, 1, 0])
pg.save(winner, "winner.json")
assert pg.eq(pg.load("winner.json"), winner)
"""
LOAD = """
import net, pliant as pg
winner = pg.load("winner.json")
assert winner.parts[1] is net.ReLU, winner
assert winner.parts[2][0] is net.cold
"""


def run(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_winner_is_loaded_where_its_space_is_made(tmp_path):
    (tmp_path / "net.py").write_text(MODULE.format(space="SPACE = search_space()"))
    for code in (SAVE, LOAD):
        ended = run(code, tmp_path)
        assert ended.returncode == 0, ended.stderr
    (tmp_path / "net.py").write_text(MODULE.format(space=""))  # made nowhere: nothing may be named
    assert "UnregisteredTypeError" in run(LOAD, tmp_path).stderr


class Taken: ...


def test_a_name_that_is_taken_stays(monkeypatch):
    first = Taken
    pg.oneof([first])
    second = type("Taken", (), {"__module__": __name__, "__qualname__": "Taken"})
    pg.oneof([second, lambda: 1])
    assert pg.from_json(pg.to_json(pg.Dict(x=first))).x is first
    with pytest.raises(UnregisteredTypeError, match=r"is not registered"):
        pg.from_json({"_type": "type", "name": f"{__name__}.<lambda>"})
