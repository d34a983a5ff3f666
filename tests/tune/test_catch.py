"""``catch``: listed exceptions of an evaluation end only its trial, in this process, in workers, and in loops."""

from __future__ import annotations

import pytest

import pliant as pg
from pliant.study import Study
from pliant.values.errors import EvaluationError, FieldTypeError, LaunchError

SPACE = pg.Dict(x=pg.intv(0, 9))


class Own(ValueError):
    """An error of a user's."""


def evaluate(program):
    if program.x == 1:
        raise Own("one\x1b[31m\nred")
    if program.x == 2:
        raise KeyError("two")
    if program.x == 7:
        raise SystemExit(3)
    return program.x


def fail(program):
    raise Own(f"no {program.x}")


def reward_is_missing(program):
    if program.x < 6:
        raise Own("small")


WAYS = pytest.mark.parametrize("workers", [None, 2], ids=["here", "workers"])


def search(function, trials, workers, **options):
    given = (lambda program: function(program)) if workers is None else function
    return pg.search(SPACE, given, "sweep", trials, workers=workers, progress=False, **options)


@WAYS
@pytest.mark.parametrize(
    "catch", [(ValueError, KeyError), [KeyError, Own], Exception, {LookupError, ValueError}]
)
def test_listed_exceptions_end_only_their_trial(workers, catch):
    found = search(evaluate, 6, workers, catch=catch)
    assert [trial.status for trial in found.trials] == [
        "completed",
        "failed",
        "failed",
        "completed",
        "completed",
        "completed",
    ]
    assert [(one.cause, one.reason) for one in found.trials[1:3]] == [
        ("error", "Own: one\\x1b[31m red"),
        ("error", "KeyError: 'two'"),
    ]
    assert found.best_reward == 5.0


@pytest.mark.parametrize("workers", [None, 1], ids=["here", "worker"])  # one, as the first failure ends it
@pytest.mark.parametrize(
    ("catch", "number", "name"),
    [((), 2, "Own"), (Own, 3, "KeyError"), ([KeyError], 2, "Own"), (Exception, 8, "SystemExit")],
    ids=["none", "own", "key", "exit"],
)
def test_others_end_the_search(workers, catch, number, name, tmp_path):
    kind = (
        {"Own": Own, "KeyError": KeyError, "SystemExit": SystemExit}[name]
        if workers is None
        else EvaluationError
    )
    message = "one|two|3" if workers is None else f"trial {number} failed, and `catch` does not list {name}: "
    with pytest.raises(kind, match=message) as caught:
        search(evaluate, 10, workers, catch=catch, study=tmp_path / "a.db")
    with Study.open(tmp_path / "a.db") as study:
        failed = study.trial(number)
        assert (failed.status, failed.cause) == ("failed", "error")
        assert failed.reason.startswith(name)
    if workers is None:
        assert f"in trial {number}, which is recorded as failed" in caught.value.__notes__[0]
    else:
        assert "def evaluate" not in str(caught.value)
        assert "in evaluate\n" in str(caught.value)  # the line of the user's code
    # The next call goes on after it, as the message says; with all listed that can be, it ends.
    found = search(evaluate, 7, workers, catch=Exception, study=tmp_path / "a.db")
    assert len(found.trials) >= 7


@WAYS
def test_without_it_every_exception_fails_its_trial(workers):
    found = search(evaluate, 10, workers)
    assert [trial.id for trial in found.trials if trial.status == "failed"] == [2, 3, 8]


@WAYS
def test_failures_that_are_expected_do_not_end_the_search(workers, tmp_path):
    with pytest.raises(EvaluationError, match="the first 5 trials all failed"):
        search(fail, 8, workers)
    found = search(fail, 8, workers, catch=Own, study=tmp_path / "a.db")
    assert [trial.reason for trial in found.trials] == [f"Own: no {number}" for number in range(8)]
    assert found.best_program is None
    with pytest.raises(EvaluationError, match="is complete, and all 8 trials of it failed"):
        search(fail, 8, workers, catch=Own, study=tmp_path / "a.db")


def test_a_missing_reward_is_not_an_exception():
    found = search(reward_is_missing, 8, None, catch=Own)
    assert [trial.cause for trial in found.trials] == ["error"] * 6 + ["reward"] * 2


def test_the_number_of_failures_still_ends_a_search():
    found = search(fail, 10, None, catch=Own, max_failures=3)
    assert (found.ended, len(found.trials)) == ("failures", 3)


def test_a_type_that_workers_cannot_import():
    class Inner(Exception):
        pass

    with pytest.raises(LaunchError, match="defined inside another function"):
        search(evaluate, 3, 2, catch=Inner)
    assert len(search(evaluate, 1, None, catch=Inner).trials) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (KeyboardInterrupt, "which ends the whole program"),
        ((ValueError, SystemExit), "which ends the whole program"),
        (BaseException, "for all errors, write Exception"),
        ("ValueError", "of type str"),
        (True, "of type bool"),
        ([[ValueError]], "of type list"),
        (ValueError("x"), "an object. Write its type: ValueError"),
        ([int], "of type type"),
    ],
    ids=["interrupt", "exit", "base", "text", "flag", "nested", "object", "class"],
)
def test_what_is_caught(given, said):
    calls = []
    with pytest.raises(FieldTypeError, match=rf"catch.* takes types of exceptions.*{said}"):
        pg.search(SPACE, calls.append, trials=3, catch=given)
    assert calls == []
    feedback = next(pg.sample(SPACE, progress=False))[1]
    with pytest.raises(FieldTypeError, match=r"feedback\.catch takes types of exceptions"):
        feedback.catch(given)


# ------------------------------------------------------------------ loops


@pytest.mark.parametrize("stored", [False, True])
def test_the_body_of_a_loop(stored, tmp_path):
    place = {"study": tmp_path / "a.db"} if stored else {}
    found = pg.sample(SPACE, "sweep", 6, progress=False, **place)
    for program, feedback in found:
        with feedback.catch(ValueError, KeyError):
            feedback(evaluate(program))
        assert feedback.is_told
    assert [(one.status, one.reason) for one in found.trials[:4]] == [
        ("completed", None),
        ("failed", "Own: one\\x1b[31m red"),
        ("failed", "KeyError: 'two'"),
        ("completed", None),
    ]
    assert found.best_reward == 5.0


def test_other_exceptions_of_a_loop_propagate():
    _, feedback = next(pg.sample(SPACE, "sweep", progress=False))
    with pytest.raises(KeyError, match="x"), feedback.catch(ValueError):
        raise KeyError("x")
    with pytest.raises(KeyboardInterrupt, match="stop"), feedback.catch(Exception):
        raise KeyboardInterrupt("stop")
    assert not feedback.is_told
    feedback(1.0)
    with pytest.raises(ValueError, match="late"), feedback.catch(ValueError):
        raise ValueError("late")


def test_a_bad_reward_in_a_loop():
    found = pg.sample(SPACE, "sweep", 2, progress=False)
    for _, feedback in found:
        with feedback.catch(ValueError):
            feedback(float("nan"))
    assert [one.cause for one in found.trials] == ["reward", "reward"]


def test_the_argument_of_a_loop_says_what_to_write():
    with pytest.raises(FieldTypeError, match=r"with feedback\.catch\(ValueError\)"):
        pg.sample(SPACE, catch=ValueError)
