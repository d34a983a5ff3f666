"""Trials of several processes, as ``torchrun`` starts them: rank 0 searches, and all ranks evaluate each trial together.

Rank 0 claims trials and records results.  The others receive its decisions and its answers to reports, so that all have the
same program and stop at the same report.  Messages go through the store in which the processes of PyTorch find each other.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, final

from pliant.hyper.template import Template
from pliant.space import Decisions
from pliant.values.errors import EvaluationError, FieldTypeError, LaunchError, SpaceChangedError

from .feedback import Feedback, Told
from .files import Storage, open_files
from .progress import silence
from .result import Result
from .worker import describe_failure, takes_feedback

if TYPE_CHECKING:
    from pliant.study import Trial

PAUSES = 0.001, 0.05  # seconds between looks for a message; the least and the most
FAREWELL = 60.0  # seconds for the others to read the result
_is_in_trial: ContextVar[bool] = ContextVar("is_in_trial", default=False)
_numbers = itertools.count(1)  # of searches, which all ranks begin in the same order


@final
class Ranks:
    """The processes that evaluate each trial together, and messages of rank 0 to the others.

    Attributes:
      rank: the number of this process, from 0.
      size: how many there are.
      files: where trials save files, as ``Storage.describe`` says it; once rank 0 knows it.
    """

    def __init__(self, store: Any, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.files: dict[str, Any] | None = None
        self._store = store
        self._sent, self._gone, self._rounds = 0, 0, 0

    def send(self, message: dict[str, Any]) -> None:
        """Sends a message of rank 0 to all others."""
        self._sent += 1
        self._store.set(f"message {self._sent}", json.dumps(message))

    def receive(self) -> dict[str, Any]:
        """Returns the next message of rank 0; waits for it."""
        self._sent += 1
        found: dict[str, Any] = json.loads(self._take(f"message {self._sent}"))
        return found

    def reply(self, message: dict[str, Any]) -> None:
        """Says to rank 0 how something ended here."""
        self._rounds += 1
        self._store.set(f"reply {self._rounds} of {self.rank}", json.dumps(message))

    def gather(self, seconds: float = math.inf) -> list[dict[str, Any]]:
        """Returns the replies of all others, in the order of ranks; what was sent until then is forgotten."""
        self._rounds += 1
        keys = [f"reply {self._rounds} of {rank}" for rank in range(1, self.size)]
        found = [json.loads(self._take(key, seconds)) for key in keys]
        old = [f"message {number}" for number in range(self._gone + 1, self._sent + 1)]
        self._gone = self._sent
        for key in (*keys, *old):
            self._store.delete_key(key)
        return found

    def _take(self, key: str, seconds: float = math.inf) -> bytes:
        """Returns the value of a key; waits for it by short looks, between which signals are noticed."""
        end, pause = monotonic() + seconds, PAUSES[0]
        try:
            while not self._store.check([key]):
                if monotonic() > end:
                    raise LaunchError(f"rank {self.rank} of {self.size} waited {seconds:g} s for the others.")
                sleep(pause)
                pause = min(1.5 * pause, PAUSES[1])
            found: bytes = self._store.get(key)
        except RuntimeError as error:  # of PyTorch
            raise LaunchError(
                f"rank {self.rank} of {self.size} lost the connection to the other processes of the search: {error}"
            ) from error
        return found

    # ------------------------------------------------------------------ rank 0

    def share(self, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function for rank 0 that evaluates a program in all ranks."""
        has_two = takes_feedback(evaluate)

        def evaluate_together(program: Any, feedback: Feedback) -> Any:
            source, files = feedback._source, feedback._files
            assert source is not None
            assert files is not None
            decisions, parent = feedback.decisions, feedback.parent
            self.send(
                {
                    "do": "evaluate",
                    "id": feedback.id,
                    "attempt": files.attempt,
                    "parent_id": files.parent,
                    "space": decisions.space.fingerprint,
                    "decisions": list(decisions.values),
                    "parent": None if parent is None else list(parent.values),
                    "files": self.files,
                }
            )
            feedback._source = _Announced(source, self)
            try:
                with _in_trial():
                    found = evaluate(program, feedback) if has_two else evaluate(program)
            except Exception:
                self.send({"do": "end"})
                self.gather()
                raise
            except BaseException:  # the trial is cancelled
                self.send({"do": "end"})
                raise
            self.send({"do": "end"})
            for rank, said in enumerate(self.gather(), 1):
                if "failed" in said:
                    raise EvaluationError(f"rank {rank} of {self.size} failed: {said['failed']}")
            return found

        return evaluate_together

    @contextmanager
    def leading(self) -> Iterator[None]:
        """A context of rank 0 for the whole search; tells the others where it raises an error."""
        try:
            yield
        except BaseException as error:
            with suppress(Exception):
                self.send({"do": "fail", "text": f"rank 0 ended the search: {type(error).__name__}: {error}"})
                self.gather(FAREWELL)
            raise

    def publish(self, result: Result[Any], *, maximize: bool) -> None:
        """Sends what was found to the others, and waits until they have read it."""
        from pliant.study.wire import trial_to_json

        self.send(
            {
                "do": "return",
                "trials": [trial_to_json(trial) for trial in result.trials],
                "front": result._front_ids(),
                "ended": result.ended,
                "maximize": maximize,
                "files": self.files,
            }
        )
        self.gather(FAREWELL)

    # ------------------------------------------------------------------ the others

    def follow(self, space: Any, evaluate: Callable[..., Any], keep: object) -> Result[Any]:
        """Evaluates the trials of rank 0 until the search ends; returns what was found."""
        from pliant.study.interrupts import Interrupts  # brings SQLAlchemy

        template = Template(space)
        with Interrupts():  # rank 0 decides; the second Ctrl-C ends this process
            while True:
                said = self.receive()
                if said["do"] == "evaluate":
                    self.reply(self._evaluate(template, evaluate, said))
                elif said["do"] == "fail":
                    self.reply({})
                    raise EvaluationError(said["text"])
                elif said["do"] == "return":
                    self.reply({})
                    return _read_result(template, said, keep)

    def _evaluate(
        self, template: Template, evaluate: Callable[..., Any], said: dict[str, Any]
    ) -> dict[str, Any]:
        """Evaluates a trial of rank 0; returns how that ended."""
        if said["space"] != template.space.fingerprint:
            raise SpaceChangedError(
                f"rank {self.rank} searches another space than rank 0. Make the same space in all processes: without random numbers, and "
                "from the same file."
            )
        decisions = Decisions(template.space, said["decisions"])
        parent = None if said["parent"] is None else Decisions(template.space, said["parent"])
        source = _Followed(self)
        feedback = Feedback(source, said["id"], decisions, parent=parent, files=open_files(said))
        failed: dict[str, Any] = {}
        try:
            program = template.materialize(decisions)
            with silence(), _in_trial():
                evaluate(program, feedback) if takes_feedback(evaluate) else evaluate(program)
            if feedback._files is not None:
                feedback._files.synchronize()
        except Exception as error:  # noqa: BLE001  # rank 0 fails the trial
            failed = describe_failure(error)
            sys.stderr.write(failed["trace"])
        source.finish()
        return failed


