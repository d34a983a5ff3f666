"""Local search: moves to better neighbours, and restarts at a random point in a local optimum."""

from __future__ import annotations

import random
from typing import Any, final

from pliant.space import Decisions, Float, from_unit, neighbours, to_unit
from pliant.values.errors import RewardError, quote

from . import twister
from .base import Algorithm
from .rewards import Reward, check_reward
from .unseen import digest, from_text, to_text

Told = tuple[Decisions, float]


@final
class LocalSearch(Algorithm):
    """Local search: hill climbing over the neighbours of the best decisions, with random restarts.

    White, Nolen and Savani, "Exploring the loss landscape in neural architecture search", UAI 2021.  The neighbours
    of the current decisions are tried in random order; the climb moves to the first that is better, and restarts at
    random if there is none.  With ``first_improvement=False`` it is their Algorithm 1, which tries all neighbours and
    moves to the best; it was worse at every budget on NAS-Bench-201 and NAS-Bench-Macro (`docs/how/quality.md`).
    One climb proposes nothing twice; several climbs may (``Deduplicate(LocalSearch())`` avoids that).

    A neighbour differs in one decision, and decisions that become active are drawn at random.  A float has two neighbours, one on each side, at a random distance of 0.1%
    to 30% of its range on its scale.

    With parallel trials, a climb whose whole neighbourhood was proposed proposes random starts while it waits:
    one for each missing reward.  Then it continues without them, so a lost trial cannot block it.  Memory: 8 bytes
    and the overhead of a set for each proposal of the current climb.

    Args:
      seed: where the random numbers start.
      first_improvement: moves as soon as a neighbour is better, without trying the others.
    """

    def __init__(self, seed: int = 0, *, first_improvement: bool = True) -> None:
        super().__init__(seed)
        self.first_improvement = first_improvement

    def _setup(self) -> None:
        self._best: Told | None = None  # recorded since the last move
        self._restart()

    def _restart(self) -> None:
        self._centre: Told | None = None
        self._order = 0
        self._moves: list[Decisions] = []  # neighbours of the centre to propose, last first
        self._seen: set[bytes] = set()  # proposed in this climb
        self._out: set[bytes] = set()  # neighbours of the centre without a reward
        self._patience: int | None = None  # how many more starts to propose while rewards are missing

    def _propose(self) -> Decisions:
        while self._centre is not None:
            while self._moves:
                move = self._moves.pop()
                if self._note(move):
                    self._out.add(digest(move))
                    return move
            if self._out and self._patience is None:
                self._patience = len(self._out)
            if self._out and self._patience:
                self._patience -= 1
                start = self.space.sample(self.random)
                if self._note(start):
                    return start
            elif self._best is not None and self._best[1] > self._centre[1]:
                self._stand_at(self._best)
            else:
                self._best = None
                self._restart()
        start = self.space.sample(self.random)
        self._note(start)
        return start

    def _note(self, decisions: Decisions) -> bool:
        """Marks decisions as proposed in this climb, and returns whether they were new."""
        before = len(self._seen)
        self._seen.add(digest(decisions))
        return len(self._seen) > before

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        self._out.discard(digest(decisions))
        if reward is None:
            return
        assert isinstance(reward, float)
        if self._centre is None:
            self._note(decisions)
            self._stand_at((decisions, reward))
        elif self.first_improvement and reward > self._centre[1]:
            self._stand_at((decisions, reward))
        elif self._best is None or reward > self._best[1]:
            self._best = decisions, reward

    def _stand_at(self, centre: Told) -> None:
        self._centre, self._best = centre, None
        self._order = self.random.getrandbits(62)
        self._moves = _shuffled_moves(centre[0], self._order)
        self._out, self._patience = set(), None

    def _state(self) -> dict[str, Any]:
        return {
            "centre": _told_to_json(self._centre),
            "best": _told_to_json(self._best),
            "order": self._order,
            "left": len(self._moves),
            "seen": to_text(sorted(self._seen)),
            "out": to_text(sorted(self._out)),
            "patience": self._patience,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._centre, self._best = self._read_told(state["centre"]), self._read_told(state["best"])
        self._order = int(state["order"])
        self._moves = [] if self._centre is None else _shuffled_moves(self._centre[0], self._order)
        del self._moves[int(state["left"]) :]
        self._seen, self._out = set(from_text(state["seen"])), set(from_text(state["out"]))
        self._patience = None if state["patience"] is None else int(state["patience"])

    def _read_told(self, told: Any) -> Told | None:
        if told is None:
            return None
        values, reward = told
        number = check_reward(reward, several=False)
        if not isinstance(number, float):
            raise RewardError(f"a reward in the state is a number; got {quote(reward)}.")
        return self._load(values), number


def _told_to_json(told: Told | None) -> list[Any] | None:
    return None if told is None else [told[0].to_json(), told[1]]


def _shuffled_moves(centre: Decisions, order: int) -> list[Decisions]:
    """Returns all neighbours of ``centre``; ``order`` is the seed of their order and of their random parts."""
    draw = twister.make(f"{order}")
    moves = [*neighbours(centre, draw), *_float_moves(centre, draw)]
    moves.sort(key=lambda _: draw.random())
    return moves


def _float_moves(centre: Decisions, draw: random.Random) -> list[Decisions]:
    points, values, moves = centre.space.points, centre.values, []
    for position, index in enumerate(centre.active):
        point = points[index]
        if not isinstance(point, Float):
            continue
        for side in (-1, 1):
            distance = 10 ** (draw.random() * 2.5 - 3)
            unit = min(max(to_unit(point, values[position]) + side * distance, 0.0), 1.0)
            value = from_unit(point, unit)
            if value != values[position]:
                moves.append(Decisions(centre.space, (*values[:position], value, *values[position + 1 :])))
    return moves
