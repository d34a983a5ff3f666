"""``sample`` and ``Search``: a search as a for-loop over programs, each with its ``Feedback``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, final

from pliant.algorithms import Algorithm, Random
from pliant.algorithms.base import check_algorithm
from pliant.hyper.partition import Where, to_where
from pliant.hyper.template import Template, check_selection
from pliant.hyper.tracing import Trace
from pliant.space import Decisions, Space
from pliant.values.errors import FeedbackError, FieldTypeError, FieldValueError, SpaceError
from pliant.values.missing import MISSING_VALUE

from .feedback import Feedback, Reward
from .source import MemorySource, Source, study_source


@final
class Search(Iterator[tuple[Any, Feedback]]):
    """A search under way: yields ``(program, feedback)``.  Made by ``sample``.

    An algorithm that has nothing left ends it, and ``ended`` says why; one that has no first trial raises Exhausted.

    Attributes:
      space: what is searched, as the algorithm sees it.
    """

    def __init__(self, space: Space, source: Source, make: Callable[[Decisions], Any]) -> None:
        self.space = space
        self._source = source
        self._make = make
        self._open: Feedback | None = None
        self._ended = False

    def __next__(self) -> tuple[Any, Feedback]:
        if self._open is not None and not self._open.is_told:
            raise FeedbackError(
                f"the loop moved on without feedback for trial {self._open.id} ({self._open.decisions.to_params_str()}). "
                "In every turn call `feedback(reward)`, or `feedback.skip('why')` for a trial that failed."
            )
        self._open = None
        asked = None if self._ended else self._source.ask()
        if asked is None:
            self._ended = True
            raise StopIteration
        self._open = asked
        return self._make(asked.decisions), asked

    def close(self) -> None:
        """Ends the search; closes a study that was opened for it, so that others may write it.

        What was found stays readable.  An open study that was passed stays open.
        """
        self._ended = True
        self._open = None
        self._source.close()

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def ended(self) -> str | None:
        """Why the loop ended before its ``trials``, in the algorithm's words; None while it did not."""
        return self._source.ended

    @property
    def best_reward(self) -> float | None:
        """The best reward so far; None before the first."""
        return self._source.best_reward

    @property
    def best_decisions(self) -> Decisions | None:
        """The decisions with the best reward so far."""
        return self._source.best_decisions

    @property
    def best_program(self) -> Any:
        """The best program so far, made anew; None before the first reward."""
        best = self._source.best_decisions
        return None if best is None else self._make(best)

    @property
    def front(self) -> list[tuple[Any, Reward]]:
        """The programs, made anew, that no other beats in all objectives, with their rewards (the Pareto front).

        The best in the first objective comes first. With one objective, just the best.
        """
        return [(self._make(decisions), reward) for decisions, reward in self._source.front()]


def sample(
    space: Any = MISSING_VALUE,
    algorithm: Algorithm | None = None,
    trials: int | None = None,
    partition_fn: Any = None,
    *,
    seed: int | None = None,
    maximize: bool | None = None,
    study: Any = None,
    search_space: Any = MISSING_VALUE,
    where: Any = None,
    num_examples: int | None = None,
) -> Search:
    """Searches a space: ``for program, feedback in pg.sample(space, algorithm, trials): feedback(reward)``.

    Args:
      space: a program with holes, a hole, plain containers with holes, or a ``pg.trace``.
      algorithm: who decides; random search when None. Used again on the same space, it goes on.
      trials: how many turns; None until the algorithm has nothing left (as a ``Sweep`` has one day).
      partition_fn: which holes to decide: a function of the hole, or a regular expression of paths; the others
        stay open in the programs, for a loop inside the loop.
      seed: replaces the algorithm's own, unless it was used before; same seed, same search.
      maximize: whether higher rewards are better; they are when None, but an open study says so itself.
      study: the path of a file in which every trial is kept, so that the same call later goes on where this
        one stopped; or an open ``pg.Study``, which has its own algorithm and number of trials.
      search_space: another name of ``space``.
      where: another name of ``partition_fn``.
      num_examples: another name of ``trials``.

    Raises:
      SpaceError: there is no hole to decide.
      SpaceChangedError: the study has another space; the message shows the difference.
      FeedbackError: from the loop, when a turn ended without feedback.

    >>> import pliant as pg
    >>> search = pg.sample(pg.Dict(x=pg.intv(0, 9)), pg.generators.Sweep())
    >>> for program, feedback in search:
    ...     feedback(-(program.x - 3) ** 2)
    >>> search.best_program, search.best_reward
    ({x=3}, 0.0)
    """
    space = _only(space, search_space, MISSING_VALUE, "space", "search_space")
    if space is MISSING_VALUE:
        raise FieldTypeError(
            "sample needs a space: a program with holes, such as pg.Dict(x=pg.oneof([1, 2]))."
        )
    trials = _check_trials(_only(trials, num_examples, None, "trials", "num_examples"))
    if algorithm is not None:
        check_algorithm(algorithm, "sample")
    template, make = _prepare(space, to_where(_only(partition_fn, where, None, "partition_fn", "where")))
    if study is not None:
        source = study_source(study, template, algorithm, trials=trials, seed=seed, maximize=maximize)
        return Search(template.space, source, make)
    algorithm = algorithm or Random()
    algorithm.setup(template.space, seed=seed)
    template.space = algorithm.space  # an equal one, when the algorithm was used before
    return Search(template.space, MemorySource(algorithm, trials, maximize=maximize is not False), make)


def _prepare(space: Any, where: Where | None) -> tuple[Template, Callable[[Decisions], Any]]:
    """Returns the template of a space, and what turns decisions into what the loop yields."""
    template = Template(space.space if isinstance(space, Trace) else space, where)
    if where is not None:
        check_selection(template)
    if not template.space.points:
        raise SpaceError(
            f"there is nothing to search: this {type(space).__name__} has no hole. Put one in, such as pg.oneof([...])."
        )
    if isinstance(space, Trace):
        return template, lambda decisions: _runner(space, template.materialize(decisions))
    return template, template.materialize


def _runner(traced: Trace, child: Any) -> Callable[[], AbstractContextManager[None]]:
    """Returns what a loop over a trace yields: a function that opens the context of one example."""
    return lambda: traced.run(child)


def _check_trials(trials: Any) -> int | None:
    """Returns a number of trials when it is one, or None."""
    if trials is None or (trials.__class__ is int and trials >= 1):
        return None if trials is None else int(trials)
    raise FieldValueError(f"trials is a whole number from 1, or None for no limit; got {trials!r}.")


def _only(value: Any, alias: Any, absent: Any, name: str, alias_name: str) -> Any:
    """Returns whichever of an argument and its other name was given."""
    if alias is absent:
        return value
    if value is not absent:
        raise FieldTypeError(f"{name} and {alias_name} are one argument; give one of them.")
    return alias
