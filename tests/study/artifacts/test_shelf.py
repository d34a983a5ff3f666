"""Artifacts: what is saved is read back, whole and checked; names are never paths; nothing that is referred to is removed."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.study.artifacts import Artifacts
from pliant.study.trials.artifact import check_artifact_name, entry_of
from pliant.values.errors import FieldTypeError, FieldValueError, StudyError

NAMES = [
    "weights.pt",
    "plots/loss.png",
    "a b",
    "Ünïcode.txt",
    "x" * 200,
    "no-suffix",
    "a/b/c/d/e/f/g/h",
    ".hidden",
]
BAD_NAMES = [
    "", "..", ".", "../weights.pt", "a/../b", "/etc/passwd", "a//b", "a/", "C:x", "a\\b", "a\0b", "a\nb", "\x1b[31mred",
    "a\u202eb", "x" * 201, "é" * 101, "a/b/c/d/e/f/g/h/i", " a", "a ", "a.", "a/.../b", "\ud800", "nul?", "*",
]  # fmt: skip


@pytest.fixture(scope="module")
def bucket():
    """Returns the URL of an empty bucket of a server with the interface of S3, which runs in this process."""
    server = pytest.importorskip(
        "moto.server",
        reason="moto is not installed: `pip install 'moto[server]' s3fs` to test artifacts on S3",
    )
    s3fs = pytest.importorskip(
        "s3fs", reason="s3fs is not installed: `pip install s3fs` to test artifacts on S3"
    )
    with pytest.MonkeyPatch.context() as patch:
        running = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        running.start()
        try:
            host, port = running.get_host_and_port()
            patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.setenv(name, "test")
            s3fs.S3FileSystem().mkdir("pliant")
            yield "s3://pliant"
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            running.stop()


@pytest.fixture(params=["local", "memory", "file", "s3"])
def place(request, tmp_path):
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}"
    return {
        "local": str(tmp_path / "files"),
        "memory": f"memory://{uuid.uuid4().hex}",
        "file": f"file://{tmp_path}/remote",
    }[request.param]


def blobs(folder):
    return sorted(file for file in (folder / "blobs").rglob("*") if file.is_file())


# ---------------------------------------------------------------- saving and reading


def test_what_is_saved_is_read_back(place, tmp_path):
    artifacts, file = Artifacts(place), tmp_path / "source.bin"
    file.write_bytes(os.urandom(3_000_000))
    for name in NAMES:
        artifacts.save(3, name, name.encode())
    artifacts.save(12, "weights.pt", file)
    again = Artifacts(place)  # as another process would
    assert again.trials() == [3, 12]
    found = again.of(3)
    assert list(found) == sorted(NAMES)
    assert [again.path(found[name]).read_bytes() for name in NAMES] == [name.encode() for name in NAMES]
    weights = again.of(12)["weights.pt"]
    assert (weights.size, again.path(weights).suffix) == (3_000_000, ".pt")
    assert again.path(weights).read_bytes() == file.read_bytes()
    assert again.check() == []
    assert again.of(4) == {}


def test_the_later_attempt_counts_and_the_earlier_never_replaces_it(place):
    artifacts = Artifacts(place)
    artifacts.save(1, "a", b"second", attempt=2)
    artifacts.save(1, "a", b"late", attempt=1)  # of a worker that was given up
    artifacts.save(1, "b", b"first", attempt=1)
    read = {name: artifacts.path(one).read_bytes() for name, one in artifacts.of(1).items()}
    assert read == {"a": b"second", "b": b"first"}
    assert artifacts.path(artifacts.of(1, attempts=1)["a"]).read_bytes() == b"late"


def test_a_second_file_of_a_name_replaces_the_first(place):
    artifacts = Artifacts(place)
    artifacts.save(1, "a", b"one")
    artifacts.save(1, "a", b"two")
    assert artifacts.path(artifacts.of(1)["a"]).read_bytes() == b"two"
    assert artifacts.collect() == 1  # the content of the first


def test_equal_content_is_stored_once_and_kept_while_one_refers_to_it(tmp_path):
    artifacts = Artifacts(tmp_path / "files")
    for trial in (1, 2, 3):
        artifacts.save(trial, "w.pt", b"same")
    assert len(blobs(tmp_path / "files")) == 1
    artifacts.remove([1, 2])
    assert artifacts.trials() == [3]
    assert artifacts.path(artifacts.of(3)["w.pt"]).read_bytes() == b"same"
    artifacts.remove([3])
    assert blobs(tmp_path / "files") == []


def test_removing(place):
    artifacts = Artifacts(place)
    for trial in (1, 2):
        artifacts.save(trial, "a", f"of {trial}".encode())
    artifacts.remove([1])
    artifacts.remove([1, 7])  # again, and one that has none
    assert artifacts.trials() == [2]
    assert artifacts.check() == []
    one = artifacts.of(2)["a"]
    artifacts.remove([2])
    with pytest.raises(
        StudyError, match=r"the artifact 'a' of trial 2 is missing in .*: its content was removed\."
    ):
        Artifacts(place).path(one)


def test_only_its_user_may_read_it(tmp_path):
    artifacts = Artifacts(tmp_path / "files")
    one = artifacts.save(1, "a", b"secret")
    artifacts.folder(1)
    modes = {file: file.stat().st_mode & 0o777 for file in (tmp_path / "files").rglob("*")}
    assert all(mode & 0o077 == 0 for mode in modes.values())
    assert modes[artifacts.path(one)] == 0o400


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_lead_out_of_a_folder_is_refused(name, tmp_path):
    with pytest.raises(
        FieldValueError, match=r"cannot be the name of an artifact\. A name is a relative path such as"
    ):
        Artifacts(tmp_path / "files").save(1, name, b"x")
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=30))
def test_a_name_that_is_taken_stays_below_a_folder(name):
    try:
        check_artifact_name(name)
    except FieldValueError:
        return
    folder = Path("/some/folder")
    target = Path(os.path.normpath(folder / name))
    assert target.is_relative_to(folder)
    assert target != folder
    assert name.isprintable()
    assert "/" not in entry_of(name)


@pytest.mark.parametrize("name", [3, None, b"weights.pt"])
def test_a_name_is_text(name, tmp_path):
    with pytest.raises(
        FieldTypeError, match=r"the name of an artifact is text such as 'weights\.pt'; got .* of type"
    ):
        Artifacts(tmp_path).save(1, name, b"x")


# ---------------------------------------------------------------- wrong sources and places


def test_wrong_sources(tmp_path):
    artifacts = Artifacts(tmp_path / "files", max_bytes=10)
    with pytest.raises(
        FieldValueError, match=r"the file '.*gone' does not exist, or is not a regular file\. Write it"
    ):
        artifacts.save(1, "a", tmp_path / "gone")
    with pytest.raises(
        FieldValueError, match=r"is a folder, and an artifact is one file\. Save its files one by one, or"
    ):
        artifacts.save(1, "a", tmp_path)
    with pytest.raises(
        FieldTypeError, match=r"save takes the path of a file, or its content as bytes; got \{'a': 1\}"
    ):
        artifacts.save(1, "a", {"a": 1})
    with pytest.raises(
        FieldValueError,
        match=r"the artifact 'a' has 11 bytes, more than the limit of 10\. Save less, or give the search a larger limit: keep=Keep",
    ):
        artifacts.save(1, "a", b"x" * 11)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FieldValueError, match="is not a regular file"):
        artifacts.save(1, "a", tmp_path / "pipe")
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize("place", [3, None, "", b"x"])
def test_wrong_places(place):
    if place == b"x":
        with pytest.raises(FieldTypeError, match=r"artifacts are stored in a folder or at a URL"):
            Artifacts(place)
        return
    with pytest.raises(
        FieldTypeError, match=r"artifacts are stored in a folder or at a URL such as 's3://bucket/study'; got"
    ):
        Artifacts(place)


def test_an_unknown_url():
    with pytest.raises(
        StudyError,
        match=r"artifacts cannot be stored at 'nosuch://x': .* Give a folder, or a URL that fsspec knows",
    ):
        Artifacts("nosuch://x")


def test_a_place_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        StudyError, match=r"the artifact 'a' of trial 1 cannot be stored in .*: (Not a directory|File exists)"
    ):
        Artifacts(tmp_path / "file").save(1, "a", b"x")


# ---------------------------------------------------------------- damage


def test_changed_content_is_found(tmp_path):
    artifacts = Artifacts(tmp_path)
    one = artifacts.save(1, "w.pt", b"weights")
    file = artifacts.path(one)
    file.chmod(0o600)
    file.write_bytes(b"weightz")
    with pytest.raises(
        StudyError, match=r"the artifact 'w\.pt' of trial 1 is damaged, or was changed by another program"
    ):
        artifacts.path(one)
    (fault,) = artifacts.check()
    assert "does not agree with its checksum" in fault
    artifacts.save(1, "w.pt", b"weights")  # saving it again repairs it
    assert artifacts.path(one).read_bytes() == b"weights"


GOOD = {"name": "a", "size": 1, "sha256": "0" * 64, "saved": "now"}


@pytest.mark.parametrize(
    "content",
    [
        "{", "[]", "{}", json.dumps({**GOOD, "more": 1}), json.dumps({**GOOD, "sha256": "../../etc/passwd"}),
        json.dumps({**GOOD, "name": "../x"}), json.dumps({**GOOD, "name": "\x1b[31m"}), json.dumps({**GOOD, "size": -1}),
        json.dumps({**GOOD, "size": True}), json.dumps({**GOOD, "saved": "\x1b[0m"}), "\0",
    ],
)  # fmt: skip
def test_a_damaged_entry_is_said_and_nothing_is_removed_then(content, tmp_path):
    artifacts = Artifacts(tmp_path)
    artifacts.save(2, "a", b"good")
    artifacts.save(3, "a", b"other")
    entry = tmp_path / "trials" / "1" / "1" / "x.json"
    entry.parent.mkdir(parents=True)
    entry.write_text(content)
    with pytest.raises(
        StudyError, match=r"x\.json' is damaged, or was not written by Pliant: .* Remove this file"
    ):
        artifacts.of(1)
    with pytest.raises(StudyError, match=r"is damaged, or was not written by Pliant"):
        artifacts.remove([3])
    assert len(artifacts.check()) == 1
    assert len(blobs(tmp_path)) == 2
    entry.unlink()  # the remedy
    assert artifacts.check() == []
    artifacts.collect()
    assert len(blobs(tmp_path)) == 1


def test_a_link_in_place_of_content_is_not_written_through(tmp_path):
    artifacts, outside = Artifacts(tmp_path / "files"), tmp_path / "outside"
    outside.write_bytes(b"mine")
    one = artifacts.save(1, "a", b"x")
    file = artifacts.path(one)
    file.unlink()
    file.symlink_to(outside)
    with pytest.raises(StudyError, match="damaged"):
        artifacts.path(one)
    artifacts.save(1, "a", b"x")
    assert outside.read_bytes() == b"mine"
    assert artifacts.path(one).read_bytes() == b"x"


# ---------------------------------------------------------------- content that is removed and saved at once


def test_content_that_is_saved_while_it_is_removed_stays(place, monkeypatch):
    artifacts, other = Artifacts(place), Artifacts(place)
    artifacts.save(1, "a", b"same")
    kind = type(artifacts._backend)
    real, calls = kind.move, []

    def move(self, key, to):
        real(self, key, to)
        if not calls and to.startswith("removed/"):
            calls.append(key)
            other.save(2, "a", b"same")  # another process, between the two looks

    monkeypatch.setattr(kind, "move", move)
    artifacts.remove([1])
    assert calls
    assert artifacts.path(artifacts.of(2)["a"]).read_bytes() == b"same"
    assert artifacts.check() == []


def test_content_that_is_removed_before_its_entry_is_written_is_stored_again(place, monkeypatch):
    artifacts, other = Artifacts(place), Artifacts(place)
    kind = type(artifacts._backend)
    real, calls = kind.write, []

    def write(self, key, data):
        if not calls and key.startswith("trials/"):
            calls.append(key)
            other.collect()  # its content has no entry yet
        real(self, key, data)

    monkeypatch.setattr(kind, "write", write)
    one = artifacts.save(1, "a", b"x")
    assert calls
    assert artifacts.path(one).read_bytes() == b"x"
    assert artifacts.check() == []
