"""``connect``: a client for a study that another process serves over a Unix socket by ``serve``."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self, final

from pliant.algorithms.rewards import check_number, check_step, check_told
from pliant.space import Space
from pliant.values.errors import FeedbackError, FieldTypeError, LoadError, StudyError, quote
from pliant.values.lines import LineDecoder, encode_line

from .artifacts.place import StudyFiles
from .artifacts.shelf import Artifacts
from .store.location import Place, to_location
from .store.lock import name_process
from .study import Study
from .trials.check import to_id
from .trials.constraint import check_metrics
from .trials.trial import RUNNING, Cause, Trial
from .wire import address_of, error_from_json, trial_from_json

Metrics = Mapping[str, float] | None
PATIENCE = 30.0  # seconds that a server may be unreachable, such as during a restart
ANSWER_SECONDS = 600.0  # the time for the process that leads a shared search to answer
LOOK = 0.5  # seconds between checks of the connection
PAUSE = 0.05  # seconds between requests while other workers have all remaining trials


@final
class Client:
    """Client of a served study, for workers.  Made by ``connect``; one thread at a time may use it.

    A background thread sends signs of life, so that a long trial is not handed out again.  While the server is unreachable,
    requests wait; after a restart it receives which trials are here.

    Attributes:
      space: the search space.
      name: the name of the study.
    """

    def __init__(
        self, place: Place, *, worker: str | None, patience: float, held: dict[int, int] | None = None
    ) -> None:
        self._address = address_of(place)
        self._place, self._patience = place, patience
        self._worker = worker or name_process()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._decoder = LineDecoder()
        self._count = 0
        self._held = {} if held is None else held  # the token of each trial of this client
        self._waits = None if held is None else ANSWER_SECONDS
        self._process = os.getpid()
        self._closed = threading.Event()
        with self._lock:
            hello = self._connect()
        if hello["complete"] and held is None:
            self._hang_up()
            raise StudyError(
                f"the study {hello['name']!r} is complete: nothing is left to ask for. Read it with "
                f"`pliant.Study.open({str(to_location(place))!r})`; to continue, open it with a larger number of trials and serve it again."
            )
        self.space: Space = Space.from_json(hello["space"])
        self.name: str = hello["name"]
        self._files = StudyFiles(to_location(place))
        self._beat = threading.Thread(target=self._live, args=(hello["lease"] / 4,), daemon=True)
        self._beat.start()

    def ask(self) -> Trial | None:
        """Returns the next trial; waits while other workers have all remaining trials; None when the study is complete.

        It also returns None if the server has ended and the study is complete.

        Raises:
          StudyError: no process serves the study, and it is not complete.
        """
        while True:
            try:
                answer = self._call({"do": "ask"})
            except Away as error:
                if error.is_complete:
                    return None
                raise
            if answer["trial"] is not None:
                trial = self._read(answer)
                self._held[trial.id] = trial.token
                return trial
            if answer["complete"]:
                return None
            time.sleep(PAUSE)

    def report(
        self, trial_id: int, reward: float, *, step: float, token: int, metrics: Metrics = None
    ) -> bool:
        """Reports an intermediate reward; returns whether the trial should stop.  Errors are those of ``Study.report``."""
        told, at = check_number(reward, trial=trial_id), check_step(step)
        given = {"reward": told, "step": at, "metrics": check_metrics(trial_id, metrics or {})}
        request = {"do": "report", "id": trial_id, "token": token, **given}
        _check_numbers(request)
        return bool(self._call(request)["stop"])

    def tell(
        self, trial_id: int, reward: float | tuple[float, ...], *, token: int, metrics: Metrics = None
    ) -> Trial:
        """Records the reward of a trial; returns it as it ended.  Errors are those of ``Study.tell``.

        The same result may be told twice, such as after a crash.
        """
        told = check_told(reward, trial=trial_id)
        given = {"reward": told, "metrics": check_metrics(trial_id, metrics or {})}
        return self._end({"do": "tell", "id": trial_id, "token": token, **given})

    def fail(
        self, trial_id: int, reason: str, *, token: int, cause: Cause = "error", metrics: Metrics = None
    ) -> Trial:
        """Records that a trial failed, and why; returns it as it ended.  Errors are those of ``Study.fail``."""
        given = {"reason": str(reason), "cause": cause, "metrics": check_metrics(trial_id, metrics or {})}
        return self._end({"do": "fail", "id": trial_id, "token": token, **given})

    def put_back(self, trial_id: int, reason: str, *, token: int) -> Trial:
        """Returns a trial to the study, to be handed out again.  Errors are those of ``Study.put_back``."""
        return self._end({"do": "put_back", "id": trial_id, "token": token, "reason": str(reason)})

    @property
    def artifacts(self) -> Artifacts:
        """The files of the trials: ``client.artifacts.save(trial.id, "log.txt", b"...", attempt=trial.attempts)``.

        Raises:
          StudyError: the study is on a server, and no search has named their place.
        """
        return self._files.open()

    def close(self) -> None:
        """Disconnects; trials that were asked for and not told are handed out again."""
        self._closed.set()
        with self._lock:
            self._hang_up()

    def __iter__(self) -> Iterator[Trial]:
        while (trial := self.ask()) is not None:
            yield trial

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------ private

    def _read(self, answer: dict[str, Any]) -> Trial:
        return replace(trial_from_json(self.space, answer["trial"]), files=self._files)

    def _end(self, request: dict[str, Any]) -> Trial:
        _check_numbers(request)
        try:
            ended = self._read(self._call(request))
        except FeedbackError:
            self._held.pop(request["id"], None)
            raise
        self._held.pop(ended.id, None)
        return ended

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer to a request; repeats it after a lost connection."""
        if self._closed.is_set():
            raise StudyError(f"this connection to the study {self.name!r} is closed; connect again.")
        if os.getpid() != self._process:
            raise StudyError(
                f"this connection to the study {self.name!r} was made by process {self._process}; a fork of that process cannot "
                "use it. Call `connect` in the process that asks and tells."
            )
        with self._lock:
            while True:
                try:
                    if self._socket is None:
                        self._connect(request.get("id"), request.get("token"))
                    answer = self._say(request)
                    break
                except OSError:
                    self._hang_up()
        if "error" in answer:
            raise error_from_json(answer, request.get("id", 0))
        return answer

    def _say(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._socket is not None
        self._count += 1
        self._socket.sendall(encode_line({"n": self._count, **request}, allow_nan=False))
        while True:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionResetError("the server hung up")
            try:
                answers = self._decoder.feed(data)
            except LoadError as error:
                raise StudyError(f"the server of a study sent what is not an answer: {error}") from error
            for answer in answers:
                if answer.get("n") in (self._count, None):  # None before it read a request
                    return answer

    def _connect(self, trial_id: int | None = None, token: int | None = None) -> dict[str, Any]:
        """Connects, and waits for the server; without one, raises what became of the study and of a trial."""
        try:
            return self._reach(self._patience)
        except OSError as error:
            raise Away(self._place, error, trial_id, token) from error

    def _reach(self, patience: float) -> dict[str, Any]:
        """Connects, waits for the server, and returns its first message."""
        end, pause = time.monotonic() + patience, 0.01
        while True:
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            one.settimeout(self._waits)
            try:
                one.connect(self._address)
                self._socket, self._decoder = one, LineDecoder()
                hello = self._say({"do": "hello", "worker": self._worker, "held": list(self._held.items())})
                if "error" in hello:
                    self._hang_up()
                    raise error_from_json(hello, 0)
                return hello
            except OSError:
                self._socket = None
                one.close()
                if time.monotonic() > end:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, 0.5)

    def _hang_up(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _live(self, seconds: float) -> None:
        """Thread: sends signs of life, and connects again after a lost connection."""
        last = time.monotonic()
        while not self._closed.wait(min(seconds, LOOK)):
            with self._lock:
                if self._closed.is_set():  # closed while this thread waited for the lock
                    return
                try:
                    if self._socket is not None and _is_gone(self._socket):
                        self._hang_up()
                    if self._socket is None:
                        self._reach(0.0)
                    elif time.monotonic() - last >= seconds:
                        last = time.monotonic()
                        self._say({"do": "renew"})
                except (OSError, StudyError):
                    self._hang_up()


@final
class Away(StudyError):
    """No process serves a study.  The message says what became of it and of a trial, from the study itself."""

    def __init__(self, place: Place, error: OSError, trial_id: int | None, token: int | None) -> None:
        self.is_complete = False
        found = [f"no process serves the study {str(to_location(place))!r} ({error})"]
        with suppress(StudyError, FeedbackError, FieldTypeError), Study.open(place) as study:
            info = study.info()
            self.is_complete = info.is_complete
            if info.is_complete:
                found.append(f"The study is complete: {info.proposed} trials")
            if trial_id is not None:
                found.append(_say_fate(study.trial(trial_id), token))
        if not self.is_complete:
            found.append("In the process that has it open, run `with pliant.study.serve.serve(study): ...`")
        super().__init__(". ".join(found) + ".")


def _check_numbers(request: dict[str, Any]) -> None:
    """Replaces the id and the token of a trial by Python's integers; raises FeedbackError if they are not integers."""
    for name in ("id", "token"):
        number = request[name] = to_id(request[name])
        if number.__class__ is not int:
            raise FeedbackError(f"the {name} of a trial is an integer, `trial.{name}`; got {quote(number)}.")


def _say_fate(trial: Trial, token: int | None) -> str:
    """Returns what became of a trial whose worker could not tell its result."""
    again = f"Trial {trial.id} was handed out again" if token not in (None, trial.attempts) else ""
    if trial.status != RUNNING:
        return f"{again + ', and' if again else f'Trial {trial.id}'} has ended ({trial.status})"
    if again:
        return f"{again}{f', to {trial.worker}' if trial.worker else ''}, so its earlier result is refused"
    return f"Trial {trial.id} waits to be handed out again; its result can still be told to the next server"


def _is_gone(one: socket.socket) -> bool:
    """Returns whether the other side closed a connection."""
    limit = one.gettimeout()
    one.setblocking(False)  # with a limit, recv would wait, whatever its flags are
    try:
        return not one.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        one.settimeout(limit)


def connect(place: Place, *, worker: str | None = None, patience: float = PATIENCE) -> Client:
    """Connects to a study that a process of this user on this machine serves.

    Args:
      place: the path or address of the study, as the serving process opened it.
      worker: the name of this worker, for readers of the study; this process by default.
      patience: the number of seconds to wait for a server.

    Raises:
      StudyError: it is complete, or no process serves it; the message says which.
    """
    if not hasattr(os, "getuid"):
        raise StudyError("a study is served over a Unix socket, which this system does not have.")
    return Client(place, worker=worker, patience=patience)
