"""Images are built by the engine that is there; here it is one that writes down how it was called."""

from __future__ import annotations

import os

import pytest

from pliant.nas.errors import NasError
from pliant.nas.image import name_image


@pytest.fixture
def engine(folder, monkeypatch):
    """Puts a docker on PATH that notes its arguments, and ends with a given code."""

    def make(code=0, name="docker"):
        tools = folder / "tools"
        tools.mkdir(exist_ok=True)
        (tools / name).write_text(
            f'#!/bin/sh\ncase $1 in info|--version) exit 0;; esac\necho "$@" >> {folder}/calls\nexit {code}\n'
        )
        (tools / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/usr/bin{os.pathsep}/bin")
        (folder / "Containerfile").write_text("FROM scratch\n")
        return lambda: (folder / "calls").read_text().splitlines()

    return make


def test_build(nas, engine):
    calls = engine()
    out = nas("build", "--trainer_docker_id=mnist", "--trainer-docker-file=Containerfile")
    assert "Built localhost/nas/mnist:latest." in out
    assert calls() == ["build -f Containerfile -t localhost/nas/mnist:latest ."]


def test_push_without_cache(nas, engine):
    calls = engine()
    nas("build", "--trainer_docker_id=a", "--use_cache=false", "--push=true", "--project_id=p", "--region=us")
    image = "us-docker.pkg.dev/p/nas/a:latest"
    assert calls() == [f"build --no-cache -f Containerfile -t {image} .", f"push {image}"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trainer_docker_id=a", "--trainer_docker_file=gone"], "file 'gone' does not exist"),
        (["--trainer_docker_id=a b"], "an image name has letters"),
        (["--trainer_docker_id=-a"], "an image name has letters"),
        (["--trainer_docker_id=a", "--project_id=p"], "--project_id needs --region, such as us-central1"),
        (["--trainer_docker_id=a"], "failed with exit code 3"),
    ],
)
def test_what_cannot_be_built(nas, engine, flags, message):
    engine(code=3)
    assert message in nas("build", *flags, status=1)


def test_a_switch_that_is_neither_true_nor_false(nas):
    assert "'perhaps' is not a valid boolean" in nas(
        "build", "--trainer_docker_id=a", "--use_cache=perhaps", status=2
    )


def test_without_an_engine(nas, engine, monkeypatch, folder):
    engine()
    monkeypatch.setenv("PATH", str(folder))
    assert "containers need docker or podman, and none works here" in nas(
        "build", "--trainer_docker_id=a", status=1
    )


def test_names():
    assert name_image("host/a:2", "p", None) == "host/a:2"
    with pytest.raises(NasError, match="an image name has letters"):
        name_image("", None, None)
