"""Searches with a trainer that imports nothing of ours: what it is given, where it writes, and what is found."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from pliant.study import Study

GOOD = 'report(-abs(decided("x") - 6) + 10)\n'
SHOW = """
print("argv", json.dumps(sys.argv[1:]))
print("env", json.dumps({k: v for k, v in os.environ.items() if k.startswith(("CLOUD_ML", "AIP"))}))
report(1.0)
"""


def test_one_trial_as_the_cloud_client_runs_it(local, trainer, folder):
    trainer(SHOW)
    out = local(
        "--search_docker_flags", "search_space=board", "filter=a=b--c", "--project_id=me", "--num_gpus=2"
    )
    home = folder / "out" / "nas" / "search" / "1"
    argv = json.loads(re.search(r"^argv (.*)$", out, re.M)[1])
    params = argv[2].removeprefix("--nas_params_str=")
    assert argv[:2] == ["--search_space=board", "--filter=a=b--c"]  # the first = splits
    assert set(json.loads(params)) == {"x", "side"}
    assert argv[3:] == [f"--job-dir={home}"]
    env = json.loads(re.search(r"^env (.*)$", out, re.M)[1])
    assert env == {
        "CLOUD_ML_TRIAL_ID": "1",
        "CLOUD_ML_HP_METRIC_TAG": "top_1_accuracy",
        "CLOUD_ML_HP_METRIC_FILE": str(home / "hypertune" / "attempt_1.metrics"),
        "AIP_MODEL_DIR": str(home / "model"),
    }
    assert json.loads((home / "nas_params_str.json").read_text()) == json.loads(params)
    assert "Ignored, as trials run on this machine: --num_gpus" in out


def test_other_spellings(nas, trainer):
    trainer(SHOW)
    out = nas(
        "search_in_local",
        "--search-space-module=spaces.board",
        "--local-binary",
        "trainer.py",
        "--run_local_binary=true",
        "--local_output_dir=out",
        "--local_binary_flags",
        "a=1",
    )
    assert '"--a=1"' in out
    assert '"id": "1"' in nas("list_trials", "--job_id=out")


def test_two_jobs_draw_different_samples(nas, trainer):
    trainer(SHOW)
    flags = ["--search_space_module=spaces.wavy", "--local_binary=trainer.py"]
    outs = [nas("search-in-local", *flags, f"--local_output_dir={name}") for name in "ab"]
    assert len({re.search(r"nas_params_str={.*?}", out)[0] for out in outs}) == 2


def test_a_whole_search_finds_the_best(local, trainer, listed):
    trainer(GOOD)
    out = local("--max_nas_trial=20", "--max_parallel_nas_trial=2", "--algorithm=sweep")
    best = listed()[0]
    assert best["searchTrial"]["finalMeasurement"]["metrics"] == [
        {"metricId": "top_1_accuracy", "value": 10.0}
    ]
    assert json.loads(best["parameters"])["x"] == 6
    assert len(listed("out", "--max_trials=0")) == 20
    assert "All trials have ended" in out


def test_the_same_search_twice_is_the_same(local, trainer, folder):
    trainer(GOOD)

    def rewards():
        local(
            "--max_nas_trial=12",
            "--max_parallel_nas_trial=1",
            "--algorithm=re(population_size=4, tournament_size=2)",
        )
        with Study.open("out/search.study.db") as study:
            found = [trial.decisions.values for trial in study.trials()]
        (folder / "out").rename(folder / f"out_{len(list(folder.iterdir()))}")
        return found

    assert rewards() == rewards()


def test_search_makes_the_folders_of_the_service(nas, trainer, folder):
    trainer(GOOD)
    flags = [
        "--job_name=digits",
        "--root_output_dir=jobs",
        "--nas_target_reward_metric=AP",
        "--search_space_module=spaces.board",
        "--local_binary=trainer.py",
        "--max_nas_trial=3",
        "--max_parallel_nas_trial=2",
    ]
    nas("search", *flags)
    nas("search", *flags)
    jobs = sorted(path.name for path in (folder / "jobs").iterdir())
    assert len(jobs) == 2
    assert all(re.fullmatch(r"digits_\d{8}_\d{6}(_2)?", name) for name in jobs)
    assert sorted(p.name for p in (folder / "jobs" / jobs[0] / "nas" / "search").iterdir()) == ["1", "2", "3"]
    for job in (jobs[0], "digits", re.sub(r"\D", "", jobs[0])):
        out = nas("list-trials", f"--job_id={job}", "--root_output_dir=jobs")
        assert json.loads(out)[0]["searchTrial"]["finalMeasurement"]["metrics"][0]["metricId"] == "AP"


def test_continuous_values_arrive_as_bare_numbers(local, trainer, listed):
    trainer('assert isinstance(params["lr"], float)\nreport(1 - abs(params["lr"] - 0.1))\n')
    local("--max_nas_trial=4", "--algorithm=random", space="wavy")
    assert len(listed()) == 4


def test_lower_may_be_better(local, trainer, listed):
    trainer('report(abs(decided("x") - 6))\n')
    local("--max_nas_trial=20", "--algorithm=sweep", "--minimize", "--max_parallel_nas_trial=2")
    assert json.loads(listed()[0]["parameters"])["x"] == 6


def test_constraints_fail_trials(local, trainer, listed):
    trainer('report(decided("x"), latency=2.0 * decided("x"))\n')
    local("--max_nas_trial=4", "--algorithm=sweep", "--constraint=latency <= 3", space="small")
    kept, broken = listed(), listed("out", "--state=infeasible")
    assert [m["value"] for m in kept[0]["searchTrial"]["finalMeasurement"]["metrics"]] == [1.0, 2.0]
    assert {trial["searchTrial"]["reason"] for trial in broken} == {
        "breaks a constraint: latency is 4, not <= 3",
        "breaks a constraint: latency is 6, not <= 3",
    }


# The table of the service's tutorial: accuracy 0.95; costs of 0.4, 1.6 and 0.8, of which 0.8 is wanted.
@pytest.mark.parametrize(
    ("limit", "rewards"),
    [("hard", [0.95, 0.475, 0.95]), ("soft", [0.95 * 0.5**-0.07, 0.95 * 2**-0.07, 0.95])],
)
def test_latency_is_weighed(local, trainer, listed, limit, rewards):
    trainer('report(0.95, millions=[0.4, 1.6, 0.8, 0.8][decided("x")])\n')
    flags = ["--target_latency=0.8", "--latency_metric=millions", f"--latency_limit={limit}"]
    local("--max_nas_trial=3", "--algorithm=sweep", *flags, space="small")
    found = {t["searchTrial"]["id"]: t["searchTrial"]["finalMeasurement"]["metrics"] for t in listed()}
    assert [found[str(i)][1] for i in (1, 2, 3)] == [
        {"metricId": "reward", "value": pytest.approx(reward)} for reward in rewards
    ]
    assert found["1"][0] == {"metricId": "top_1_accuracy", "value": 0.95}
    assert found["1"][2] == {"metricId": "millions", "value": 0.4}


def test_latency_of_the_calculators_file(local, trainer, listed):
    trainer(
        """
