"""JSON lines over a socket: whatever the sizes and the moments, each object arrives once and whole."""

from __future__ import annotations

import json
import re
import socket

import numpy as np
import pytest

from pliant.launch import Command
from pliant.launch.base import dump
from pliant.launch.commands import describe_command
from pliant.launch.wire import Wire
from pliant.values.errors import LaunchError


@pytest.fixture
def wires():
    here, there = (Wire(end) for end in socket.socketpair())
    yield here, there
    here.close()
    there.close()


def pump(here, there):
    found = []
    while here.pending or not found:
        here.flush()
        found += there.receive()
    return [*found, *there.receive()]


def test_large_objects_arrive_whole(wires):
    sent = [{"n": i, "text": "é\n" * 300_000} for i in range(3)]
    for message in sent:
        wires[0].send(message)
    assert wires[0].pending
    assert pump(*wires) == sent


def test_pieces_wait_for_their_end(wires):
    here, there = wires
    for i, byte in enumerate(b'{"x": 1}\n'):
        assert there.receive() == []
        here.socket.send(bytes([byte]))
        assert not there.ended, i
    assert there.receive() == [{"x": 1}]


def test_what_was_said_before_the_end_arrives(wires):
    here, there = wires
    here.send({"x": 1})
    here.socket.send(b'{"torn')
    here.close()
    assert there.receive() == [{"x": 1}]
    assert there.receive() == []
    assert there.ended
    there.send({"y": 2})  # the other end is closed
    assert not there.pending


def test_a_close_counts_for_those_who_inherited_the_end(wires):
    here, there = wires
    other = here.socket.dup()
    here.close()
    assert there.receive() == []
    assert there.ended
    other.close()


@pytest.mark.parametrize(
    ("value", "convert", "plain"),
    [
        (np.float32(0.5), float, 0.5),
        (np.array([1, 2]), lambda x: x.tolist(), [1, 2]),
        (np.int64(3), lambda x: x.tolist(), 3),
    ],
    ids=["float32", "array", "int64"],
)
def test_values_of_other_packages_are_converted_as_the_message_says(value, convert, plain):
    advice = re.escape("Convert it, for example with `float(x)` or `x.tolist()`.")
    with pytest.raises(
        LaunchError, match=rf"the payload is sent to another process.*at path 'a' it has.*{advice}"
    ):
        dump({"a": value}, "the payload")
    assert json.loads(dump({"a": convert(value)}, "the payload")) == {"a": plain}


def test_a_program_that_is_not_on_the_path_is_given_by_its_full_path(tmp_path):
    program = tmp_path / "own_trainer"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    with pytest.raises(LaunchError, match=r"'own_trainer' is not on PATH \(.*\)\. Give its full path\."):
        describe_command(Command(("own_trainer",)))
    assert describe_command(Command((str(program),)))["argv"] == [str(program)]
