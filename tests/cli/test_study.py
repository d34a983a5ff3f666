"""`pliant study`: what is in studies, in three forms, and what is done with them."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from pliant.algorithms import Random, to_algorithm
from pliant.algorithms.evolution import NSGA2
from pliant.algorithms.generators import NAMES
from pliant.cli.study.change import rebuild_algorithm
from pliant.cli.study.output import print_studies
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study.places import find_all

SPACE = flatten([integer("x", 0, 9), choice("op", [None, None], literals=["conv", "pool"])])


class Own(Random):
    """An algorithm of somebody's program."""


HOLD = """
import sys
from pathlib import Path
from pliant.study.store.lock import WriterLock
lock = WriterLock(Path(sys.argv[1]))
assert lock.acquire()
print("held", flush=True)
input()
"""


@pytest.fixture
def made(folder):
    """A study of 9 trials: three told, one failed, one running, one enqueued."""
    with Study.create("a.db", SPACE, Random(seed=1), trials=9, constraints=["latency <= 10"]) as study:
        for reward in (1.0, 3.0, 2.0):
            study.tell(study.ask(worker="w1").id, reward, metrics={"latency": reward})
        study.report(study.ask().id, 0.5, step=1)
        study.fail(4, "=1+1 is no\nreward")
        study.put_back(study.ask().id, "the node is gone")
        study.enqueue({"x": 1, "op": 0}, "mine")
    return "a.db"


def read_json(result):
    return json.loads(result.output)


def read_csv(result):
    return list(csv.DictReader(io.StringIO(result.output, newline="")))


# ------------------------------------------------------------------ list


