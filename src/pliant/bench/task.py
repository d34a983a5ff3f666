"""``Task``, the interface of benchmark tasks: a space in which every point has a known score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pliant.hyper import Template
from pliant.space import Decisions, Space
from pliant.values.errors import FieldValueError, quote
from pliant.values.numbers import to_whole


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one evaluation.

    Attributes:
      reward: for the search; higher is better.
      cost: of the evaluation, in the task's ``cost_unit``.
      test: the score to report, after full training; not shown to a search.
      info: other numbers by name, such as parameters or energy.
    """

    reward: float
    cost: float
    test: float
    info: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Optimum:
    """The highest reward and the highest test score of a task, maybe of different decisions."""

    reward: float
    test: float


class Task(ABC):
    """Benchmark task: a search problem with a known optimum.

    A subclass writes ``_evaluate`` and ``_find_optimum``.

    Args:
      name: for ``get_task``.
      program: the symbolic program with holes, whose decisions are searched.
      fidelities: the budgets at which decisions can be evaluated, ascending; the last is full training.
      repeats: the number of known trainings; see ``evaluate``.
      cost_unit: of ``Result.cost``, such as ``"seconds"``.

    >>> from pliant.bench import get_task
    >>> task = get_task("branin")
    >>> result = task.evaluate([9.42478, 2.475])
    >>> round(task.optimum.reward, 4), task.regret(result) < 1e-6
    (-0.3979, True)
    """

    def __init__(
        self,
        name: str,
        program: object,
        *,
        fidelities: tuple[int, ...] = (1,),
        repeats: int = 1,
        cost_unit: str = "evaluations",
    ) -> None:
        self.name = name
        self.fidelities = fidelities
        self.repeats = repeats
        self.cost_unit = cost_unit
        self._template = Template(program)
        self._optimum: Optimum | None = None

    @property
    def program(self) -> Any:
        """The program with holes; ``pg.sample(task.program, ...)`` searches it."""
        return self._template.program

    @property
    def space(self) -> Space:
        """The decision points of the program."""
        return self._template.space

    def evaluate(
        self, decisions: object, fidelity: int | None = None, *, repeat: int | None = None
    ) -> Result | None:
        """Returns the result of decisions; None if they are infeasible.

        Equal arguments give equal results.

        Args:
          decisions: of ``space``, in any form.
          fidelity: one of ``fidelities``; None for the last, which is full training.
          repeat: the training of the reward, from 0 to ``repeats - 1``; None for the first.

        Raises:
          DecisionError: they are not decisions of ``space``.
          FieldValueError: the task lacks this fidelity or repeat.
        """
        if decisions.__class__ is not Decisions or decisions.space is not self.space:
            decisions = self.space.parse(decisions)
        if fidelity is None:
            fidelity = self.fidelities[-1]
        elif fidelity not in self.fidelities:
            raise FieldValueError(
                f"the task {self.name!r} has no fidelity {quote(fidelity)}; it has {', '.join(map(str, self.fidelities))}, "
                "or None for the last."
            )
        number = to_whole(repeat)
        if repeat is not None and (number is None or not 0 <= number < self.repeats):
            raise FieldValueError(
                f"repeat of the task {self.name!r} is a whole number in 0..{self.repeats - 1}, or None for the first; "
                f"got {quote(repeat)}."
            )
        return self._evaluate(decisions, fidelity, number or 0)

    def encode(self, program: object) -> Decisions:
        """Returns the decisions of a program that a search of ``self.program`` made.

        Raises:
          DecisionError: it is not a program of this task.
        """
        return self._template.encode(program)

    @property
    def optimum(self) -> Optimum:
        """The best reward (of full training, of the first repeat) and the best test score."""
        if self._optimum is None:
            self._optimum = self._find_optimum()
        return self._optimum

    def regret(self, result: Result) -> float:
        """Returns by how much the test score of a result is below the best one; 0 at the optimum."""
        return self.optimum.test - result.test

    @abstractmethod
    def _evaluate(self, decisions: Decisions, fidelity: int, repeat: int) -> Result | None:
        """Returns the result; arguments are checked."""

    @abstractmethod
    def _find_optimum(self) -> Optimum:
        """Returns the optimum; called once."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.space!r})"
