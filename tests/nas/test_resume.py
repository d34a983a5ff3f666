"""Searches that are killed, interrupted, resumed and trained further."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pliant.study import Study
from pliant.values.errors import StudyError

SLOW = 'time.sleep(0.15)\nreport(decided("x"))\n'
FLAGS = [
    "search-in-local",
    "--search_space_module=spaces.board",
    "--local_binary=trainer.py",
    "--local_output_dir=out",
    "--seed=1",
    "--max_nas_trial=12",
    "--max_parallel_nas_trial=1",
    "--algorithm=re(population_size=4, tournament_size=2)",
]


@pytest.fixture
def start(folder, environment):
    """Starts a command of the NAS client in a process of its own; what is still running is killed in the end."""
    begun = []

    def run(*arguments):
        command = [sys.executable, "-W", "error", "-m", "pliant", "nas", *map(str, arguments)]
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        process.kill()
        process.communicate(timeout=60)


def count_ended(path="out/search.study.db"):
    try:
        with Study.open(path) as study:
            return study.counts()["completed"]
    except StudyError:  # it is not there yet
        return 0


def decisions(path="out/search.study.db"):
    with Study.open(path) as study:
        return [(trial.decisions.values, trial.reward) for trial in study.trials()]


def test_killed_and_resumed_is_as_never_killed(start, nas, trainer, folder, until):
    trainer(SLOW)
    process = start(*FLAGS)
    until(lambda: count_ended() >= 4, "4 trials have ended", process=process)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert count_ended() < 12
    out = nas("resume", "--job_id=out")
    assert "All trials have ended" in out
    found = decisions()
    (folder / "out").rename(folder / "first")
    nas(*FLAGS)
    assert decisions() == found
    assert len(found) == 12


WAIT = """
end = time.monotonic() + 300
while trial == "3" and time.monotonic() < end and not os.path.exists("go"):
    time.sleep(0.01)
report(decided("x"))
"""


def read_until(process, text):
    """Reads lines of a process up to one with the text, and returns them."""
    lines = [process.stdout.readline()]
    while text not in lines[-1]:
        assert lines[-1], lines
        lines.append(process.stdout.readline())
    return lines


def test_interrupted_once_it_waits_for_what_runs(start, nas, trainer, folder, until):
    trainer(WAIT)
    process = start(*FLAGS)
    until(Path("out/nas/search/3").exists, "trial 3 runs", process=process)
    process.send_signal(signal.SIGINT)
    read_until(process, "waiting for 1 running trial; Ctrl-C again to stop now")
    (folder / "go").touch()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert re.search(r"To continue: `pliant nas resume --job_id=\S+out`", out)
    with Study.open("out/search.study.db") as study:
        assert study.counts()["running"] == 0
    assert "12/12" in nas("resume", "--job_id=out")


def test_interrupted_twice_it_stops_and_says_how_to_go_on(start, nas, trainer, folder, until):
    trainer(
        'time.sleep(300 if decided("x") >= 0 and not os.path.exists("go") else 0)\nreport(decided("x"))\n'
    )
    process = start(*FLAGS)
    until((folder / "out/nas/search/1/nas_params_str.json").exists, "trial 1 runs", process=process)
    other = start(*FLAGS)
    told, _ = other.communicate(timeout=60)
    assert re.search(r"another command runs the job in '\S+out': process \d+", told), told
    assert "list-trials --job_id=" in told
    assert "Study.open" not in told
    process.send_signal(signal.SIGINT)
    read_until(process, "waiting for")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert re.search(
        r"Stopped now. To continue and run the interrupted trials again: `pliant nas resume --job_id=\S+out`",
        out,
    ), out
    (folder / "go").touch()
    assert "12/12" in nas("resume", "--job_id=out")


def test_resume_goes_beyond_the_end(local, nas, trainer):
    trainer('report(decided("x"))\n')
    local("--max_nas_trial=2", space="small")
    nas("resume", "--job_id=out", "--max_nas_trial=5", "--max_parallel_nas_trial=2")
    assert len(decisions()) == 5
    nas("search_resume", "--previous_nas_job_id=out")  # the service's name of it; nothing is left
    assert len(decisions()) == 5


TRAIN = """
if "retrain_search_job_trials" in flags:
    number = flags["retrain_search_job_trials"].split(",")[int(trial) - 1]
    mine = json.load(open(f"{flags['retrain_search_job_dir']}/{number}/nas_params_str.json"))
    assert mine == params and text != flags["nas_params_str"]
    report(10 + decided("x"), nas_trial_id=number)
else:
    report(decided("x"))
