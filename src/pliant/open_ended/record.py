"""``Record``: the origin and reward of one trial of open-ended evolution; ``Seen``: the programs that were tried."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

from pliant.symbolic.edit.clone import clone
from pliant.symbolic.json.documents import to_json_str
from pliant.symbolic.read.compare import equal, hash_of
from pliant.values.errors import FieldValueError, LoadError, PliantError, quote

Reward = float | tuple[float, ...] | None


@final
@dataclass(frozen=True, slots=True)
class Record:
    """One individual of an open-ended search.

    With the records of its ancestors, the first program and the edits, a record is its program: the same
    edit with the same seed makes the same child.

    Attributes:
      id: the number of the trial, from 1.
      parents: the ids of what it was made from; none for the first program, two after a crossover.
      edit: the name of the edit that made it; empty for the first program.
      seed: where the edit's random numbers started.
      digest: stands for the program's content, to check a replay by; None where it has no JSON form.
      reward: of the trial; None for a failure.
      reason: of the failure.
    """

    id: int
    parents: tuple[int, ...] = ()
    edit: str = ""
    seed: int = 0
    digest: str | None = None
    reward: Reward = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns the record as plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Record:
        """Reads what ``to_json`` returned; raises LoadError for other data."""
        try:
            reward = data["reward"]
            if reward is not None:
                reward = tuple(map(float, reward)) if isinstance(reward, list) else float(reward)
            return cls(
                id=int(data["id"]),
                parents=tuple([int(one) for one in data["parents"]]),
                edit=str(data["edit"]),
                seed=int(data["seed"]),
                digest=None if data["digest"] is None else str(data["digest"]),
                reward=reward,
                reason=str(data["reason"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise LoadError(f"{quote(data, 120)} is not the record of a trial ({error!r}).") from error


def trace_lineage(records: Mapping[int, Record], id: int) -> tuple[Record, ...]:
    """Returns a record and all its ancestors, the first program first.

    >>> records = {1: Record(1), 2: Record(2, (1,), "grow", 7), 3: Record(3, (1,), "grow", 8)}
    >>> [one.id for one in trace_lineage(records, 3)]
    [1, 3]

    Raises:
      FieldValueError: the record is unknown.
    """
    wanted, found = [id], dict[int, Record]()
    while wanted:
        one = wanted.pop()
        if one in found:
            continue
        if one not in records:
            known = f"1 to {max(records)}" if records else "none"
            raise FieldValueError(f"unknown trial {one!r}; known trials: {known}.")
        found[one] = records[one]
        wanted.extend(records[one].parents)
    return tuple([found[one] for one in sorted(found)])


@final
class Seen:
    """The programs of a search by content, each with the number of its trial.

    A program with a JSON form takes 16 bytes and the overhead of a dict; others are kept as copies.
    """

    def __init__(self) -> None:
        self._digests: dict[bytes, int] = {}
        self._programs: dict[int, list[tuple[Any, int]]] = {}

    def find(self, program: object, digest: str | None) -> int | None:
        """Returns the trial of an equal program, or None; ``digest`` is ``digest_of(program)``."""
        if digest is not None:
            return self._digests.get(bytes.fromhex(digest))
        for other, trial in self._programs.get(hash_of(program), ()):
            if equal(program, other):
                return trial
        return None

    def add(self, program: object, digest: str | None, id: int) -> None:
        """Adds the program of trial ``id``."""
        if digest is not None:
            self._digests[bytes.fromhex(digest)] = id
        else:
            self._programs.setdefault(hash_of(program), []).append((clone(program), id))


def digest_of(program: object) -> str | None:
    """Returns the hash of a program's content, 32 hex digits, equal in every process; None without JSON form.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> digest_of(Dict(a=[1])) == digest_of(Dict(a=[1])) != digest_of(Dict(a=[2]))
    True
    """
    try:
        text = to_json_str(program)
    except PliantError:
        return None
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
