"""`pliant search`: the report, going on, and what becomes of a study that is another one."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import pliant as pg
from pliant.algorithms import to_algorithm
from pliant.algorithms.generators import NAMES
from pliant.cli.options import Duration
from pliant.study import Study
from pliant.tune.text import say

BUDGETED = """
import pliant as pg

def search_space():
    return pg.Dict(x=pg.floatv(0, 1), epochs=pg.intv(1, 9, name="budget"))

def evaluate(program):
    return program.x * program.epochs
"""

SEVERAL = """
import pliant as pg

def search_space():
    return pg.Dict(x=pg.intv(0, 99), o=pg.permutate(["a", "b", "c"]), m=pg.manyof(2, [[1], "red", 3]))

def evaluate(program):
    return float(program.x), 50 - abs(program.x - 42.0)

def test(program):
    raise AssertionError("there is no winner to test")

def handmade():
    return pg.Dict(x=50, o=["a", "b", "c"], m=["red", 3])
"""

HOLD = """
from pliant.study.store.lock import WriterLock
from pathlib import Path
lock = WriterLock(Path("darts.study.db"))
assert lock.acquire()
print("held", flush=True)
input()
"""


def rewards(path):
    with Study.open(path) as study:
        return [trial.reward for trial in study.trials()]


def test_report(pliant, darts):
    output = pliant("search", "darts.py", "--trials", 20, "--baseline").output
    assert "darts.py: Space of size infinite with 3 decision points" in output
    assert "Study: darts.study.db (new)" in output
    assert "Best of 20 trials" in output
    best = max(rewards("darts.study.db"))
    assert re.search(r"The winner, trial \d+:\n\n  Dict\(x=\d+, y=[\d.e-]+, throw='(left|right)'\)\n", output)
    assert re.search(rf"search +20 +{best:.4f} +{say(best / 100)}", output)
    at_random = max(rewards("darts.study.random.db"))
    assert re.search(rf"random search +20 +{at_random:.4f} +{say(at_random / 100)}", output)
    assert re.search(r"hand-made +1 +-8.5000 +-0.0850", output)
    assert "All trials are in darts.study.db;" in output


def test_top_trials_are_the_best(pliant, darts):
    output = pliant("search", "darts.py", "--trials", 10, "--top", 3).output
    with Study.open("darts.study.db") as study:
        best = study.best(3)
    table = output.partition("Best of 10 trials")[2].partition("The winner")[0]
    rows = [line.split() for line in table.splitlines() if re.match(r" +\d+ ", line)]
    assert [int(row[0]) for row in rows] == [trial.id for trial in best]
    assert [row[1] for row in rows] == [f"{trial.reward:.4f}" for trial in best]
    assert f"x={best[0].decisions.values[0]}, y={best[0].decisions.values[1]:.4g}, throw=" in table


def test_trials_that_were_stopped_are_counted(pliant, darts):
    darts.write_text(
        darts.read_text().replace(
            "def evaluate(program):",
            "def evaluate(program, feedback=None):\n    feedback and feedback.report(program.x, step=1)",
        )
    )
    algorithm = "median_stopping(algorithm=random(), min_trials=2)"
    output = pliant("search", "darts.py", "--trials", 10, "--algorithm", algorithm).output
    with Study.open("darts.study.db") as study:
        stopped = study.counts()["stopped"]
    assert stopped > 0
    assert "Best of 10 trials" in output
    assert f"{stopped} of them stopped early" in output
    table = pliant("study", "trials", "darts.study.db", "--status", "stopped").output
    assert len(re.findall(r"^ +\d+ +stopped", table, re.MULTILINE)) == stopped


def test_same_seed_same_search(pliant, darts):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        pliant("search", "darts.py", "--baseline", "--trials", 15, "--seed", seed, "--study", f"{name}.db")
    assert rewards("a.db") == rewards("b.db") != rewards("c.db")
    assert rewards("a.random.db") == rewards("b.random.db") != rewards("c.random.db")


def test_complete_study_says_so(pliant, darts):
    first = pliant("search", "darts.py", "--baseline", "--trials", 12).output
    darts.write_text(
        darts.read_text().replace("def evaluate(program):", "def evaluate(program):\n    print('evaluated')")
    )
    again = pliant("search", "darts.py", "--baseline", "--trials", 12).output
    assert "Study: darts.study.db (complete: 12 of 12 trials)" in again
    assert again.count("evaluated") == 4  # three by `test`, and one of the hand-made program
    assert again.partition("Comparison")[2] == first.partition("Comparison")[2]


def test_more_trials_go_on(pliant, darts):
    pliant("search", "darts.py", "--baseline", "--trials", 14)
    output = pliant("search", "darts.py", "--baseline", "--trials", 20).output
    assert "Study: darts.study.db (continues after 14 of 20 trials)" in output
    assert "search: trial 15/20: " in output
    assert "search: trial 14/20: " not in output
    pliant("search", "darts.py", "--baseline", "--trials", 20, "--study", "whole.db")
    assert rewards("darts.study.db") == rewards("whole.db")
    assert rewards("darts.study.random.db") == rewards("whole.random.db")


@pytest.mark.parametrize("workers", [[], ["--workers", 1]])
def test_time_limit(pliant, darts, workers):
    """The search ends long before its last trial; the same command and `study resume` continue it."""
    darts.write_text(
        darts.read_text().replace("import pliant as pg", "import time, pliant as pg\nPAUSE = 0.2")
    )
    darts.write_text(darts.read_text().replace("    return -abs", "    time.sleep(PAUSE)\n    return -abs"))
    options = ["--trials", 1000, "--time-limit", "1s", *workers]
    output = pliant("search", "darts.py", *options).output
    assert "The search was stopped after its time limit of 1 s." in output
    assert "run the same command to continue" in output
    first = len(rewards("darts.study.db"))
    assert 1 <= first < 900
    pliant("search", "darts.py", *options)
    second = len(rewards("darts.study.db"))
    assert first < second < 900
    output = pliant("study", "resume", "darts.study.db", "darts.py", "--time-limit", "0.02m", *workers).output
    assert "The search was stopped after its time limit of 1.2 s." in output
    assert second < len(rewards("darts.study.db")) < 900


@pytest.mark.parametrize("text", ["0", "0.5", "-5m", "5 minutes", "m", "nan", "inf", "", "9" * 400])
def test_what_is_no_time(pliant, darts, text):
    output = pliant("search", "darts.py", "--time-limit", text, status=2).output
    assert "is not a time of at least a second; write 90s, 5m or 1.5h, for example." in output


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1.5 h", 5400), ("2D", 172800)]
)
def test_times(text, seconds):
    assert Duration()(text) == seconds


def test_number_of_trials(pliant, darts):
    pliant("search", "darts.py")
    assert len(rewards("darts.study.db")) == 40
    pliant("search", "darts.py", "--trials", 42)
    assert "complete: 42 of 42" in pliant("search", "darts.py").output


def test_minimize(pliant, darts):
    output = pliant("search", "darts.py", "--trials", 10, "--minimize").output
    assert re.search(rf"search +10 +{min(rewards('darts.study.db')):.4f}", output)


@pytest.mark.parametrize("options", [[], ["--no-baseline"]])
def test_no_baseline_unless_asked_for(pliant, darts, folder, options):
    output = pliant("search", "darts.py", "--trials", 5, *options).output
    assert "random search" not in output
    assert not (folder / "darts.study.random.db").exists()


def test_random_search_is_its_own_baseline(pliant, darts, folder):
    output = pliant("search", "darts.py", "--baseline", "--trials", 5, "--algorithm", "random").output
    assert "random search" not in output
    assert not (folder / "darts.study.random.db").exists()


def test_a_search_without_test_and_handmade(pliant, darts):
    darts.write_text(darts.read_text().partition("def test")[0])
    output = pliant("search", "darts.py", "--trials", 5).output
    assert "The winner, trial" in output
    assert "Comparison" not in output  # the search alone has nothing to be compared with
    output = pliant("search", "darts.py", "--trials", 5, "--baseline").output
    assert re.search(r"Comparison\n\n +evaluations +reward\n.*\n *search +5 .*\n *random search +5 ", output)
    assert "hand-made" not in output


def test_exhausted_algorithm_ends_the_search(pliant, darts):
    darts.write_text(
        "import pliant as pg\nsearch_space = pg.Dict(x=pg.intv(1, 3))\ndef evaluate(p): return p.x\n"
    )
    output = pliant("search", "darts.py", "--baseline", "--algorithm", "sweep").output
    assert "Best of 3 trials" in output
    assert re.search(r"random search +3 +", output)
    assert "complete: 3 of 40 trials" in pliant("search", "darts.py", "--algorithm", "sweep").output


@pytest.mark.parametrize(
    "text", ["re(population_size=4)", "RE( population_size=4, tournament_size=2 )", "local-search"]
)
def test_algorithm(pliant, darts, text):
    assert "Best of 6 trials" in pliant("search", "darts.py", "--trials", 6, "--algorithm", text).output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("regularised", r"unknown algorithm 'regularised'; did you mean 'regularized_evolution'"),
        ("re(populatoin_size=3)", r"no option 'populatoin_size'; did you mean 'population_size'"),
        ("re(50)", r"a name with options such as 're\(population_size=50\)'; got 're\(50\)'"),
        (
            "re(population_size=",
            r"a name with options such as .* a bracket is not closed \('\(' was never closed\)",
        ),
        ("re(population_size=5", r"got 're\(population_size=5': a bracket is not closed"),
        ("re(population_size=5))", r"a bracket is closed that was not opened \(unmatched '\)'\)"),
        ("re(population_size=5)(seed=1)", r"more than one pair of brackets with options"),
        ("re(population_size=5 6)", r"got .*: invalid syntax"),
        (
            "re(population_size=os.getpid())",
            r"population_size=os.getpid\(\) is not a literal: write a number",
        ),
        ("re(population_size=ten)", r"population_size=ten is not a literal: .* population_size='ten'"),
        ("re(**{'seed': 1})", r"write each option as name=value instead of"),
        (
            "tpe(5)",
            r"5 is not given by keyword: write tpe\(startup=5\); 'tpe' takes .*'startup', ",
        ),
        ("optuna('Foo')", r"write optuna\(sampler='Foo'\); 'optuna' takes 'sampler', "),
        ("asha('tpe')", r"write asha\(algorithm='tpe'\); 'asha' takes 'algorithm', "),
        ("hyperband(algorithm='tep')", r"unknown algorithm 'tep'; did you mean 'tpe'"),
        ("hyperband(algorithm=tpe(startpu=5))", r"'tpe' has no option 'startpu'; did you mean 'startup'"),
        ("re(population_size=0)", r"population_size=...\) takes an integer of at least 1"),
    ],
)
def test_bad_algorithm(pliant, darts, folder, text, message):
    assert re.search(message, pliant("search", "darts.py", "--algorithm", text, status=1).output)
    assert not list(folder.glob("*.db"))


def test_a_mistaken_name_is_answered_with_all_names(pliant, darts):
    output = pliant("search", "darts.py", "--algorithm", "zzz", status=1).output
    listed = re.search(r"Known: (.*)\.", output)[1]
    assert listed.split(", ") == [repr(name) for name in NAMES]


@pytest.mark.parametrize("inner", ["'tpe'", "tpe", "'tpe(startup=5)'", "tpe(startup=5)"])
def test_algorithm_around_another_by_name(pliant, folder, inner):
    (folder / "budgeted.py").write_text(BUDGETED)
    text = f"hyperband(algorithm={inner})"
    assert "Best of 5 trials" in pliant("search", "budgeted.py", "--trials", 5, "--algorithm", text).output
    made = to_algorithm(text)
    assert isinstance(made.algorithm, pg.generators.TPE)
    assert made.algorithm.startup == (5 if "startup" in inner else pg.generators.TPE().startup)


def test_changed_space_is_shown(pliant, darts):
    pliant("search", "darts.py", "--trials", 5)
    before = rewards("darts.study.db")
    darts.write_text(darts.read_text().replace("0, 99", "0, 9").replace('"right"]', '"right", "overhead"]'))
    output = pliant("search", "darts.py", "--trials", 5, status=1).output
    assert re.search(r"the study 'darts.study.db' searches another space", output)
    assert re.search(r"x: integer from 0 to 99 -> integer from 0 to 9\n", output)
    assert re.search(r"throw: 2 candidates -> 3: \+ .*overhead", output)
    assert re.search(r"--study PATH .* --restart to delete this one", output)
    assert rewards("darts.study.db") == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "1"], r"made with seed=0, and is opened with seed=1.*--restart"),
        (["--minimize"], r"made with maximize=True, and is opened with maximize=False.*--restart"),
        (["--algorithm", "random"], r"another algorithm: Auto against Random.*--restart"),
    ],
)
def test_other_options_than_the_study_has(pliant, darts, options, message):
    pliant("search", "darts.py", "--trials", 5)
    assert re.search(message, pliant("search", "darts.py", "--trials", 5, *options, status=1).output, re.S)


def test_restart(pliant, darts, folder):
    pliant("search", "darts.py", "--baseline", "--trials", 5, "--seed", 1)
    output = pliant("search", "darts.py", "--baseline", "--trials", 6, "--restart").output
    assert "darts.study.db (new)" in output
    assert "random search: trial 1/6" in output
    assert "(new)" in pliant("search", "darts.py", "--study", "new.db", "--trials", 5, "--restart").output


@pytest.mark.parametrize(
    ("options", "old", "new", "message"),
    [
        (["--algorithm", "regularised"], "", "", r"unknown algorithm 'regularised'"),
        (["--algorithm", "re(populatoin_size=3)"], "", "", r"no option 'populatoin_size'"),
        (["--algorithm", "sweep"], "", "", r"Sweep needs a finite space"),
        (["--trials", "0"], "", "", r"0 is not in the range"),
        ([], "def evaluate(", "def evaluated(", r"defines no 'evaluate'"),
        ([], "def test(program)", "def test()", r"test in darts.py is called with one argument"),
        ([], "return pg.Dict(x=50,", "return 1 / 0, dict(x=50,", r"handmade\(\) of darts.py failed"),
        ([], "pg.intv(0, 99)", "pg.intv(99, 0)", r"search_space\(\) of darts.py failed"),
    ],
)
def test_restart_deletes_last(pliant, darts, options, old, new, message):
    pliant("search", "darts.py", "--baseline", "--trials", 5)
    before = rewards("darts.study.db"), rewards("darts.study.random.db")
    darts.write_text(darts.read_text().replace(old, new))
    status = 2 if "--trials" in options else 1
    output = pliant("search", "darts.py", "--restart", *options, status=status).output
    assert re.search(message, output)
    assert (rewards("darts.study.db"), rewards("darts.study.random.db")) == before


def test_restart_deletes_both_studies_or_none(pliant, darts, folder):
    pliant("search", "darts.py", "--trials", 5)
    (folder / "darts.study.random.db").write_text("not to be lost " * 100)
    output = pliant("search", "darts.py", "--restart", status=1).output
    assert re.search(r"'darts.study.random.db' is not an SQLite database", output)
    assert len(rewards("darts.study.db")) == 5


def test_restart_deletes_nothing_but_studies(pliant, darts, folder):
    (folder / "notes.txt").write_text("not to be lost " * 100)
    output = pliant("search", "darts.py", "--study", "notes.txt", "--restart", status=1).output
    assert re.search(r"'notes.txt' is not an SQLite database, so it is not a study", output)
    assert (folder / "notes.txt").read_text().startswith("not to be lost")


def test_study_in_use_is_left_alone(pliant, environment, darts, folder):
    pliant("search", "darts.py", "--trials", 5)
    (folder / "hold.py").write_text(HOLD)
    with subprocess.Popen(
        [sys.executable, "hold.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        for options in ([], ["--restart"]):
            output = pliant("search", "darts.py", "--trials", 5, *options, status=1).output
            assert re.search(r"'darts.study.db' is being written by", output)
        holder.communicate(b"\n")
    assert len(rewards("darts.study.db")) == 5


def test_bad_path(pliant, darts):
    output = pliant("search", "darts.py", "--study", "nowhere/a.db", status=1).output
    assert re.search(r"'nowhere/a.db' cannot be opened. Check that its folder exists", output)


@pytest.mark.parametrize("direction", ["--maximize", "--minimize"])
def test_several_rewards_end_in_a_front(pliant, folder, direction):
    (folder / "several.py").write_text(SEVERAL)
    command = ("search", "several.py", "--algorithm", "nsga2(population_size=8)", direction)
    output = pliant(*command, "--trials", 30).output
    with Study.open("several.study.db") as study:
        first, front = study.trial(1), study.front()
    told = ", ".join(map(say, first.rewards))
    assert f"search: trial 1/30: ({told}), 1 on the front, " in output
    assert re.search(rf"search: trial 30/30: .*, {len(front)} on the front, ", output)
    table = output.partition(f"Pareto front: {len(front)} of 30 trials")[2]
    assert re.search(r"trial +reward 1 +reward 2 +seconds +program", table)
    rows = [line.split() for line in table.splitlines() if re.match(r" *\d+ ", line)]
    assert [[int(row[0]), *row[1:3]] for row in rows] == [[t.id, *map(say, t.rewards)] for t in front]
    assert re.search(r"With several rewards there is not one best trial, so no winner", output)
    assert "Comparison" not in output
    assert not (folder / "several.study.random.db").exists()
    again = pliant(*command, "--trials", 30).output
    assert again.partition("Pareto front")[2] == output.partition("Pareto front")[2]


def test_several_rewards_of_which_some_trials_fail(pliant, folder):
    failing = "    if program.x % 2:\n        raise ValueError('odd')\n    return float"
    (folder / "several.py").write_text(SEVERAL.replace("    return float", failing))
    output = pliant("search", "several.py", "--algorithm", "nsga2", "--trials", 30).output
    with Study.open("several.study.db") as study:
        assert study.counts()["failed"] >= 5  # more than would end a search without any reward
    assert re.search(r"\d+ more failed; the last, trial \d+: ValueError: odd", output)


def test_several_rewards_for_an_algorithm_of_one(pliant, folder):
    (folder / "several.py").write_text(SEVERAL)
    output = pliant("search", "several.py", "--trials", 9, "--algorithm", "re", status=1).output
    assert re.search(
        r"trial 1/9: failed: evaluate returned \(.*\): this algorithm takes one reward, got 2", output
    )
    assert re.search(r"or use an algorithm for several objectives, such as --algorithm nsga2\.", output)


@pytest.mark.parametrize("options", [[], ["--algorithm", "nsga2"]])
def test_programs_are_not_read_as_markup(pliant, folder, options):
    text = (
        SEVERAL if options else SEVERAL.replace("float(program.x), 50", "50").replace("raise", "return 1 #")
    )
    (folder / "several.py").write_text(text)
    output = pliant("search", "several.py", "--trials", 6, *options).output
    with Study.open("several.study.db") as study:
        best = study.front()[0]
    program = re.search(rf"^ *{best.id} +-?\d.*", output, re.M)[0]
    assert re.search(r"x=\d+, o=\[[abc], [abc], [abc]\], m=\[", program)


def test_a_search_that_decides_budgets_is_no_equal_of_random_search(pliant, folder):
    (folder / "budgeted.py").write_text(BUDGETED)
    note = r"the search chooses 'budget' for each trial, and random search draws it at random"
    for name in ("asha", "median_stopping(algorithm=asha)", "re"):
        output = pliant(
            "search", "budgeted.py", "--trials", 5, "--algorithm", name, "--restart", "--baseline"
        ).output
        assert bool(re.search(note, output)) == ("asha" in name)
        assert ("the same for all rows" in output) == ("asha" not in name)


@pytest.mark.parametrize("workers", [[], ["--workers", 1]])
def test_a_rule_stops_the_search(pliant, darts, workers):
    command = ["search", "darts.py", "--trials", 40, "--algorithm", "random", *workers]
    output = pliant(*command, "--stop", "no_improvement(trials=6)").output
    count = len(rewards("darts.study.db"))
    assert 6 < count < 40
    said = "The search was stopped: no improvement during 6 trials. The same command with another --stop, or without, continues it."
    assert said in output
    assert said in pliant(*command, "--stop", "no_improvement(trials=6)").output
    assert len(rewards("darts.study.db")) == count
    assert "was stopped" not in pliant(*command, "--stop", "no_improvement(40)").output
    assert len(rewards("darts.study.db")) == 40
