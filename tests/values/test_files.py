"""Atomic writes: the old file or the new one, its permissions, and no leftovers; files in folders of all users."""

from __future__ import annotations

import os
import stat

import pytest

from pliant.values.files import check_links, make_own_folder, write_atomically


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

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
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
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*none/a'$"):
        write_atomically(tmp_path / "none" / "a", "x")


def test_long_name(tmp_path):
    write_atomically(tmp_path / ("n" * 250), "x")
    assert [len(path.name) for path in tmp_path.iterdir()] == [250]


# ------------------------------------------------------------------ folders that all users may write

OTHER = 54321  # a user
is_root = pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="makes files of another user"
)


@pytest.fixture
def shared(tmp_path):
    """A folder like ``/tmp``."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@is_root
@pytest.mark.parametrize("kind", ["link to a file", "link to nothing", "file", "pipe", "link to a folder"])
def test_files_of_others(shared, tmp_path, kind):
    path = shared / "a.db"
    (tmp_path / "victim").mkdir()
    if kind == "file":
        path.touch()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a folder":
        path.symlink_to(tmp_path / "victim")
    else:
        path.symlink_to(tmp_path / "victim" / ("missing" if "nothing" in kind else "."))
    os.chown(path, OTHER, OTHER, follow_symlinks=False)
    target = path / "b.db" if kind == "link to a folder" else path
    with pytest.raises(
        PermissionError, match=r"made by another user in a folder that all users may write\. Remove it"
    ):
        check_links(target)
    path.unlink()
    check_links(target)  # the remedies
    check_links(tmp_path / "a.db")


@is_root
def test_other_files_are_allowed(shared, tmp_path):
    """Own links; files of others in folders of theirs; links of the folder's owner."""
    (shared / "own").symlink_to(tmp_path)
    check_links(shared / "own" / "a.db")
    theirs = shared / "project"
    theirs.mkdir()
    (theirs / "a.db").touch()
    for path in (theirs, theirs / "a.db"):
        os.chown(path, OTHER, OTHER)
    check_links(theirs / "a.db")
    os.chown(shared, OTHER, OTHER)
    (shared / "latest").symlink_to(theirs)
    os.chown(shared / "latest", OTHER, OTHER, follow_symlinks=False)
    check_links(shared / "latest" / "a.db")


def test_an_own_folder(shared):
    before = os.umask(0)
    try:
        make_own_folder(shared / "mine")
    finally:
        os.umask(before)
    assert stat.S_IMODE((shared / "mine").stat().st_mode) == 0o700
    make_own_folder(shared / "mine", forbidden=0o077)
    (shared / "mine").chmod(0o755)
    make_own_folder(shared / "mine")
    with pytest.raises(
        PermissionError, match=r"is not a folder that only you may enter\. Remove it, or set TMPDIR"
    ):
        make_own_folder(shared / "mine", forbidden=0o077)


@pytest.mark.parametrize("kind", ["file", "link", "writable", "group", "foreign"])
def test_a_folder_that_is_not_own(shared, kind):
    folder = shared / "mine"
    if kind == "file":
        folder.touch()
    elif kind == "link":
        (shared / "x").mkdir()
        folder.symlink_to("x")
    else:
        folder.mkdir()
        folder.chmod({"writable": 0o777, "group": 0o770}.get(kind, 0o700))
    if kind == "foreign":
        if os.getuid():
            pytest.skip("makes a folder of another user")
        os.chown(folder, OTHER, OTHER)
    with pytest.raises(
        PermissionError, match=r"is not a folder that only you may write\. Remove it, or set TMPDIR"
    ):
        make_own_folder(folder)


def test_a_parent_in_which_all_may_rename(shared):
    """Any user could replace the folder after the check; both remedies work."""
    make_own_folder(shared / "mine")
    shared.chmod(0o777)
    with pytest.raises(
        PermissionError, match=r"not sticky\. Set TMPDIR to a folder that you own, or run `chmod \+t "
    ):
        make_own_folder(shared / "mine")
    shared.chmod(0o1777)
    make_own_folder(shared / "mine")
    shared.chmod(0o700)
    make_own_folder(shared / "mine")


def test_a_hard_link_in_a_folder_that_all_may_write(shared, tmp_path):
    victim = tmp_path / "secret"
    victim.write_text("precious")
    os.link(victim, shared / "a.db")
    with pytest.raises(
        PermissionError, match=r"a\.db' has a second name \(a hard link\), which another user may have made"
    ):
        check_links(shared / "a.db")
    os.link(victim, tmp_path / "a.db")
    check_links(tmp_path / "a.db")  # a folder of this user alone
    (shared / "a.db").unlink()
    check_links(shared / "a.db")
