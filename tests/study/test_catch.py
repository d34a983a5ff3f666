"""``catch``: listed exceptions end only their trial, in loops of studies and of their clients."""

from __future__ import annotations

import pytest

from pliant.algorithms import Sweep
from pliant.space import flatten, integer
from pliant.study import Study, catch
from pliant.study.client import connect
from pliant.study.serve import serve
from pliant.values.errors import FieldTypeError, StudyError

SPACE = flatten([integer("x", 0, 4)])


class Own(ValueError):
    """An error of a user's."""


class Silent(Exception):
    """An error whose text cannot be made."""

    def __str__(self):
        raise RuntimeError("no text")


def evaluate(x):
    if x == 1:
        raise Own("one\x1b[31m\nred")
    if x == 2:
        raise Silent
    return float("nan") if x == 3 else x


EXPECTED = [
    ("completed", None, None),
    ("failed", "error", "Own: one\\x1b[31m red"),
    ("failed", "error", "Silent"),
    ("failed", "reward", None),
    ("completed", None, None),
]


def check(study):
    found = [(trial.status, trial.cause, trial.reason) for trial in study.trials()]
    assert found[3][2].startswith("RewardError: the reward of trial 4 is a finite number; got nan")
    assert [(*one[:2], one[2] if number != 3 else None) for number, one in enumerate(found)] == EXPECTED
    assert study.is_complete


def test_a_study(path):
    with Study.create(path, SPACE, Sweep()) as study:
        while trial := study.ask():
            with catch(study, trial, ValueError, Silent):
                study.tell(trial.id, evaluate(trial.decisions["x"]))
        check(study)


def test_a_client(path):
    with Study.create(path, SPACE, Sweep(), trials=5) as study, serve(study):
        with connect(path) as client:
            for trial in client:
                with catch(client, trial, ValueError, Silent):
                    client.tell(trial.id, evaluate(trial.decisions["x"]), token=trial.token)
        check(study)


def test_other_exceptions_propagate(path):
    with Study.create(path, SPACE, Sweep()) as study:
        trial = study.ask()
        with pytest.raises(KeyError, match="name"), catch(study, trial, ValueError):
            raise KeyError("name")
        with pytest.raises(KeyboardInterrupt, match="stop"), catch(study, trial, Exception):
            raise KeyboardInterrupt("stop")
        with pytest.raises(ValueError, match="none"), catch(study, trial):
            raise ValueError("none")
        assert study.trial(1).status == "running"
        study.tell(trial.id, 1.0)
        with pytest.raises(ValueError, match="late"), catch(study, trial, ValueError):
            raise ValueError("late")  # the trial has ended: this is not its failure
        assert study.trial(1).status == "completed"


def test_a_trial_that_another_worker_has(path):
    with Study.create(path, SPACE, Sweep()) as study:
        first = study.ask()
        study.put_back(1, "lost")
        second = study.ask()
        with pytest.raises(ValueError, match="slow"), catch(study, first, ValueError):
            raise ValueError("slow")
        assert study.trial(1).status == "running"
        with catch(study, second, ValueError):
            raise ValueError("quick")
        assert study.trial(1).reason == "ValueError: quick"


def test_a_study_that_cannot_be_written(path):
    study = Study.create(path, SPACE, Sweep())
    trial = study.ask()
    study.close()
    with pytest.raises(StudyError, match="closed"), catch(study, trial, Exception):
        raise ValueError("no disk")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (KeyboardInterrupt, "which ends the whole program"),
        (SystemExit, "which ends the whole program"),
        (BaseException, "for all errors, write Exception"),
        ("ValueError", "of type str"),
        (3, "of type int"),
        (int, "of type type"),
        (None, "of type NoneType"),
        (ValueError("x"), "an object. Write its type: ValueError"),
        ((ValueError, OSError), "of type tuple"),
    ],
    ids=["interrupt", "exit", "base", "text", "number", "class", "none", "object", "tuple"],
)
def test_what_is_caught(path, given, said):
    with Study.create(path, SPACE, Sweep()) as study:
        trial = study.ask()
        with pytest.raises(FieldTypeError, match=rf"catch takes types of exceptions.*{said}"):
            catch(study, trial, ValueError, given)
