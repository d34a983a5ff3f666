"""Non-blocking JSON lines over a stream socket, in both directions."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any, final

from pliant.values.lines import LineDecoder, encode_line

_CHUNK = 1 << 18


@final
class Wire:
    """One end of a connection that carries JSON objects.

    What cannot be sent at once waits in memory until ``flush``; incomplete lines wait for the rest.

    >>> import socket
    >>> here, there = (Wire(end) for end in socket.socketpair())
    >>> here.send({"x": 1})
    >>> there.receive()
    [{'x': 1}]
    >>> here.close(), there.close()
    (None, None)

    Args:
      end: a connected stream socket, which the wire owns and closes.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.socket = end
        self.ended = False
        """Whether the other end is closed."""
        self._out = bytearray()
        self._decoder = LineDecoder()

    def fileno(self) -> int:
        """Returns the file descriptor, for selectors."""
        return self.socket.fileno()

    @property
    def pending(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)

    def send(self, message: dict[str, Any]) -> None:
        """Sends an object without waiting; ``flush`` sends the rest."""
        self._out += encode_line(message)
        self.flush()

    def flush(self) -> None:
        """Sends as much of the waiting data as the socket takes."""
        if self.ended:
            self._out.clear()
        try:
            while self._out:
                del self._out[: self.socket.send(bytes(self._out[:_CHUNK]))]
        except BlockingIOError:
            pass
        except OSError:  # the other end is closed; what it sent before can still be read
            self._out.clear()

    def receive(self) -> list[dict[str, Any]]:
        """Returns the objects that arrived; sets ``ended`` when the other end is closed.

        An object that was cut off by the end is dropped.
        """
        found: list[dict[str, Any]] = []
        for _ in range(16):  # at most, so that one busy connection does not block others
            try:
                data = self.socket.recv(_CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.ended = True
                break
            found += self._decoder.feed(data)
            if len(data) < _CHUNK:
                break
        return found

    def close(self) -> None:
        """Closes the connection, also for a forked process that inherited this end."""
        self.ended = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
