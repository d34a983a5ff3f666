"""The search loop of open-ended evolution: ``for program, feedback in evolve(...)``.

Parents, edit and seed of a trial depend only on the seed of the search, the number of the trial and the earlier
rewards, so the records are the complete state.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from typing import Any, cast, final

from pliant.algorithms import twister
from pliant.algorithms.evolution import Individual, Operator
from pliant.algorithms.evolution.operators import takes_several
from pliant.algorithms.objectives import ParetoFront
from pliant.algorithms.objectives.dominance import as_rewards
from pliant.symbolic.edit.clone import clone
from pliant.tune import check_reward
from pliant.values.errors import FeedbackError, FieldTypeError, FieldValueError, LoadError, RewardError, quote

from .file import RecordFile
from .record import Record, Reward, Seen, digest_of, trace_lineage
from .variation import Edits, Refused


@final
class Feedback:
    """Receives the reward of one trial: call it once with the reward.

    Attributes:
      id: the number of the trial, from 1.
      record: the origin of the program: its parents (whose weights it may start from) and the edit.
    """

    __slots__ = ("_tell", "id", "record")

    def __init__(self, record: Record, tell: Callable[[Reward, str], None]) -> None:
        self._tell: Callable[[Reward, str], None] | None = tell
        self.id = record.id
        self.record = record

    def __call__(self, reward: Any) -> None:
        """Records the reward of this trial: a finite number, or a tuple of them for several objectives.

        Raises:
          RewardError: it is invalid, or the selection operators cannot compare it; the trial stays open.
          FeedbackError: this trial has its feedback already.
        """
        self._send(check_reward(reward), "")

    def skip(self, reason: str = "") -> None:
        """Ends this trial as failed.  Its program does not become a parent.

        Raises:
          FeedbackError: this trial has its feedback already.
        """
        if not isinstance(reason, str):
            raise FieldTypeError(
                f"skip takes the reason as text, such as 'out of memory'; got {quote(reason)}."
            )
        self._send(None, reason or "skipped")

    infeasible = skip

    @property
    def is_told(self) -> bool:
        """Whether this trial has its feedback."""
        return self._tell is None

    def _send(self, reward: Reward, reason: str) -> None:
        if self._tell is None:
            raise FeedbackError(
                f"trial {self.id} has its feedback already; call feedback once per turn of the loop."
            )
        self._tell(reward, reason)
        self._tell = None


@final
class Evolving(Iterator[tuple[Any, Feedback]]):
    """A running open-ended search: yields ``(program, feedback)``.  Made by ``evolve``.

    The first trial is the start program.  Each later one is a child: ``select`` chooses a parent, one of the edits
    changes a copy of it, and after its reward ``survive`` selects the next population.  The default is regularized
    evolution as in Real, Liang, So and Le, "AutoML-Zero: evolving machine learning algorithms from scratch", ICML 2020,
    section 3.2: the parent is the best of a sample (of 10), the oldest (of 100) dies; but here the first population
    grows from the start program.  Operators receive individuals whose ``decisions`` are their records.

    An edit is drawn again, up to ``attempts`` times, if it does not apply, if a schema or a ``PliantError`` rejects it,
    or if its child lacks values, fails ``check`` or was tried before.  After that the search applies edits to known
    programs, one after another, until it finds a new one; if that fails, the loop ends.  If all edits fail to apply, it
    raises an error.

    Equal seeds and rewards give equal programs.  Every trial has a record of its parents, edit, seed and reward, from
    which ``replay`` rebuilds its program; with a record file, the same call resumes exactly after a crash.  So edits
    must draw random numbers only from the generator that they receive.

    >>> import pliant as pg
    >>> from pliant.open_ended import Replace, evolve
    >>> search = evolve(pg.Dict(x=0), {"up": Replace(int, lambda x, random: x + 1)}, 5)
    >>> for program, feedback in search:
    ...     feedback(program.x)
    >>> search.best_program, [(one.parents, one.edit) for one in search.lineage(3)]
    ({x=4}, [((), ''), ((1,), 'up'), ((2,), 'up')])
    >>> search.replay(3)
    {x=2}
    """

    def __init__(
        self,
        program: object,
        edits: Edits,
        *,
        trials: int | None,
        select: Operator,
        survive: Operator,
        seed: int,
        maximize: bool,
        attempts: int,
        record: str | os.PathLike[str] | None,
    ) -> None:
        self._edits, self._select, self._survive = edits, select, survive
        self._several = takes_several(select) and takes_several(survive)
        self._trials, self._seed, self._maximize, self._attempts = trials, seed, maximize, attempts
        self._first = clone(program)
        self._records: dict[int, Record] = {}
        self._population: list[Individual] = []
        self._programs: dict[int, Any] = {}  # of possible parents, the best, and a few more
        self._seen = Seen()
        self._best: Record | None = None
        self._copied: Record | None = None  # the record of the program that ``_copy`` is a copy of
        self._copy: Any = None
        self._open: Feedback | None = None
        self._file: RecordFile | None = None
        if record is not None:
            self._file = RecordFile(record, self._describe())
            self._resume(self._file.records)

    # ------------------------------------------------------------------ the loop

    def __next__(self) -> tuple[Any, Feedback]:
        if self._open is not None and not self._open.is_told:
            raise FeedbackError(
                f"the loop moved on without feedback for trial {self._open.id}. In every turn call "
                "`feedback(reward)`, or `feedback.skip('why')` for a trial that failed."
            )
        self._open = None
        number = len(self._records) + 1
        made = None if self._trials is not None and number > self._trials else self._breed(number)
        if made is None:
            self.close()
            raise StopIteration
        record, program = made
        self._open = Feedback(record, lambda reward, reason: self._tell(record, program, reward, reason))
        return clone(program), self._open

    def close(self) -> None:
        """Closes the record file for other processes; results stay readable."""
        self._trials = len(self._records)
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Evolving:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------ what was found

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of all trials with feedback, in order."""
        return tuple(self._records.values())

    @property
    def population(self) -> tuple[Record, ...]:
        """The records of possible parents, in the order of arrival."""
        return tuple([cast(Record, one.decisions) for one in self._population])

    @property
    def best(self) -> Record | None:
        """The record with the best reward, the first of equals; None before it, or for several objectives."""
        return self._best

    @property
    def best_reward(self) -> float | None:
        """The best reward so far; None before the first."""
        return None if self._best is None else cast(float, self._best.reward)

    @property
    def best_program(self) -> Any:
        """A copy of the best program so far, one object until there is a better one; None before the first reward."""
        if self._best is not None and self._copied is not self._best:
            self._copied, self._copy = self._best, clone(self._programs[self._best.id])
        return self._copy

    @property
    def front(self) -> ParetoFront:
        """The Pareto-optimal records, with rewards to be maximized."""
        front = ParetoFront()
        for record in self._records.values():
            if record.reward is not None:
                front.add(self._sign(record.reward), record)
        return front

    def lineage(self, id: int) -> tuple[Record, ...]:
        """Returns the record of a trial and all its ancestors, the first program first.

        Raises:
          FieldValueError: the trial is unknown.
        """
        return trace_lineage(self._records, id)

    def replay(self, id: int) -> Any:
        """Rebuilds the program of a trial from the start program by the edits of its lineage.

        Raises:
          FieldValueError: the trial is unknown.
          LoadError: the edits do not make the same program again; see ``evolve``.
        """
        made: dict[int, Any] = {}
        for record in self.lineage(id):
            made[record.id] = self._make(record, made)
        return clone(made[id])

    # ------------------------------------------------------------------ private

    def _breed(self, id: int) -> tuple[Record, Any] | None:
        """Returns the record and program of the next trial; None if no new program is found."""
        if id == 1:
            return Record(1, digest=digest_of(self._first)), self._first
        draw = twister.make(f"pliant.evolve/{self._seed}/{id}")
        known: int | None = None  # the last known program that an edit led to
        refusals: dict[str, str] = {}
        for attempt in range(2 * self._attempts):
            if attempt >= self._attempts and known is None:
                break
            name = self._edits.draw(draw)
            # Selected parents have no new programs nearby: continue from programs that they led to.
            parents = [known if attempt >= self._attempts and known else self._pick(draw)]
            parents += [self._pick(draw) for _ in range(self._edits.count_parents(name) - 1)]
            seed = draw.getrandbits(53)
            try:
                child = self._edits.apply(name, [self._program(one) for one in parents], seed)
            except Refused as refusal:
                refusals[name] = str(refusal)
                continue
            digest = digest_of(child)
            twin = self._seen.find(child, digest)
            if twin is None:
                return Record(id, tuple(parents), name, seed, digest), child
            known = twin
        if known is None:
            why = "".join(f"\n  {name}: {text}" for name, text in refusals.items())
            raise FieldValueError(
                f"{self._attempts} edits in a row failed, so trial {id} has no program. The last reasons:{why}\n"
                "Let `where` select values that the programs have, or add an edit that applies."
            )
        return None

    def _pick(self, draw: random.Random) -> int:
        """Returns the trial of a parent; that of the start program if the population is empty."""
        if not self._population:
            return 1
        chosen = self._select(self._population, draw)
        return cast(Record, chosen[0].decisions).id

    def _program(self, id: int) -> Any:
        return self._programs[id] if id in self._programs else self.replay(id)

    def _tell(self, record: Record, program: object, reward: Reward, reason: str) -> None:
        self._check_comparable(reward)
        told = Record(record.id, record.parents, record.edit, record.seed, record.digest, reward, reason)
        if self._file is not None:
            if not self._file.close.alive:
                raise FeedbackError(
                    f"the search was closed before the feedback of trial {record.id}, so another process may write its file. "
                    "Give feedback first, then close."
                )
            self._file.append(told)
        self._take(told, program)

    def _take(self, record: Record, program: object) -> None:
        """Records a trial, of the loop or of a file."""
        self._records[record.id] = record
        self._seen.add(program, record.digest, record.id)
        reward = record.reward
        if reward is None:
            return
        self._programs[record.id] = program
        newcomer = Individual(cast(Any, record), self._sign(reward))
        draw = twister.make(f"pliant.evolve/{self._seed}/{record.id}/survive")
        self._population = list(self._survive([*self._population, newcomer], draw))
        best = self._best
        if isinstance(reward, float) and (
            best is None or cast(float, self._sign(reward)) > cast(float, self._sign(best.reward))
        ):
            self._best = record
        if len(self._programs) > 2 * len(self._population) + 10:  # dropped programs are replayed if needed
            kept = {one.id for one in self.population} | ({self._best.id} if self._best else set())
            self._programs = {number: self._programs[number] for number in kept}

    def _make(self, record: Record, made: dict[int, Any]) -> Any:
        """Rebuilds the program of a record from those of its parents, and checks its digest."""
        if record.id == 1:
            program = self._first
        elif record.edit not in self._edits.names:
            raise LoadError(
                f"trial {record.id} was made by the edit {record.edit!r}, which is missing. Pass all edits of the search."
            )
        else:
            try:
                program = self._edits.apply(record.edit, [made[one] for one in record.parents], record.seed)
            except Refused as refusal:
                raise _changed(record, str(refusal)) from refusal
        if digest_of(program) != record.digest:
            raise _changed(record, "it makes another program")
        return program

    def _resume(self, records: list[Record]) -> None:
        for record in records:
            made = {one: self._program(one) for one in record.parents if one in self._records}
            if len(made) < len(set(record.parents)):
                raise LoadError(
                    f"trial {record.id} has parents {list(record.parents)} that are not in the file."
                )
            self._take(record, self._make(record, made))

    def _sign(self, reward: Reward) -> Reward:
        if self._maximize or reward is None:
            return reward
        return tuple([-r for r in reward]) if isinstance(reward, tuple) else -reward

    def _check_comparable(self, reward: Reward) -> None:
        if reward is None:
            return
        if isinstance(reward, tuple) and not self._several:
            raise RewardError(
                f"{self._select!r} and {self._survive!r} compare single numbers; got {len(reward)}: {quote(reward)}. "
                "Combine them into one, or pass select=ParetoTournament() and survive=ParetoTop(100)."
            )
        first = next((one.reward for one in self._records.values() if one.reward is not None), None)
        if first is not None:
            as_rewards(reward, len(as_rewards(first)))

    def _describe(self) -> dict[str, Any]:
        """Returns the arguments that must be equal to resume the search."""
        return {
            "program": digest_of(self._first),
            "edits": list(self._edits.names),
            "select": _without_address(repr(self._select)),
            "survive": _without_address(repr(self._survive)),
            "seed": self._seed,
            "maximize": self._maximize,
        }


def _changed(record: Record, what: str) -> LoadError:
    return LoadError(
        f"trial {record.id} cannot be rebuilt: the edit {record.edit!r} has changed ({what}). An edit must depend only "
        "on the programs and the generator that it receives. Use the edits and the start program of the record file."
    )


def _without_address(text: str) -> str:
    return " ".join(word for word in text.split() if not word.startswith("0x"))