print("flags", sorted(flags))
"""


def test_the_best_are_trained_in_full(local, nas, listed, trainer, folder):
    trainer(TRAIN)
    local("--max_nas_trial=4", "--algorithm=sweep", "--search_docker_flags", "epochs=1", space="small")
    out = nas(
        "train", "--search_job_id=out", "--train_max_parallel_trial=2", "--train_docker_flags", "epochs=9"
    )
    assert "Stage 2 trains 2 trials of the search: 4,3" in out
    trained = listed("out", "--stage=train")
    assert [(t["name"], t["trainTrial"]["finalMeasurement"]["metrics"]) for t in trained] == [
        (
            f"nas/train/{number}",
            [
                {"metricId": "top_1_accuracy", "value": reward},
                {"metricId": "nas_trial_id", "value": searched},
            ],
        )
        for number, reward, searched in [(1, 13.0, 4.0), (2, 12.0, 3.0)]
    ]
    assert sorted(path.name for path in (folder / "out" / "nas" / "train").iterdir()) == ["1", "2"]
    assert [t["trainTrial"]["nas_trial_id"] for t in trained] == ["4", "3"]
    rows = list(
        csv.DictReader(nas("list-trials", "--job_id=out", "--stage=train", "--format=csv").splitlines())
    )
    assert [(row["id"], row["nas_trial_id"], row["metrics.nas_trial_id"]) for row in rows] == [
        ("1", "4", "4.0"),
        ("2", "3", "3.0"),
    ]
    assert "nas_trial_id" in nas("list-trials", "--job_id=out", "--stage=train", "--format=table")


def test_listed_trials_are_trained_beside(local, nas, listed, trainer, folder):
    trainer(TRAIN)
    local("--max_nas_trial=4", "--algorithm=sweep", space="small")
    nas("train", "--search_job_id=out", "--train_nas_trial_numbers=1, 3")
    again = ["train", "--search_job_id=out", "--train_nas_trial_numbers=2,1"]
    assert "trains the trials '1', '3', not '2', '1'" in nas(*again, status=1)
    nas(*again, "--train_job_suffix=more")
    values = [
        t["trainTrial"]["finalMeasurement"]["metrics"][0]["value"] for t in listed("out", "--stage=train")
    ]
    assert values == [12.0, 10.0]
    with Study.open("out/more/train.study.db") as study:
        assert [trial.reward for trial in study.trials()] == [11.0, 10.0]
        assert study.trial(1).origin == "enqueued: trial 2 of out"


def test_stage_2_that_was_killed_goes_on(local, start, nas, trainer, until):
    trainer(TRAIN + 'time.sleep(0.3 if "retrain_search_job_trials" in flags else 0)\n')
    local("--max_nas_trial=4", "--algorithm=sweep", space="small")
    command = [
        "train",
        "--search_job_id=out",
        "--train_nas_trial_numbers=1,2,3,4",
        "--train_max_parallel_trial=1",
    ]
    process = start(*command)
    until(lambda: count_ended("out/train.study.db") >= 1, "a trial has ended", process=process)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    nas(*command)
    assert [reward for _, reward in decisions("out/train.study.db")] == [10.0, 11.0, 12.0, 13.0]
    with Study.open("out/train.study.db") as study:
        assert study.info().queued == 0  # none was enqueued again


def test_stage_2_keeps_the_flags_that_it_began_with(local, nas, trainer, folder):
    trainer(TRAIN)
    local("--max_nas_trial=2", "--algorithm=sweep", "--search_docker_flags", "epochs=1", space="small")
    command = ["train", "--search_job_id=out", "--train_nas_trial_numbers=1,2"]
    nas(*command, "--train_docker_flags", "epochs=9")
    out = nas(*command, "--train_docker_flags", "epochs=90", status=1)
    assert "was started with --train_docker_flags epochs=9; now it is epochs=90" in out
    assert "--train_job_suffix=NAME" in out
    nas(*command)  # those that it began with are meant
    nas(*command, "--train_job_suffix=long", "--train_docker_flags", "epochs=90")
    assert json.loads((folder / "out/nas_train.json").read_text())["train_flags"] == {"epochs": "9"}
    assert json.loads((folder / "out/long/nas_train.json").read_text())["train_flags"] == {"epochs": "90"}


def test_search_with_train_flags_does_both_stages(nas, trainer, folder):
    trainer(TRAIN)
    out = nas(
        "search",
        "--job_name=a",
        "--root_output_dir=jobs",
        "--nas_target_reward_metric=m",
        "--search_space_module=spaces.small",
        "--local_binary=trainer.py",
        "--max_nas_trial=3",
        "--train_max_parallel_trial=1",
        "--train_docker_flags",
    )
    assert "Stage 2 trains 1 trial of" in out
    assert len(list((folder / "jobs").glob("a_*/nas/train/1"))) == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--train_nas_trial_numbers=1,x"],
            "lists trials of the search, each once, such as '1,9'; got '1,x'",
        ),
        (["--train_nas_trial_numbers=1,1"], "each once"),
        (["--train_nas_trial_numbers=9"], "--train_nas_trial_numbers: .*no trial 9"),
        (["--train_job_suffix=../x"], "--train_job_suffix is one word"),
    ],
)
def test_what_cannot_be_trained(local, nas, trainer, flags, message):
    trainer('report(decided("x"))\n')
    local("--max_nas_trial=2", space="small")
    assert re.search(message, nas("train", "--search_job_id=out", *flags, status=1))


def test_nothing_to_train(local, nas, trainer):
    trainer("sys.exit(1)\n")
    local("--max_nas_trial=2", space="small", status=1)
    assert "has a reward, so none can be trained" in nas("train", "--search_job_id=out", status=1)


def test_settings_come_back(local, trainer, folder):
    from pliant.nas.folder import JobFolder

    trainer('report(decided("x"), latency=1)\n')
    local(
        "--constraint=latency <= 3",
        "--target_latency=3",
        "--latency_metric=latency",
        "--search_docker_flags",
        "a=b=c",
    )
    settings = JobFolder(folder / "out").load()
    assert settings.search_flags == {"a": "b=c"}
    assert settings.rules.constraints == ("latency <= 3",)
    assert json.loads((folder / "out" / "nas_job.json").read_text())["seed"] == 1
