"""Conformance suite of ``Launcher``: subclass it, and write ``make``.

::

    class TestMine(LauncherSuite):
        def make(self, slots: int) -> Launcher:
            return Mine(slots)

``LauncherSuite`` tests calls; ``CommandSuite`` in ``pliant.testing.commands`` tests commands.  They run under pytest without
setup; put ``pytest.register_assert_rewrite("pliant.testing.launchers")`` into ``conftest.py`` for messages that show values.
Class attributes describe what your launcher supports.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pliant.launch import Call, Command, Ended, Event, Job, Launcher, Limits, Message, Outcome, Started, tree
from pliant.launch.base import JSON
from pliant.values.errors import LaunchError

from . import jobs

PATIENCE = 60.0
"""Seconds until a test gives up; a test that passes takes a fraction of a second."""


def call(name: str, payload: JSON = None, log: Path | None = None) -> Call:
    """Returns a call of a function of ``pliant.testing.jobs``."""
    return Call(f"pliant.testing.jobs:{name}", payload, log)


def living(token: str) -> set[int]:
    """Returns the processes of this machine with a text among their arguments (Linux)."""
    found = set()
    for pid in tree.table():
        with suppress(OSError):
            if token.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def wait_until(condition: Callable[[], bool]) -> bool:
    """Waits until a condition is true; returns whether it became true in time."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True