def test_list(pliant, made, folder):
    with Study.create("b.db", SPACE, NSGA2(4), trials=2, name="two") as study:
        for rewards in ((1.0, 2.0), (2.0, 3.0)):
            study.tell(study.ask().id, rewards)
    Study.create("c.study", SPACE, Random()).close()
    (folder / "notes.txt").write_text("SQLite format 3")
    (folder / "empty.db").touch()
    sqlite3.connect("other.db").execute("CREATE TABLE t (x)").connection.close()
    (folder / "inner").mkdir()
    broken = (folder / "a.db").read_bytes()
    (folder / "broken.db").write_bytes(broken[: len(broken) // 2])
    found = read_json(pliant("study", "list", "--format", "json"))
    assert [entry["path"] for entry in found] == ["a.db", "b.db", "broken.db", "c.study"]
    assert [entry.get("state") for entry in found] == ["unfinished", "complete", None, "new"]
    assert (found[0]["best"], found[0]["best_trial"], found[0]["queued"]) == (3.0, 2, 1)
    assert found[1]["best"] == [2.0, 3.0]
    assert "damaged" in found[2]["fault"]
    lines = pliant("study", "list", folder).output.strip().splitlines()
    assert lines[0].split() == ["study", "state", "trials", "failed", "best", "algorithm"]
    assert any(line.split()[1:5] == ["unfinished", "5/9", "1", "3.0000"] for line in lines)
    assert any("unreadable" in line and "broken.db" in line for line in lines)
    rows = read_csv(pliant("study", "list", "--format", "csv"))
    assert [row["name"] for row in rows] == ["a", "two", "broken", "c"]


def test_list_of_nothing(pliant, folder):
    assert pliant("study", "list").output == "No studies in the folder '.'.\n"
    assert read_json(pliant("study", "list", "--format", "json")) == []
    output = pliant("study", "list", "nowhere", status=1).output
    assert "Error: 'nowhere' is not a folder. Name a folder with studies, or a database" in output
    (folder / "a.txt").touch()
    assert "'a.txt' is a file" in pliant("study", "list", "a.txt", status=1).output


@pytest.mark.parametrize("fault", [None, "it is damaged"])
def test_a_study_in_a_database_is_listed_by_its_name(made, capsys, fault):
    """The address is that of all of them, and was typed; programs get it in full."""
    (entry,) = find_all(".")
    place = "postgresql+psycopg://me:***@db.example.org:5432/searches?sslmode=require&study=digits"
    print_studies([replace(entry, place=place, fault=fault, data={**entry.data, "path": place})], "table")
    print_studies([replace(entry, place=place, fault=fault, data={**entry.data, "path": place})], "json")
    table, _, data = capsys.readouterr().out.partition("[")
    assert table.strip().splitlines()[-1].split()[0] == "digits"
    assert "example.org" not in table
    assert json.loads("[" + data)[0]["path"] == place


# ------------------------------------------------------------------ show, best, trials


def test_show(pliant, made):
    output = pliant("study", "show", "a.db").output
    assert "state:       unfinished\n" in output
    assert "constraints: latency <= 10\n" in output
    assert "trial 5: attempt 1 was lost: the node is gone\n" in output
    assert "journal:" not in pliant("study", "show", "a.db", "--journal", 0).output
    data = read_json(pliant("study", "show", "a.db", "--format", "json"))
    assert (data["completed"], data["failed"], data["running"], data["budget"]) == (3, 1, 1, 9)
    assert data["journal"][0]["trial"] == 5
    (row,) = read_csv(pliant("study", "show", "a.db", "--format", "csv"))
    assert (row["name"], row["queued"]) == ("a", "1")


def test_best(pliant, made):
    found = read_json(pliant("study", "best", "a.db", "--count", 2, "--format", "json"))
    assert [trial["id"] for trial in found] == [2, 3]
    assert set(found[0]["decisions"]) == {"x", "op"}
    assert len(pliant("study", "best", "a.db").output.strip().splitlines()) == 3


def test_best_of_several_rewards_is_the_front(pliant, folder):
    with Study.create("b.db", SPACE, NSGA2(4), trials=3) as study:
        for rewards in ((1.0, 2.0), (2.0, 1.0), (0.0, 0.0)):
            study.tell(study.ask().id, rewards)
    output = pliant("study", "best", "b.db").output
    assert output.split()[:6] == ["trial", "status", "reward", "1", "reward", "2"]
    found = read_json(pliant("study", "best", "b.db", "--format", "json"))
    assert [trial["rewards"] for trial in found] == [[2.0, 1.0], [1.0, 2.0]]


def test_trials(pliant, made):
    lines = pliant("study", "trials", "a.db").output.strip().splitlines()
    assert lines[0].split() == ["trial", "status", "cause", "reward", "seconds", "program"]
    assert [line.split()[:2] for line in lines[2:]] == [
        ["1", "completed"],
        ["2", "completed"],
        ["3", "completed"],
        ["4", "failed"],
        ["5", "running"],
    ]
    assert lines[5].split()[2] == "error"
    assert "=1+1 is no reward" in lines[5]
    found = read_json(pliant("study", "trials", "a.db", "--limit", 2, "--format", "json"))
    assert [trial["id"] for trial in found] == [4, 5]
    assert found[0]["reports"][0]["reward"] == 0.5
    failed = read_csv(pliant("study", "trials", "a.db", "--status", "failed", "--format", "csv"))
    assert [(row["id"], row["reason"]) for row in failed] == [("4", "'=1+1 is no\nreward")]
    assert len(read_json(pliant("study", "trials", "a.db", "--limit", 0, "--format", "json"))) == 5


@pytest.mark.parametrize(
    "command", ["show", "best", "trials", "export", "enqueue", "upgrade", "rm", "resume"]
)
@pytest.mark.parametrize("place", ["none.db", "none/none.db", "empty.db", "other.db", "text.db"])
def test_no_study(pliant, folder, made, command, place):
    (folder / "empty.db").touch()
    (folder / "text.db").write_text("a text " * 200, "utf-8")
    with sqlite3.connect(folder / "other.db") as other:
        other.execute("CREATE TABLE songs (name)")
    other.close()
    more = {"enqueue": ["{}"], "resume": ["darts.py"]}.get(command, [])
    output = pliant("study", command, place, *more, status=1).output
    said = {
        "none": "no study found at",
        "empt": "is an empty file",
        "othe": "not a study",
        "text": "not a study",
    }
    assert output.startswith("Error: ")
    assert f"'{place}'" in output
    assert said[place[:4]] in output
    assert "`pliant study list FOLDER` shows" in output
    assert "Study." not in output
    assert "a.db" in pliant("study", "list", ".").output


# ------------------------------------------------------------------ export


def test_export(pliant, made, folder):
    rows = read_csv(pliant("study", "export", "a.db"))
    assert [row["reward"] for row in rows] == ["1.0", "3.0", "2.0", "", ""]
    pliant("study", "export", "a.db", "-o", "a.csv")
    assert list(csv.DictReader(io.StringIO((folder / "a.csv").read_bytes().decode(), newline=""))) == rows
    pliant("study", "export", "a.db", "-o", "a.json")
    assert len(json.loads((folder / "a.json").read_text())["trials"]) == 5
    assert len(read_json(pliant("study", "export", "a.db", "--format", "json"))["trials"]) == 5
    assert read_csv(pliant("study", "export", "a.db", "--reports"))[0]["trial"] == "4"
    pliant("study", "export", "a.db", "-o", "a.parquet")
    import pyarrow.parquet

    assert pyarrow.parquet.read_table("a.parquet").num_rows == 5


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--format", "parquet"], 2, "name the file by --output FILE"),
        (["--reports", "--format", "json"], 2, "--reports writes csv only"),
        (
            ["-o", "a.xlsx"],
            2,
            "'a.xlsx' does not end in .csv, .json, .parquet: rename it, or choose the format by",
        ),
        (["-o", "a.tar.gz", "--reports"], 2, "'a.tar.gz' does not end in .csv, .json, .parquet"),
        (["-o", "nowhere/a.csv"], 1, "'nowhere/a.csv' cannot be written: No such file"),
    ],
)
def test_export_that_cannot_be(pliant, made, folder, options, status, message):
    output = pliant("study", "export", "a.db", *options, status=status).output
    assert message in " ".join(output.replace("│", "").split())
    assert not list(folder.glob("a.[!d]*"))


