"""`pliant bench`: what it prints and writes, and what it says to mistakes."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from pliant.bench import get_task, task_names
from pliant.bench.registry import TASKS
from pliant.bench.run import load_task
from pliant.cli.bench.command import read_budgets, split_algorithms

FAST = ("bench", "run", "--task", "branin", "--workers", 1)


def read_rows(folder, name="branin"):
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_bench_prints_and_writes(pliant, folder):
    output = pliant(
        *FAST, "--algorithms", "random, re(population_size=5, tournament_size=2)", "--trials", 12, "--runs", 3,
        "--budgets", "12,4", "--out", "results",
    ).output  # fmt: skip
    assert output.startswith("branin: Space of size infinite with 2 decision points\n")
    assert "2 algorithms, 3 runs of 12 trials each: 0 stored, 6 to do in 1 process\n" in output
    assert re.search(r"\n random +3 +4 +-\S+ ± \S+ +-\S+ ± \S+\n +12 ", output)
    assert re.search(r"\n re\(population_size=5, tournament_size=2\) +3 +4 ", output)
    assert re.search(r"\n optimum +-0\.3979 +-0\.3979\n", output)
    written = {path.name for path in (folder / "results").iterdir() if path.is_file()}
    assert written == {"branin.csv", "branin.json", "branin.png", "branin.svg"}
    for name in written:
        assert f"results/{name}" in output.rpartition("Written: ")[2]


def test_the_table_file_holds_what_the_runs_found(pliant, folder):
    pliant(
        *FAST,
        "--algorithms",
        "random",
        "--trials",
        6,
        "--runs",
        2,
        "--seed",
        5,
        "--budgets",
        "3,6",
        "--no-plot",
    )
    from pliant.algorithms import Random
    from pliant.bench.entrant import search

    rows = read_rows(folder / "bench")
    assert [(row["algorithm"], row["trials"], row["runs"]) for row in rows] == [
        ("random", "3", "2"),
        ("random", "6", "2"),
    ]
    for row in rows:
        found = [
            search(get_task("branin"), Random(seed=s), trials=6).at(int(row["trials"])).reward for s in (5, 6)
        ]
        assert float(row["validation_mean"]) == pytest.approx(sum(found) / 2)
    stored = json.loads((folder / "bench" / "branin.json").read_text())
    assert stored["task"] == "branin"
    assert stored["optimum"]["test"] == get_task("branin").optimum.test
    assert [row["validation_mean"] for row in stored["results"]] == [
        float(row["validation_mean"]) for row in rows
    ]


def test_one_run_has_no_interval(pliant, folder):
    pliant(*FAST, "--algorithms", "random", "--trials", 2, "--runs", 1, "--no-plot")
    stored = json.loads((folder / "bench" / "branin.json").read_text())
    assert stored["results"][0]["test_ci95"] is None


def test_the_same_command_goes_on(pliant, folder):
    command = (*FAST, "--trials", 5, "--no-plot", "--algorithms")
    first = pliant(*command, "random", "--runs", 2).output
    again = pliant(*command, "random", "--runs", 2).output
    assert "2 stored, 0 to do" in again
    assert first.partition("branin: incumbent")[2] == again.partition("branin: incumbent")[2] != ""
    assert "2 stored, 4 to do" in pliant(*command, "random,hill-climb", "--runs", 3).output
    assert {row["runs"] for row in read_rows(folder / "bench")} == {"3"}


def test_progress_in_a_log_is_some_lines(pliant):
    output = pliant(*FAST, "--algorithms", "random", "--trials", 1, "--runs", 100, "--no-plot").output
    assert len(re.findall(r"\n\d+ of 100 runs, \d+ s", output)) == 20


def test_infeasible_trials_and_early_ends_are_told(pliant, monkeypatch):
    monkeypatch.setattr(type(load_task("branin", None)), "evaluate", lambda self, decisions: None)
    output = pliant(*FAST, "--algorithms", "random", "--trials", 4, "--runs", 2, "--no-plot").output
    assert "random: 100.0% of its trials were infeasible (they count as trials)." in output
    assert re.search(r"\n random +2 +1 +- +-\n", output)


def test_a_search_that_exhausts_a_space_is_told(pliant, monkeypatch):
    module, function, _ = TASKS["nk"]
    monkeypatch.setitem(TASKS, "nk/tiny", (module, function, {"n": 3, "k": 1}))
    output = pliant(
        "bench", "run", "--task", "nk/tiny", "--workers", 1, "--algorithms", "sweep", "--trials", 100, "--runs", 1, "--no-plot",
    ).output  # fmt: skip
    assert "sweep: 1 of 1 runs ended early, with nothing left to propose." in output


def test_without_matplotlib_there_are_tables(pliant, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    output = pliant(*FAST, "--algorithms", "random", "--trials", 2, "--runs", 1).output
    assert re.search(r"No plots: .*atplotlib.*pliant\[plots\]", output)
    assert output.endswith("Written: bench/branin.csv, bench/branin.json\n")


def test_list_names_all_tasks_and_algorithms(pliant):
    output = pliant("bench", "list").output
    for name in (*task_names(), "random", "regularized_evolution, re", "bayesian, gp"):
        assert f"\n  {name}\n" in output


@pytest.mark.parametrize(
    "options, message",
    [
        (
            ("--task", "brannin", "--algorithms", "random"),
            r"unknown task 'brannin'; did you mean 'branin'\? Known: ",
        ),
        (
            ("--task", "branin", "--algorithms", "rendom"),
            r"unknown algorithm 'rendom'; did you mean 'random'",
        ),
        (("--task", "branin", "--algorithms", "re(size=3)"), r"has no option 'size'"),
        (("--task", "branin", "--algorithms", "re(3"), r"an algorithm is a name, or a name with options"),
        (("--task", "branin", "--algorithms", "re,random,re"), r"has 're' twice"),
        (("--task", "branin", "--algorithms", "re,,random"), r"with an empty name"),
        (
            ("--task", "branin", "--algorithms", "re", "--budgets", "many"),
            r"--budgets takes numbers .*got 'many'",
        ),
        (
            ("--task", "branin", "--algorithms", "re", "--trials", 9, "--budgets", "10"),
            r"a budget is from 1 to 9.*got 10",
        ),
        (
            ("--task", "nasbench_macro", "--algorithms", "re", "--data", "nowhere"),
            r"no table of results at 'nowhere'",
        ),
    ],
)
def test_mistakes_are_lessons_before_anything_runs(pliant, folder, options, message):
    output = pliant("bench", "run", *options, status=1).output
    assert re.search(rf"Error: .*{message}", output)
    assert "Traceback" not in output
    assert not (folder / "bench").exists()


@pytest.mark.parametrize("option", ["--trials", "--runs", "--workers"])
def test_zero_of_anything(pliant, option):
    assert (
        "0 is not in the range x>=1"
        in pliant("bench", "run", "--task", "a", "--algorithms", "b", option, 0, status=2).output
    )


def test_lists_are_cut_outside_of_brackets():
    assert split_algorithms("a(b=[1, 2], c=(3, 4)) , d") == ["a(b=[1, 2], c=(3, 4))", "d"]
    assert read_budgets("3, 1,3", 9) == [1, 3]


def test_stopping_keeps_what_ended(folder, environment, until):
    """Interrupted as from the keyboard, with processes at work: it says so, without a traceback, and goes on."""
    command = [
        sys.executable, "-m", "pliant", "bench", "run", "--task", "branin", "--algorithms", "random",
        "--trials", "20000", "--runs", "2000", "--workers", "2", "--no-plot",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    runs = folder / "bench" / "runs" / "branin" / "random.jsonl"
    until(runs.exists, "the first run is stored", process=process)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Stopped. Complete runs are stored in bench; run the same command to continue." in output
    assert "Traceback" not in output
    assert len(runs.read_text().splitlines()) >= 1