class Suite:
    """Base class of the suites: tests of all kinds of work."""

    forced = True
    """Whether it can kill a job, and enforces memory limits."""
    here = True
    """Whether jobs run as processes of this machine."""
    many = 60
    """Number of jobs started at once; set fewer if each takes long."""

    def make(self, slots: int) -> Launcher:
        """Returns a new launcher; the only method to write."""
        raise NotImplementedError(
            "the suite has no launcher. Write `make(self, slots)`, which returns a new one."
        )

    # ------------------------------------------------------------------ tools

    def run(self, *works: Call | Command, slots: int = 1, limits: Limits | None = None) -> list[Outcome]:
        """Runs jobs on a new launcher until they end; the reply to each message is the message."""
        with self.make(slots) as launcher:
            for i, work in enumerate(works):
                launcher.start(Job(str(i), work, limits or Limits()))
            ended = self.finish(launcher, [str(i) for i in range(len(works))])
        return [ended[str(i)] for i in range(len(works))]

    def finish(
        self, launcher: Launcher, names: Iterable[str], events: list[Event] | None = None
    ) -> dict[str, Outcome]:
        """Polls until jobs have ended; returns their outcomes, and adds all events to ``events``."""
        wanted = set(names)
        found: dict[str, Outcome] = {}
        events = [] if events is None else events
        limit = time.monotonic() + PATIENCE
        while wanted - set(found):
            assert time.monotonic() < limit, f"no end of {wanted - set(found)}; events: {events[-5:]}"
            for event in launcher.poll(1.0):
                events.append(event)
                if isinstance(event, Message):
                    launcher.reply(event.job, event.payload)
                elif isinstance(event, Ended):
                    assert event.job not in found, "one end each"
                    found[event.job] = event.outcome
        return found

    def wait_for(self, launcher: Launcher, kind: type, count: int = 1) -> list[Event]:
        """Polls until there were ``count`` events of a kind; returns all events."""
        events: list[Event] = []
        limit = time.monotonic() + PATIENCE
        while sum(isinstance(event, kind) for event in events) < count:
            assert time.monotonic() < limit, f"no {kind.__name__} among {events}"
            events += launcher.poll(1.0)
        return events

    def work(self, seconds: float = 0.0) -> Call | Command:
        """Returns work that takes some seconds."""
        raise NotImplementedError

    # ------------------------------------------------------------------ all kinds of work

    def test_events_come_in_order(self) -> None:
        with self.make(2) as launcher:
            assert launcher.slots >= 1
            launcher.start(Job("a", self.work()))
            events: list[Event] = []
            outcome = self.finish(launcher, ["a"], events)["a"]
            assert [type(event) for event in events] == [Started, Ended]
            started = events[0]
            assert isinstance(started, Started)
            assert started.where
            assert outcome.ok
            assert (outcome.how, outcome.reason) == ("returned", "")
            assert outcome.seconds >= 0
            assert launcher.poll(0) == launcher.poll(None) == []

    def test_polling_with_nothing_to_do(self) -> None:
        with self.make(1) as launcher:
            assert launcher.poll(0) == launcher.poll(0.01) == launcher.poll(None) == []

    def test_polling_gives_up_when_the_time_is_over(self) -> None:
        with self.make(1) as launcher:
            launcher.start(Job("a", self.work(1.0)))
            self.wait_for(launcher, Started)
            assert launcher.poll(0) == []
            assert launcher.poll(0.01) == []
            assert self.finish(launcher, ["a"])["a"].ok

    def test_many_jobs_all_end_once_and_never_too_many_at_once(self) -> None:
        names = [str(i) for i in range(self.many)]
        events: list[Event] = []
        with self.make(2) as launcher:
            for name in names:
                launcher.start(Job(name, self.work()))
            ended = self.finish(launcher, names, events)
            assert launcher.poll(0) == []
        assert all(outcome.ok for outcome in ended.values())
        running: set[str] = set()
        for event in events:
            if isinstance(event, Started):
                running.add(event.job)
            elif isinstance(event, Ended):
                running.remove(event.job)
            assert len(running) <= launcher.slots
        assert [event.job for event in events if isinstance(event, Started)] == names

    def test_an_id_may_be_used_again_after_its_end(self) -> None:
        with self.make(1) as launcher:
            for _ in range(2):
                launcher.start(Job("a", self.work()))
                assert self.finish(launcher, ["a"])["a"].ok

    def test_cancelled_while_it_waits(self) -> None:
        with self.make(1) as launcher:
            launcher.start(Job("first", self.work(0.3)))
            for i in range(launcher.slots):
                launcher.start(Job(f"other {i}", self.work(0.3)))
            launcher.start(Job("waits", self.work()))
            launcher.cancel("waits", "not wanted any more")
            events: list[Event] = []
            ended = self.finish(launcher, ["first", "waits"], events)
        assert (ended["waits"].how, ended["waits"].reason) == ("cancelled", "not wanted any more")
        assert ended["first"].ok
        assert "waits" not in [event.job for event in events if isinstance(event, Started)]

    def test_cancelling_what_is_not_there(self) -> None:
        with self.make(1) as launcher:
            launcher.cancel("nothing", "no reason")
            launcher.start(Job("a", self.work()))
            assert self.finish(launcher, ["a"])["a"].ok
            launcher.cancel("a", "too late")
            assert launcher.poll(0.05) == []

    def test_a_job_that_does_not_cooperate_is_cancelled(self) -> None:
        if not self.forced:
            return
        with self.make(1) as launcher:
            launcher.start(Job("a", self.work(600)))
            self.wait_for(launcher, Started)
            launcher.cancel("a", "enough")
            launcher.cancel("a", "said twice")
            outcome = self.finish(launcher, ["a"])["a"]
            assert (outcome.how, outcome.reason) == ("cancelled", "enough")
            launcher.start(Job("b", self.work()))
            assert self.finish(launcher, ["b"])["b"].ok

    def test_beyond_its_time(self) -> None:
        (outcome,) = self.run(self.work(600 if self.forced else 0.4), limits=Limits(seconds=0.2))
        assert outcome.how == "timeout"
        assert "longer than its limit of 0.2 s" in outcome.reason
        assert not outcome.ok

    def test_within_its_limits(self) -> None:
        (outcome,) = self.run(self.work(), limits=Limits(seconds=1000, memory=1 << 40))
        assert outcome.ok

    def test_closing_ends_all_and_may_be_repeated(self) -> None:
        launcher = self.make(2)
        for name in "abc":
            launcher.start(Job(name, self.work(600 if self.forced else 0.2)))
        self.wait_for(launcher, Started)
        launcher.close()
        launcher.close()
        assert launcher.poll(0) == launcher.poll(None) == []
        launcher.cancel("a", "closed")
        launcher.reply("a", None)
        with pytest.raises(LaunchError, match="is closed"):
            launcher.start(Job("d", self.work()))

    def test_bad_jobs_are_refused(self) -> None:
        with self.make(1) as launcher:
            launcher.start(Job("taken", self.work(0.2)))
            for job, message in (
                (Job("taken", self.work()), "'taken' is already"),
                (Job(7, self.work()), "id must be non-empty text"),  # type: ignore[arg-type]  # the fault that is tested
                (Job("", self.work()), "id must be non-empty text"),
                (Job("x", self.work(), attempt=0), "attempt must be an integer from 1"),
                (Job("x", self.work(), (1, 2)), r"Limits\(seconds"),  # type: ignore[arg-type]  # the fault that is tested
                ("x", "start takes a Job"),
            ):
                with pytest.raises(LaunchError, match=message):
                    launcher.start(job)  # type: ignore[arg-type]  # the fault that is tested
            assert set(self.finish(launcher, ["taken"])) == {"taken"}
            assert launcher.poll(0) == []


