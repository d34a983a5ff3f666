"""``sample``: a search is a for-loop.  The one junction of programs, algorithms and studies.

Everything is passed through: the algorithm sees decisions and rewards, the study keeps them, the user's
loop sees programs and calls ``feedback``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, final

from pliant.algorithms import Algorithm, Exhausted, Random
from pliant.algorithms.base import LARGEST, check_algorithm, check_arity, check_size, check_step
from pliant.algorithms.objectives import ParetoFront
from pliant.hyper.partition import Where, to_where
from pliant.hyper.template import Template, check_selection
from pliant.hyper.tracing import Trace
from pliant.space import Decisions, Space
from pliant.values.errors import FeedbackError, FieldTypeError, FieldValueError, RewardError, SpaceError
from pliant.values.missing import MISSING_VALUE

if TYPE_CHECKING:
    from pliant.study import Study

Reward = float | tuple[float, ...]
Metrics = Mapping[str, float] | None


@final
class Feedback:
    """What one turn of the loop says about its program: call it with the reward, once.

    A program that takes long may report how good it is on its way, and stop when the algorithm says so::

        for program, feedback in pg.sample(space, pg.generators.MedianStopping()):
            for epoch, accuracy in enumerate(train(program), 1):
                if feedback.report(accuracy, step=epoch):
                    break
            feedback(accuracy)

    Attributes:
      id: the number of the trial, from 1.
      decisions: what was decided.
      parent: the decisions of the earlier trial from whose result this one should go on (load the checkpoint that it
        saved), for algorithms that promote or copy trials; None where training begins anew.
      should_stop: whether a report in this turn was answered with a stop.
    """

    __slots__ = ("_source", "decisions", "id", "parent", "should_stop")

    def __init__(self, source: Source, id: int, decisions: Decisions, *, parent: Decisions | None) -> None:
        self._source: Source | None = (
            source  # not the search, which refers to this: a loop that is left must end at once
        )
        self.id = id
        self.decisions = decisions
        self.parent = parent
        self.should_stop = False

    def report(self, reward: Any, *, step: float) -> bool:
        """Tells how good this trial is so far; returns whether it should stop now.

        The final reward is told all the same. Algorithms that stop no trial always answer False.

        Args:
          reward: a finite number.
          step: how far the trial is, in any unit that grows; of two reports for one step the last counts.

        Raises:
          RewardError: the reward or the step is no finite number.
          FeedbackError: this trial was told already.
        """
        if self._source is None:
            raise FeedbackError(
                f"trial {self.id} has its feedback already, so it reports no more; call feedback.report before feedback."
            )
        stop = self._source.report(self.id, self.decisions, _check_number(reward, reward), check_step(step))
        self.should_stop = self.should_stop or stop
        return stop

    def __call__(self, reward: Any, *, metrics: Metrics = None) -> None:
        """Tells the reward of this trial.

        Args:
          reward: a finite number; a tuple of them for an algorithm of several objectives.
          metrics: other numbers that it measured, by name, for a study: kept there, and held to its constraints.

        Raises:
          RewardError: it is no finite number; the trial stays open.
          FeedbackError: this trial was told already.
        """
        self._tell(check_reward(reward), "", metrics)

    def skip(self, reason: str = "") -> None:
        """Ends this trial without a reward: it failed, or its program cannot be built (*infeasible*).

        Args:
          reason: why, for whoever reads the study.

        Raises:
          FeedbackError: this trial was told already.
        """
        if not isinstance(reason, str):
            raise FieldTypeError(
                f"skip takes the reason as text, such as 'out of memory'; got {reason!r:.80}."
            )
        self._tell(None, reason or "skipped")

    infeasible = skip

    @property
    def is_told(self) -> bool:
        """Whether this trial has its feedback."""
        return self._source is None

    def _tell(self, reward: Reward | None, reason: str, metrics: Mapping[str, float] | None = None) -> None:
        source = self._source
        if source is None:
            raise FeedbackError(
                f"trial {self.id} has its feedback already; call feedback once per turn of the loop "
                "(to say more about a trial, tell it before, or start another trial)."
            )
        counts = source.tell(self.id, self.decisions, reward, reason, metrics=metrics)
        source.note(self.decisions, reward if counts else None)
        self._source = None  # so that a study is free when only this is left of its loop


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


class Source(ABC):
    """Where a loop's trials come from, and where its rewards go; keeps the best in mind.

    Args:
      maximize: whether higher rewards are better.
    """

    def __init__(self, *, maximize: bool) -> None:
        self.maximize = maximize
        self.best_reward: float | None = None
        self.best_decisions: Decisions | None = None
        self.ended: str | None = None  # why there is no next trial, where it is the algorithm that has none
        self._front: ParetoFront | None = None  # of several objectives

    @abstractmethod
    def ask(self) -> Feedback | None:
        """Returns the feedback of the next trial, or None at the end."""

    @abstractmethod
    def report(self, id: int, decisions: Decisions, reward: float, step: float) -> bool:
        """Passes an intermediate reward on; returns whether the trial should stop."""

    @abstractmethod
    def tell(
        self, id: int, decisions: Decisions, reward: Reward | None, reason: str, *, metrics: Metrics
    ) -> bool:
        """Passes a reward on; or why there is none.  Returns whether the reward counts: not where a constraint is broken."""

    def close(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Gives back what was opened for the loop."""

    def note(self, decisions: Decisions, reward: Reward | None) -> None:
        """Keeps the best reward in mind; of several objectives there is no best one, but a front."""
        if reward.__class__ is float and (
            self.best_reward is None or self.is_better(reward, self.best_reward)
        ):
            self.best_reward, self.best_decisions = reward, decisions
        elif isinstance(reward, tuple):
            if self._front is None:
                self._front = ParetoFront()
            self._front.add(self.turn(reward), (decisions, reward))

    def front(self) -> list[tuple[Decisions, Reward]]:
        """Returns what nothing else beats: decisions and rewards, the best in the first objective first."""
        if self._front is not None:
            return [member.item for member in self._front]
        if self.best_decisions is None or self.best_reward is None:
            return []
        return [(self.best_decisions, self.best_reward)]

    def turn(self, reward: Reward) -> Any:
        """Returns a reward so that higher is better."""
        if self.maximize:
            return reward
        return tuple([-one for one in reward]) if isinstance(reward, tuple) else -reward

    def is_better(self, reward: Any, other: Any) -> bool:
        """Returns whether one reward is better than another."""
        return bool(reward > other if self.maximize else reward < other)


