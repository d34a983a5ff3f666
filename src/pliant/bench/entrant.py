"""Who searches a task: an algorithm of ours by its name, or whatever else can be run the same way.

One run is a function of task, entrant, trials and seed.  How runs are spread over processes is in ``run``.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, final

from pliant.algorithms import Algorithm, Exhausted
from pliant.algorithms.generators import NAMES, find, find_name, make

from .curves import Curve, Recorder
from .task import Task


class Entrant(ABC):
    """Something that searches a task.  Pickled, as it is sent to processes.

    Attributes:
      label: names it in tables and files; one label, one behaviour.
    """

    label: str

    @property
    def stamp(self) -> str:
        """What a run of it depends on besides its label: its version.  Runs of another stamp are not used again."""
        return ""

    @abstractmethod
    def check(self, task: Task) -> None:
        """Raises what is wrong with this entrant on this task, before any run."""

    @abstractmethod
    def run(self, task: Task, *, trials: int, seed: int) -> Curve:
        """Searches with ``trials`` evaluations."""


@final
@dataclass(frozen=True)
class Named(Entrant):
    """An algorithm by its name.

    >>> Named("re(population_size=20)", "re", {"population_size": 20}).make(seed=1).population_size
    20

    Attributes:
      label: as it was typed.
      name: what ``pliant.algorithms.generators.make`` knows it by.
      options: for the algorithm, by keyword.
    """

    label: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stamp(self) -> str:
        """The version of Pliant, and a digest of the algorithm's own sources: its file, or all of its folder."""
        version = sys.modules["pliant"].__version__
        return f"pliant {version} {_digest_sources(find_name(self.name))}"

    def make(self, *, seed: int) -> Algorithm:
        """Returns the algorithm, new.

        Raises:
          FieldValueError: there is none of this name.
          UnknownFieldError: it has no such option.
        """
        return make(self.name, **{"seed": seed, **self.options})

    def check(self, task: Task) -> None:
        self.make(seed=0).setup(task.space)

    def run(self, task: Task, *, trials: int, seed: int) -> Curve:
        return search(task, self.make(seed=seed), trials=trials)


@cache  # so that all runs of a process have the stamp of what it loaded, not of what was edited meanwhile
def _digest_sources(name: str) -> str:
    file = Path(inspect.getfile(find(NAMES[name])))
    home = Path(inspect.getfile(Algorithm)).parent
    alone = file.parent == home and name != "auto"  # which runs others
    files = [file] if alone else sorted(file.parent.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def search(task: Task, algorithm: Algorithm, *, trials: int) -> Curve:
    """Searches a task with an algorithm, one trial after another, and returns what was found when.

    The algorithm is told validation rewards, and None for what is infeasible; it never sees a test score.
    It ends early where the algorithm has nothing left to propose.

    >>> from pliant.algorithms import Random
    >>> from pliant.bench import get_task
    >>> curve = search(get_task("branin"), Random(seed=0), trials=50)
    >>> curve.evaluated, curve.at(50).reward > curve.at(1).reward
    (50, True)
    """
    algorithm.setup(task.space)
    recorder = Recorder(seed=algorithm.seed, trials=trials)
    evaluate, propose, feedback, clock = (
        task.evaluate,
        algorithm.propose,
        algorithm.feedback,
        time.thread_time,
    )
    seconds = 0.0
    for _ in range(trials):
        start = clock()
        try:
            decisions = propose()
        except Exhausted:
            break
        seconds += clock() - start
        result = evaluate(decisions)
        if result is None:
            recorder.add(None)
        else:
            recorder.add(result.reward, result.test)
        start = clock()
        feedback(decisions, None if result is None else result.reward)
        seconds += clock() - start
    return recorder.curve(seconds=seconds)
