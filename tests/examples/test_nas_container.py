"""The tutorial of the NAS client in containers: its trainer in an image, searched, killed, and resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from container_store import IMAGE, open_store

from pliant.study import Study
from pliant.values.errors import StudyError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "nas_tutorial"
TRIALS = 2
CONTAINERFILE = f"""FROM {IMAGE}
WORKDIR /app
COPY tutorial /app/tutorial
ENV PYTHONPATH={ROOT / "src"}
ENTRYPOINT ["{sys.executable}", "-m", "tutorial.trainer"]
"""


@pytest.fixture(scope="module")
def store():
    with open_store() as opened:
        if opened.engine.kind != "podman":
            pytest.skip("the image has this machine's Python by a setting that only podman knows")
        yield opened


@pytest.fixture
def nas(store, tmp_path):
    """Starts a command of the NAS client in a process of its own, where trainers have this machine's Python."""
    env = {**os.environ, **store.env, "CONTAINERS_CONF": str(store.folder / "mounting.conf")}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    begun = []

    def start(*arguments):
        with (tmp_path / "out").open("ab") as out:
            command = [sys.executable, "-m", "pliant", "nas", *map(str, arguments)]
            begun.append(subprocess.Popen(command, cwd=FOLDER, env=env, stdout=out, stderr=out))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.wait(60)


def count_completed(job):
    try:
        with Study.open(job / "search.study.db") as study:
            return study.counts()["completed"]
    except StudyError:  # it is not there yet
        return 0


def test_the_tutorial_in_containers(store, nas, tmp_path, until):
    job, file, said = tmp_path / "job", tmp_path / "Containerfile", tmp_path / "out"
    file.write_text(CONTAINERFILE)
    build = nas("build", "--trainer_docker_id=tutorial", f"--trainer_docker_file={file}")
    assert build.wait(120) == 0, said.read_text()
    search = nas(
        "search-in-local",
        "--search_space_module=tutorial.search_spaces.basic_one_of_search_space",
        "--trainer_docker_id=tutorial",
        f"--local_output_dir={job}",
        f"--max_nas_trial={TRIALS}",
        "--max_parallel_nas_trial=1",
        "--container_option=--network=none",
        "--search_docker_flags",
        "epochs=1",
    )
    until(lambda: count_completed(job) >= 1, "a trial has ended", process=search, seconds=240)
    search.kill()
    search.wait(60)
    with Study.open(job / "search.study.db") as study:
        before = {trial.id: trial.reward for trial in study.trials() if trial.status == "completed"}
    assert nas("resume", f"--job_id={job}").wait(240) == 0, said.read_text()
    with Study.open(job / "search.study.db") as study:
        trials = list(study.trials())
    assert [trial.status for trial in trials] == ["completed"] * TRIALS
    assert before.items() <= {trial.id: trial.reward for trial in trials}.items()
    for trial in trials:
        home = job / "nas" / "search" / str(trial.id)
        assert 0.05 < trial.reward <= 1
        assert json.loads((home / "job_status.json").read_text()) == {"job_status": "success"}
        assert (home / "serialized_tunable_object.json").exists()
    assert store.containers() == []
