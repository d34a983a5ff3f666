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

from pliant.algorithms.rewards import check_told
from pliant.values.errors import FeedbackError, PliantError, StaleError, StudyError, quote

from .peer import CALL_SECONDS, LISTEN_SECONDS, Peer, count_room, find_hoarders
from .store.store import LostConnection
from .study import Study
from .trials.check import check_attempts, check_lease, to_plain
from .trials.trial import MAX_ATTEMPTS, RUNNING, Trial
from .wire import address_of, error_to_json, trial_to_json

ACCEPTS = 32  # new clients of one turn
SHARE = 8  # requests of one client that are answered before others have their turn
READ_BYTES = 1 << 18  # of long requests that are decoded in one turn; the rest waits in the sockets
LEASE_SECONDS = 60.0  # the time that a client may be silent; clients send signs of life more often
CHUNK = 500  # trials that are put back in one transaction
RETURN_SECONDS = 2.0  # the time for clients of an earlier server to report which trials they have


@final
class Server:
    """Server of a study: a thread of this process, until it is closed.  Made by ``serve``.

    Attributes:
      address: the path of its socket.
      study: the study, which this process may still use.
    """

    def __init__(self, study: Study, *, lease: float, attempts: int | None) -> None:
        self.study = study
        self.address = address_of(study.path)
        self._lease, self._attempts = lease, attempts
        self._loop = study._writer()
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, Peer] = {}
        self._room = count_room()
        self._before = {trial.id for trial in study.trials("running")}  # their clients may connect again
        self._listener = _listen(self.address)
        self._wake, self._waker = socket.socketpair()  # wakes the thread, to end it
        for one in (self._listener, self._wake):
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)
        self._loop.leases.now()
        self._loop.leases.beat = lease / 4
        self._patience = self._time() + RETURN_SECONDS
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
            self._loop.leases.beat = None
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
        present = self._time()
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

    def _time(self) -> float:
        """Returns the time, without the time for which this process was stopped."""
        with self.study._store.lock:
            return self._loop.leases.now() - self._loop.leases.paused

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
        before = {peer: dict(peer.tokens) for peer, _ in requests}
        answers = self._try(requests)
        while answers is None:
            for peer, tokens in before.items():
                peer.tokens = dict(tokens)
            answers = self._wait(requests) or self._try(requests)
        present = self._time()
        for (peer, request), answer in zip(requests, answers, strict=True):
            number = request.get("n")
            peer.send({"n": number if number.__class__ is int else None, **answer}, present)

    def _try(self, requests: list[tuple[Peer, dict[str, Any]]]) -> list[dict[str, Any]] | None:
        """Returns the answers, all of one transaction; None after a lost connection to the database."""
        try:
            with self.study.together():
                return [self._answer(peer, request) for peer, request in requests]
        except LostConnection:
            return None
        except Exception as error:  # noqa: BLE001  # such as a full disk: nothing was done, and the next requests may succeed
            return [error_to_json(error)] * len(requests)

    def _wait(self, requests: list[tuple[Peer, dict[str, Any]]]) -> list[dict[str, Any]] | None:
        """Waits until the database is reachable; returns the answers if it stays unreachable."""
        try:
            self.study.counts()
        except Exception as error:  # noqa: BLE001  # likewise
            return [error_to_json(error)] * len(requests)
        return None

    def _answer(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        work = self._WORK.get(str(request.get("do")))
        try:
            if work is None:
                raise StudyError(
                    f"the requests to a study are {', '.join(self._WORK)}; got {quote(request.get('do'))}."
                )
            found: dict[str, Any] = work(self, peer, request)
        except LostConnection:
            raise
        except PliantError as error:
            return error_to_json(error)
        except Exception as error:  # noqa: BLE001  # a bad request of one client must not end the server
            return error_to_json(StudyError(f"a malformed request: {type(error).__name__}: {error!s:.200}"))
        return found

    def _hello(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        peer.name = to_plain(str(request["worker"])[:200])
        others = [other for other in self._peers.values() if other is not peer]
        theirs = {key for other in others if not other.is_gone for key in other.tokens}
        held = {
            trial_id: token
            for trial_id, token in request.get("held", ())
            if trial_id.__class__ is int and trial_id not in theirs
        }
        peer.tokens |= (taken := self._loop.renew_all(held, self._lease))
        self._before -= taken.keys()
        for other in others:  # that are gone: the client has come back by another connection
            other.tokens = {key: token for key, token in other.tokens.items() if key not in taken}
        return {
            "space": self.study.space.to_json(),
            "lease": self._lease,
            "name": self.study.name,
            "complete": self.study.is_complete,
        }

    def _ask(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        if self._before and self._time() < self._patience:
            return {"trial": None, "complete": False}  # the client asks again
        self._before.clear()
        trial = self.study.ask(worker=peer.name, lease=self._lease, attempts=self._attempts)
        if trial is None:
            return {"trial": None, "complete": self.study.is_complete}
        peer.tokens[trial.id] = trial.token
        return {"trial": trial_to_json(trial)}

    def _report(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        given = {name: request[name] for name in ("step", "metrics")} | {"token": _read_token(request)}
        return {"stop": self.study.report(request["id"], request["reward"], **given)}

    def _tell(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        reward = request["reward"]
        reward = tuple(reward) if isinstance(reward, list) else reward
        given = {"token": _read_token(request), "metrics": request["metrics"]}
        return self._end(peer, request, lambda: self.study.tell(request["id"], reward, **given))

    def _fail(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        given = {name: request[name] for name in ("metrics", "cause")} | {"token": _read_token(request)}
        return self._end(peer, request, lambda: self.study.fail(request["id"], request["reason"], **given))

    def _put_back(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        trial = self.study.put_back(
            request["id"], request["reason"], token=_read_token(request), attempts=self._attempts
        )
        peer.tokens.pop(trial.id, None)
        return {"trial": trial_to_json(trial)}

    def _renew(self, peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
        peer.tokens = self._loop.renew_all(peer.tokens)
        return {}

    def _end(self, peer: Peer, request: dict[str, Any], end: Any) -> dict[str, Any]:
        """Ends a trial; the same result a second time succeeds."""
        try:
            ended: Trial = end()
        except (LostConnection, StaleError):
            raise
        except FeedbackError as error:
            before = self._find(request["id"])
            if before is None or before.status == RUNNING or not _is_same(before, request):
                if before is not None and before.status != RUNNING:
                    self.study.note(before.id, str(error))
                raise
            ended = before
        peer.tokens.pop(ended.id, None)
        self._before.discard(ended.id)
        return {"trial": trial_to_json(ended)}

    def _find(self, trial_id: Any) -> Trial | None:
        try:
            return self.study.trial(trial_id)
        except FeedbackError:
            return None

    def _lose(self, peer: Peer, why: str | None = None) -> None:
        """Puts back the trials of a client that disconnected."""
        del self._peers[peer.connection]
        self._selector.unregister(peer.connection)
        peer.connection.close()
        held = list(peer.tokens.items())
        for start in range(0, len(held), CHUNK):
            with (
                suppress(Exception),
                self.study.together(),
            ):  # a closed study hands them out when it is opened
                for trial_id, token in held[start : start + CHUNK]:
                    with suppress(FeedbackError):  # the trial has ended
                        self.study.put_back(
                            trial_id,
                            why or f"{peer.name} disconnected",
                            token=token,
                            attempts=None if why else self._attempts,
                        )

    _WORK = {  # noqa: RUF012  # a table of methods
        "hello": _hello,
        "ask": _ask,
        "report": _report,
        "tell": _tell,
        "fail": _fail,
        "put_back": _put_back,
        "renew": _renew,
    }


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


def _read_token(request: dict[str, Any]) -> int:
    """Returns the token of a request; without one, any client could end the trials of others by mistake."""
    token = request["token"]
    if token.__class__ is not int:
        raise FeedbackError(f"the token of a trial is an integer, `trial.token`; got {quote(token)}.")
    return token


def _is_same(trial: Trial, request: dict[str, Any]) -> bool:
    """Returns whether a trial ended with the result of a request, by the same attempt."""
    if request["token"] != trial.attempts:
        return False
    metrics = request["metrics"]
    if request["do"] == "fail":
        return trial.reason == to_plain(request["reason"]) and trial.metrics == metrics
    told = check_told(request["reward"], trial=trial.id)
    if trial.told is not None:
        return told == trial.told and trial.metrics == metrics
    kept = tuple([value for name, value in trial.metrics.items() if name not in metrics])
    return trial.cause == "constraint" and kept == (told if isinstance(told, tuple) else (told,))
