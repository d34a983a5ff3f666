"""Builds the container image of a trainer with docker or podman."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pliant.values.errors import quote

from .errors import NasError


def name_image(docker_id: str, project: str | None, region: str | None) -> str:
    """Returns the full name of a trainer's image.

    >>> name_image("mnist", None, None), name_image("mnist", "me", "us-central1")
    ('localhost/nas/mnist:latest', 'us-central1-docker.pkg.dev/me/nas/mnist:latest')
    >>> name_image("registry/team/mnist:2", None, None)  # already a full name
    'registry/team/mnist:2'
    """
    if not docker_id or docker_id.startswith(("-", "/")) or docker_id.split() != [docker_id]:
        raise NasError(
            f"--trainer_docker_id: an image name has letters, digits, '_', '-', '.' and '/'; got {quote(docker_id)}."
        )
    if "/" in docker_id or ":" in docker_id:
        return docker_id
    if not project:
        return f"localhost/nas/{docker_id}:latest"
    if not region:
        raise NasError("--project_id needs --region, such as us-central1.")
    return f"{region}-docker.pkg.dev/{project}/nas/{docker_id}:latest"


def build_image(image: str, file: str, *, use_cache: bool, push: bool) -> None:
    """Builds an image of the current folder, and pushes it if asked to; shows the output of the engine.

    Raises:
      NasError: the file is missing, or the engine fails.
      LaunchError: no engine answers.
    """
    from pliant.launch.containers.engine import find_engine

    if not Path(file).is_file():
        raise NasError(f"--trainer_docker_file: file {file!r} does not exist.")
    engine = find_engine().argv
    cache = [] if use_cache else ["--no-cache"]
    _run([*engine, "build", *cache, "-f", file, "-t", image, "."])
    if push:
        _run([*engine, "push", image])


def _run(command: list[str]) -> None:
    try:
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - no shell; the engine was found on PATH
    except OSError as error:
        raise NasError(f"{command[0]} cannot be run: {error.strerror or error}.") from error
    if code:
        raise NasError(f"`{' '.join(command)}` failed with exit code {code}; its output is above.")
