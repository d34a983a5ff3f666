"""Settings for the whole suite; no fixtures that hide what a test does."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from types import FrameType

# Set before anything imports numpy, torch or keras, which read these once.
# One thread per process: pytest-xdist runs a process per core.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest
from hypothesis import HealthCheck, settings

# A script starts what it runs in the background with SIGINT ignored, `nohup` with SIGHUP, and child processes inherit
# that. Tests send signals to themselves and to their children, so here each has a handler; a new program resets it.
for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
    if signal.getsignal(_number) is signal.SIG_IGN:
        _handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: lambda *_: None}
        signal.signal(_number, _handlers.get(_number, signal.SIG_DFL))
signal.pthread_sigmask(signal.SIG_SETMASK, ())

# Before any test imports them: messages of the suites that ship with the package also show values.
pytest.register_assert_rewrite("pliant.testing.launchers", "pliant.testing.commands")

# No deadline: two workers share a machine with whatever else runs on it, and a slow example is no fault.
# `ci` repeats the same examples in every run; `explore` draws new ones (HYPOTHESIS_PROFILE=explore).
_quiet = [HealthCheck.too_slow]
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=_quiet)
settings.register_profile("explore", deadline=None, max_examples=1000, suppress_health_check=_quiet)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_finish(session):
    """Refuses names of tests with addresses: each process has others, so that processes could not share the suite.

    Then freezes what exists: collections of garbage in tests do not look at the modules and tests, which are millions of objects.
    """
    found = [item.nodeid for item in session.items if re.search(r" at 0x[0-9a-f]{6,}", item.nodeid)]
    if found:
        raise pytest.UsageError("tests have addresses in their names; give them ids: " + ", ".join(found[:5]))
    gc.collect()
    gc.freeze()


# The longest tests take a minute on two busy cores. After this time a test fails at the line where it waits.
LIMIT_SECONDS = 0 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 420


def _fail(number: int, frame: FrameType | None) -> None:
    pytest.fail(f"The test takes longer than {LIMIT_SECONDS} seconds; the last line above is where it waits.")


@contextmanager
def _limit():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    signal.signal(signal.SIGALRM, _fail)
    signal.alarm(LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            if handler is not None:  # one that a library in C has set
                signal.signal(number, handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    with _limit():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    with _limit():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    with _limit():
        return (yield)


@pytest.fixture
def until():
    """Returns a function that waits until a condition holds, or fails saying what was awaited."""

    def wait(condition, awaited: str, *, process: subprocess.Popen | None = None, seconds: float = 120.0):
        end = time.monotonic() + seconds
        while not (found := condition()):
            if process is not None and process.poll() is not None and not condition():
                pytest.fail(
                    f"the process ended with {process.returncode} before: {awaited}\n{process.communicate()}"
                )
            assert time.monotonic() < end, f"not after {seconds:.0f} s: {awaited}"
            time.sleep(0.01)
        return found

    return wait


def pytest_make_parametrize_id(config, val):
    """Ids of parametrized tests without memory addresses or random numbers: all workers must collect the same names."""
    text = repr(sorted(val, key=repr)) if isinstance(val, (set, frozenset)) else repr(val)
    if "tensor(" in text or "array(" in text:
        return None
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)[:80]
