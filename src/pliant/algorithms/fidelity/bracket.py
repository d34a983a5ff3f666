"""One bracket of successive halving: which trials go on to the next rung.  Knows no space and no budget."""

from __future__ import annotations

from typing import Any, final

Values = tuple[int | float, ...]


@final
class Bracket:
    """So many trials on the first rung, the best of them on the next, and so on; each rung waits for the last.

    Args:
      counts: how many trials each rung has, not growing.
      first: the number of the first rung among all budgets.

    Attributes:
      rung: the rung that is being tried, from 0.
    """

    def __init__(self, counts: list[int], first: int) -> None:
        self.counts = counts
        self.first = first
        self.rung = 0
        self.items: list[Values] = []  # of this rung
        self._started = 0  # how many of them were proposed
        self._rewards: dict[int, float | None] = {}  # of this rung, by the place in items

    @property
    def is_filling(self) -> bool:
        """Whether the first rung has room for a new trial."""
        return self.rung == 0 and len(self.items) < self.counts[0]

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to try any more."""
        return self.rung == len(self.counts) or not (self.items or self.is_filling)

    def fill(self, values: Values) -> None:
        """Puts a new trial on the first rung."""
        self.items.append(values)

    def close(self) -> None:
        """Ends the first rung with what is on it: there are no more trials."""
        self.counts[0] = len(self.items)
        self._advance()

    def take(self) -> int | None:
        """Returns the place of the next trial of this rung, to be tried; None where nothing is to do but wait."""
        if self._started == len(self.items):
            return None
        self._started += 1
        return self._started - 1

    def tell(self, place: int, reward: float | None) -> None:
        """Takes in the reward of a trial of this rung; the last one starts the next rung."""
        self._rewards[place] = reward
        self._advance()

    def _advance(self) -> None:
        """Goes to the next rung when all rewards of this one are there; what failed stays behind."""
        while not self.is_over and len(self._rewards) == self.counts[self.rung]:
            found = [(-reward, place) for place, reward in self._rewards.items() if reward is not None]
            self.rung += 1
            keep = self.counts[self.rung] if self.rung < len(self.counts) else 0
            best = [self.items[place] for _, place in sorted(found)[:keep]]
            self.items, self._started, self._rewards = best, 0, {}
            if best:
                self.counts[self.rung] = len(best)

    def to_json(self) -> dict[str, Any]:
        """Returns all of it as JSON data."""
        return {
            "counts": list(self.counts),
            "first": self.first,
            "rung": self.rung,
            "items": [list(values) for values in self.items],
            "started": self._started,
            "rewards": [[place, reward] for place, reward in self._rewards.items()],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Bracket:
        """Returns what ``to_json`` described."""
        found = cls([int(count) for count in data["counts"]], int(data["first"]))
        found.rung = int(data["rung"])
        found.items = [tuple(values) for values in data["items"]]
        found._started = int(data["started"])
        found._rewards = {int(place): reward for place, reward in data["rewards"]}
        return found