class LauncherSuite(Suite):
    """Conformance tests for launchers of calls."""

    captures = True
    """Whether ``tail`` has the output of a call."""

    def work(self, seconds: float = 0.0) -> Call | Command:
        return call("sleep", seconds)

    def test_values_cross_as_json(self) -> None:
        value = {"a": [1, 2.5, None, True, "é\n\u2028"], "b": {"c": []}, "": 10**30, "nan": [1e308 * 10]}
        (outcome,) = self.run(call("echo", value))
        assert outcome.value == value

    def test_large_values_cross(self) -> None:
        value = ["x" * 1000] * 5000
        (outcome,) = self.run(call("report", [value]))
        assert outcome.value == [value]

    def test_a_function_given_as_such(self) -> None:
        (outcome,) = self.run(Call(jobs.echo, 7))
        assert outcome.value == 7

    def test_a_call_knows_its_job(self) -> None:
        with self.make(1) as launcher:
            launcher.start(Job("the job", call("attempt"), attempt=3))
            assert self.finish(launcher, ["the job"])["the job"].value == ["the job", 3]

    def test_exceptions_are_outcomes(self) -> None:
        fail, leave, thing, long = self.run(
            call("fail", "no\nsuch layer"), call("leave", 3), call("return_object"), call("fail", "x" * 9999)
        )
        assert (fail.how, fail.reason) == ("raised", "ValueError: no such layer")
        assert "in fail" in fail.tail
        assert fail.tail.rstrip().endswith("such layer")
        assert (leave.how, leave.reason) == ("raised", "SystemExit: 3")
        assert thing.how == "raised"
        assert "must be JSON" in thing.reason
        assert "at path 'model'" in thing.reason
        assert "float(x)" in thing.reason
        assert len(long.reason) <= 500

    def test_messages_wait_for_their_replies(self) -> None:
        with self.make(1) as launcher:
            launcher.start(Job("a", call("report", [{"step": 1}, {"step": 2}])))
            for step in (1, 2):
                (message,) = [e for e in self.wait_for(launcher, Message) if isinstance(e, Message)]
                assert message.payload == {"step": step}
                assert launcher.poll(0.02) == []
                launcher.reply("a", {"stop": step == 2})
                with pytest.raises(LaunchError, match="Answer each Message event once"):
                    launcher.reply("a", None)
            outcome = self.finish(launcher, ["a"])["a"]
            assert outcome.value == [{"stop": False}, {"stop": True}]
            launcher.reply("a", "too late")

    def test_messages_of_several_jobs_find_their_own_replies(self) -> None:
        works = [call("report", [[i, j] for j in range(20)]) for i in range(6)]
        outcomes = self.run(*works, slots=3)
        assert [outcome.value for outcome in outcomes] == [work.payload for work in works]

    def test_a_message_that_is_no_json(self) -> None:
        (outcome,) = self.run(Call("pliant.testing.jobs:report_object"))
        assert outcome.how == "raised"
        assert "a reported message is sent to another process and must be JSON" in outcome.reason

    def test_a_reply_that_is_no_json(self) -> None:
        with self.make(1) as launcher:
            launcher.start(Job("a", call("report", [1])))
            self.wait_for(launcher, Message)
            with pytest.raises(LaunchError, match=r"a reply .* must be JSON"):
                launcher.reply("a", object())
            launcher.reply("a", 2)
            assert self.finish(launcher, ["a"])["a"].value == [2]

    def test_cancelled_while_it_waits_for_a_reply(self) -> None:
        with self.make(1) as launcher:
            launcher.start(Job("a", call("report", [1, 2, 3])))
            self.wait_for(launcher, Message)
            launcher.cancel("a", "enough")
            outcome = self.finish(launcher, ["a"])["a"]
            assert (outcome.how, outcome.reason) == ("cancelled", "enough")
            launcher.start(Job("b", call("echo", 1)))
            assert self.finish(launcher, ["b"])["b"].ok

    def test_functions_that_no_other_process_finds(self) -> None:
        def inside(payload: object, channel: object) -> Any: ...

        with self.make(1) as launcher:
            for function, message in (
                (lambda payload, channel: payload, "is a lambda, so other processes cannot import it"),
                (inside, "is defined inside another function"),
                (jobs.bound, "is not the function that was given"),
                (7, "a call takes a function or its name; got 7 of type int"),
                (
                    "pliant.testing.jobs",
                    "is not the name of a function: a function is named 'module:qualname'",
                ),
                ("pliant.testing.jobs:1", "is not the name of a function"),
                ("pliant.testing.jobs:eco", "has no 'eco'; did you mean 'echo'"),
                ("pliant.testing.jobs:CONSTANT", "is not a function, but of type int"),
            ):
                with pytest.raises(LaunchError, match=message):
                    launcher.start(Job("a", Call(function, 1)))  # type: ignore[arg-type]  # the fault that is tested
            with pytest.raises(
                LaunchError, match=r"the payload of job 'a' .* must be JSON; at path 'x\[1\]'"
            ):
                launcher.start(Job("a", call("echo", {"x": [1, {2}]})))
            assert launcher.poll(0) == []

    def test_a_module_that_is_not_there(self) -> None:
        (outcome,) = self.run(Call("no_such_module:train"))
        assert outcome.how == "raised"
        assert "the module 'no_such_module' does not exist" in outcome.reason
        assert "PYTHONPATH" in outcome.reason

    def test_prints_are_in_the_tail(self) -> None:
        if self.captures:
            print_text, flood, after = self.run(
                call("print_text", "épochs"), call("flood", 3), call("echo", 1)
            )
            assert print_text.tail == "épochs\n"
            assert flood.tail.endswith("the last line\n")
            assert len(flood.tail) <= 8192
            assert after.tail == ""

    # ------------------------------------------------------------------ crashes

    @pytest.mark.parametrize(
        ("name", "payload", "how", "code", "reason"),
        [
            ("stop", "SIGKILL", "lost", -9, "ended from outside with SIGKILL"),
            ("stop", "SIGTERM", "lost", -15, "ended from outside with SIGTERM"),
            ("stop", "SIGABRT", "exited", -6, "SIGABRT: it aborted"),
            ("crash", None, "exited", -11, "SIGSEGV: a segmentation fault"),
            ("exit_at_once", 0, "exited", 0, "exit code 0 before the call returned"),
            ("exit_at_once", 3, "exited", 3, "exit code 3"),
            ("exit_at_once", 137, "exited", 137, "probably out of memory"),
            ("close_everything", None, "exited", -9, "closed the connection"),
        ],
    )
    def test_a_crash_is_an_outcome_and_others_go_on(
        self, name: str, payload: object, *, how: str, code: int, reason: str
    ) -> None:
        if not self.forced:
            return  # the crash would end the tests
        crash, *others = self.run(call(name, payload), *[call("echo", i) for i in range(3)], slots=2)
        assert (crash.how, crash.exit_code) == (how, code)
        assert reason in crash.reason
        assert [other.value for other in others] == [0, 1, 2]

    def test_beyond_its_memory(self) -> None:
        if not self.forced:
            return
        own, child, after = self.run(
            call("fill", 600), call("fill_in_child", 600), call("echo", 1), limits=Limits(memory=200 << 20)
        )
        assert own.how == child.how == "memory"
        assert "more than its limit of 200 MiB" in own.reason
        assert after.ok

    def test_a_call_that_forks_without_end(self) -> None:
        if self.forced and self.here:
            bomb, after = self.run(call("fork_many", 400), call("echo", 1))
            assert bomb.how == "exited"
            assert "processes at once" in bomb.reason
            assert after.ok

    def test_a_call_that_returns_in_two_processes(self) -> None:
        if self.forced:
            assert [o.value for o in self.run(call("return_twice", 1), call("echo", 2))] == [1, 2]

    def test_a_call_that_ignores_requests_to_end(self) -> None:
        if self.forced:
            with self.make(1) as launcher:
                launcher.start(Job("a", call("ignore_sigterm", 600)))
                self.wait_for(launcher, Message)
                launcher.reply("a", None)
                launcher.cancel("a", "enough")
                assert self.finish(launcher, ["a"])["a"].how == "cancelled"

    @pytest.mark.parametrize("end", ["close", "cancel", "timeout", "return", "crash"])
    def test_no_process_is_left(self, end: str) -> None:
        if not (self.forced and self.here):
            return
        token = uuid.uuid4().hex
        payload = {"token": token, "seconds": 0 if end in ("return", "crash") else 600}
        with self.make(1) as launcher:
            launcher.start(Job("a", call("spawn", payload), Limits(seconds=3 if end == "timeout" else None)))
            self.wait_for(launcher, Message)
            assert wait_until(lambda: len(living(token)) == 3)
            launcher.reply("a", "die" if end == "crash" else None)
            if end == "cancel":
                launcher.cancel("a", "enough")
            if end != "close":
                self.finish(launcher, ["a"])
                assert wait_until(lambda: not living(token))
        assert not living(token)
