"""The tutorial of the NAS client: its spaces print what the tutorial prints, and its search runs end to end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pliant as pg
from pliant.nas import trial
from pliant.study import Study
from pliant.values.errors import StudyError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "nas_tutorial"
NAMES = [
    "basic_one_of_search_space",
    "basic_sublist_of_search_space",
    "mnist_list_of_dictionary_search_space",
    "mnist_class_search_space",
    "architecture_connection_search_space",
    "variable_length_model_search_space",
    "conditional_search_space",
    "continuous_search_space",
]


@pytest.fixture(scope="module")
def tutorial():
    """The modules of the tutorial, as its trainer imports them."""
    sys.path.insert(0, str(FOLDER))
    try:
        from tutorial import search_spaces, trainer

        yield search_spaces, trainer
    finally:
        sys.path.remove(str(FOLDER))
        for name in [name for name in sys.modules if name.partition(".")[0] == "tutorial"]:
            del sys.modules[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_space_builds_networks_that_run(tutorial, name):
    spaces, trainer = tutorial
    space = spaces.get_search_space(name)
    for program in pg.random_sample(space, 0, num_examples=5):
        model, rate, decay = trainer.build(program)
        assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
        assert model.flops > 0
        assert rate > 0
        assert decay > 0


def test_coupled_values_keep_to_their_constraint(tutorial):
    spaces, _ = tutorial
    for program in pg.iter(spaces.conditional_search_space()):
        assert -1 <= program.x + (program.z - program.x) <= 1


def test_skipped_layers_are_left_out(tutorial):
    spaces, trainer = tutorial
    params = {f"layer_specs[{i}].{name}": "0/2" for i in range(4) for name in ("kernel_size",)}
    params |= {f"layer_specs[{i}].filter_size": "1/3" for i in range(4)}
    params |= {"layer_specs[2].skip_layer": "0/2", "layer_specs[3].skip_layer": "1/2"}
    model, _, _ = trainer.build(pg.materialize(spaces.variable_length_model_search_space(), params))
    assert len(model.convs) == 3


def test_classes_are_printed_as_in_the_tutorial(tutorial, tmp_path):
    spaces, _ = tutorial
    text = (
        '{"layers[0].kernel_size": "1/2 (5)", "layers[0].filter_size": "2/3 (5)", '
        '"layers[1].kernel_size": "1/2 (5)", "layers[1].filter_size": "1/3 (8)"}'
    )
    found = trial.parse_and_save_nas_params_str(spaces.mnist_class_search_space(), text, tmp_path)
    assert json.loads(trial.serialize_and_save_tunable_object(found, tmp_path)) == {
        "_type": "tutorial.search_spaces.ModelSpec",
        "layers": [
            {"_type": "tutorial.search_spaces.LayerSpec", "kernel_size": 5, "filter_size": 5},
            {"_type": "tutorial.search_spaces.LayerSpec", "kernel_size": 5, "filter_size": 8},
        ],
    }


def command(*flags):
    return [sys.executable, "-W", "error", "-m", "pliant", "nas", *flags]


@pytest.fixture
def settings(tmp_path):
    """How a command of the tutorial is started: in its folder, with this copy of the package."""
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return {"cwd": FOLDER, "env": env, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}


def test_the_search_end_to_end_and_killed_between(settings, tmp_path, until):
    out = tmp_path / "jobs"
    space = "mnist_class_search_space"
    flags = [
        "search-in-local",
        f"--search_space_module=tutorial.search_spaces.{space}",
        "--local_binary=tutorial/trainer.py",
        f"--local_output_dir={out}",
        "--max_nas_trial=2",
        "--seed=1",
        "--search_docker_flags",
        f"search_space={space}",
        "epochs=1",
    ]
    process = subprocess.Popen(command(*flags), **settings)
    try:
        until(lambda: count_completed(out), "a trial has ended", process=process, seconds=240)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.communicate(timeout=60)
    done = subprocess.run(command("resume", f"--job_id={out}"), **settings, timeout=240)
    assert done.returncode == 0, done.stdout
    assert re.search(r'nas_params_str is \{"layers\[0\]\.kernel_size": "\d/2 \([35]\)"', done.stdout)
    assert '"_type": "tutorial.search_spaces.ModelSpec"' in done.stdout
    with Study.open(out / "search.study.db") as study:
        assert [one.status for one in study.trials()] == ["completed"] * 2
        assert all(0.3 < one.reward < 1 and one.metrics["model_flops"] > 0 for one in study.trials())
    models = [torch.load(file) for file in out.rglob("model.pt")]  # what each trial trained
    assert [model["head.weight"].shape[0] for model in models] == [10] * 2
    trained = subprocess.run(
        command("train", f"--search_job_id={out}", "--train_max_parallel_trial=1"), **settings, timeout=240
    )
    assert trained.returncode == 0, trained.stdout
    status = json.loads((out / "nas" / "train" / "1" / "job_status.json").read_text())
    assert status == {"job_status": "success"}


def count_completed(out):
    try:
        with Study.open(out / "search.study.db") as study:
            return study.counts()["completed"]
    except StudyError:
        return 0
