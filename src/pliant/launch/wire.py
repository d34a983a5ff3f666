"""JSON objects over a stream socket, one a line, in both directions, without ever waiting.  No meaning here."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Any, final

_CHUNK = 1 << 18


@final
class Wire:
    """One end of a conversation in JSON objects.

    What cannot be sent at once waits in memory until ``flush``; what arrives in pieces waits for its end.

    >>> import socket
    >>> here, there = (Wire(end) for end in socket.socketpair())
    >>> here.send({"x": 1})
    >>> there.receive()
    [{'x': 1}]
    >>> here.close(), there.close()
    (None, None)

    Args:
      end: a connected stream socket, which is the wire's own from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.socket = end
        self.ended = False
        """Whether the other end is gone."""
        self._out = bytearray()
        self._in = bytearray()

    def fileno(self) -> int:
        """Returns the file descriptor, for selectors."""
        return self.socket.fileno()

    @property
    def pending(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)

    def send(self, message: dict[str, Any]) -> None:
        """Sends an object, as much of it as goes; the rest by ``flush``."""
        self._out += json.dumps(message).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        """Sends what waits, as much as goes."""
        if self.ended:
            self._out.clear()
        try:
            while self._out:
                del self._out[: self.socket.send(bytes(self._out[:_CHUNK]))]
        except BlockingIOError:
            pass
        except OSError:  # it is gone: what it said before may still be read
            self._out.clear()

    def receive(self) -> list[dict[str, Any]]:
        """Returns the objects that arrived; sets ``ended`` when the other end is gone.  A torn last one is dropped."""
        for _ in range(16):  # then it is the turn of others
            try:
                data = self.socket.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.ended = True
                break
            self._in += data
            if len(data) < _CHUNK:
                break
        end = self._in.rfind(b"\n") + 1
        if not end:
            return []
        lines = bytes(self._in[:end]).splitlines()
        del self._in[:end]
        return [json.loads(line) for line in lines if line]

    def close(self) -> None:
        """Ends the conversation, for a forked process that holds this end by inheritance, too."""
        self.ended = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