os.makedirs(job_dir + "/saved_model")
with open(job_dir + "/saved_model/model_latency.json", "w") as file:
    json.dump({"latency_in_milliseconds": 20.0, "model_memory": 7}, file)
report(0.5)
"""
    )
    local("--target_latency=10", "--latency_limit=hard")
    metrics = {m["metricId"]: m["value"] for m in listed()[0]["searchTrial"]["finalMeasurement"]["metrics"]}
    assert metrics == {
        "top_1_accuracy": 0.5,
        "reward": 0.25,
        "latency_in_milliseconds": 20.0,
        "model_memory": 7.0,
    }


def test_hopeless_trials_are_stopped_by_their_metrics_file(local, nas, listed, trainer, folder):
    trainer(
        """
value = 3 - decided("x")
for step in range(1, 7):
    report(value, step=step)
    time.sleep(0.0 if value else 20)
open(job_dir + "/finished", "w").close()
"""
    )
    out = local(
        "--max_nas_trial=4", "--algorithm=median_stopping(algorithm=sweep(), min_trials=2)", space="small"
    )
    with Study.open("out/search.study.db") as study:
        last, stopped = study.trial(4), {str(trial.id) for trial in study.trials("stopped")}
    assert last.should_stop
    assert str(last.id) in stopped  # an earlier one may have ended by itself, just as it was stopped
    trials = {one["searchTrial"]["id"]: one["searchTrial"] for one in listed()}
    assert {number for number, one in trials.items() if one.get("stopped")} == stopped
    rows = list(csv.DictReader(nas("list-trials", "--job_id=out", "--format=csv").splitlines()))
    assert {row["id"] for row in rows if row["stopped"]} == stopped
    assert re.search(r"SUCCEEDED,\s+stopped", nas("list-trials", "--job_id=out", "--format=table"))
    assert last.status == "stopped", out
    assert last.reward == 0.0
    assert not Path("out/nas/search/4/finished").exists()


def test_the_list_has_other_forms(local, trainer, nas, folder):
    trainer('if decided("x") == 2: sys.exit("no memory")\nreport(decided("x"), latency=3)\n')
    local("--max_nas_trial=4", "--algorithm=sweep", space="small")
    table = nas("list-trials", "--job_id=out", "--format=table", "--state=all")
    assert re.search(r"3\s+INFEASIBLE.*no memory", table)
    rows = nas("list-trials", "--job_id=out", "--format=csv").splitlines()
    assert rows[0].split(",")[:4] == ["id", "state", "top_1_accuracy", "latency"]
    assert rows[1].startswith("4,SUCCEEDED,3.0,3.0,1.0,")
    nas("list-trials", "--job_id=out", "--trials_output_file=trials.json", "--max_trials=1")
    (entry,) = json.loads((folder / "trials.json").read_text())
    assert set(entry) == {"name", "parameters", "searchTrial"}
    assert set(entry["searchTrial"]) == {"id", "state", "finalMeasurement", "startTime", "endTime"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", entry["searchTrial"]["endTime"])
    assert entry["searchTrial"]["finalMeasurement"]["stepCount"] == "1"


def test_a_list_of_no_trials_says_which_there_are(local, trainer, nas, folder):
    trainer(GOOD)
    local("--max_nas_trial=2", space="small")
    said = "no trials in the state INFEASIBLE among 2 trials: 2 SUCCEEDED."
    failed = ("list-trials", "--job_id=out", "--state=infeasible")
    assert nas(*failed, "--format=table") == f"out, search: {said}\n"
    assert nas(*failed, "--trials_output_file=t.json") == f"0 trials are in t.json: {said}\n"
    assert json.loads(nas(*failed)) == json.loads((folder / "t.json").read_text()) == []


def test_metrics_take_no_column_of_the_trial_and_no_cell_is_a_formula(local, nas, trainer):
    trainer("report(0.5, id=7, state=8, reward=9, **{'=cmd()': 1, 'params.x': 2})\n")
    local()
    (row,) = csv.DictReader(nas("list-trials", "--job_id=out", "--format=csv").splitlines())
    assert (row["id"], row["state"], row["top_1_accuracy"]) == ("1", "SUCCEEDED", "0.5")
    assert (row["metrics.id"], row["metrics.state"], row["metrics.reward"]) == ("7.0", "8.0", "9.0")
    assert row["'=cmd()"] == "1.0"
    assert row["metrics.params.x"] == "2.0"
    assert "=cmd()" not in row


@pytest.mark.parametrize(
    ("name", "here"), [("GRID_SEARCH", "sweep"), ("reinforcement_learning", "ppo"), ("tpe", "tpe")]
)
def test_algorithms_go_by_the_names_of_the_service_too(local, trainer, name, here):
    trainer('report(decided("x"))\n')
    assert f"(algorithm {here}, seed 1)" in local(f"--algorithm={name}", space="small")


def test_trials_that_go_on_from_another_know_its_folder(local, trainer):
    trainer(
        """
