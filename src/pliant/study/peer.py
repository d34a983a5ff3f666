"""``Peer``: a client of a served study as its server has it: a socket that never blocks, requests, and unsent answers.

It also limits what clients may take: connections, silence, and memory for messages.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable
from typing import Any, final

from pliant.values.errors import LoadError, StudyError
from pliant.values.lines import LineDecoder, encode_line

from .wire import MAX_LINE, error_to_json

LISTEN_SECONDS = 5.0  # the time for a client to read some of an answer
CALL_SECONDS = 10.0  # the time for a new client to send its first request
MAX_HELD = 1 << 26  # bytes of incomplete requests and unsent answers of all clients
PIECE = 1 << 14  # bytes that are read at once
OWN_FILES = 64  # open files that clients leave to the process of the server


@final
class Peer:
    """A client: its socket, its requests, the unsent part of its answers, and the tokens of its trials.

    Args:
      connection: its socket, which never blocks.
      present: the time, in seconds.
    """

    def __init__(self, connection: socket.socket, present: float) -> None:
        self.connection = connection
        self.name = "a client"
        self.tokens: dict[int, int] = {}
        self.requests: deque[dict[str, Any]] = deque()
        self.unsent = bytearray()
        self.has_spoken = False  # whether it sent a request
        self.is_gone = False  # whether it sends no more requests
        self._last_sent = 0.0  # when the client received something
        self._begun = present  # when it connected, or when its incomplete request began
        self._decoder = LineDecoder(is_strict=True)

    @property
    def held(self) -> int:
        """The number of bytes that wait for it: of an incomplete request, and of unsent answers."""
        return self._decoder.pending + len(self.unsent)

    def is_over(self, present: float, lease: float) -> bool:
        """Returns whether it has disconnected, does not read its answers, or stopped before the end of a request."""
        if self.unsent:
            return present - self._last_sent > LISTEN_SECONDS
        if self.is_gone or self.requests:
            return not self.requests
        is_late = present - self._begun > (lease if self.has_spoken else CALL_SECONDS)
        return is_late and (not self.has_spoken or self._decoder.pending > 0)

    def receive(self, present: float) -> int:
        """Reads new requests; returns how many bytes they have."""
        before = self._decoder.pending
        try:
            data = self.connection.recv(PIECE)
            self.requests += self._decoder.feed(data)
        except BlockingIOError:
            return 0
        except (OSError, LoadError):
            data = b""
        pending = self._decoder.pending
        self.is_gone = not data or pending > MAX_LINE
        if self.requests:
            self.has_spoken = True
        decoded = before + len(data) - pending
        if self.has_spoken and (decoded or not before):
            self._begun = present
        return decoded

    def take(self, count: int) -> list[dict[str, Any]]:
        """Removes and returns its next requests, at most ``count``, and none after a ``hello``, whose answer may be long."""
        taken: list[dict[str, Any]] = []
        while self.requests and len(taken) < count:
            taken.append(self.requests.popleft())
            if taken[-1].get("do") == "hello":
                break
        return taken

    def send(self, message: dict[str, Any], present: float) -> None:
        """Sends an answer, as far as the client reads it; ``flush`` sends the rest."""
        self.unsent += encode_line(message, allow_nan=False)
        self._last_sent = present
        self.flush(present)

    def flush(self, present: float) -> None:
        """Sends what the client reads of the rest, without waiting."""
        try:
            while self.unsent:
                del self.unsent[: self.connection.send(self.unsent)]
                self._last_sent = present
        except BlockingIOError:
            pass
        except OSError:
            self.is_gone = True
            self.requests.clear()
            self.unsent.clear()

    def refuse(self, room: int, present: float) -> None:
        """Says that the server has too many clients, and disconnects."""
        error = StudyError(
            f"the server of the study has {room} clients, and its process has no open files for more. Close some, or start it "
            "with a higher limit (`ulimit -n`)."
        )
        self.send({"n": None, **error_to_json(error)}, present)
        self.connection.close()


def count_room() -> int:
    """Returns how many clients this process can have: its limit of open files without those of its own."""
    try:
        import resource
    except ImportError:  # not on this system, which then serves no studies
        return OWN_FILES
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 16 if limit == resource.RLIM_INFINITY else max(limit - OWN_FILES, 8)


def find_hoarders(peers: Iterable[Peer]) -> list[Peer]:
    """Returns the clients with the longest messages, without which all others hold at most ``MAX_HELD`` bytes."""
    ordered = sorted((peer for peer in peers if peer.held), key=lambda peer: peer.held)
    total = sum(peer.held for peer in ordered)
    found: list[Peer] = []
    while total > MAX_HELD:
        found.append(ordered.pop())
        total -= found[-1].held
    return found
