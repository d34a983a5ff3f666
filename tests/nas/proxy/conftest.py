"""A fast trainer that stops at a limit and continues from checkpoints, and commands that run the proxy tools with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Twenty steps; the accuracy rises on a line to what the decisions give, and latency grows with x.
LEARNER = """
home, total = job_dir, int(flags.get("steps", "20"))
x = decided("x")
final = float(flags.get("sign", "1")) * (x + 1) / 10 + (0.01 if decided("side") else 0)
final += float(flags.get("wobble", "0")) * int(trial)
late, begin, before = int(flags.get("late", "0")), 0, None
if "retrain_search_job_trials" in flags:
    before = flags["retrain_search_job_dir"] + "/" + flags["retrain_search_job_trials"].split(",")[int(trial) - 1]
    assert json.load(open(before + "/nas_params_str.json")) == params, "the trial of another model"
if flags.get("retrain_use_search_job_checkpoint") == "True":
    begin = json.load(open(before + "/checkpoint.json"))
print("from", before, "at", begin)

def limit(name, key, default):
    try:
        return json.load(open(f"{home}/{name}"))[key]
    except OSError:
        return default

def goes_on(step):
    return 100 * step / total < limit("DESIRED_TRAINING_PCT.json", "desired_training_pct", 100)

def accuracy(step):
    return final * step / total * (-1 if step <= late else 1)
"""
PLAIN = """
for step in range(begin + 1, total + 1):
    report(accuracy(step), step, training_step_pct=100 * step / total, latency=x + 1)
    json.dump(step, open(home + "/checkpoint.json", "w"))
    if not goes_on(step):
        break
"""
# As a trainer of the cloud service does it: details in a file, the reward at the end.
CLOUD = """
path_of_details = home + "/TRIAL_TRAINING_METRICS.json"
try:
    details = json.load(open(path_of_details))
except OSError:
    details = {"latency": 99.0 - x if "odd" in flags else x + 1.0, "training_accuracy_over_steps": [],
               "training_time": {"total_training_steps": 0, "total_training_time_in_secs": 0}}
print("knows", len(details["training_accuracy_over_steps"]))
for step in range(begin + 1, total + 1):
    details["training_accuracy_over_steps"].append(
        {"training_step": step - 1, "training_step_pct": 100 * step / total, "accuracy": accuracy(step)})
    details["training_time"]["total_training_steps"] += 1
    details["training_time"]["total_training_time_in_secs"] += float(flags.get("cost", "360"))
    with open(path_of_details + ".new", "w") as file:
        json.dump(details, file)
    os.replace(path_of_details + ".new", path_of_details)
    json.dump(step, open(home + "/checkpoint.json", "w"))
    time.sleep(float(flags.get("pace", "0")))
    if not goes_on(step):
        break
report(accuracy(step), step)
"""


@pytest.fixture
def learner(trainer):
    """Writes a trainer that learns; ``body`` is what it does after its set-up."""

    def write(body: str = PLAIN) -> Path:
        return trainer(f"{LEARNER}\n{body}")

    return write


@pytest.fixture
def flags():
    """What selections and measurements are started with."""
    return [
        "--search_space_module=spaces.board",
        "--local_binary=trainer.py",
        "--root_output_dir=jobs",
        "--seed=1",
        "--max_parallel_nas_trial=2",
    ]


@pytest.fixture
def select(nas, flags):
    """Selects reference models: 5 of 8 unless told otherwise."""

    def run(*arguments: object, start: int = 8, final: int = 5, each: int = 2, status: int = 0) -> str:
        return nas(
            "select-proxy-models",
            "--job_name=models",
            *flags,
            "--accuracy_metric_id=top_1_accuracy",
            f"--start_num_models={start}",
            f"--final_num_models={final}",
            f"--num_models_to_remove_per_iter={each}",
            *arguments,
            status=status,
        )

    return run


@pytest.fixture
def place(folder):
    """Returns the only folder of a tool."""

    def find(name: str) -> Path:
        (path,) = (folder / "jobs").glob(f"{name}_*")
        return path

    return find


@pytest.fixture
def state(place):
    """Returns the state of a tool as its file has it."""
    files = {
        "models": "MODEL_SELECTION_STATE.json",
        "proxies": "SEARCH_CONTROLLER_STATE.json",
        "variance": "measurement_state.json",
    }

    def read(name: str) -> dict:
        return json.loads((place(name) / files[name]).read_text())

    return read


@pytest.fixture
def killed(folder, environment, until):
    """Runs a command in a process of its own, and kills it as soon as something is so."""

    def run(command: list, is_so) -> None:
        argv = [sys.executable, "-W", "error", "-m", "pliant", "nas", *map(str, command)]
        process = subprocess.Popen(
            argv, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            until(is_so, "the moment to kill it", process=process)
        finally:
            process.kill()
            process.communicate(timeout=60)

    return run
