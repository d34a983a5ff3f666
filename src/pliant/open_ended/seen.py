"""Which programs were there before, by content: what keeps a search from trying one twice."""

from __future__ import annotations

import hashlib
from typing import Any, final

from pliant.symbolic.edit.clone import clone
from pliant.symbolic.json.documents import to_json_str
from pliant.symbolic.read.compare import equal, hash_of
from pliant.values.errors import PliantError


@final
class Seen:
    """All programs of a search, each with the number of its trial.

    A program with a JSON form takes 16 bytes and the overhead of a dict; another one is kept whole.
    """

    def __init__(self) -> None:
        self._digests: dict[bytes, int] = {}
        self._programs: dict[int, list[tuple[Any, int]]] = {}

    def find(self, program: Any, digest: str | None) -> int | None:
        """Returns the trial that had an equal program, or None; ``digest`` is ``digest_of(program)``."""
        if digest is not None:
            return self._digests.get(bytes.fromhex(digest))
        for other, trial in self._programs.get(hash_of(program), ()):
            if equal(program, other):
                return trial
        return None

    def add(self, program: Any, digest: str | None, id: int) -> None:
        """Notes that trial ``id`` has this program."""
        if digest is not None:
            self._digests[bytes.fromhex(digest)] = id
        else:
            self._programs.setdefault(hash_of(program), []).append((clone(program), id))


def digest_of(program: Any) -> str | None:
    """Returns 32 hex digits that stand for a program's content, the same in every process; None without JSON form.

    >>> from pliant.symbolic.objects.containers import Dict
    >>> digest_of(Dict(a=[1])) == digest_of(Dict(a=[1])) != digest_of(Dict(a=[2]))
    True
    """
    try:
        text = to_json_str(program)
    except PliantError:
        return None
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