def test_export_in_a_form_that_is_said(pliant, made, folder):
    for name in ("a.txt", "plain"):
        pliant("study", "export", "a.db", "-o", name, "--format", "csv")
        assert (folder / name).read_text().startswith("id,status,reward,")
    pliant("study", "export", "a.db", "-o", "bare")
    assert (folder / "bare").read_text() == (folder / "a.txt").read_text()


# ------------------------------------------------------------------ rm, enqueue, upgrade


def test_rm(pliant, made, folder):
    output = pliant("study", "rm", "a.db", status=1).output  # nobody answers
    assert "a.db: 5 trials" in output
    assert (folder / "a.db").exists()
    assert pliant("study", "rm", "a.db", "--yes").output == "a.db: 5 trials\nDeleted.\n"
    assert not list(folder.glob("a.db*")) or [path.name for path in folder.glob("a.db*")] == ["a.db-lock"]


def test_rm_of_what_is_in_use_or_no_study(pliant, made, folder, environment):
    (folder / "thesis.db").write_text("very important" * 100)
    assert "thesis.db" in pliant("study", "rm", "a.db", "thesis.db", "--yes", status=1).output
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "a.db"], env=environment, stdin=-1, stdout=-1, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        output = pliant("study", "rm", "a.db", "--yes", status=1).output
        holder.communicate("\n")
    assert "is being written by another process" in output
    assert (folder / "a.db").exists()
    assert (folder / "thesis.db").exists()


def test_enqueue(pliant, made, folder):
    assert (
        pliant("study", "enqueue", "a.db", '{"x": 7, "op": "1/2 (pool)"}').output
        == "2 in the queue of a.db.\n"
    )
    pliant("study", "enqueue", "a.db", "[3, 0]", "--note", "a list")
    (folder / "d.json").write_text('{"x": 2, "op": 1}')
    pliant("study", "enqueue", "a.db", "@d.json")
    with Study.open("a.db", SPACE, Random(seed=1)) as study:
        found = [study.ask() for _ in range(4)]
        assert [trial.decisions.values for trial in found[1:]] == [(1, 0), (7, 1), (3, 0)]
        assert found[3].origin == "enqueued: a list"


