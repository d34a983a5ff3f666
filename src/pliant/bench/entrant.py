"""Entrants of a benchmark: algorithms by name, or other searches; and ``search``, one run on a task."""

from __future__ import annotations

import hashlib
import inspect
import math
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import final

from pliant.algorithms import Algorithm, Exhausted, to_algorithm
from pliant.algorithms.generators import NAMES, find, find_name

from .curves import Curve, Recorder
from .task import Task


class Entrant(ABC):
    """Base class of entrants: something that searches a task; must pickle.

    Attributes:
      label: its name in tables and files; equal labels mean equal behaviour.
    """

    label: str

    @property
    def stamp(self) -> str:
        """The version that its runs depend on; runs with another stamp are not reused."""
        return ""

    @abstractmethod
    def check(self, task: Task) -> None:
        """Raises an error if this entrant cannot search this task."""

    @abstractmethod
    def run(self, task: Task, *, trials: int, seed: int) -> Curve:
        """Searches with ``trials`` evaluations."""


@final
@dataclass(frozen=True)
class Named(Entrant):
    """An algorithm by its name, with or without options.

    >>> Named("re(population_size=20)").make(seed=1).population_size
    20

    Attributes:
      label: as ``pliant.algorithms.to_algorithm`` reads it.
    """

    label: str

    @property
    def stamp(self) -> str:
        """The version of Pliant, and a digest of the algorithm's own sources: its file, or all of its folder."""
        version = sys.modules["pliant"].__version__
        return f"pliant {version} {_digest_sources(find_name(self.label.partition('(')[0]))}"

    def make(self, *, seed: int) -> Algorithm:
        """Returns a new algorithm; a seed in the label takes precedence.

        Raises:
          FieldValueError: the name is unknown.
          UnknownFieldError: it has no such option.
        """
        return to_algorithm(self.label, seed=seed)

    def check(self, task: Task) -> None:
        self.make(seed=0).setup(task.space)

    def run(self, task: Task, *, trials: int, seed: int) -> Curve:
        return search(task, self.make(seed=seed), trials=trials)


@cache  # so that all runs of a process have the stamp of the loaded sources
def _digest_sources(name: str) -> str:
    file = Path(inspect.getfile(find(NAMES[name])))
    home = Path(inspect.getfile(Algorithm)).parent
    alone = file.parent == home and name != "auto"  # auto runs other algorithms
    files = [file] if alone else sorted(file.parent.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def search(task: Task, algorithm: Algorithm, *, trials: int) -> Curve:
    """Runs an algorithm on a task, one trial after another, and returns the curve.

    The algorithm receives validation rewards, and None for infeasible decisions; it does not see test scores.
    The run ends early if the algorithm has nothing left to propose.

    >>> from pliant.algorithms import Random
    >>> from pliant.bench import get_task
    >>> curve = search(get_task("branin"), Random(seed=0), trials=50)
    >>> curve.evaluated, curve.at(50).reward > curve.at(1).reward
    (50, True)
    """
    algorithm.setup(task.space, trials=trials)
    recorder = Recorder(seed=algorithm.seed, trials=trials)
    clock, seconds = time.thread_time, 0.0
    for _ in range(trials):
        start = clock()
        try:
            decisions = algorithm.propose()
        except Exhausted:
            break
        seconds += clock() - start
        result = task.evaluate(decisions)
        reward = None if result is None else result.reward
        recorder.add(reward, math.nan if result is None else result.test)
        start = clock()
        algorithm.feedback(decisions, reward)
        seconds += clock() - start
    return recorder.curve(seconds=seconds)
