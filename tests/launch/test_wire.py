"""JSON lines over a socket: whatever the sizes and the moments, each object arrives once and whole."""

from __future__ import annotations

import socket

import pytest

from pliant.launch.wire import Wire


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