@final
class MemorySource(Source):
    """Trials from an algorithm, which alone remembers them."""

    def __init__(self, algorithm: Algorithm, trials: int | None, *, maximize: bool) -> None:
        super().__init__(maximize=maximize)
        self.algorithm = algorithm
        self.trials = trials
        self.count = 0
        self.arity: int | None = None  # how many numbers a reward has, once it is known

    def ask(self) -> Feedback | None:
        if self.trials is not None and self.count >= self.trials:
            return None
        try:
            decisions = self.algorithm.propose()
        except Exhausted as error:
            if not self.count:
                raise
            self.ended = str(error)
            return None
        self.count += 1
        return Feedback(self, self.count, decisions, parent=self.algorithm.parent(decisions))

    def report(self, id: int, decisions: Decisions, reward: float, step: float) -> bool:
        return self.algorithm.report(decisions, self.turn(reward), step=step)

    def tell(
        self, id: int, decisions: Decisions, reward: Reward | None, reason: str, *, metrics: Metrics
    ) -> bool:
        arity = self.arity if reward is None else check_arity(id, reward, self.arity)
        self.algorithm.feedback(decisions, None if reward is None else self.turn(reward))
        self.arity = arity
        return reward is not None


@final
class StudySource(Source):
    """Trials from a study, which keeps them in a file."""

    def __init__(self, study: Study, *, owned: bool) -> None:
        super().__init__(maximize=study.maximize)
        self.study = study
        self.owned = owned  # opened for this loop, to be closed when it ends
        for trial in study.front():
            self.note(trial.decisions, trial.told)

    def ask(self) -> Feedback | None:
        trial = self.study.ask()
        if trial is None:
            info = self.study.info()
            if info.exhausted:
                self.ended = (
                    self.study.exhaustion or "the algorithm of this study had nothing left to propose."
                )
            self.close()
            if self.ended and not info.proposed:
                raise Exhausted(self.ended)
            return None
        return Feedback(self, trial.id, trial.decisions, parent=trial.parent)

    def report(self, id: int, decisions: Decisions, reward: float, step: float) -> bool:
        return self.study.report(id, reward, step=step)

    def close(self) -> None:
        if self.owned:
            self.study.close()

    def tell(
        self, id: int, decisions: Decisions, reward: Reward | None, reason: str, *, metrics: Metrics
    ) -> bool:
        study = self.study
        ended = study.fail(id, reason) if reward is None else study.tell(id, reward, metrics=metrics)
        return ended.reason is None


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


def study_source(
    study: Any,
    template: Template,
    algorithm: Algorithm | None,
    *,
    trials: int | None,
    seed: int | None,
    maximize: bool | None,
) -> StudySource:
    """Returns the trials of a study, given or to be opened."""
    from pliant.study import Study  # brings SQLAlchemy, which most loops do not need
    from pliant.study.trials.check import check_space

    if not isinstance(study, Study):
        up = True if maximize is None else maximize
        study = Study.open_or_create(
            study, template.space, algorithm or Random(), trials=trials, seed=seed, maximize=up
        )
        template.space = study.space
        return StudySource(study, owned=True)
    given = {"algorithm": algorithm, "trials": trials, "seed": seed, "maximize": maximize}
    for name, value in given.items():
        if value is not None and not (name == "maximize" and value == study.maximize):
            raise FieldTypeError(
                f"an open study has its own {name}; leave out {name}={value!r:.80}, or pass the study's path as `study`."
            )
    check_space(study.path, study.space, template.space)
    template.space = study.space
    return StudySource(study, owned=False)


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


def check_reward(reward: Any) -> Reward:
    """Returns a reward as a float or a tuple of floats.

    Raises:
      RewardError: it is no finite number.
    """
    if reward.__class__ is float and -LARGEST <= reward <= LARGEST:
        return float(reward)
    if isinstance(reward, (tuple, list)) and reward:
        return tuple([_check_number(r, reward) for r in reward])
    return _check_number(reward, reward)


def _check_number(value: Any, reward: Any) -> float:
    """Returns a number of any library as a float; ``reward`` is all that was told."""
    number = math.nan
    if not isinstance(value, (bool, str, bytes)):
        with suppress(TypeError, ValueError, OverflowError, RuntimeError):
            number = float(value)
    if math.isfinite(number):
        return check_size(number)
    raise RewardError(
        f"a reward is a finite number, or a tuple of them; got {reward!r:.80} of type {type(reward).__name__}. "
        "For a trial that failed or diverged, call feedback.skip('why')."
    )


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
