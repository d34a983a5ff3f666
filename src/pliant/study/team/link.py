"""``Link``: how a member of a team sends requests to its leader; ``SocketLink`` is that over the socket of a study in a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

from ..client import Away, Client
from ..store.location import Place

REACH_SECONDS = 0.2  # the time for a leader to be reachable, before this process tries to lead

__all__ = ["Away", "Link", "SocketLink"]


class Link(ABC):
    """Sends requests to the process that leads a search.  One thread uses it."""

    @abstractmethod
    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer to a request; raises the error that the answer is.

        Raises:
          Away: no process leads the search now.
        """

    def settle(self) -> dict[str, Any] | None:
        """Returns the answer to a request that an earlier leader gave and that was not read; called by the new leader."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Disconnects; trials that this process has are handed out again, unless it comes back."""


@final
class SocketLink(Link):
    """Requests over the Unix socket of a study.

    Args:
      place: the study.
      worker: the name of this process, for readers of the study.
      held: the token of each trial that this process has; the leader receives it.

    Raises:
      Away: no process serves the study.
    """

    def __init__(self, place: Place, worker: str, held: dict[int, int]) -> None:
        self._client = Client(place, worker=worker, patience=REACH_SECONDS, held=held)

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._client._call(request)

    def close(self) -> None:
        self._client.close()
