"""Exit codes and signals in words."""

from __future__ import annotations

import pytest

from pliant.launch.exit_codes import explain


@pytest.mark.parametrize(
    ("code", "how", "words"),
    [
        (0, "returned", ""),
        (1, "exited", "exit code 1"),
        (2, "exited", "exit code 2: often invalid arguments"),
        (126, "exited", "exit code 126: the program was found but could not be run"),
        (130, "exited", "exit code 130: killed (SIGINT)"),
        (137, "exited", "exit code 137: killed (SIGKILL), probably out of memory"),
        (
            139,
            "exited",
            "exit code 139: SIGSEGV: a segmentation fault: invalid memory access",
        ),
        (191, "exited", "exit code 191: signal 63"),
        (200, "exited", "exit code 200"),
        (-6, "exited", "SIGABRT: it aborted, usually after a failed check"),
        (-7, "exited", "SIGBUS: a bus error"),
        (-9, "lost", "its process was ended from outside with SIGKILL, by a user or by the system"),
        (-15, "lost", "its process was ended from outside with SIGTERM"),
        (-63, "exited", "signal 63: ended by this signal"),
    ],
)
def test_codes(code, how, words):
    found, reason = explain(code)
    assert found == how
    assert reason.startswith(words)
    assert "\n" not in reason


def test_the_system_says_that_it_ran_out_of_memory():
    assert explain(-9, out_of_memory=True) == (
        "memory",
        "SIGKILL: the machine ran out of memory, and the system killed it",
    )
    assert explain(-11, out_of_memory=True)[0] == "exited"
