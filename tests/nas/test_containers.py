"""The client with trainers in containers, where docker or podman answers: built, searched, killed, resumed, trained further."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from pliant.launch.containers.engine import find_engine
from pliant.study import Study
from pliant.values.errors import LaunchError, StudyError

TRAINER = """#!/bin/sh
for flag in "$@"; do
  case "$flag" in --job-dir=*) home="${flag#*=}" ;; --sleep=*) sleep "${flag#*=}" ;; esac
done
echo "trial $CLOUD_ML_TRIAL_ID"
ls /test_data 2>/dev/null
echo ok > "$home/checkpoint"
echo hacked > "$home/../../../nas_job.json"
printf '{"%s": "0.5", "key_0": "latency", "value_0": "3"}\\n' "$CLOUD_ML_HP_METRIC_TAG" > "$CLOUD_ML_HP_METRIC_FILE"
"""
CONTAINERS = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@pytest.fixture
def short_folder():
    """A folder for the engine's sockets; where the path of one is too long, each run waits for 20 s."""
    with tempfile.TemporaryDirectory(prefix="nas", ignore_cleanup_errors=True) as place:
        yield place


@pytest.fixture
def settings(folder, environment, monkeypatch, short_folder):
    """A folder in which images are built and run; what is kept of them is gone with it."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("an image is made of busybox here, and there is none")
    if shutil.which("podman") and shutil.which("runc"):
        (folder / "containers.conf").write_text(CONTAINERS)
        storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{short_folder}/storage"\nrunroot = "{short_folder}/run"\n'
        (folder / "storage.conf").write_text(storage)
        monkeypatch.setenv("CONTAINERS_CONF", str(folder / "containers.conf"))
        monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(folder / "storage.conf"))
        monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    try:
        find_engine()
    except LaunchError as error:
        pytest.skip(str(error))
    tools = folder / "image" / "bin"
    tools.mkdir(parents=True)
    shutil.copy(busybox, tools / "busybox")
    for name in ("sh", "sleep", "ls"):
        (tools / name).symlink_to("busybox")
    (folder / "image" / "trainer.sh").write_text(TRAINER)
    (folder / "Containerfile").write_text(
        'FROM scratch\nCOPY image /\nENTRYPOINT ["/bin/sh", "/trainer.sh"]\n'
    )
    return {**environment, **os.environ}


FLAGS = [
    "--search_space_module=spaces.board",
    "--trainer_docker_id=sh",
    "--container_option=--network=none",
    "--container_option=--ulimit=nproc=4096:4096",  # more may not be allowed where tests run in a container themselves
]


def test_built_searched_and_trained(nas, listed, settings, folder):
    (folder / "data").mkdir()
    (folder / "data" / "images.npz").write_text("")
    assert "Built localhost/nas/sh:latest." in nas("build", "--trainer_docker_id=sh")
    flags = ["--local_output_dir=out", "--local_data_dir=data", "--max_nas_trial=2"]
    out = nas("search-in-local", *FLAGS, *flags)
    assert "trial 1\nimages.npz\n" in out
    assert json.loads((folder / "out" / "nas_job.json").read_text())["seed"] >= 0  # out of its reach
    assert (folder / "out" / "nas" / "search" / "1" / "checkpoint").read_text() == "ok\n"
    metrics = listed()[0]["searchTrial"]["finalMeasurement"]["metrics"]
    assert metrics == [{"metricId": "top_1_accuracy", "value": 0.5}, {"metricId": "latency", "value": 3.0}]
    nas("train", "--search_job_id=out", "--train_max_parallel_trial=1")
    assert (folder / "out" / "nas" / "train" / "1" / "checkpoint").exists()


def test_killed_and_resumed(nas, settings, folder, until):
    nas("build", "--trainer_docker_id=sh")
    flags = ["--local_output_dir=out", "--max_nas_trial=3", "--search_docker_flags", "sleep=1"]
    command = [sys.executable, "-m", "pliant", "nas", "search-in-local", *FLAGS, *flags]
    process = subprocess.Popen(command, cwd=folder, env=settings, stdout=subprocess.DEVNULL)
    try:
        until(lambda: count_completed() >= 1, "a trial has ended", process=process)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait(60)
    nas("resume", "--job_id=out")
    with Study.open("out/search.study.db") as study:
        assert [trial.status for trial in study.trials()] == ["completed"] * 3
    engine = find_engine()
    assert engine.ask("ps", "-a", "-q")[1].strip() == ""


def test_an_image_that_is_not_there(nas, settings):
    out = nas("search-in-local", *FLAGS, "--local_output_dir=out", status=1)
    assert "has no image 'localhost/nas/sh:latest'" in out


def count_completed():
    try:
        with Study.open("out/search.study.db") as study:
            return study.counts()["completed"]
    except StudyError:
        return 0
