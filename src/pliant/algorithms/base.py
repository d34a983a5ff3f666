"""What every search algorithm is: a space in, decisions out, rewards in.  No program, file or model.

``Algorithm`` is the interface and the bookkeeping that all algorithms share: set-up, checks of what is
told, and a state that restores exactly.  How to search is left to its subclasses.
"""

from __future__ import annotations

import math
import operator
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from pliant.space import Decisions, Space, diff
from pliant.values.errors import (
    DecisionError,
    FieldTypeError,
    LoadError,
    PliantError,
    RewardError,
    SpaceChangedError,
    SpaceError,
)

from . import twister
from .options import check_part

Reward = float | tuple[float, ...] | None
"""What is told about decisions: a number (higher is better), several of them, or None for a failure."""


LARGEST = 1e150
"""The largest reward in absolute value: its square, and sums of squares, must be finite for all that learn."""


class Exhausted(PliantError, RuntimeError):
    """An algorithm that has nothing left to propose; a loop ends on it."""


class SetupError(PliantError, RuntimeError):
    """An algorithm that was used before it was given a space."""


class Algorithm(ABC):
    """Proposes decisions of one space and is told their rewards.

    Rewards are to be maximized; who minimizes tells the negated number.  A reward may arrive late, out
    of order, or never, and may be told for decisions that were not proposed here (a warm start).  Same
    seed, same calls in the same order: same proposals, in every process and after every restart.  One
    caller at a time.

    A subclass writes ``_propose`` and, as far as it learns or remembers, ``_setup``, ``_feedback``,
    ``_report``, ``_parent``, ``_state`` and ``_restore``; ``self.space`` and ``self.random`` are there for it.

    >>> from pliant.space import choice, flatten
    >>> class Coin(Algorithm):
    ...     '''Proposes at random; a whole algorithm.'''
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

    def __init__(self, seed: int = 0) -> None:
        self.seed = check_seed(seed)
        self._space: Space | None = None

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

    def setup(self, space: Space, *, seed: int | None = None) -> None:
        """Gets ready to search ``space``.  On an equal space a second time, the search goes on where it was.

        Args:
          space: what to search.
          seed: replaces the constructor's, on the first call only: a search under way keeps its own.

        Raises:
          SpaceError: the algorithm already searches another space, or cannot search this one.
        """
        if not isinstance(space, Space):
            raise FieldTypeError(
                f"setup takes a Space; got {space!r:.80} of type {type(space).__name__}. "
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
            self._begin(space, kept if seed is None else check_seed(seed))
        except BaseException:
            self._space, self.seed = None, kept
            raise

    def propose(self) -> Decisions:
        """Returns decisions to try next; may be called again before their reward is told.

        Raises:
          Exhausted: nothing is left, and nothing will be.
          DecisionError: the subclass proposed what is no Decisions of the space.
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
        """Tells how good decisions were.

        Args:
          decisions: of the space that is searched; proposed here or not.
          reward: a finite number, higher is better; a tuple of them for an algorithm of several
            objectives; None for decisions that are infeasible or whose trial failed.

        Raises:
          RewardError: NaN, an infinity, no number, or a tuple where one number is expected.
          DecisionError: the decisions are of another space.
        """
        space = self._space
        if space is None:
            raise _not_set_up(self, "be told a reward")
        if reward is not None and not (reward.__class__ is float and -LARGEST <= reward <= LARGEST):
            reward = check_reward(reward, several=self.several_rewards)
        given: Any = decisions
        if given.__class__ is not Decisions or given.space is not space:
            decisions = _adopt(given, space)
        self._feedback(decisions, reward)

    def report(self, decisions: Decisions, reward: float, *, step: float) -> bool:
        """Tells how good decisions are so far; returns whether their trial should stop now.

        For what is tried at growing expense, such as epochs of training.  The final reward is told by
        ``feedback`` all the same, also after a stop.  Only algorithms that stop trials make use of it.

        Args:
          decisions: of a trial that is under way; two trials of equal decisions at a time share their reports.
          reward: a finite number, higher is better.
          step: how far the trial is, in any unit that grows (epochs, batches); of two reports for one step
            the last counts.

        Raises:
          RewardError: the reward or the step is no finite number.
          DecisionError: the decisions are of another space.
        """
        space = self._space
        if space is None:
            raise _not_set_up(self, "be told a reward")
        given: Any = decisions
        if given.__class__ is not Decisions or given.space is not space:
            decisions = _adopt(given, space)
        return self._report(decisions, _check_number(reward), check_step(step))

    def parent(self, decisions: Decisions) -> Decisions | None:
        """Returns the decisions of the earlier trial whose result ``decisions`` should go on from.

        Algorithms that promote trials to more training, or copy the weights of one to another, answer for what
        they proposed last under these decisions; a program that keeps checkpoints finds its start by it.
        None where training starts anew, and for all other algorithms.
        """
        space = self._space
        if space is None:
            raise _not_set_up(self, "know a parent")
        given: Any = decisions
        if given.__class__ is not Decisions or given.space is not space:
            decisions = _adopt(given, space)
        return self._parent(decisions)

    def state(self) -> dict[str, Any]:
        """Returns all that ``restore`` needs, as JSON: dicts with text keys, lists, numbers, text and None.

        Raises:
          FieldTypeError: what the subclass keeps is no dict.
        """
        space = self.space
        own: Any = self._state()
        if not isinstance(own, dict):
            raise FieldTypeError(
                f"{type(self).__name__}._state must return a dict of JSON data; got {own!r:.80} of type "
                f"{type(own).__name__}. For nothing to keep, return {{}}."
            )
        return {
            "algorithm": type(self).__name__,
            "space": space.fingerprint,
            "seed": self.seed,
            "random": twister.to_json(self.__dict__.get("random")),
            "own": own,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to a state that ``state()`` returned, be it in another process.  Call ``setup`` first.

        Raises:
          LoadError: the state is damaged, or another algorithm's; this algorithm stays as it was.
          SpaceChangedError: the state is that of a search in another space.
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
                "Pass what `state()` returned, unchanged but for a round trip through JSON."
            ) from error

    # ------------------------------------------------------------------ what subclasses see and write

    @cached_property
    def random(self) -> random.Random:
        """The algorithm's random numbers; part of its state."""
        return twister.make(f"{type(self).__name__}/{self.seed}")

    def _setup(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Checks ``self.space`` and starts from nothing."""

    @abstractmethod
    def _propose(self) -> Decisions:
        """Returns the next decisions, or raises Exhausted."""

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:  # noqa: B027 - as above
        """Learns; decisions and reward are checked, numbers are floats."""

    def _report(self, decisions: Decisions, reward: float, step: float) -> bool:
        """Learns from an intermediate reward, and returns whether to stop; by default goes on."""
        return False

    def _parent(self, decisions: Decisions) -> Decisions | None:
        """Returns what ``decisions`` goes on from; by default nothing."""
        return None

    def _state(self) -> dict[str, Any]:
        """Returns what changed since ``_setup``, save ``self.random``, as JSON."""
        return {}

    def _restore(self, state: dict[str, Any]) -> None:  # noqa: B027 - as above
        """Takes back what ``_state`` returned; ``_setup`` has just run."""

    def _load(self, values: list[int | float]) -> Decisions:
        """Returns decisions, checked, from what their ``to_json()`` returned."""
        return Decisions.from_json(self.space, values)

    # ------------------------------------------------------------------ private

    def _begin(self, space: Space, seed: int) -> None:
        self._space, self.seed = space, seed
        self.__dict__.pop("random", None)
        self._setup()

    def _install(self, space: Space, state: dict[str, Any]) -> None:
        if not isinstance(state["own"], dict):
            raise LoadError(f"its own part is {state['own']!r:.80}, not a dict.")
        self._begin(space, check_seed(state["seed"]))
        self._restore(state["own"])
        if state["random"] is not None:
            self.__dict__["random"] = twister.from_json(state["random"])
        else:
            self.__dict__.pop("random", None)

    def _check_state(self, state: Any) -> None:
        name = type(self).__name__
        needed = {"algorithm", "space", "seed", "random", "own"}
        if not isinstance(state, dict) or not needed <= state.keys():
            missing = sorted(needed - set(state)) if isinstance(state, dict) else sorted(needed)
            raise LoadError(
                f"this is no state of an algorithm: {state!r:.80} lacks {', '.join(missing)}. "
                "Pass what `state()` returned."
            )
        if state["algorithm"] != name:
            raise LoadError(
                f"the state is that of a {state['algorithm']}, this is a {name}. "
                f"Restore it into a {state['algorithm']} made with the same arguments."
            )
        if state["space"] != self.space.fingerprint:
            raise SpaceChangedError(
                f"the state is that of a search in another space (fingerprint {state['space']!s:.12}..., "
                f"this one is {self.space.fingerprint:.12}...). Set the algorithm up with the space that "
                "it searched, or start a new search."
            )


def check_seed(seed: Any) -> int:
    """Returns a seed as an int.

    Raises:
      FieldTypeError: it is none.
    """
    try:
        return operator.index(seed)
    except TypeError:
        raise FieldTypeError(
            f"a seed is an integer, such as 0; got {seed!r:.80} of type {type(seed).__name__}. "
            "Every run with the same seed is the same run; draw a seed yourself for another."
        ) from None


def check_step(step: Any) -> float:
    """Returns how far a trial is as a float.

    Raises:
      RewardError: it is no finite number.
    """
    number = math.nan
    if not isinstance(step, (bool, str, bytes)):
        with suppress(TypeError, ValueError, OverflowError, RuntimeError):
            number = float(step)
    if math.isfinite(number):
        return number
    raise RewardError(
        f"a step says how far a trial is, as a finite number such as the epoch; got {step!r:.80} of type "
        f"{type(step).__name__}."
    )


def check_algorithm(value: Any, where: str) -> Algorithm:
    """Returns ``value`` when it is an algorithm; ``where`` names the argument.

    Raises:
      FieldTypeError: it is not.
    """
    algorithm: Algorithm = check_part(value, Algorithm, where, "an algorithm, such as `Random()`")
    return algorithm


def check_reward(reward: Any, *, several: bool) -> Reward:
    """Returns a reward as a float, a tuple of floats, or None.

    Raises:
      RewardError: it is no finite number, or a tuple where ``several`` is false.
    """
    if reward is None:
        return None
    if isinstance(reward, (tuple, list)):
        if not several:
            raise RewardError(
                f"this algorithm takes one reward, got {len(reward)}: {reward!r:.80}. "
                "Combine them into one number, or use an algorithm for several objectives."
            )
        if not reward:
            raise RewardError("a reward of several objectives is a tuple of numbers; got an empty one.")
        return tuple([_check_number(r) for r in reward])
    return _check_number(reward)


def _check_number(reward: Any) -> float:
    try:
        if isinstance(reward, (str, bytes)):
            raise TypeError("text")
        number = float(reward)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise RewardError(
            f"a reward is one finite number, higher is better; got {reward!r:.80} of type "
            f"{type(reward).__name__}. Tell None for decisions that are infeasible or whose trial failed."
        ) from error
    if not math.isfinite(number):
        raise RewardError(
            f"a reward is a finite number; got {number}, with which nothing can be compared. "
            "Tell None for decisions that are infeasible or whose trial failed (diverged, say)."
        )
    return check_size(number)


def check_size(reward: float) -> float:
    """Returns a finite reward when algorithms can compute with it.

    Raises:
      RewardError: it is too large.
    """
    if -LARGEST <= reward <= LARGEST:
        return reward
    raise RewardError(
        f"a reward is from {-LARGEST:g} to {LARGEST:g}; got {reward:g}, whose square is no finite number. "
        "Scale rewards (divide all by a constant, or tell the logarithm), or tell a failure where a trial diverged."
    )


def check_arity(trial: int, reward: float | tuple[float, ...], known: int | None) -> int:
    """Returns how many numbers the reward of a trial has; ``known`` is how many those before it have, if any.

    Raises:
      RewardError: it has another number of them.
    """
    count = len(reward) if isinstance(reward, tuple) else 1
    if known not in (None, count):
        raise RewardError(
            f"trial {trial} was told {count} reward{'s' if count > 1 else ''}, and the trials before it {known} each. "
            "All trials of a search have the same objectives: tell as many numbers each time."
        )
    return count


def _adopt(decisions: Any, space: Space) -> Decisions:
    """Returns decisions of an equal space as decisions of ``space`` itself (they came through a file, say)."""
    if not isinstance(decisions, Decisions):
        raise DecisionError(
            f"feedback takes the Decisions that were proposed; got {decisions!r:.80} of type "
            f"{type(decisions).__name__}. Read other forms with `algorithm.space.parse(...)`."
        )
    if decisions.space != space:
        raise DecisionError(
            "these decisions are of another space than the one that is searched. The spaces differ:\n"
            + _lines(diff(space, decisions.space))
        )
    return Decisions(space, decisions.values)


def _check_proposed(algorithm: Algorithm, proposed: Any, space: Space) -> Decisions:
    """Returns what a subclass proposed as decisions of ``space`` itself."""
    if not isinstance(proposed, Decisions):
        raise DecisionError(
            f"{type(algorithm).__name__}._propose must return Decisions of self.space; got {proposed!r:.80} of type "
            f"{type(proposed).__name__}. Make them with `self.space.parse(...)` or `self.space.sample(self.random)`; "
            "where nothing is left, raise Exhausted."
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
