"""What is remembered of modules that were counted: a bounded table by structural key."""

from __future__ import annotations

import threading
from itertools import islice
from typing import Any, Final, NamedTuple, final

MAX_ENTRIES: Final = 20_000  # the memo forgets the older half then


class Entry(NamedTuple):
    """What is known of a module with some arguments."""

    multiply_adds: float
    extra_bytes: int  # the most that it allocates beyond what is live at its call
    recipe: Any  # how its output is made; see `tensors.Recipe`
    parameters: int


@final
class Memo:
    """Bounded table of entries by structural key."""

    def __init__(self) -> None:
        self._entries: dict[Any, Entry] = {}
        self._lock = threading.Lock()
        self.get = self._entries.get

    def put(self, key: Any, entry: Entry) -> None:
        """Remembers an entry."""
        with self._lock:
            if len(self._entries) >= MAX_ENTRIES:
                for old in list(islice(self._entries, MAX_ENTRIES // 2)):
                    del self._entries[old]
            self._entries[key] = entry

    def clear(self) -> None:
        """Forgets all entries."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


MEMO: Final = Memo()
