"""``Watchers``: calls the callbacks of a search; an exception of one is reported, and the search goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, final

from pliant.values.exceptions import describe
from pliant.values.text import to_printable

from .progress import write_line

if TYPE_CHECKING:
    from pliant.study import Trial
    from pliant.study.callbacks import Beginning, Callback


@final
class Watchers:
    """The callbacks of a search that are objects of ``Callback``; functions are called by the search itself."""

    def __init__(self, callbacks: Iterable[Callback] = ()) -> None:
        self._left = list(callbacks)  # those that have started, or will
        self._missed: dict[str, int] = {}  # by name: how many calls failed
        self._is_started = False

    def __bool__(self) -> bool:
        return bool(self._left)

    def start(self, begin: Callable[[], Beginning], earlier: Callable[[], Iterable[Trial]]) -> None:
        """Starts the callbacks, once, and passes the earlier trials on that they lack.

        Args:
          begin: returns what they know of the search.
          earlier: returns the trials that ended before.
        """
        if self._is_started or not self._left:
            return
        self._is_started, beginning, lacking = True, begin(), []
        for one in list(self._left):
            is_good, known = self._call(one, one.start, beginning, "at the start, so it records nothing")
            if not is_good:
                self._left.remove(one)
            elif known is not None:
                lacking.append((one, known))
        for trial in earlier() if lacking else ():
            for one, known in lacking:
                if trial.id not in known:
                    self._call(one, one.add, trial, f"in trial {trial.id}")

    def add(self, trial: Trial) -> None:
        """Passes a trial on that ended."""
        for one in self._left:
            self._call(one, one.add, trial, f"in trial {trial.id}")

    def finish(self) -> None:
        """Ends the callbacks that have started, and says what they missed."""
        left, self._left = self._left if self._is_started else [], []
        for one in left:
            self._call(one, _finish, one, "at the end")
        missed, self._missed = self._missed, {}
        for name, count in missed.items():
            if count > 1:
                write_line(f"search: the callback {name} failed {count} times")

    def _call(self, one: Callback, method: Callable[[Any], Any], given: Any, when: str) -> tuple[bool, Any]:
        """Returns whether a method succeeded, and what it returned; reports the first error of a callback."""
        name = type(one).__name__
        try:
            return True, method(given)
        except Exception as error:  # noqa: BLE001 - whatever another package raises
            self._missed[name] = self._missed.get(name, 0) + 1
            if self._missed[name] == 1:
                write_line(to_printable(f"search: the callback {name} failed {when}: {describe(error)}"))
            return False, None


def _finish(callback: Callback) -> None:
    callback.finish()
