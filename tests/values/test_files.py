"""Atomic writes: the old file or the new one, its permissions, and no leftovers."""

from __future__ import annotations

import os
import stat

import pytest

from pliant.values.files import write_atomically


@pytest.mark.parametrize("content", ["Größe", "Größe".encode(), lambda file: file.write("Größe".encode())])
def test_content_replaces_the_file(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_text("old")
    write_atomically(path, content)
    assert path.read_text("utf-8") == "Größe"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mode", "expected"), [(None, 0o640), (0o600, 0o600), (0o644, 0o644)])
def test_permissions(tmp_path, mode, expected):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", "x", mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == expected


def test_private_file_is_never_readable_by_others(tmp_path):
    def look(file):
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600

    write_atomically(tmp_path / "a", look, mode=0o644)


def test_failure_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_and_folder_are_synced_around_the_renaming(tmp_path, monkeypatch):
    calls = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append(stat.S_IFMT(os.fstat(handle).st_mode)))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("replace"), replace(*paths)))
    write_atomically(tmp_path / "a", "x")
    assert calls == [stat.S_IFREG, "replace", stat.S_IFDIR]


def test_folder_that_cannot_be_synced_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr("pliant.values.files.os.O_DIRECTORY", 1 << 30)
    write_atomically(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "x"


def test_link_is_replaced(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "old"
    assert not (tmp_path / "link").is_symlink()


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "a", "x")


def test_long_name(tmp_path):
    write_atomically(tmp_path / ("n" * 250), "x")
    assert [len(path.name) for path in tmp_path.iterdir()] == [250]
