"""``Algorithm``, the interface of all search algorithms: it proposes decisions of a space and receives their rewards.

Its base class does what all algorithms share: set-up, checks of decisions and rewards, and a state that restores exactly.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from typing import Any

from pliant.space import Decisions, Space, diff
from pliant.values.errors import (
    DecisionError,
    FieldTypeError,
    FieldValueError,
    LoadError,
    PliantError,
    SpaceChangedError,
    SpaceError,
    quote,
    quote_typed,
)
from pliant.values.lines import check_depth
from pliant.values.numbers import to_whole

from . import twister
from .options import check_count, check_part
from .options import check_number as check_option
from .rewards import LARGEST, Reward, check_number, check_reward, check_step


class Exhausted(PliantError, RuntimeError):
    """An algorithm has nothing left to propose; search loops end on it."""


class SetupError(PliantError, RuntimeError):
    """An algorithm was used before ``setup``."""


class Algorithm(ABC):
    """Base class of search algorithms: proposes decisions of one space and receives their rewards.

    Rewards are maximized; to minimize, negate them.  A reward may arrive late, out of order, or never, and may belong to decisions
    that were not proposed here (a warm start).  Equal seeds and equal calls in the same order give equal proposals, in every
    process and after every restart.  Not for concurrent calls.

    A subclass writes ``_propose`` and, where it keeps or learns something, ``_setup``, ``_feedback``,
    ``_report``, ``_withdraw``, ``_parent``, ``_state`` and ``_restore``; ``self.space`` and ``self.random`` are there for it.

    >>> from pliant.space import choice, flatten
    >>> class Coin(Algorithm):
    ...     '''Proposes at random: a complete algorithm.'''
    ...     def _propose(self):
    ...         return self.space.sample(self.random)
    >>> algorithm = Coin(seed=1)
    >>> algorithm.setup(flatten([choice("op", 2)]))
    >>> algorithm.feedback(algorithm.propose(), 0.9)

    Args:
      seed: where the random numbers start; any integer.
    """

    several_rewards: bool = False
    """Whether a reward may be a tuple; on the class, or set on the instance before ``setup``."""
    for_several: bool = False
    """Whether it is made for several objectives, so that an algorithm around it that ranks by one reward refuses it."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            cls.__init__ = _remember_arguments(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, seed: int = 0) -> None:
        self.seed = check_seed(seed)
        self._space: Space | None = None
        self._planned: int | None = None
        self._is_seeded = False  # whether the search, not the constructor, gave the seed

    # ------------------------------------------------------------------ the interface

    @property
    def space(self) -> Space:
        """The space that is searched.

        Raises:
          SetupError: there is none yet.
        """
        if self._space is None:
            raise _not_set_up(self, "read its space")
        return self._space

    @property
    def planned(self) -> int | None:
        """The number of trials that ``setup`` was told to expect; None if it is not known."""
        return self._planned

    def setup(self, space: Space, *, seed: int | None = None, trials: int | None = None) -> None:
        """Prepares the search of ``space``.  A second call with an equal space changes nothing.

        Args:
          space: what to search.
          seed: replaces the seed of the constructor, on the first call only.
          trials: how many trials the search will probably have, on the first call only: sizes of populations and
            phases follow it.  It may have more or fewer.

        Raises:
          SpaceError: the algorithm already searches another space, or cannot search this one.
        """
        if not isinstance(space, Space):
            raise FieldTypeError(
                f"setup takes a Space; got {quote_typed(space)}. "
                "Of a program with holes, pass `pg.abstract_search_space(program)`."
            )
        if self._space is not None:
            if self._space != space:
                raise SpaceError(
                    f"this {type(self).__name__} already searches another space; make a new one for each "
                    f"space. The spaces differ:\n{_lines(diff(self._space, space))}"
                )
            return
        kept = self.seed
        try:
            planned = None if trials is None else check_count(trials, "trials", "setup", least=0)
            self._is_seeded = seed is not None
            self._begin(space, kept if seed is None else check_seed(seed), planned)
        except BaseException:
            self._space, self.seed, self._planned = None, kept, None
            raise

    def propose(self) -> Decisions:
        """Returns the decisions to try next; may be called again before their reward arrives.

        Raises:
          Exhausted: nothing is left to propose, now and later.
          DecisionError: ``_propose`` did not return Decisions of the space.
          SetupError: ``setup`` was not called.
        """
        space = self._space
        if space is None:
            raise _not_set_up(self, "propose")
        proposed: Any = self._propose()
        if proposed.__class__ is not Decisions or proposed.space is not space:
            return _check_proposed(self, proposed, space)
        return proposed

    def feedback(self, decisions: Decisions, reward: Reward) -> None:
        """Records the reward of decisions.

        Args:
          decisions: of the space that is searched; proposed here or not.
          reward: a finite number, higher is better; a tuple of them for an algorithm of several
            objectives; None for decisions that are infeasible or whose trial failed.

        Raises:
          RewardError: the reward is not a finite number, or is a tuple where one number is expected.
          DecisionError: the decisions are of another space.
        """
        decisions = self._own(decisions, "record a reward")
        if reward is not None and not (reward.__class__ is float and -LARGEST <= reward <= LARGEST):
            reward = check_reward(reward, several=self.several_rewards)
        self._feedback(decisions, reward)

    def report(self, decisions: Decisions, reward: float, *, step: float) -> bool:
        """Records an intermediate reward, such as after an epoch; returns whether the trial should stop now (early stopping).

        The final reward still goes to ``feedback``, also after a stop.  Algorithms that do not stop trials return False.

        Args:
          decisions: of a running trial; two running trials with equal decisions share their reports.
          reward: a finite number, higher is better.
          step: progress of the trial in any unit that grows, such as epochs; a second report for a step replaces the first.

        Raises:
          RewardError: the reward or the step is not a finite number.
          DecisionError: the decisions are of another space.
        """
        decisions = self._own(decisions, "record a reward")
        return self._report(decisions, check_number(reward), check_step(step))

    def withdraw(self, decisions: Decisions) -> None:
        """Records that a proposal will not be tried, such as one that a predictor rejects: no reward for it will arrive.

        Of equal proposals it is the last one; what does not wait for a reward is ignored.  Decisions of another space raise DecisionError.
        """
        self._withdraw(self._own(decisions, "withdraw a proposal"))

    def parent(self, decisions: Decisions) -> Decisions | None:
        """Returns the decisions of the earlier trial whose checkpoint the trial of ``decisions`` should continue from.

        For algorithms that promote trials to more training, or copy the weights of one trial to another; else None.
        """
        return self._parent(self._own(decisions, "know a parent"))

    def note_time(self, seconds: float) -> None:
        """Records how long a trial took, before its reward; only what is stored in a study is, so that replays are exact.

        Raises:
          FieldTypeError, FieldValueError: it is not a number of at least 0.
        """
        self.space  # noqa: B018 - raises SetupError
        self._note_time(check_option(seconds, "seconds", "note_time"))

    def note_limits(self, excess: tuple[float, ...]) -> None:
        """Records by how much a trial breaks each limit of the search, before its reward or failure.

        In the units of the limits, always the same ones in the same order; 0 or less where the trial keeps a limit.

        Raises:
          RewardError: one is not a finite number.
        """
        self.space  # noqa: B018 - raises SetupError
        self._note_limits(tuple([check_number(one) for one in excess]))

    def explain(self) -> str | None:
        """Returns in one line what an algorithm that chooses others has chosen, and why; None for other algorithms."""
        return None

    def state(self) -> dict[str, Any]:
        """Returns the state for ``restore`` as JSON data: dicts with text keys, lists, numbers, text and None.

        Raises:
          FieldTypeError: ``_state`` did not return a dict.
        """
        space = self.space
        own: Any = self._state()
        if not isinstance(own, dict):
            raise FieldTypeError(
                f"{type(self).__name__}._state must return a dict of JSON data; got {quote_typed(own)}. "
                "For nothing to keep, return {}."
            )
        return {
            "algorithm": type(self).__name__,
            "space": space.fingerprint,
            "seed": self.seed,
            **({} if self.planned is None else {"trials": self.planned}),
            "random": twister.to_json(self.__dict__.get("random")),
            "own": own,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Returns to a state that ``state()`` returned, in this or another process.  Call ``setup`` first.

        Raises:
          LoadError: the state is damaged or belongs to another algorithm; this algorithm stays unchanged.
          SpaceChangedError: the state belongs to a search of another space.
        """
        space = self.space
        self._check_state(state)
        before = self.state()
        try:
            self._install(space, state)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, PliantError) as error:
            self._install(space, before)
            raise LoadError(
                f"the state of this {type(self).__name__} cannot be restored: {error} "
                "Pass what `state()` returned; a round trip through JSON is allowed."
            ) from error

    # ------------------------------------------------------------------ what subclasses see and write

    @cached_property
    def random(self) -> random.Random:
        """The random number generator of the algorithm; part of its state."""
        return twister.make(f"{type(self).__name__}/{self.seed}")

    def _setup(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Checks ``self.space`` and initializes the search."""

    @abstractmethod
    def _propose(self) -> Decisions:
        """Returns the next decisions, or raises Exhausted."""

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:  # noqa: B027 - as above
        """Records a reward; decisions and reward are checked, numbers are floats."""

    def _report(self, decisions: Decisions, reward: float, step: float) -> bool:
        """Records an intermediate reward, and returns whether to stop; False by default."""
        return False

    def _withdraw(self, decisions: Decisions) -> None:  # noqa: B027 - a hook that may stay empty
        """Forgets a proposal that will not be tried."""

    def _note_time(self, seconds: float) -> None:  # noqa: B027 - as above
        """Uses how long a trial took."""

    def _note_limits(self, excess: tuple[float, ...]) -> None:  # noqa: B027 - as above
        """Uses by how much a trial breaks each limit."""

    def _relearn(self, history: Sequence[tuple[Decisions, Reward, tuple[float, ...] | None]]) -> bool:
        """Replaces all recorded rewards, and returns True; False leaves everything as it is.

        Decisions whose rewards are no longer recorded count as running.

        Args:
          history: decisions, their reward, and what ``note_limits`` received for them.
        """
        return False

    def _parent(self, decisions: Decisions) -> Decisions | None:
        """Returns the decisions that ``decisions`` continues from; None by default."""
        return None

    def _state(self) -> dict[str, Any]:
        """Returns all state except ``self.random`` as JSON data."""
        return {}

    def _restore(self, state: dict[str, Any]) -> None:  # noqa: B027 - as above
        """Restores what ``_state`` returned; ``_setup`` has just run."""

    def _load(self, values: list[int | float]) -> Decisions:
        """Returns decisions from what their ``to_json()`` returned, checked."""
        return Decisions.from_json(self.space, values)

    # ------------------------------------------------------------------ private

    def _own(self, decisions: object, verb: str) -> Decisions:
        """Returns decisions of an equal space, such as those read from a file, as decisions of this space itself."""
        space = self._space
        if space is None:
            raise _not_set_up(self, verb)
        if not isinstance(decisions, Decisions):
            raise DecisionError(
                f"feedback takes the Decisions that were proposed; got {quote_typed(decisions)}. "
                "Read other forms with `algorithm.space.parse(...)`."
            )
        if decisions.space is space:
            return decisions
        if decisions.space != space:
            raise DecisionError(
                "these decisions belong to another space than the searched one. The spaces differ:\n"
                + _lines(diff(space, decisions.space))
            )
        return Decisions(space, decisions.values)

    def _begin(self, space: Space, seed: int, planned: int | None) -> None:
        self._space, self.seed, self._planned = space, seed, planned
        self.__dict__.pop("random", None)
        self._setup()

    def _install(self, space: Space, state: dict[str, Any]) -> None:
        if not isinstance(state["own"], dict):
            raise LoadError(f"its own part is {quote(state['own'])}, not a dict.")
        planned = state.get("trials")
        self._begin(
            space,
            check_seed(state["seed"]),
            None if planned is None else check_count(planned, "trials", "setup", least=0),
        )
        self._restore(state["own"])
        if state["random"] is not None:
            self.__dict__["random"] = twister.from_json(state["random"])
        else:
            self.__dict__.pop("random", None)

    def _check_state(self, state: Any) -> None:
        name = type(self).__name__
        needed = {"algorithm", "space", "seed", "random", "own"}
        try:
            check_depth(state)
        except LoadError as error:
            raise LoadError(f"this is not the state of an algorithm: {error}.") from None
        if not isinstance(state, dict) or not needed <= state.keys():
            missing = sorted(needed - set(state)) if isinstance(state, dict) else sorted(needed)
            raise LoadError(
                f"this is not the state of an algorithm: {quote(state)} lacks {', '.join(missing)}. "
                "Pass what `state()` returned."
            )
        if state["algorithm"] != name:
            raise LoadError(
                f"the state is that of a {state['algorithm']}, this algorithm is a {name}. "
                f"Restore it into a {state['algorithm']} made with the same arguments."
            )
        if state["space"] != self.space.fingerprint:
            raise SpaceChangedError(
                f"the state belongs to a search of another space (fingerprint {state['space']!s:.12}..., "
                f"this one is {self.space.fingerprint:.12}...). Set the algorithm up with the space that "
                "it searched, or start a new search."
            )


def _remember_arguments(init: Callable[..., None]) -> Callable[..., None]:
    """Returns a constructor that keeps its arguments, so that ``description`` finds the options of every algorithm."""

    @wraps(init)
    def construct(self: Algorithm, *args: Any, **options: Any) -> None:
        self.__dict__.setdefault("_arguments", (args, options))
        init(self, *args, **options)

    return construct


def take_first(waiting: dict[Any, list[Any]], key: object) -> Any:
    """Removes and returns the first item that waits under a key, such as decisions; None without one."""
    items = waiting.get(key)
    if items is not None and len(items) == 1:
        del waiting[key]
    return items.pop(0) if items else None


def check_seed(seed: Any) -> int:
    """Returns a seed as an int; raises FieldTypeError for what is not an integer."""
    number = to_whole(seed)
    if number is None:
        raise FieldTypeError(
            f"a seed is an integer, such as 0; got {quote_typed(seed)}. "
            "Equal seeds give equal runs; for another run, give another seed."
        )
    return number


def check_algorithm(value: object, where: str) -> Algorithm:
    """Returns ``value`` when it is an algorithm, else raises FieldTypeError; ``where`` names the argument."""
    algorithm: Algorithm = check_part(value, Algorithm, where, "an algorithm, such as `Random()`")
    return algorithm


def check_one_objective(algorithm: Algorithm, owner: str) -> None:
    """Raises FieldValueError if an algorithm inside ``owner``, which ranks by one reward, is made for several objectives."""
    if algorithm.for_several:
        raise FieldValueError(
            f"{owner} ranks trials by one reward, and {quote(algorithm)} inside it is made for several objectives. Give {owner} an "
            f"algorithm for one objective, such as TPE(), and combine the rewards into one number; or leave out {owner}."
        )


def _check_proposed(algorithm: Algorithm, proposed: object, space: Space) -> Decisions:
    """Returns the proposal of a subclass as decisions of ``space`` itself."""
    if not isinstance(proposed, Decisions):
        raise DecisionError(
            f"{type(algorithm).__name__}._propose must return Decisions of self.space; got {quote_typed(proposed)}. "
            "Make them with `self.space.parse(...)` or `self.space.sample(self.random)`; "
            "if nothing is left, raise Exhausted."
        )
    if proposed.space != space:
        raise DecisionError(
            f"{type(algorithm).__name__}._propose returned decisions of another space than self.space. The spaces differ:\n"
            + _lines(diff(space, proposed.space))
        )
    return Decisions(space, proposed.values)


def _not_set_up(algorithm: Algorithm, verb: str) -> SetupError:
    name = type(algorithm).__name__
    return SetupError(f"this {name} has no space yet, so it cannot {verb}. Call `setup(space)` first.")


def _lines(lines: Sequence[str]) -> str:
    more = f"\n... and {len(lines) - 20} more" if len(lines) > 20 else ""
    return "\n".join(lines[:20]) + more