def test_enqueue_what_export_wrote(pliant, folder):
    """Candidates as `pliant study export` and `trials` write them, by their text or number."""
    space = flatten(
        [
            integer("x", 0, 9),
            choice("op", [None, None], literals=["'conv'", "'pool'"]),
            choice("size", 3, values=[8, 64, 256]),
            choice("drop", 2, values=[0.0, 0.5]),
            choice("pair", 3, picks=2, distinct=True, ordered=False, literals=["a", "b", "c"]),
        ]
    )
    with Study.create("e.db", space, Random(seed=1), trials=4) as study:
        while trial := study.ask():
            study.tell(trial.id, 1.0)
        decided = [trial.decisions.values for trial in study.trials()]
    found = read_json(pliant("study", "export", "e.db", "--format", "json"))["trials"]
    for trial in found:
        pliant("study", "enqueue", "e.db", json.dumps(trial["decisions"]))
    with Study.open("e.db", space, Random(seed=1), trials=8) as study:
        assert [study.ask().decisions.values for _ in range(4)] == decided


def test_enqueue_of_a_number_that_is_an_index_and_a_candidate(pliant, folder):
    """What is meant cannot be told, unless both are the same."""
    space = flatten([choice("size", 4, values=[2, 1, 64, 7], literals=["2", "1", "64", "7"])])
    Study.create("e.db", space, Random(seed=1)).close()
    output = pliant("study", "enqueue", "e.db", '{"size": 2}', status=1).output
    assert (
        "Error: the decision at path 'size' is 2, which is both a candidate, 0/4 (2), and the index of another, 2/4 (64). "
        "Write '0/4 (2)' or '2/4 (64)'.\n" in output
    )
    for text in ('{"size": 64}', '{"size": 1}', '{"size": 3}', '{"size": "0/4 (2)"}', "[2]"):
        pliant("study", "enqueue", "e.db", text)
    with Study.open("e.db", space, Random(seed=1)) as study:
        assert [study.ask().decisions.values for _ in range(5)] == [(2,), (1,), (3,), (0,), (2,)]


def test_enqueue_of_picks_by_their_hole(pliant, folder):
    space = flatten([choice("ops", 3, picks=2, literals=["'a'", "'b'", "'c'"])])
    Study.create("e.db", space, Random(seed=1)).close()
    pliant("study", "enqueue", "e.db", '{"ops": ["c", "a"]}')
    pliant("study", "enqueue", "e.db", '{"ops": [1, 0]}')
    with Study.open("e.db", space, Random(seed=1)) as study:
        assert [study.ask().decisions.values for _ in range(2)] == [(2, 0), (1, 0)]


def test_enqueue_where_nothing_runs(pliant, folder):
    with Study.create("f.db", SPACE, Random(), trials=2) as study:
        study.tell(study.ask().id, 1.0)
    output = pliant("study", "enqueue", "f.db", "[3, 0]").output
    assert output == "1 in the queue of f.db.\n"
    output = pliant("study", "enqueue", "f.db", "[4, 0]").output
    assert output == (
        "2 in the queue of f.db.\n"
        "The study has 1 of its 2 trials, too few for the whole queue; give it more: "
        "`pliant study resume f.db FILE --trials 3`.\n"
    )
    with Study.open("f.db", SPACE, Random()) as study:
        study.tell(study.ask().id, 1.0)
    output = pliant("study", "enqueue", "f.db", "[5, 0]").output
    assert output == (
        "2 in the queue of f.db.\n"
        "The study has all of its 2 trials; to try the queue, give it more: "
        "`pliant study resume f.db FILE --trials 4`.\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"x": 3, "op": "avg"}', "write the index, or"),
        ("{x: 3}", r"'{x: 3}' is not JSON: "),
        ("@none.json", r"'none.json' cannot be read: No such file"),
        ('{"x": 99, "op": 0}', "the decision at path 'x' must be an integer; allowed: 0..9; got 99"),
        ("3", "the decision at path 'op' is missing: 1 values were given"),
    ],
)
def test_enqueue_of_what_is_none(pliant, made, text, message):
    assert message in pliant("study", "enqueue", "a.db", text, status=1).output


