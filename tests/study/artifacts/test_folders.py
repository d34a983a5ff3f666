"""Working folders: the next attempt takes the folder over, a child starts with a copy, and a worker that was given up is shut out."""

from __future__ import annotations

import uuid
from contextlib import suppress

import pytest

from pliant.study.artifacts import Artifacts
from pliant.values.errors import StudyError


@pytest.fixture(params=["local", "memory", "file"])
def artifacts(request, tmp_path):
    places = {
        "local": tmp_path / "files",
        "memory": f"memory://{uuid.uuid4().hex}",
        "file": f"file://{tmp_path}/remote",
    }
    return Artifacts(places[request.param])


def write(folder, **files):
    for name, text in files.items():
        file = folder.path / name.replace("__", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    folder.synchronize()


def read(folder):
    return {
        file.relative_to(folder.path).as_posix(): file.read_text()
        for file in sorted(folder.path.rglob("*"))
        if file.is_file()
    }


def test_the_next_attempt_gets_the_folder(artifacts):
    write(artifacts.folder(1), checkpoint="epoch 3", logs__a="x")
    again = artifacts.folder(1, attempt=2)
    assert read(again) == {"checkpoint": "epoch 3", "logs/a": "x"}
    write(again, checkpoint="epoch 5")
    assert read(artifacts.folder(1, attempt=4))["checkpoint"] == "epoch 5"
    assert read(artifacts.folder(2)) == {}


def test_a_child_starts_with_a_copy(artifacts):
    parent = artifacts.folder(1)
    write(parent, checkpoint="of the parent")
    child = artifacts.folder(2, parent=1)
    assert read(child) == {"checkpoint": "of the parent"}
    write(child, checkpoint="of the child", more="x")
    assert read(artifacts.folder(1)) == {"checkpoint": "of the parent"}
    assert read(artifacts.folder(2, attempt=2, parent=1)) == {
        "checkpoint": "of the child",
        "more": "x",
    }  # its own goes first
    assert read(artifacts.folder(3, parent=9)) == {}  # a parent without a folder


def test_a_worker_that_was_given_up_is_shut_out(artifacts):
    write(artifacts.folder(1), checkpoint="a")
    late = artifacts.folder(1)
    write(artifacts.folder(1, attempt=2), checkpoint="b")
    with pytest.raises(
        StudyError, match=r"attempt 1 of trial 1 was given up, and attempt 2 has its folder\."
    ):
        artifacts.folder(1)
    with suppress(FileNotFoundError):
        write(late, checkpoint="late")
    assert read(artifacts.folder(1, attempt=3)) == {"checkpoint": "b"}


def test_files_that_were_deleted_stay_deleted(artifacts):
    folder = artifacts.folder(1)
    write(folder, a="1", b="2")
    (folder.path / "a").unlink()
    write(folder, b="3")
    assert read(artifacts.folder(1)) == {"b": "3"}


def test_removing(artifacts):
    for trial in (1, 2):
        write(artifacts.folder(trial), a="x")
    artifacts.save(1, "w", b"x")
    artifacts.remove([1])
    assert artifacts.trials() == []
    assert artifacts.trials(folders=True) == [1, 2]
    assert read(artifacts.folder(1)) == {"a": "x"}
    artifacts.remove([1], folders=True)
    assert artifacts.trials(folders=True) == [2]
    assert read(artifacts.folder(1)) == {}


def test_links_are_copied_as_links(tmp_path):
    artifacts, outside = Artifacts(tmp_path / "files"), tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    (artifacts.folder(1).path / "link").symlink_to(outside)
    child = artifacts.folder(2, parent=1)
    assert (child.path / "link").is_symlink()
    artifacts.remove([1, 2], folders=True)
    assert (outside / "mine").read_text() == "mine"
