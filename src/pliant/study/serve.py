"""``serve``: shares an open study with other processes of this machine over a Unix socket; they use ``connect``.

Only one process writes a study.  It answers all requests that have arrived in one transaction, so that they share one sync
to the disk.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Self, final

from pliant.values.errors import StudyError

from .answers import Answers
from .peer import CALL_SECONDS, LISTEN_SECONDS, Peer, count_room, find_hoarders
from .study import Study
from .trials.check import check_attempts, check_lease
from .trials.trial import MAX_ATTEMPTS
from .wire import address_of

ACCEPTS = 32  # new clients of one turn
SHARE = 8  # requests of one client that are answered before others have their turn
READ_BYTES = 1 << 18  # of long requests that are decoded in one turn; the rest waits in the sockets
LEASE_SECONDS = 60.0  # the time that a client may be silent; clients send signs of life more often


@final
class Server:
    """Server of a study: a thread of this process, until it is closed.  Made by ``serve``.

    Attributes:
      address: the path of its socket.
      answers: answers its requests.
      study: the study, which this process may still use.
    """

    def __init__(self, study: Study, *, lease: float, attempts: int | None) -> None:
        self.study = study
        self.address = address_of(study.path)
        self._lease = lease
        self.answers = Answers(study, lambda: self._peers.values(), lease=lease, attempts=attempts)
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, Peer] = {}
        self._room = count_room()
        self._listener = _listen(self.address)
        self._wake, self._waker = socket.socketpair()  # wakes the thread, to end it
        for one in (self._listener, self._wake):
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)
        self.answers.begin()
        self._thread = threading.Thread(target=self._serve, name="pliant-study-server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Disconnects all clients; their trials wait to be handed out again.  The study stays open.  A second call does nothing."""
        if self._thread.is_alive():
            self._waker.send(b"x")
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------ the thread

    def _serve(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            for peer in list(self._peers.values()):
                self._lose(peer, "the server was closed")
            self.answers.end()
            self._listener.close()
            with suppress(OSError):
                os.unlink(self.address)
            self._selector.close()
            self._wake.close()
            self._waker.close()

    def _turn(self) -> bool:
        """Reads what has arrived, and answers a few requests of each client; returns whether the server is still open."""
        is_busy = any(peer.requests and not peer.unsent for peer in self._peers.values())
        is_full = any(peer.unsent for peer in self._peers.values())
        is_new = any(not peer.has_spoken for peer in self._peers.values())
        wait = LISTEN_SECONDS / 2 if is_full else CALL_SECONDS / 2 if is_new else self._lease
        wait = 0.0 if is_busy else min(self._lease / 4, wait)
        ready = {key.fileobj for key, _ in self._selector.select(timeout=wait)}
        present = self.answers.time()
        if self._wake in ready:
            return False
        if self._listener in ready:
            self._accept(present)
        self._receive(ready, present)
        self._answer_all(
            [
                (peer, request)
                for peer in self._peers.values()
                if not peer.unsent
                for request in peer.take(SHARE)
            ]
        )
        self._drop(present)
        for peer in self._peers.values():
            events = selectors.EVENT_WRITE if peer.unsent else selectors.EVENT_READ
            if self._selector.get_key(peer.connection).events != events:
                self._selector.modify(peer.connection, events)
        return True

    def _receive(self, ready: set[Any], present: float) -> None:
        """Reads requests, and sends the rest of earlier answers.  Long requests come last, a few in each turn, by turns."""
        long: list[Peer] = []
        for peer in self._peers.values():
            if peer.unsent:
                peer.flush(present)
            elif peer.connection in ready and not peer.requests:
                if peer.held:
                    long.append(peer)
                else:
                    peer.receive(present)
        read = 0
        for peer in long:
            read += peer.receive(present)
            self._peers[peer.connection] = self._peers.pop(peer.connection)
            if read > READ_BYTES:
                break

    def _drop(self, present: float) -> None:
        """Drops the clients that are gone, that say nothing, or whose messages need too much memory."""
        for peer in list(self._peers.values()):
            if peer.is_over(present, self._lease):
                self._lose(peer)
        for peer in find_hoarders(self._peers.values()):
            self._lose(peer)

    def _accept(self, present: float) -> None:
        """Accepts new clients.  Where files are scarce, those that have said nothing give way."""
        for _ in range(ACCEPTS):
            try:
                connection, _address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # this process has too many open files
                if not self._lose_silent():
                    time.sleep(0.01)  # the client waits
                return
            connection.setblocking(False)
            peer = Peer(connection, present)
            if len(self._peers) >= self._room and not self._lose_silent():
                peer.refuse(self._room, present)
                continue
            self._selector.register(connection, selectors.EVENT_READ)
            self._peers[connection] = peer

    def _lose_silent(self) -> bool:
        """Disconnects the first client that has sent no request; returns whether there was one."""
        silent = next((peer for peer in self._peers.values() if not peer.has_spoken), None)
        if silent is not None:
            self._lose(silent)
        return silent is not None

    def _answer_all(self, requests: list[tuple[Peer, dict[str, Any]]]) -> None:
        """Answers requests, after their results are on the disk."""
        if not requests:
            return
        answers = self.answers.answer_all(requests)
        present = self.answers.time()
        for (peer, request), answer in zip(requests, answers, strict=True):
            number = request.get("n")
            peer.send({"n": number if number.__class__ is int else None, **answer}, present)

    def _lose(self, peer: Peer, why: str | None = None) -> None:
        """Puts back the trials of a client that disconnected."""
        del self._peers[peer.connection]
        self._selector.unregister(peer.connection)
        peer.connection.close()
        self.answers.lose(peer, why)


def serve(study: Study, *, lease: float = LEASE_SECONDS, attempts: int | None = MAX_ATTEMPTS) -> Server:
    """Shares a study with other processes of this user on this machine, until the returned server is closed.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> from pliant.study.client import connect
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/a.db"
    ...     with Study.create(path, flatten([integer("x", 0, 9)]), Random(), trials=5) as study, serve(study):
    ...         with connect(path) as client:  # in any process
    ...             for trial in client:
    ...                 _ = client.tell(trial.id, trial.decisions["x"], token=trial.token)
    ...         study.is_complete
    True

    Args:
      study: open for writing.
      lease: seconds that a client may be silent before its trials are handed out again.
      attempts: the largest number of attempts of a trial whose client is lost; then it fails. None for no limit.

    Raises:
      StudyError: the study is open for reading only, or is served already.
      FieldValueError: ``lease`` is not above 0.
    """
    study._writer()  # raises, where it is open for reading
    return Server(study, lease=check_lease(lease), attempts=check_attempts(attempts, "serve"))


def _listen(address: str) -> socket.socket:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.connect(address)
        raise StudyError("this process serves the study already; all clients may use that server.")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # This process holds the lock of the study, so a socket without an answer was left by a process that died.
    try:
        with suppress(FileNotFoundError):
            os.unlink(address)
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise StudyError(f"the study cannot be served at {address!r}: {error.strerror or error}.") from error
    return listener