def test_enqueue_as_the_message_says(pliant, made):
    said = " ".join(pliant("study", "enqueue", made, "{x: 3}", status=1).output.split())
    shown = re.search(r"such as '(.*?)', or a list of all of them", said)[1]
    assert shown == '{"x": 3, "op": "1/2 (pool)"}'
    for text in (shown, "[3, 1]"):
        pliant("study", "enqueue", made, text)
    with Study.open(made, SPACE, Random(seed=1)) as study:
        while (trial := study.ask()) and trial.id < 8:
            study.tell(trial.id, 1.0, metrics={"latency": 1.0})
        assert [study.trial(i).decisions.params for i in (7, 8)] == [{"x": 3, "op": "pool"}] * 2


def test_upgrade(pliant, made):
    assert pliant("study", "upgrade", "a.db").output == "a.db has version 4 of the format.\n"


# ------------------------------------------------------------------ pause and resume


def test_pause_and_resume(pliant, made):
    assert pliant("study", "pause", made).output.startswith("paused")
    assert "is paused already" in pliant("study", "pause", made, status=1).output
    assert json.loads(pliant("study", "show", made, "--format", "json").output)["state"] == "paused"
    assert (
        pliant("study", "resume", made).output
        == "resumed: the processes that search this study hand out trials again\n"
    )
    assert "is not paused" in pliant("study", "resume", made, status=1).output


def test_resume_is_the_same_search(pliant, darts):
    """By the algorithm that the study knows; as if the first command had gone on."""
    given = [
        "darts.py",
        "--no-baseline",
        "--seed",
        3,
        "--algorithm",
        "median_stopping(algorithm=re(population_size=6, tournament_size=3))",
    ]
    pliant("search", *given, "--trials", 30, "--study", "whole.db")
    pliant("search", *given, "--trials", 12, "--study", "part.db")
    output = pliant("study", "resume", "part.db", "darts.py", "--trials", 30).output
    assert "Study: part.db (continues after 12 of 30 trials)" in output
    assert "Best of 30 trials" in output
    with Study.open("whole.db") as whole, Study.open("part.db") as part:
        assert [(t.decisions.values, t.reward) for t in part.trials()] == [
            (t.decisions.values, t.reward) for t in whole.trials()
        ]


def test_resume_takes_the_options_of_the_last_run(pliant, darts):
    rule = "no_improvement(trials=3, least=0.0)"
    command = ["search", "darts.py", "--study", "a.db", "--trials", 30, "--algorithm", "random"]
    pliant(*command, "--stop", "no_improvement(3)", "--keep", "front")
    output = pliant("study", "resume", "a.db", "darts.py").output
    assert f"--stop {rule}, as before\n--keep front, as before\n" in output
    assert (
        "no improvement during 3 trials. The same command with another --stop, or with --stop none, continues it."
        in output
    )
    shown = json.loads(pliant("study", "show", "a.db", "--format", "json").output)
    assert (shown["stop"], shown["keep"]) == (rule, "front")
    output = pliant("study", "resume", "a.db", "darts.py", "--stop", "none", "--keep", "best(2)").output
    assert f"--stop none; before: {rule}\n--keep best(2); before: front\n" in output
    assert "was stopped" not in output
    with Study.open("a.db") as study:
        assert study.is_complete
        assert study.options == {"keep": "best(2)"}
        assert [text for _, _, text in study.journal()] == [
            f"stop was {rule}, and is now not given",
            "keep was front, and is now best(2)",
        ]
    pliant(*command)
    with Study.open("a.db") as study:
        assert study.options == {}


def test_resume_with_fewer_trials_than_there_are(pliant, darts):
    pliant("search", "darts.py", "--no-baseline", "--trials", 6, "--study", "a.db")
    output = pliant("study", "resume", "a.db", "darts.py", "--trials", 4, status=2).output
    assert (
        "'a.db' already has 6 trials, and --trials is the number of all its trials: --trials 10 runs 4 more."
        in " ".join(output.replace("│", "").split())
    )
    with Study.open("a.db") as study:
        assert study.info().budget == 6
    assert "Best of 6 trials" in pliant("study", "resume", "a.db", "darts.py", "--trials", 6).output