@final
class _Announced:
    """The source of a trial of rank 0: its answers to reports are sent to the other ranks as well."""

    def __init__(self, source: Any, ranks: Ranks) -> None:
        self._source, self._ranks = source, ranks

    def report(self, trial: Feedback, reward: float, step: float) -> bool:
        stop: bool = self._source.report(trial, reward, step)
        self._ranks.send({"do": "report", "stop": stop})
        return stop

    def tell(self, trial: Feedback, told: Told) -> bool:
        counts: bool = self._source.tell(trial, told)
        return counts

    def end(self, trial: Feedback, told: Told, *, counts: bool) -> None:
        self._source.end(trial, told, counts=counts)


@final
class _Followed:
    """The source of a trial of another rank: the rewards are those of rank 0, and so are the answers to reports."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks, self._is_over = ranks, False

    def report(self, trial: Feedback, reward: float, step: float) -> bool:
        """Returns what rank 0 was answered; True where it has ended the trial already."""
        return self._read() is not False

    def tell(self, trial: Feedback, told: Told) -> bool:
        return told.reward is not None

    def end(self, trial: Feedback, told: Told, *, counts: bool) -> None:
        """Does nothing."""

    def finish(self) -> None:
        """Reads what rank 0 still sends about the trial."""
        while not self._is_over:
            self._read()

    def _read(self) -> bool | None:
        """Returns the next answer; None at the end."""
        said = {"do": "end"} if self._is_over else self._ranks.receive()
        self._is_over = said["do"] != "report"
        return None if self._is_over else bool(said["stop"])


def find_ranks(**given: object) -> Ranks | None:
    """Returns the processes that search together; None where this process is alone, or in a trial.

    They are those of ``torch.distributed``, or of the environment variables RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as
    ``torchrun`` sets them.

    Raises:
      FieldTypeError: an argument was given that says where trials run.
    """
    if _is_in_trial.get():
        return None
    found = _find_store()
    if found is None:
        return None
    if names := [name for name, value in given.items() if value]:
        raise FieldTypeError(
            f"this process is one of {found[2]} that torchrun started, which evaluate each trial together; leave out {', '.join(names)}. To "
            "evaluate one trial per process, start the script with `python`, once for each."
        )
    store, rank, size = found
    return Ranks(store, rank, size)


def _find_store() -> tuple[Any, int, int] | None:
    loaded, variables = sys.modules.get("torch"), ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    is_made = loaded is not None and loaded.distributed.is_available() and loaded.distributed.is_initialized()
    size = os.environ.get("WORLD_SIZE", "")
    if not is_made and not (all(map(os.environ.get, variables)) and size.isdecimal() and int(size) > 1):
        return None
    try:
        import torch.distributed
    except ImportError:
        return None
    distributed: Any = torch.distributed  # its types lack names that it has
    if is_made:
        rank, count = distributed.get_rank(), distributed.get_world_size()
        if count < 2:
            return None
        store: Any = distributed.distributed_c10d._get_default_store()
    else:
        store, rank, count = next(iter(distributed.rendezvous("env://")))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return distributed.PrefixStore(f"pliant search {next(_numbers)}, {attempt}", store), rank, count


@contextmanager
def _in_trial() -> Iterator[None]:
    token = _is_in_trial.set(True)
    try:
        yield
    finally:
        _is_in_trial.reset(token)


def _read_result(template: Template, said: dict[str, Any], keep: object) -> Result[Any]:
    from pliant.study.wire import trial_from_json

    files = said["files"] or {"refused": "none", "place": ""}
    storage = Storage(None if files["refused"] else files["place"], keep, None)

    def read(data: dict[str, Any]) -> Trial:
        trial = trial_from_json(template.space, data)
        return trial if files["refused"] else replace(trial, files=storage.open())

    trials = [read(data) for data in said["trials"]]
    known = {trial.id: trial for trial in trials}
    return Result(
        template.space,
        template.materialize,
        trials,
        front=[known[one] for one in said["front"]],
        kept=None,
        ended=said["ended"],
        storage=storage,
        maximize=said["maximize"],
    )
