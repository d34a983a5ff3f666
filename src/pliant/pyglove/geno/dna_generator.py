"""``DNAGenerator``: the interface of PyGlove's search algorithms, and ``dna_generator``, which makes one from a generator function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pliant.values.errors import FieldValueError, quote

from .. import symbolic
from .dna import DNA

Reward = None | float | tuple[float, ...]


class DNAGenerator(symbolic.Object):
    """Base class of search algorithms of PyGlove's kind: proposes DNA, and takes rewards, which are maximized.

    A subclass writes ``_propose``, which raises StopIteration at the end; where it learns, ``_feedback``; where it keeps something,
    ``_setup``.  ``pg.sample`` takes it, and so does ``pliant.sample``.

    >>> class First(DNAGenerator):
    ...     def _propose(self):
    ...         return self.dna_spec.first_dna()
    >>> from pliant.pyglove.geno.categorical import oneof
    >>> from pliant.pyglove.geno.space import constant
    >>> algorithm = First()
    >>> algorithm.setup(oneof([constant(), constant()]))
    >>> algorithm.propose(), algorithm.num_proposals, algorithm.needs_feedback
    (DNA(0), 1, False)
    """

    def setup(self, dna_spec: Any) -> None:
        """Sets the genotype to search, and starts from the beginning."""
        self._dna_spec = dna_spec
        self._num_proposals = self._num_feedbacks = 0
        self._setup()

    @property
    def multi_objective(self) -> bool:
        """Whether rewards are tuples; an algorithm for several objectives overrides it."""
        return False

    @property
    def needs_feedback(self) -> bool:
        """Whether the algorithm uses rewards."""
        return type(self)._feedback is not DNAGenerator._feedback

    @property
    def dna_spec(self) -> Any:
        """The genotype that is searched."""
        return self._dna_spec

    @property
    def num_proposals(self) -> int:
        """How many DNA were proposed."""
        return self._num_proposals

    @property
    def num_feedbacks(self) -> int:
        """How many rewards arrived."""
        return self._num_feedbacks

    def propose(self) -> DNA:
        """Returns the next DNA to try, or raises StopIteration at the end."""
        dna: DNA = self._propose()
        self._num_proposals += 1
        return dna

    def feedback(self, dna: DNA, reward: Any) -> None:
        """Records the reward of a DNA.

        Raises:
          FieldValueError: the reward has several objectives, and the algorithm takes one.
        """
        if self.needs_feedback:
            self._feedback(dna, self._fit(reward))
        self._num_feedbacks += 1

    def recover(self, history: Iterable[tuple[DNA, Any]]) -> None:
        """Brings the algorithm to where it was after earlier trials.

        Args:
          history: each DNA with its reward, or with None where it has none yet, in the order of the proposals.
        """
        for dna, reward in history:
            self._replay(self._num_proposals, dna, None if reward is None else self._fit(reward))
            self._num_proposals += 1
            self._num_feedbacks += reward is not None

    def as_algorithm(self) -> Any:
        """Returns the algorithm as one of pliant; ``pliant.sample`` calls this.  Each time it is the same one."""
        from .adapting import GeneratorAlgorithm  # it needs this module

        known = getattr(self, "_core_algorithm", None)
        if known is None:
            known = self._core_algorithm = GeneratorAlgorithm(self)
        return known

    def __iter__(self) -> Iterator[Any]:
        """Yields DNA to the end; ``(dna, feedback)`` for an algorithm that uses rewards."""
        while True:
            try:
                dna = self.propose()
            except StopIteration:
                return
            yield (dna, _Feedback(self, dna)) if self.needs_feedback else dna

    def _fit(self, reward: Any) -> Any:
        """Returns a reward as the algorithm takes it: a sequence for several objectives, a number for one."""
        if self.multi_objective:
            return (reward,) if isinstance(reward, (int, float)) else reward
        if isinstance(reward, tuple):
            if len(reward) != 1:
                raise FieldValueError(
                    f"{type(self).__name__} is single objective, but the reward {quote(reward)} contains multiple objectives. "
                    "Combine them into one number, or use an algorithm for several, such as pg.evolution.nsga2."
                )
            return reward[0]
        return reward

    def _setup(self) -> None:
        """Prepares the search; ``self.dna_spec`` is known."""

    def _propose(self) -> DNA:
        """Returns the next DNA, or raises StopIteration."""
        raise NotImplementedError(f"{type(self).__name__} has no `_propose`. Write one that returns a DNA.")

    def _feedback(self, dna: DNA, reward: Any) -> None:
        """Records a reward."""

    def _replay(self, trial_id: int, dna: DNA, reward: Any) -> None:
        """Records an earlier trial; by default its reward, if it has one."""
        if reward is not None:
            self._feedback(dna, reward)


class _Feedback:
    """A function that gives the reward of a DNA to its algorithm."""

    def __init__(self, algorithm: DNAGenerator, dna: DNA) -> None:
        self._algorithm, self._dna = algorithm, dna

    def __call__(self, reward: Any) -> None:
        self._algorithm.feedback(self._dna, reward)


class SequenceGenerator(DNAGenerator):
    """Base class of what ``dna_generator`` makes: proposes what a generator function yields."""

    def _setup(self) -> None:
        self._items: Any = None
        self._error: Exception | None = None

    def _iterate(self) -> Iterator[DNA]:
        """Yields the DNA."""
        raise NotImplementedError("Use `dna_generator` to make such a class.")

    def _propose(self) -> DNA:
        if self._error is not None:
            raise FieldValueError(f"Error happened earlier: {self._error}") from self._error
        try:
            if self._items is None:
                self._items = iter(self._iterate())
            found: DNA = next(self._items)
            return found
        except StopIteration:
            raise
        except Exception as error:
            self._error = error
            raise

    def _replay(self, trial_id: int, dna: DNA, reward: Any) -> None:
        self._propose()


def dna_generator(func: Callable[[Any], Iterator[DNA]]) -> Any:
    """Makes a class of DNA generators from a generator function of a genotype.

    >>> @dna_generator
    ... def twice(dna_spec):
    ...     yield dna_spec.first_dna()
    ...     yield dna_spec.first_dna()
    >>> from pliant.pyglove.geno.categorical import oneof
    >>> from pliant.pyglove.geno.space import constant
    >>> algorithm = twice()
    >>> algorithm.setup(oneof([constant(), constant()]))
    >>> list(algorithm)
    [DNA(0), DNA(0)]
    """

    def iterate(self: Any) -> Iterator[DNA]:
        return func(self.dna_spec)

    name = getattr(func, "__name__", "generator")
    return type(
        name,
        (SequenceGenerator,),
        {
            "_iterate": iterate,
            "__doc__": func.__doc__ or "Proposes what a function yields.",
            "__module__": func.__module__,
        },
    )
