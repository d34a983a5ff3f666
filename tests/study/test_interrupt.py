"""Ctrl-C once is noted, twice is raised; afterwards everything is as it was."""

from __future__ import annotations

import signal
import threading

import pytest

from pliant.study.interrupts import Interrupts, undisturbed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_noted_and_the_second_raised(number):
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        assert interrupts.count == 0
        signal.raise_signal(number)
        assert interrupts.count == 1
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            signal.raise_signal(number)
        assert interrupts.count == 2
    assert signal.getsignal(number) is before


def test_one_of_each_kind_are_two():
    with Interrupts():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            signal.raise_signal(signal.SIGINT)


def test_a_handler_that_was_not_pythons_becomes_the_default(monkeypatch):
    set_handler, given = signal.signal, []

    def set_signal(number, handler):
        given.append(handler)
        set_handler(number, handler)

    monkeypatch.setattr(signal, "signal", set_signal)
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupts._before[signal.SIGINT] = None
    assert given[-2:] == [signal.SIG_DFL, signal.getsignal(signal.SIGTERM)]
    set_handler(signal.SIGINT, before)


def test_in_another_thread_nothing_changes():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with Interrupts() as interrupts:
            seen.append((signal.getsignal(signal.SIGINT), interrupts.count))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert seen == [(before, 0)]
    assert signal.getsignal(signal.SIGINT) is before


def test_one_within_another():
    with Interrupts() as outer:
        with Interrupts() as inner:
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert (outer.count, inner.count) == (1, 1)


def test_the_third_changes_nothing():
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert interrupts.count == 3


def test_a_clean_up_is_not_disturbed():
    before, done = signal.getsignal(signal.SIGINT), []

    def clean_up():
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        done.append(True)

    undisturbed(clean_up)
    assert done == [True]
    assert signal.getsignal(signal.SIGINT) is before
