"""``Together``: a launcher that evaluates all trials that were started with one function call, in this process.

So ``pliant.search`` can train many networks as one batched model.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, final

from pliant.launch import Ended, Event, Job, Launcher, Outcome, Started
from pliant.launch.base import Call
from pliant.values.errors import LaunchError


@final
class Together(Launcher):
    """Runs calls in this process: the first poll passes the payloads of all started jobs to one function.

    The function of a job itself is not called.

    >>> from pliant.launch import Call, Job
    >>> launcher = Together(lambda payloads: [2 * one for one in payloads], slots=3)
    >>> for number in (1, 2):
    ...     launcher.start(Job(str(number), Call("pliant.testing.jobs:echo", number)))
    >>> [event.outcome.value for event in launcher.poll(None) if isinstance(event, Ended)]
    [2, 4]

    Args:
      function: from payloads to results, one for each, as ``pliant.study.run.read_call`` reads them.
      slots: how many jobs it takes at a time.
    """

    def __init__(self, function: Callable[[list[Any]], list[Any]], *, slots: int) -> None:
        self.slots = slots
        self._function = function
        self._jobs: dict[str, Job] = {}
        self._ended: list[Event] = []
        self._is_closed = False

    def start(self, job: Job) -> None:
        if self._is_closed or not isinstance(job.work, Call) or job.id in self._jobs:
            raise LaunchError(
                f"Together runs calls with ids of their own until it is closed; got the job {job.id!r}."
            )
        self._jobs[job.id] = job
        self._ended.append(Started(job.id, "in this process"))

    def poll(self, timeout: float | None) -> list[Event]:
        if self._jobs:
            begun = monotonic()
            found = self._function([job.work.payload for job in self._jobs.values()])  # type: ignore[union-attr]  # calls
            seconds = (monotonic() - begun) / len(found)
            for name, value in zip(self._jobs, found, strict=True):
                self._ended.append(Ended(name, Outcome("returned", value, seconds=seconds)))
            self._jobs.clear()
        events, self._ended = self._ended, []
        return events

    def reply(self, job_id: str, message: Any) -> None:
        raise LaunchError("jobs of Together send no messages.")

    def cancel(self, job_id: str, reason: str) -> None:
        if self._jobs.pop(job_id, None) is not None:
            self._ended.append(Ended(job_id, Outcome("cancelled", reason=reason)))

    def close(self) -> None:
        self._is_closed = True
        self._jobs.clear()
        self._ended.clear()


def evaluate(program: Any) -> float:
    """Is what a trial of a table evaluates, by its name; ``Together`` trains the networks of several trials instead.

    Raises:
      LaunchError: another launcher called it.
    """
    raise LaunchError("networks for a table are trained together, by pliant.tabular.search_table.")
