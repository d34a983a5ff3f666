"""``Writable``: a study that a search continues by ``ask`` and ``tell``: alone, or together with other processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from .trials.trial import MAX_ATTEMPTS, Cause, Trial
from .view import View


class Writable(View, ABC):
    """A study that hands out trials and records their results.

    ``Study`` writes its file or database itself; ``team.member.Member`` shares a study with other processes.
    """

    @abstractmethod
    def ask(
        self,
        *,
        attempts: int | None = MAX_ATTEMPTS,
        on_end: Callable[[Trial], object] = lambda trial: None,
    ) -> Trial | None:
        """Returns the next trial to try, or None when there is none now; see ``Study.ask``."""

    @abstractmethod
    def report(
        self,
        trial_id: int,
        reward: float,
        *,
        step: float,
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> bool:
        """Records an intermediate reward; returns whether the trial should stop; see ``Study.report``."""

    @abstractmethod
    def tell(
        self,
        trial_id: int,
        reward: float | tuple[float, ...],
        *,
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Trial:
        """Records the reward of a running trial; see ``Study.tell``."""

    @abstractmethod
    def fail(
        self,
        trial_id: int,
        reason: str,
        *,
        cause: Cause = "error",
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Trial:
        """Records that a running trial ended without a reward; see ``Study.fail``."""

    @abstractmethod
    def put_back(
        self, trial_id: int, reason: str, *, token: int | None = None, attempts: int | None = MAX_ATTEMPTS
    ) -> Trial:
        """Lets a trial whose worker was lost be handed out again; see ``Study.put_back``."""

    @abstractmethod
    def note(self, trial_id: int | None, text: str) -> None:
        """Writes a line into the journal."""

    @abstractmethod
    def close(self) -> None:
        """Closes the study; running trials will be handed out again."""

    @property
    def waits(self) -> bool:
        """Whether ``ask`` may return a trial later, after it returned None: the search is paused, or others have the remaining ones."""
        info = self.info()
        return info.paused is not None and not info.is_complete

    @property
    def continues(self) -> bool:
        """Whether later trials may start from the files of earlier ones; False for a study that is not open for writing."""
        if not hasattr(self, "_loop"):  # of a team, whose leader knows
            return True
        return self._loop is not None and bool(self._loop.continues)

    @property
    def exhaustion(self) -> str | None:
        """Why the algorithm has nothing left, once it said so in this process; else None."""
        return None
