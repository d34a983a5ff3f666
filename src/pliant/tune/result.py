"""What a search found: the best program, the Pareto front and all trials, read by the same names from every search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from pliant.algorithms.objectives import ParetoFront
from pliant.values.slips import SEARCH, explain_attributes
from pliant.values.text import to_html

from .feedback import Reward
from .text import say, say_decisions

if TYPE_CHECKING:
    from collections.abc import Callable

    from pliant.space import Decisions, Space
    from pliant.study import Trial, View
    from pliant.study.artifacts import Artifacts
    from pliant.study.plot import Plots

    from .files import Storage

T = TypeVar("T")


@final
class Tally:
    """Counts the trials of a search, and keeps the best: one trial, or the Pareto front of several objectives."""

    __slots__ = ("_front", "best", "done", "failed", "kept", "maximize", "reason")

    def __init__(self, *, maximize: bool) -> None:
        self.maximize = maximize
        self.done = self.failed = 0  # how many ended; how many of them have no reward that counts
        self.best: tuple[int, Decisions, float] | None = None  # id, decisions, reward; of one objective
        self.reason: str | None = None  # the last failure, with its id
        self.kept: tuple[int, Any] | None = (
            None  # id and program of the last best trial that ran in this process
        )
        self._front: ParetoFront | None = None

    def add(self, id: int, decisions: Decisions, reward: Reward | None) -> bool:
        """Counts a trial that ended; returns whether it is the best now."""
        self.done += 1
        if reward is None:
            self.failed += 1
            return False
        if isinstance(reward, tuple):
            if self._front is None:
                self._front = ParetoFront()
            sign = 1.0 if self.maximize else -1.0
            self._front.add(tuple([sign * one for one in reward]), (id, decisions, reward))
            return False
        best = self.best
        if best is not None and (id >= best[0] if reward == best[2] else (reward < best[2]) is self.maximize):
            return False  # of equals the earlier is kept, as in a study; workers end in any order
        self.best = (id, decisions, reward)
        return True

    def resume(self, study: View) -> None:
        """Starts with the trials of a study that ended before."""
        for trial in study.front():
            self.add(trial.id, trial.decisions, trial.told)
        counts = study.counts()
        self.done, self.failed = sum(counts.values()) - counts["running"], counts["failed"]

    def front(self) -> list[tuple[Decisions, Reward]]:
        """Returns the Pareto-optimal decisions with their rewards, the best in the first objective first."""
        if self._front is not None:
            return [member.item[1:] for member in self._front]
        return [] if self.best is None else [self.best[1:]]

    @property
    def front_ids(self) -> list[int]:
        """The ids of the Pareto-optimal trials, the best in the first objective first."""
        if self._front is not None:
            return [member.item[0] for member in self._front]
        return [] if self.best is None else [self.best[0]]

    @property
    def best_id(self) -> int | None:
        """The id of the best trial; of several objectives, of the best in the first one."""
        best = self.best if self._front is None else self._front.members[0].item
        return None if best is None else best[0]

    def keep(self, id: int, program: object) -> None:
        """Keeps the program of a trial that ran in this process, as it was evaluated, if the trial is the best."""
        if id == self.best_id:
            self.kept = (id, program)

    @property
    def best_text(self) -> str:
        """The best reward so far, as text; of several rewards, how many trials are Pareto-optimal."""
        if self.best is not None:
            return f"best {say(self.best[2])} (trial {self.best[0]})"
        return "no reward yet" if self._front is None else f"{len(self.front())} on the front"


class Found(ABC, Generic[T]):
    """The trials of a search, and the best of them.

    Attributes:
      space: what is searched, as the algorithm sees it.
      maximize: whether higher rewards are better.
    """

    def __init__(self, space: Space, make: Callable[[Decisions], T], *, maximize: bool = True) -> None:
        self.space = space
        self.maximize = maximize
        self._make = make
        self._made: dict[tuple[Decisions, Reward], T] = {}  # the programs of the front

    @property
    @abstractmethod
    def ended(self) -> str | None:
        """Why the search has ended."""

    @property
    @abstractmethod
    def trials(self) -> list[Trial]:
        """The trials that ended, in the order of proposal, as frozen records.

        A record has ``id``, ``decisions``, ``reward`` (``rewards`` of several objectives), ``reason`` where the trial failed,
        ``seconds`` and ``metrics``.
        """

    @property
    def plot(self) -> Plots:
        """The figures of the search, such as ``search.plot.history()``; see ``pliant.study.plot.Plots``."""
        from pliant.study.plot.plots import Plots

        return Plots(self)

    @abstractmethod
    def _best(self) -> list[tuple[Decisions, Reward]]:
        """Returns the Pareto-optimal decisions with their rewards, the best in the first objective first."""

    @abstractmethod
    def _front_ids(self) -> list[int]:
        """Returns the ids of the trials of ``_best``."""

    @abstractmethod
    def _trial(self, id: int) -> Trial:
        """Returns one trial that ended."""

    @property
    def best(self) -> Trial | None:
        """The best trial, a frozen record with the files that it saved: ``search.best.artifact("weights.pt")``.

        None before the first reward.  Of several objectives, the best in the first one.
        """
        ids = self._front_ids()
        return self._trial(ids[0]) if ids else None

    @property
    @abstractmethod
    def artifacts(self) -> Artifacts:
        """The files that the trials saved, for as long as this search is referred to if it has no study and no ``artifacts``."""

    @property
    @abstractmethod
    def _has_weights(self) -> bool:
        """Whether the weights of networks were saved by themselves."""

    @property
    def best_program(self) -> T | None:
        """The best program; None before the first reward.  Of several objectives, the best in the first one.

        It is one object.  If the best trial ran in this process, it is the one that was evaluated there, with its weights::

            search = pg.sample(space, trials=40)
            for network, feedback in search:
                feedback(train_and_score(network))
            search.best_program(images)        # the trained network

        Only this one is kept.  If the trial ran in a worker process, or before the search was resumed, it is built from the
        decisions: with its weights if the search has ``keep="best"`` and it is a network, else not trained. Save what it trained
        by ``feedback.save``, or train it again.

        Raises:
          StudyError: its weights cannot be read, or are not those of the network that its decisions give now.
        """
        front = self.front
        return front[0][0] if front else None

    @property
    def best_decisions(self) -> Decisions | None:
        """The decisions of the best program; None before the first reward."""
        front = self._best()
        return front[0][0] if front else None

    @property
    def best_reward(self) -> Reward | None:
        """The reward of the best program; None before the first.  Of several objectives, a tuple."""
        front = self._best()
        return front[0][1] if front else None

    @property
    def front(self) -> list[tuple[T, Reward]]:
        """The Pareto-optimal programs with their rewards: no other program beats one in all objectives.

        The best in the first objective comes first: it is ``best_program``. With one objective, just the best. The others are built
        from their decisions, one object each.
        """
        best, made = self._best(), self._made
        kept, best_id = self._kept()
        if best and kept is not None and kept[0] == best_id:
            made = {**made, best[0]: kept[1]}
        ids = dict(zip(best, self._front_ids(), strict=True))
        self._made = {one: made[one] if one in made else self._build(one[0], ids[one]) for one in best}
        return [(self._made[one], one[1]) for one in best]

    def _build(self, decisions: Decisions, id: int) -> T:
        """Returns the program of decisions, with the weights that its trial saved, if any."""
        program = self._make(decisions)
        if self._has_weights:
            from .weights import WEIGHTS, is_network, load_weights

            if is_network(program):
                trial = self._trial(id)
                if WEIGHTS in trial.artifacts:
                    load_weights(program, trial.artifact(WEIGHTS), id)
        return program

    if not TYPE_CHECKING:
        __getattr__ = explain_attributes(SEARCH)

    def __repr__(self) -> str:
        (count, failures), best = self._counts(), self._best()
        failed = f"{failures} of them failed, " if failures else ""
        at = f": {say_decisions(best[0][0]):.200}" if best else ""
        return (
            f"<search of {count} trials, {failed}{self._state()}, best reward "
            f"{best[0][1] if best else None}{at}; see .best_program, .front, .trials>"
        )

    def _repr_html_(self) -> str | None:
        return to_html(self)

    @abstractmethod
    def _kept(self) -> tuple[tuple[int, Any] | None, int | None]:
        """Returns the id and the program that were kept, as it was evaluated in this process; and the id of the best trial."""

    @abstractmethod
    def _counts(self) -> tuple[int, int]:
        """Returns how many trials ended, and how many of them failed."""

    def _state(self) -> str:
        return self.ended or "unfinished"


@final
class Result(Found[T]):
    """What ``pg.search`` found."""

    def __init__(
        self,
        space: Space,
        make: Callable[[Decisions], T],
        trials: list[Trial],
        *,
        front: list[Trial],
        kept: tuple[int, Any] | None,
        ended: str,
        storage: Storage,
        maximize: bool = True,
    ) -> None:
        super().__init__(space, make, maximize=maximize)
        self._storage = storage
        self._trials = trials
        self._order = [trial.id for trial in front if trial.told is not None]
        self._front = [(trial.decisions, trial.told) for trial in front if trial.told is not None]
        self._ids = kept, front[0].id if front else None
        self._how = ended

    @property
    def ended(self) -> str:
        """How the search ended: ``complete``, ``interrupted``, ``failures``, ``timeout`` or ``stopped``, by a rule."""
        return self._how

    @property
    def trials(self) -> list[Trial]:
        return list(self._trials)

    @property
    def artifacts(self) -> Artifacts:
        return self._storage.open()

    @property
    def _has_weights(self) -> bool:
        return self._storage.keep is not None

    def _front_ids(self) -> list[int]:
        return self._order

    def _trial(self, id: int) -> Trial:
        return next(trial for trial in self._trials if trial.id == id)

    def _counts(self) -> tuple[int, int]:
        return len(self._trials), sum(trial.reason is not None for trial in self._trials)

    def _best(self) -> list[tuple[Decisions, Reward]]:
        return self._front

    def _kept(self) -> tuple[tuple[int, Any] | None, int | None]:
        return self._ids
