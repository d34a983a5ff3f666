"""``Optuna``: any Optuna sampler as an algorithm, over any space."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import ModuleType
from typing import Any, final

from pliant.space import Choice, Decisions, Float, Group, Int, Space, from_unit, to_unit
from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    LoadError,
    RewardError,
    SpaceError,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.packages import require
from pliant.values.path import at_path
from pliant.values.signature import read_signature

from .base import Algorithm, Exhausted, take_first
from .options import check_count
from .rewards import Reward, check_reward

Number = int | float
Values = tuple[Number, ...]
Ask = Callable[[str, Any], Number]
"""Returns the value of a parameter, given its name and Optuna distribution."""


@final
class Optuna(Algorithm):
    """Search by a sampler of Optuna (Akiba and others, KDD 2019); needs ``pip install "pliant[optuna]"``.

    Parameters are suggested define-by-run along the tree of decisions, so the sampler sees only active ones, under
    their paths:

    - a choice is categorical, an ordered one an integer (its index);
    - an ``Int`` or ``Float`` is Optuna's, with its log scale; scales that Optuna lacks (``rlog``, or a step on a log
      scale) become a float in [0, 1];
    - distinct picks are suggested one by one, and a candidate that is taken is replaced by the next free one; sorted
      picks are sorted.  So every proposal is valid, and Optuna records its own suggestions;
    - points with only one value are skipped.

    Rewards are values to maximize in Optuna; None is a failed trial.  Rewards of decisions that it did not suggest,
    and repeated rewards of a trial, are added to its study as new trials.

    ``state()`` is the log of proposals and rewards.  ``restore`` replays it with a new sampler, which takes as long as
    the sampler took, and checks that the suggestions are the same.

    >>> from pliant.space import choice, flatten, integer
    >>> algorithm = Optuna("TPESampler", seed=1)
    >>> algorithm.setup(flatten([choice("op", [None, integer("width", 8, 64, step=8)])]))
    >>> for _ in range(12):
    ...     decisions = algorithm.propose()
    ...     algorithm.feedback(decisions, float(sum(decisions.values)))

    Args:
      sampler: the name of a class in ``optuna.samplers`` (``"TPESampler"``, or shorter ``"tpe"``), such a
        class, or a function from a seed to a sampler, for one with options:
        ``lambda seed: TPESampler(seed=seed, multivariate=False)``.
      objectives: the number of objectives; rewards are tuples if it is more than one.
      seed: of the random numbers, also of the sampler.

    Raises:
      ImportError: Optuna, or a package that the sampler needs, is not installed.
      FieldValueError: Optuna does not have a sampler of that name.
      FieldTypeError: ``sampler`` is something else.
    """

    def __init__(self, sampler: object = "TPESampler", *, objectives: int = 1, seed: int = 0) -> None:
        super().__init__(seed)
        self.sampler = sampler
        self.objectives = check_count(objectives, "objectives", "Optuna")
        self.several_rewards = self.for_several = self.objectives > 1
        self._make = _find_sampler(sampler)

    @property
    def study(self) -> Any:
        """The in-memory ``optuna.Study``, for example for ``optuna.visualization``.

        Raises:
          SetupError: ``setup`` was not called.
        """
        _ = self.space
        return self._study

    def _setup(self) -> None:
        self._questions = _Questions(self.space)
        sampler = self._make(self.random.getrandbits(32))
        if isinstance(sampler, _load().samplers.BruteForceSampler):
            self._questions.check_finite()
        self._study: Any = _start(sampler, self.objectives)
        self._open: dict[Values, list[tuple[int, Any]]] = {}
        self._proposed = 0
        self._log: list[list[Any]] = []

    def _propose(self) -> Decisions:
        if self._study.ended:
            raise Exhausted(f"{type(self._study.sampler).__name__} has nothing left to suggest.")
        with _needs_packages():
            trial = self._study.ask()
            decisions = Decisions._of(self.space, self._questions.ask(partial(_suggest, trial)))
        self._open.setdefault(decisions.values, []).append((self._proposed, trial))
        self._proposed += 1
        self._log.append(["proposed", list(decisions.values)])
        return decisions

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        if isinstance(reward, tuple) != self.several_rewards and reward is not None:
            raise RewardError(
                f"this Optuna has {self.objectives} objectives, so a reward is a tuple of as many numbers; got {quote(reward)}."
            )
        if isinstance(reward, tuple) and len(reward) != self.objectives:
            raise RewardError(
                f"this Optuna has {self.objectives} objectives; got {len(reward)} rewards: {quote(reward)}. "
                f"Give {self.objectives}, or use Optuna(objectives={len(reward)})."
            )
        numbers = list(reward) if isinstance(reward, tuple) else None if reward is None else [reward]
        waiting = self._open.get(decisions.values)
        place, trial = waiting[0] if waiting else (None, None)
        with _needs_packages():
            self._tell(decisions, trial, numbers)
        take_first(self._open, decisions.values)
        self._log.append(["told", list(decisions.values) if place is None else place, numbers])

    def _tell(self, decisions: Decisions, trial: object, numbers: list[float] | None) -> None:
        optuna = _load()
        failed = optuna.trial.TrialState.FAIL
        if trial is not None:
            self._study.tell(trial, numbers, state=failed if numbers is None else None)
            return
        params, kinds = self._questions.answer(decisions)
        self._study.add_trial(
            optuna.trial.create_trial(
                state=failed if numbers is None else optuna.trial.TrialState.COMPLETE,
                values=numbers,
                params=params,
                distributions=kinds,
            )
        )

    def _state(self) -> dict[str, Any]:
        return {"log": [list(event) for event in self._log]}

    def _restore(self, state: dict[str, Any]) -> None:
        proposed: list[Decisions] = []
        for what, subject, *numbers in state["log"]:
            if what == "proposed":
                proposed.append(self.propose())
                if list(proposed[-1].values) != subject:
                    raise LoadError(
                        f"proposal {len(proposed)} was {quote(subject)} and is now {quote(list(proposed[-1].values))}: "
                        "the sampler has other arguments, or Optuna another version."
                    )
            else:
                decisions = self._load(subject) if isinstance(subject, list) else proposed[subject]
                reward = numbers[0] if self.several_rewards or numbers[0] is None else numbers[0][0]
                self.feedback(decisions, check_reward(reward, several=self.several_rewards))


# ---------------------------------------------------------------------- spaces as questions


@final
class _Questions:
    """The parameters of a space for Optuna: a name and a distribution for each active point."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._kinds = [_distribution(point) for point in space.points]

    def ask(self, ask: Ask) -> Values:
        """Returns a valid decision vector from the values that ``ask`` returns."""
        values: list[Number] = []
        self._walk(self._space.top, ask, values)
        return tuple(values)

    def answer(self, decisions: Decisions) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the parameters of decisions by name, and their distributions."""
        params, kinds = dict[str, Any](), dict[str, Any]()
        for index, value in zip(decisions.active, decisions.values, strict=True):
            kind, point = self._kinds[index], self._space.points[index]
            if kind is not None:
                scaled = not isinstance(point, Choice) and _has_own_scale(point)
                answer = to_unit(point, value) if scaled else value  # type: ignore[arg-type]  # a number
                params[point.path], kinds[point.path] = (
                    kind.to_external_repr(kind.to_internal_repr(answer)),
                    kind,
                )
        return params, kinds

    def check_finite(self) -> None:
        """Raises a SpaceError if a parameter is a float."""
        for point, kind in zip(self._space.points, self._kinds, strict=True):
            if isinstance(kind, _load().distributions.FloatDistribution):
                raise SpaceError(
                    f"BruteForceSampler needs a finite space, and the {point.kind} {at_path(point.path)} is a float for Optuna. "
                    "Use another sampler, or choices."
                )

    def _walk(self, indices: Sequence[int], ask: Ask, values: list[Number]) -> None:
        for index in indices:
            point = self._space.points[index]
            if not isinstance(point, Choice):
                answer = self._ask_point(index, ask)
                values.append(from_unit(point, answer) if _has_own_scale(point) else answer)
                continue
            group = point.group
            if group is None or not (group.distinct or group.sorted):
                self._enter(point, int(self._ask_point(index, ask)), ask, values)
            elif point.pick == 0:
                for member, candidate in zip(group.members, self._pick(group, ask), strict=True):
                    pick = self._space.points[member]
                    assert isinstance(pick, Choice)
                    self._enter(pick, candidate, ask, values)

    def _enter(self, point: Choice, candidate: int, ask: Ask, values: list[Number]) -> None:
        values.append(candidate)
        self._walk(point.branches[candidate], ask, values)

    def _pick(self, group: Group, ask: Ask) -> list[int]:
        picked: list[int] = []
        for member in group.members:
            candidate, count = int(self._ask_point(member, ask)), int(self._space.points[member].count)
            while group.distinct and candidate in picked:
                candidate = (candidate + 1) % count
            picked.append(candidate)
        return sorted(picked) if group.sorted else picked

    def _ask_point(self, index: int, ask: Ask) -> Number:
        kind, point = self._kinds[index], self._space.points[index]
        if kind is not None:
            return ask(point.path, kind)
        if isinstance(point, Choice):
            return 0
        return point.min_value


def _has_own_scale(point: Int | Float) -> bool:
    """Returns whether a number has a scale that Optuna lacks."""
    return point.count > 1 and (
        point.scale == "rlog" or (isinstance(point, Int) and point.scale == "log" and point.step > 1)
    )


def _distribution(point: Choice | Int | Float) -> Any:
    """Returns the Optuna distribution of a point; None if it has only one value."""
    kinds = _load().distributions
    if point.count == 1:
        return None
    if isinstance(point, Choice):
        if point.ordered:
            return kinds.IntDistribution(0, point.count - 1)
        return kinds.CategoricalDistribution(tuple(range(point.count)))
    if _has_own_scale(point):
        return kinds.FloatDistribution(0.0, 1.0)
    if isinstance(point, Float):
        return kinds.FloatDistribution(point.min_value, point.max_value, log=point.scale == "log")
    return kinds.IntDistribution(point.min_value, point.last, log=point.scale == "log", step=point.step)


# ---------------------------------------------------------------------- Optuna itself


def _load() -> ModuleType:
    ours = "use an algorithm of Pliant: TPE, Bayesian, RegularizedEvolution"
    require("the algorithm Optuna(...)", "optuna", instead=ours)
    import optuna

    return optuna


def _suggest(trial: Any, name: str, kind: Any) -> Number:
    """Returns the suggestion of the sampler for one parameter."""
    answer: Number
    if hasattr(kind, "choices"):
        answer = trial.suggest_categorical(name, kind.choices)
    elif isinstance(kind.low, int):
        answer = trial.suggest_int(name, kind.low, kind.high, step=kind.step, log=kind.log)
    else:
        answer = trial.suggest_float(name, kind.low, kind.high, log=kind.log)
    return answer


@contextlib.contextmanager
def _needs_packages() -> Iterator[None]:
    """Adds what to install to the ImportError of a sampler whose package is missing."""
    try:
        yield
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        advice = f" Install it with `pip install {name}`, or take another sampler." if name else ""
        raise ImportError(
            f"this sampler of Optuna needs a package that is not installed: {error}.{advice}", name=error.name
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences Optuna's log lines about studies and its warnings about experimental samplers."""
    optuna = _load()
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _start(sampler: object, objectives: int) -> Any:
    """Returns a new in-memory study that records when the sampler wants to stop."""
    optuna = _load()

    class Study(optuna.Study):  # type: ignore[misc, name-defined]  # Optuna is loaded when it is needed
        ended = False

        def stop(self) -> None:
            self.ended = True

    with _quiet():
        storage = optuna.storages.InMemoryStorage()
        directions = [optuna.study.StudyDirection.MAXIMIZE] * objectives
        number = storage.create_new_study(directions, "pliant")
        return Study(storage.get_study_name_from_id(number), storage, sampler=sampler)


