"""Searches whose figures are known."""

from __future__ import annotations

import pytest

import pliant as pg
from pliant.study.plot.source import Source, read_source


def search(space, rewards, **options):
    """Returns the result of a search that tells these rewards; None fails, and a pair is a reward with metrics."""
    found = pg.sample(space, "random", max(len(rewards), 1), seed=0, progress=False, **options)
    for reward, (_, feedback) in zip(rewards, found):  # without rewards no trial is taken
        if reward is None:
            feedback.skip("out of <b>memory</b>\x1b[31m")
        elif isinstance(reward, tuple) and isinstance(reward[1], dict):
            feedback(reward[0], metrics=reward[1])
        else:
            feedback(reward)
    return found


@pytest.fixture
def numbers() -> Source:
    """Twelve trials of one decision with 12 values, of which two failed."""
    space = pg.Dict(x=pg.intv(0, 11))
    return read_source(search(space, [0.1, 0.4, None, 0.3, 0.5, 0.2, 0.5, None, 0.7, 0.6, 0.1, 0.2]))


def evaluate_all(space, function, **options):
    """Returns the result of a search through a whole space, in order."""
    found = pg.sample(space, "sweep", progress=False, **options)
    for program, feedback in found:
        feedback(function(program))
    return found