parent = os.environ.get("PLIANT_PARENT_DIR")
if parent:
    assert os.path.exists(parent + "/checkpoint") and parent != job_dir
open(job_dir + "/checkpoint", "w").close()
report(decided("x"), has_parent=int(bool(parent)))
"""
    )
    local("--max_nas_trial=8", "--algorithm=pbt(population_size=2)", space="paced")
    with Study.open("out/search.study.db") as study:
        trials = list(study.trials())
    assert {trial.status for trial in trials} == {"completed"}
    assert [trial.metrics["has_parent"] for trial in trials] == [float(t.parent is not None) for t in trials]
    assert any(trial.parent is not None for trial in trials)


def test_a_job_is_resumed_from_another_folder(local, nas, trainer, folder, monkeypatch):
    trainer(GOOD)
    local("--max_nas_trial=2")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "spaces.py").write_text("def board(): raise ValueError('another one')")
    monkeypatch.chdir(folder / "elsewhere")
    monkeypatch.delitem(__import__("sys").modules, "spaces")
    nas("resume", "--job_id=../out", "--max_nas_trial=3")
    with Study.open("../out/search.study.db") as study:
        assert study.counts()["completed"] == 3


def test_a_space_in_a_file(nas, trainer):
    trainer(GOOD)
    flags = ["--search_space_module=spaces.py:board", "--local_binary=trainer.py", "--local_output_dir=out"]
    assert "spaces.py:board: Space of size 20" in nas("search-in-local", *flags)


def test_a_published_space(nas, trainer):
    trainer("report(len(params))\n")
    flags = ["--prebuilt_search_space=nasbench_macro", "--local_binary=trainer.py", "--local_output_dir=out"]
    assert "8.0000" in nas("search-in-local", *flags)


def test_a_program_of_any_kind(local, folder, spaces):
    (folder / "train.sh").write_text(
        '#!/bin/sh\nprintf \'{"%s": "0.5"}\\n\' "$CLOUD_ML_HP_METRIC_TAG" > "$CLOUD_ML_HP_METRIC_FILE"\n'
    )
    (folder / "train.sh").chmod(0o755)
    assert "0.5000" in local(trainer="train.sh")
