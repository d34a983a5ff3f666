"""Container store for tests: an engine with a separate store, and an image that uses this machine's programs.

If neither docker nor podman works here, ``open_store`` skips the test and gives the reason.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import pliant
from pliant.launch import Container, Mount
from pliant.launch.containers.engine import Engine, find_engine
from pliant.values.errors import LaunchError

IMAGE = "localhost/pliant-here:1"
"""An image without files; it has links into /usr."""
_LIMITS = '["nofile=1024:1024", "nproc=4096:4096"]'


@dataclass(frozen=True)
class ContainerStore:
    """A container engine and its store.

    Attributes:
      engine: the engine.
      env: environment variables that select the store.
      folder: the folder of the store.
    """

    engine: Engine
    env: dict[str, str]
    folder: Path

    def shell(self, text: str, **options: object) -> Container:
        """Returns a container that runs a shell script with this machine's /usr."""
        return Container(IMAGE, ("/bin/sh", "-c", text), mounts=(Mount(Path("/usr"), "/usr"),), **options)  # type: ignore[arg-type]  # passed on

    def python(
        self, text: str, *arguments: str, mounts: tuple[Mount, ...] = (), **options: object
    ) -> Container:
        """Returns a container that runs Python code with this machine's Python."""
        argv = (sys.executable, "-c", text, *arguments)
        return Container(IMAGE, argv, mounts=(*mounts_of_python(), *mounts), **options)  # type: ignore[arg-type]  # passed on

    def containers(self, *filters: str) -> list[str]:
        """Returns the ids of all containers in the store, running or not."""
        code, text = self.engine.ask("ps", "-a", "-q", "--no-trunc", *(f"--filter={one}" for one in filters))
        assert code == 0, text
        return text.split()


def mounts_of_python() -> tuple[Mount, ...]:
    """Returns read-only mounts for this Python: each folder at the same path as here."""
    folders = [Path("/usr")]
    for name in (sys.prefix, sys.base_prefix, str(Path(pliant.__file__).parents[1])):
        if not any(Path(name).is_relative_to(folder) for folder in folders):
            folders.append(Path(name))
    return tuple(Mount(folder, str(folder)) for folder in folders)


@contextmanager
def open_store() -> Iterator[ContainerStore]:
    """Makes a store with ``IMAGE`` in it; skips the test if no engine works.

    podman uses a separate store, which environment variables select during the test.
    """
    folder = Path(tempfile.mkdtemp(prefix="box-"))  # short: the engine allows few characters
    env = _configure(folder)
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        try:
            engine = find_engine()
        except LaunchError as error:
            pytest.skip(str(error))
        _import_image(engine, folder)
        store = ContainerStore(engine, env, folder)
        yield store
        left = store.containers("name=pliant-")
        if left:
            engine.ask(*engine.removal(left))
        engine.ask("rmi", "-f", IMAGE)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder: Path) -> dict[str, str]:
    """Writes podman's configuration, for a machine with few privileges."""
    volumes = ", ".join(f'"{mount.source}:{mount.target}:ro"' for mount in mounts_of_python())
    settings = f"[containers]\ndefault_ulimits = {_LIMITS}\n"
    storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/run"\n'
    (folder / "containers.conf").write_text(settings, "utf-8")
    (folder / "mounting.conf").write_text(f"{settings}volumes = [{volumes}]\n", "utf-8")
    (folder / "storage.conf").write_text(storage, "utf-8")
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "BUILDAH_ISOLATION": "chroot",
    }


def _import_image(engine: Engine, folder: Path) -> None:
    with tarfile.open(folder / "root.tar", "w") as archive:
        for name in ("usr", "tmp", "work"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(entry)
        for name in ("bin", "lib", "lib64"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            archive.addfile(entry)
        entry = tarfile.TarInfo("denied")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"plain"))
    code, text = engine.ask("import", str(folder / "root.tar"), IMAGE)
    assert code == 0, text
