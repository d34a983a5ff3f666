"""Conformance suite of launchers of commands: subclass ``CommandSuite``, and write ``make``.

``pliant.testing.launchers`` has the suite for calls, and explains how to run both.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from pliant.launch import Call, Command, Job, Limits, Started
from pliant.values.errors import LaunchError

from .launchers import Suite, living, wait_until


class CommandSuite(Suite):
    """Conformance tests for launchers of commands."""

    python = sys.executable
    """The Python program where the commands run."""

    def work(self, seconds: float = 0.0) -> Call | Command:
        return Command(("sleep", str(seconds)))

    def script(self, text: str, **options: Any) -> Command:
        """Returns a command that runs Python code."""
        return Command((self.python, "-c", text), **options)

    def test_arguments_are_not_for_a_shell(self) -> None:
        (outcome,) = self.run(Command(("echo", "$HOME; exit 3", "a  b", "é", "`ls`", "")))
        assert outcome.tail == "$HOME; exit 3 a  b é `ls` \n"
        assert outcome.value is None

    def test_environment_and_folder(self, tmp_path: Path) -> None:
        text = "import os; print(os.environ['MINE'], os.environ['PLIANT_ATTEMPT'], os.getcwd(), 'PATH' in os.environ)"
        with self.make(1) as launcher:
            launcher.start(
                Job("a", self.script(text, env={"MINE": "a=b"}, folder=tmp_path), Limits(), attempt=2)
            )
            assert self.finish(launcher, ["a"])["a"].tail == f"a=b 2 {tmp_path} True\n"

    def test_input_is_empty(self) -> None:
        assert self.run(self.script("print(repr(input.__name__), __import__('sys').stdin.read())"))[0].ok

    @pytest.mark.parametrize(
        ("code", "how", "exit_code", "reason"),
        [
            ("raise SystemExit(1)", "exited", 1, "exit code 1"),
            ("raise SystemExit(137)", "exited", 137, "killed .SIGKILL., probably out of memory"),
            ("raise SystemExit(139)", "exited", 139, "segmentation fault"),
            ("raise SystemExit(127)", "exited", 127, "a program was not found"),
            ("import os; os.kill(os.getpid(), 11)", "exited", -11, "segmentation fault"),
            ("import os; os.kill(os.getpid(), 9)", "lost", -9, "from outside with SIGKILL"),
        ],
    )
    def test_exit_codes_are_explained(self, code: str, *, how: str, exit_code: int, reason: str) -> None:
        failed, after = self.run(self.script(f"print('here', flush=True); {code}"), self.work())
        assert (failed.how, failed.exit_code, failed.tail) == (how, exit_code, "here\n")
        with pytest.raises(ValueError, match=reason):
            raise ValueError(failed.reason)
        assert after.ok

    def test_output_is_merged_and_logged(self, tmp_path: Path) -> None:
        log = tmp_path / "logs" / "a.log"
        text = "import os; os.write(1, b'one\\n'); os.write(2, b'two\\n'); os.write(1, b'\\xff')"
        (outcome,) = self.run(self.script(text, log=log))
        assert log.read_bytes() == b"one\ntwo\n\xff"
        assert outcome.tail == "one\ntwo\n\ufffd"

    def test_a_flood_is_cut(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        text = "import sys; print('first'); [sys.stdout.write('x' * 1023 + '\\n') for _ in range(65536)]; print('last')"
        (outcome,) = self.run(self.script(text, log=log))
        assert outcome.ok
        kept = log.read_bytes()
        assert len(kept) < 4 << 20
        assert kept.startswith(b"first\n")
        assert kept.endswith(b"\nlast\n")
        assert b"bytes left out" in kept
        assert outcome.tail.endswith("\nlast\n")
        assert len(outcome.tail) <= 8192

    def test_what_cannot_run_is_refused(self, tmp_path: Path) -> None:
        plain = tmp_path / "plain"
        plain.write_text("echo", "utf-8")
        with self.make(1) as launcher:
            for command, message in (
                (Command(("no-such-program",)), "'no-such-program' is not on PATH"),
                (Command(("./no-such",), folder=tmp_path), "the program '.*no-such' does not exist"),
                (Command((str(plain),)), "is not executable. Run chmod"),
                (
                    Command(("echo",), folder=tmp_path / "none"),
                    "the working folder '.*none' .* does not exist",
                ),
                (Command(("echo",), log=plain / "a.log"), "the log file '.*' cannot be written"),
                (Command("echo hello"), "argv must be a tuple .* no shell splits it"),  # type: ignore[arg-type]  # the fault that is tested
                (Command(()), "argv must be a tuple"),
                (Command(("echo", "a\0b")), "text without NUL"),
                (Command(("echo",), env={"A": 1}), "text without NUL; got 1"),  # type: ignore[dict-item]  # the fault that is tested
            ):
                with pytest.raises(LaunchError, match=message):
                    launcher.start(Job("a", command))
            assert launcher.poll(0) == []

    def test_a_file_that_is_no_program(self, tmp_path: Path) -> None:
        program = tmp_path / "program"
        program.write_text("no first line\n", "utf-8")
        program.chmod(0o755)
        failed, after = self.run(Command((str(program),)), self.work())
        assert failed.how == "exited"
        assert "with a line such as #!/bin/sh" in failed.reason
        assert after.ok

    def test_a_request_to_end_comes_before_the_end(self) -> None:
        text = (
            "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)));"
            "print('ready', flush=True); time.sleep(600)"
        )
        with self.make(1) as launcher:
            launcher.start(Job("a", self.script(text), Limits(seconds=3)))
            outcome = self.finish(launcher, ["a"])["a"]
        assert (outcome.how, outcome.tail) == ("timeout", "ready\nsaved\n")

    def test_a_command_that_ignores_it_is_killed(self) -> None:
        text = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        (outcome,) = self.run(self.script(text), limits=Limits(seconds=1))
        assert outcome.how == "timeout"

    def test_beyond_its_memory(self) -> None:
        text = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; x = b\"x\" * (600 << 20); time.sleep(600)'])"
        (outcome,) = self.run(self.script(text), limits=Limits(memory=200 << 20))
        assert outcome.how == "memory"

    @pytest.mark.parametrize("end", ["close", "cancel", "return"])
    def test_no_process_is_left(self, end: str) -> None:
        if not self.here:
            return
        token = uuid.uuid4().hex
        text = (
            "import subprocess, sys, time; a = [sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1]];"
            "subprocess.Popen(a); subprocess.Popen(a, start_new_session=True); time.sleep(float(sys.argv[2]))"
        )
        command = Command((self.python, "-c", text, token, "1" if end == "return" else "600"))
        with self.make(1) as launcher:
            launcher.start(Job("a", command))
            self.wait_for(launcher, Started)
            assert wait_until(lambda: len(living(token)) == 3)
            if end == "cancel":
                launcher.cancel("a", "enough")
            if end != "close":
                self.finish(launcher, ["a"])
                assert wait_until(lambda: not living(token))
        assert not living(token)
