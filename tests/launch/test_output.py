"""Output in bounded memory and disk, as laws: what is kept is the beginning and the end, and nothing else."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.launch.check import prepare_log
from pliant.launch.output import TAIL_BYTES, TAIL_LINES, Output
from pliant.values.errors import LaunchError

pieces = st.lists(st.binary(max_size=40), max_size=30)


@given(pieces, st.integers(2, 60))
def test_kept_is_the_beginning_and_the_end(tmp_path_factory, parts, limit):
    log = tmp_path_factory.mktemp("log") / "a.log"
    output = Output(log, limit)
    for i, part in enumerate(parts):
        output.feed(part)
        if i % 3 == 0:
            output._written = -1e9  # as if a second had passed
            output.refresh()
            assert log.read_bytes() == cut(b"".join(parts[: i + 1]), limit)
    output.close()
    whole = b"".join(parts)
    assert output.size == len(whole)
    assert log.read_bytes() == cut(whole, limit)
    assert whole.decode("utf-8", "replace").endswith(output.tail()[1:])  # but for a character that is cut


def cut(whole, limit):
    if len(whole) <= limit:
        return whole
    skipped = len(whole) - limit
    head, end = whole[: limit // 2], whole[-(limit - limit // 2) :]
    return head + b"\n[... %d bytes left out ...]\n" % skipped + end


def test_memory_is_bounded():
    output = Output(limit=1000)
    for _ in range(1000):
        output.feed(b"x" * 65536)
    assert output.size == 65536000
    assert len(output._end) <= 1000 + 65536


def test_the_tail_is_lines():
    output = Output()
    output.feed(b"".join(b"%d\n" % i for i in range(1000)))
    assert output.tail().splitlines() == [str(i) for i in range(1000 - TAIL_LINES, 1000)]
    output.feed(b"y" * 99999)
    assert output.tail() == "y" * TAIL_BYTES


def test_a_log_that_cannot_be_opened(tmp_path):
    output = Output(tmp_path)
    output.feed(b"still here\n")
    output.close()
    assert output.tail().startswith("still here\n[the log '")
    assert output.tail().endswith("cannot be opened: Is a directory]")


@pytest.mark.parametrize("limit", [20, 1 << 20])
def test_a_full_disk(limit):
    assert os.path.exists("/dev/full"), "Linux has one"
    output = Output("/dev/full", limit)
    for _ in range(5):
        output.feed(b"still here\n")
    output.close()
    assert "till here\n" in output.tail()
    assert output.tail().endswith("[the log '/dev/full' cannot be written: No space left on device]")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="makes a link of another user")
def test_a_log_that_is_a_link_of_another_user(tmp_path):
    tmp_path.chmod(0o1777)
    (tmp_path / "a.log").symlink_to(tmp_path / "victim")
    os.chown(tmp_path / "a.log", 54321, 54321, follow_symlinks=False)
    with pytest.raises(LaunchError, match=r"a\.log' cannot be written: .* was made by another user"):
        prepare_log(tmp_path / "a.log")
    assert not (tmp_path / "victim").exists()
    prepare_log(tmp_path / "b.log")
