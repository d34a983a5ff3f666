"""A container engine with a store of its own, and an image whose programs are this machine's.  Fetches nothing.

Where neither docker nor podman answers, ``open_box`` says why, for a test to be skipped with that reason.
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

from pliant.launch import Container, Mount
from pliant.launch.containers.engine import Engine, find_engine
from pliant.values.errors import LaunchError

IMAGE = "localhost/pliant-here:1"
"""An empty image, but for links into /usr."""
_LIMITS = '["nofile=1024:1024", "nproc=4096:4096"]'


@dataclass(frozen=True)
class Box:
    """An engine to test with.

    Attributes:
      engine: that answers.
      env: variables by which others find the same store.
      folder: where the store is.
    """

    engine: Engine
    env: dict[str, str]
    folder: Path

    def shell(self, text: str, **options: object) -> Container:
        """Returns a shell script in a container that has this machine's /usr."""
        return Container(IMAGE, ("/bin/sh", "-c", text), mounts=(Mount(Path("/usr"), "/usr"),), **options)  # type: ignore[arg-type]  # passed on

    def python(
        self, text: str, *arguments: str, mounts: tuple[Mount, ...] = (), **options: object
    ) -> Container:
        """Returns Python code in a container that has this machine's Python."""
        argv = (sys.executable, "-c", text, *arguments)
        return Container(IMAGE, argv, mounts=(*here(), *mounts), **options)  # type: ignore[arg-type]  # passed on

    def containers(self, *filters: str) -> list[str]:
        """Returns the ids of all containers in the store, running or not."""
        code, said = self.engine.ask("ps", "-a", "-q", "--no-trunc", *(f"--filter={one}" for one in filters))
        assert code == 0, said
        return said.split()


def here() -> tuple[Mount, ...]:
    """Returns what a container needs to run this very Python: each folder where it is here, to read."""
    folders = [Path("/usr")]
    for name in (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2])):
        if not any(Path(name).is_relative_to(folder) for folder in folders):
            folders.append(Path(name))
    return tuple(Mount(folder, str(folder)) for folder in folders)


@contextmanager
def open_box() -> Iterator[Box]:
    """Makes a store with ``IMAGE`` in it; skips the test where no engine answers.

    podman gets a store of its own, found by environment variables, which are set meanwhile.
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
        box = Box(engine, env, folder)
        yield box
        left = box.containers("name=pliant-")
        if left:
            engine.ask(*engine.removal(left)[len(engine.argv) :])
        engine.ask("rmi", "-f", IMAGE)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder: Path) -> dict[str, str]:
    """Writes what podman reads, for a machine that allows little."""
    volumes = ", ".join(f'"{mount.source}:{mount.target}:ro"' for mount in here())
    settings = f"[containers]\ndefault_ulimits = {_LIMITS}\n"
    for name, text in (
        ("containers.conf", settings),
        ("mounting.conf", f"{settings}volumes = [{volumes}]\n"),
        (
            "storage.conf",
            f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/run"\n',
        ),
    ):
        (folder / name).write_text(text, "utf-8")
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
    code, said = engine.ask("import", str(folder / "root.tar"), IMAGE)
    assert code == 0, said