def _find_sampler(sampler: Any) -> Callable[[int], Any]:
    """Returns a function from a seed to a sampler."""
    samplers = _load().samplers
    names = [name for name in dir(samplers) if name.endswith("Sampler") and not name.startswith("Base")]
    if isinstance(sampler, str):
        plain = {name.removesuffix("Sampler").lower(): name for name in names}
        asked = sampler.strip().lower().removesuffix("sampler").replace("-", "").replace("_", "")
        if asked not in plain:
            raise FieldValueError(
                f"Optuna has no sampler {quote(sampler)}{suggest(sampler, names) or '.'} It has: {listing(names)}."
            )
        sampler = getattr(samplers, plain[asked])
    if isinstance(sampler, samplers.BaseSampler):
        raise FieldTypeError(
            f"Optuna(sampler=...) makes samplers itself, each with its seed, and got one that is made already: "
            f"{quote(sampler)}. Pass `lambda seed: {type(sampler).__name__}(seed=seed, ...)`."
        )
    if not callable(sampler):
        raise FieldTypeError(
            f"Optuna(sampler=...) takes a name such as 'TPESampler', a class, or a function from a seed to a sampler; "
            f"got {quote_typed(sampler)}."
        )
    is_class = inspect.isclass(sampler) and issubclass(sampler, samplers.BaseSampler)
    needed = [
        name
        for name, parameter in (read_signature(sampler).parameters if is_class else {}).items()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    if needed:
        raise FieldTypeError(
            f"{sampler.__name__} cannot be made without {', '.join(needed)}. "
            f"Pass a function instead: `lambda seed: {sampler.__name__}({', '.join(f'{n}=...' for n in needed)})`."
        )

    def make(seed: int) -> Any:
        with _needs_packages(), _quiet():
            made = sampler(seed=seed) if is_class else sampler(seed)
        if not isinstance(made, _load().samplers.BaseSampler):
            raise FieldTypeError(
                f"the function that Optuna(sampler=...) was given must return a sampler; got {quote_typed(made)}."
            )
        return made

    return make