def test_resume_keeps_what_the_study_was_made_with(pliant, darts):
    text = darts.read_text().replace("return -abs", "return (program.x, {'y': program.y}) if True else -abs")
    darts.write_text(text)
    given = ["--no-baseline", "--minimize", "--constraint", "y <= 0.5", "--reuse", "--study", "a.db"]
    pliant("search", "darts.py", *given, "--trials", 10)
    pliant("study", "resume", "a.db", "darts.py", "--trials", 20)
    with Study.open("a.db") as study:
        assert study.counts()["running"] == 0
        assert study.info().proposed == 20
        assert study.counts()["failed"] > 0
        for trial in study.trials():
            assert (trial.status == "failed") == (trial.metrics["y"] > 0.5)


def test_resume_of_another_space_or_of_an_algorithm_of_code(pliant, darts, made):
    output = pliant("study", "resume", "a.db", "darts.py", status=1).output
    assert "Error: the study 'a.db' searches another space" in output
    with Study.open(made) as study:
        space = study.space
    Study.create("own.db", space, Own(seed=3)).close()
    output = pliant("study", "resume", "own.db", "darts.py", status=1).output
    assert (
        f"the algorithm Own(seed=3, replace=True, uniform=False, prior=None) cannot be made: '{__name__}:Own' is not a class of Pliant"
        in output
    )
    assert "Name the algorithm that the study was made with by --algorithm" in output
    pliant("search", "darts.py", "--no-baseline", "--algorithm", "random", "--trials", 2, "--study", "b.db")
    output = pliant("study", "resume", "b.db", "darts.py", "--algorithm", "re", status=1).output
    assert "is searched by another algorithm: Random against Evolution" in output


@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_is_made_from_its_record(name, tmp_path):
    space = flatten([integer("x", 0, 9), integer("budget", 1, 9, name="budget")])
    with Study.create(tmp_path / "a.db", space, to_algorithm(name)) as study:
        info = study.info()
    with Study.open(tmp_path / "a.db", space, rebuild_algorithm(info)) as study:
        assert study.info().algorithm == info.algorithm


def test_no_trials_of_a_status(pliant, made):
    """What there is instead is said: how many trials, and of which statuses."""
    have = "among 5 trials: 1 running, 3 completed, 1 failed."
    found = pliant("study", "trials", made, "--status", "stopped").output
    assert " ".join(found.split()) == f"No trials with the status 'stopped' {have}"
    assert read_json(pliant("study", "trials", made, "--status", "stopped", "--format", "json")) == []
    with Study.create("b.db", SPACE, Random()) as study:
        study.fail(study.ask().id, "no")
    assert pliant("study", "best", "b.db").output == "No trials with a reward among 1 trial: 1 failed.\n"


def test_no_trials(pliant, folder):
    Study.create("a.db", SPACE, Random()).close()
    assert pliant("study", "trials", "a.db").output == "No trials.\n"
    assert pliant("study", "best", "a.db").output == "No trials with a reward.\n"
    for command in ("trials", "best"):
        assert read_json(pliant("study", command, "a.db", "--format", "json")) == []
    assert read_csv(pliant("study", "trials", "a.db", "--format", "csv")) == []


OPEN = """
import sys
from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study
study = Study.create("a.db", flatten([integer("x", 0, 9)]), Random())
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_writer_that_was_killed(pliant, folder, environment):
    """It is named as the writer while it runs, then as one that has died, and not once another has closed the study."""
    with subprocess.Popen(
        [sys.executable, "-c", OPEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as writer:
        assert writer.stdout.readline() == b"held\n"
        said = rf"writer: +process {writer.pid} on .*, since \S+Z?"
        assert re.search(rf"{said}$", pliant("study", "show", "a.db").output, re.MULTILINE)
        writer.kill()
        writer.wait()
    assert re.search(rf"{said}, which has died$", pliant("study", "show", "a.db").output, re.MULTILINE)
    Study.open("a.db", flatten([integer("x", 0, 9)]), Random()).close()
    assert "writer" not in pliant("study", "show", "a.db").output


def test_find_all_says_what_it_found(made):
    (entry,) = find_all(".")
    assert entry.fault is None
    assert entry.data["writer"] is None
