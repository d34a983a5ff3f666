"""`pliant study move` and `change-space`: a study at another place, or with another space."""

from __future__ import annotations

from pliant.study import Study


def test_move(pliant, darts):
    given = ["darts.py", "--algorithm", "random"]
    pliant("search", *given, "--trials", 6, "--study", "a.db")
    output = pliant("study", "move", "a.db", "b.db").output
    assert output == "b.db: 6 trials, verified. a.db is still there: continue one of the two, or delete it.\n"
    assert "a.db was deleted." in pliant("study", "move", "a.db", "c.db", "--delete").output
    assert (
        "continues after 6 of 9 trials" in pliant("search", *given, "--trials", 9, "--study", "c.db").output
    )
    assert "exists, and is not overwritten" in pliant("study", "move", "b.db", "c.db", status=1).output
    assert "a.db" in pliant("study", "move", "a.db", "d.db", status=1).output


def test_change_space(pliant, darts, folder):
    (folder / "wide.py").write_text("""
import pliant as pg

def search_space():
    return pg.Dict(x=pg.intv(0, 99), y=pg.floatv(0, 1), throw=pg.oneof(["left", "right"]), lr=pg.floatv(0, 1))

def near():
    return pg.Dict(x=pg.intv(0, 50), y=pg.floatv(0, 1), throw=pg.oneof(["left", "right"]))

def add(decided):
    return {**decided, "lr": 0.5}

def evaluate(program):
    return program.x
""")
    pliant("search", "darts.py", "--trials", 8, "--study", "a.db", "--algorithm", "random")
    command = ["study", "change-space", "a.db", "wide.py"]
    assert (
        "0 trials mapped; 8 kept as history (number 1, 2, 3, 4, 5, 6, 7, 8)"
        in pliant(*command, "--dry-run").output
    )
    output = pliant(*command, "--map", "wide.py:add", "--dry-run").output
    assert "lr" in output.splitlines()[0]
    assert "8 trials mapped; 0 kept as history; 0 dropped from the queue.\nThis was a dry run" in output
    pliant("search", "darts.py", "--trials", 8, "--study", "a.db", "--algorithm", "random")  # not changed
    output = pliant("study", "change-space", "a.db", "wide.py:near", "--dry-run").output
    few = sum(trial.decisions["x"] <= 50 for trial in Study.open("a.db").trials())
    assert f"{few} trial" in output
    pliant(*command, "--map", "wide.py:add")
    more = ["--trials", 10, "--study", "a.db", "--algorithm", "random"]
    assert "continues after 8 of 10 trials" in pliant("search", "wide.py", *more).output
    output = pliant(*command, "--map", "wide.py:ad", status=1).output
    assert "wide.py has no function or dict 'ad'. Write --map FILE:NAME" in output
