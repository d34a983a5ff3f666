"""The default algorithm, ``Auto``: chooses a published algorithm by what is known of the search.  It has no method of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, final, get_args

from pliant.space import Decisions
from pliant.values.errors import LoadError, quote

from .base import Algorithm, Exhausted
from .choosing import POPULATION, Facts, Method, choose
from .deduplicate import Deduplicate
from .evolution import NSGA2, RegularizedEvolution
from .options import check_number
from .rewards import Reward, check_arity

if TYPE_CHECKING:
    from .prior import Given

_TIMES = 15  # how many of the newest times of trials are kept
_ENOUGH = 5  # from this number on, their median counts
_RANKS = {"Bayesian": 0, "TPE": 1, "RegularizedEvolution": 2, "NSGA2": 2}  # a search goes up only


@final
class Auto(Algorithm):
    """The default algorithm: chooses among ``Bayesian``, ``TPE``, ``RegularizedEvolution`` and ``NSGA2``.

    It starts as ``Bayesian``, the best of the algorithms here at up to some hundred trials.  It continues
    as ``TPE`` after 500 trials, or as soon as a proposal of ``Bayesian`` would take more than 2 % of the time of a trial,
    and as ``RegularizedEvolution`` from the best trials after 5,000; of several objectives, as ``NSGA2``.  When all of a
    finite space was proposed, decisions are repeated.  ``explain()`` returns in one line what was chosen, and why.

    The first reward decides the number of objectives; a tuple of one number counts as that number.  A new algorithm
    receives all earlier rewards.

    Equal seeds and equal rewards give equal searches.  So a search with a seed (``pg.search(..., seed=1)``, ``pliant
    search``) does not look at how long trials took.  A study without a seed does: it records the times, and uses the
    recorded ones when it is resumed.  Elsewhere say with ``trial_seconds`` how long a trial takes; by default it counts
    as long.  The time of a proposal is predicted from the number of trials, not measured.

    >>> from pliant.space import choice, flatten
    >>> algorithm = Auto(seed=1)
    >>> algorithm.setup(flatten([choice("op", 9)]))
    >>> algorithm.feedback(algorithm.propose(), 0.9)
    >>> algorithm.explain()
    'Bayesian: one objective, and fewer than 500 trials'

    Args:
      seed: where the random numbers start.
      trial_seconds: how long a trial takes; None for what a study without a seed has recorded, or if it is not known.
      prior: which decisions are probably good, for ``Bayesian`` and ``TPE``.

    Raises:
      FieldTypeError, FieldValueError: ``trial_seconds`` is not a number above 0.
    """

    several_rewards = True

    def __init__(
        self, seed: int = 0, *, trial_seconds: float | None = None, prior: Given | None = None
    ) -> None:
        super().__init__(seed)
        self.trial_seconds = (
            None if trial_seconds is None else check_number(trial_seconds, "trial_seconds", "Auto", above=0)
        )
        self.prior = None
        if prior is not None:
            from .prior import check_prior  # brings NumPy

            self.prior = check_prior(prior, "Auto")

    def explain(self) -> str:
        """Returns which algorithm is in use, and why, in one line."""
        return f"{self._method}: {self._why}"

    def _setup(self) -> None:
        self._uses_times = not self._is_seeded
        self._objectives: int | None = None  # of each reward; None before the first
        self._told = self._open = 0  # trials with a reward or failure, and running ones
        self._is_exhausted = False
        self._times: deque[float] = deque(maxlen=_TIMES)
        method, self._why = choose(self._facts())
        self._start(method)

    def _facts(self) -> Facts:
        seconds = median(self._times) if len(self._times) >= _ENOUGH else None
        return Facts(
            told=self._told,
            pending=self._open,
            objectives=self._objectives,
            seconds=self.trial_seconds or seconds,
            is_exhausted=self._is_exhausted,
        )

    def _start(self, method: Method) -> None:
        self._method: Method = method
        self._chosen = _make(method, self.prior)
        self._chosen.setup(self.space, seed=self.seed, trials=self.planned)

    def _change(self) -> None:
        """Changes to the algorithm that suits the search now, which receives what was recorded."""
        method, why = choose(self._facts())
        if method == self._method or _RANKS[method] < _RANKS[self._method]:
            self._why = why if method == self._method else self._why
            return
        history: list[tuple[Decisions, Reward]] = getattr(self._chosen, "history", [])
        self._why = why
        self._start(method)
        if method == "RegularizedEvolution":
            history = sorted([one for one in history if one[1] is not None], key=_reward)
            history = history[-POPULATION:]  # the best comes last, and so dies last
        for decisions, reward in history:
            self._chosen.feedback(decisions, reward)

    def _propose(self) -> Decisions:
        self._change()
        try:
            found = self._chosen.propose()
        except Exhausted:
            self._is_exhausted = True
            self._change()
            has_repeats = self._method == "TPE"
            found = self._chosen.propose() if has_repeats else self.space.sample(self.random)
        self._open += 1
        return found

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        if isinstance(reward, tuple) and len(reward) == 1:
            (reward,) = reward
        is_first = reward is not None and self._objectives is None
        if reward is not None:
            self._objectives = check_arity(self._told + 1, reward, self._objectives)
        self._chosen.feedback(decisions, reward)
        self._told += 1
        self._open = max(0, self._open - 1)
        if is_first:  # what was assumed is known now; the next proposal may change the algorithm
            method, why = choose(self._facts())
            self._why = why if method == self._method else self._why

    def _withdraw(self, decisions: Decisions) -> None:
        self._chosen.withdraw(decisions)
        self._open = max(0, self._open - 1)

    def _relearn(self, history: Sequence[tuple[Decisions, Reward, tuple[float, ...] | None]]) -> bool:
        return self._chosen._relearn(history)

    def _note_time(self, seconds: float) -> None:
        if self._uses_times:
            self._times.append(seconds)

    def _note_limits(self, excess: tuple[float, ...]) -> None:
        self._chosen.note_limits(excess)

    def _state(self) -> dict[str, Any]:
        return {
            "objectives": self._objectives,
            "told": self._told,
            "open": self._open,
            "uses_times": self._uses_times,
            "times": list(self._times),
            "exhausted": self._is_exhausted,
            "method": self._method,
            "why": self._why,
            "algorithm": self._chosen.state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        objectives, method = state["objectives"], state["method"]
        if objectives is not None and (type(objectives) is not int or objectives < 1):
            raise LoadError(f"the number of objectives is {quote(objectives)}, not an integer of at least 1.")
        if method not in get_args(Method):
            raise LoadError(f"{quote(method)} is none of the algorithms {', '.join(get_args(Method))}.")
        self._objectives, self._why = objectives, str(state["why"])
        self._told, self._open = int(state["told"]), int(state["open"])
        self._is_exhausted = bool(state["exhausted"])
        self._uses_times = bool(state.get("uses_times", True))  # absent in studies of before
        self._times.extend(check_number(one, "seconds", "Auto") for one in state["times"])
        self._start(method)
        self._chosen.restore(state["algorithm"])


def _reward(trial: tuple[Decisions, Reward]) -> Any:
    return trial[1]


def _make(method: Method, prior: Given | None) -> Algorithm:
    if method == "Bayesian":
        from .bayes import Bayesian  # brings SciPy's optimizers

        return Bayesian(prior=prior)
    if method == "TPE":
        from .tpe import TPE

        return TPE(prior=prior)
    if method == "NSGA2":
        return NSGA2(POPULATION)
    return Deduplicate(RegularizedEvolution(POPULATION, 10))
