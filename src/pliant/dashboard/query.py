"""The filter language of the table of trials: ``state:failed reward>0.9 op=conv``; parses it, and sorts trials.

A filter is some terms with blanks between them; a trial is shown if all of them are true.  A term compares a number or text of the
trial, or is a word that is looked for in its decisions, reason and worker; ``-`` before it means the opposite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, final

from pliant.study.trials.trial import STATUSES, Trial
from pliant.values.errors import FieldValueError, listing, quote, suggest

Params = Mapping[str, Any]
Read = Callable[[Trial, Params], Any]  # a value of a trial and of its decisions by name

LONGEST: Final = 1000
FIELDS: Final[dict[str, Read]] = {
    "id": lambda trial, _: trial.id,
    "state": lambda trial, _: trial.status,
    "reward": lambda trial, _: trial.reward,
    "seconds": lambda trial, _: trial.seconds,
    "attempts": lambda trial, _: trial.attempts,
    "cause": lambda trial, _: trial.cause,
    "reason": lambda trial, _: trial.reason,
    "worker": lambda trial, _: trial.worker,
    "origin": lambda trial, _: trial.origin,
    "started": lambda trial, _: trial.started,
    "ended": lambda trial, _: trial.ended,
}
"""Values of a trial by the names that filters have for them."""

_LONG_TEXTS: Final = {"reason", "worker", "origin", "started", "ended"}  # `:` looks inside of them
_TERM: Final = re.compile(
    r'(?P<no>-?)(?:(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"=<>!:~]+))(?P<sign>>=|<=|!=|[=<>:~])(?:"(?P<text>[^"]*)"|(?P<value>[^\s"]*))'
    r'|"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))(?=\s|$)'
)


@final
class Names:
    """The names that a filter may use for one study.

    Args:
      decisions: names or paths of decisions.
      metrics: names of metrics.
      rewards: how many rewards a trial has.
    """

    def __init__(self, decisions: Iterable[str], metrics: Iterable[str], rewards: int = 1) -> None:
        self._reads: dict[str, Read] = {}
        for name in decisions:
            self._reads[name] = _read_decision(name)
        self._reads |= {name: _read_metric(name) for name in metrics}
        self._reads |= {f"reward{place + 1}": _read_reward(place) for place in range(rewards) if rewards > 1}
        self._reads |= FIELDS
        self._reads["status"] = FIELDS["state"]

    def find(self, name: str) -> tuple[str, Read]:
        """Returns the full name, and what reads its value: a path may be given by its last part.

        Raises:
          FieldValueError: nothing, or several values, have this name.
        """
        short = name.removeprefix("decisions.").removeprefix("metrics.").replace("reward ", "reward")
        for key in (name, short):
            if key in self._reads:
                return key, self._reads[key]
        ends = [key for key in self._reads if re.search(rf"(?:^|[.\]]){re.escape(short)}$", key)]
        if len(ends) == 1:
            return ends[0], self._reads[ends[0]]
        if ends:
            raise FieldValueError(
                f"{quote(name)} is the end of several names: {listing(ends)}. Write one of them, in quotes."
            )
        raise FieldValueError(
            f"trials have no value {quote(name)}{suggest(name, self._reads) or '.'} There are {listing(list(self._reads)[:30])}."
        )


Test = Callable[[Trial, Params], bool]


def parse_filter(text: str, names: Names) -> Test:
    """Returns a function that says whether a trial, with its decisions by name, is wanted.

    >>> wanted = parse_filter("state:failed seconds>2 -op=conv", Names(["op"], []))
    >>> from types import SimpleNamespace as Trial
    >>> wanted(Trial(status="failed", seconds=3.0), {"op": "pool"}), wanted(Trial(status="failed", seconds=3.0), {"op": "conv"})
    (True, False)

    Args:
      text: the filter; empty for all trials.
      names: those of the study.

    Raises:
      FieldValueError: it cannot be read; the message says where, and what is allowed.
    """
    if len(text) > LONGEST:
        raise FieldValueError(f"a filter has at most {LONGEST} letters; got {len(text)}.")
    tests: list[Test] = []
    rest = text.strip()
    while rest:
        match = _TERM.match(rest)
        if match is None:
            raise FieldValueError(
                f"the filter cannot be read from {quote(rest[:40])}. Write terms such as state:failed, reward>0.9 or op=conv, and texts "
                'with blanks in quotes: reason:"out of memory".'
            )
        test = _make_test(match, names)
        tests.append(_negate(test) if match["no"] else test)
        rest = rest[match.end() :].lstrip()
    return lambda trial, params: all(test(trial, params) for test in tests)


def sort_trials(
    trials: Sequence[tuple[Trial, Params]], order: str, names: Names
) -> list[tuple[Trial, Params]]:
    """Returns trials in the order of a value; those without it come last.

    Args:
      trials: with their decisions by name.
      order: the name of the value; ``-`` before it for the largest first.
      names: those of the study.

    Raises:
      FieldValueError: trials have no such value.
    """
    _, read = names.find(order.removeprefix("-"))
    keyed = [(_to_key(read(trial, params)), place) for place, (trial, params) in enumerate(trials)]
    present = [one for one in keyed if one[0] is not None]
    present.sort(key=lambda one: one[0], reverse=order.startswith("-"))
    return [trials[place] for _, place in present] + [trials[place] for key, place in keyed if key is None]


def _make_test(match: re.Match[str], names: Names) -> Test:
    if match["sign"] is None:
        return _look_for(match["phrase"] if match["word"] is None else match["word"])
    name = match["plain"] if match["quoted"] is None else match["quoted"]
    given = match["value"] if match["text"] is None else match["text"]
    sign = match["sign"]
    key, read = names.find(name)
    if key in ("state", "status") and sign in ("=", ":", "!="):
        if given not in STATUSES:
            raise FieldValueError(
                f"a trial is {listing(STATUSES)}; got state{sign}{quote(given)}{suggest(given, STATUSES) or '.'}"
            )
    elif sign in ("<", ">", "<=", ">=") and key not in ("started", "ended"):
        return _compare(read, sign, _to_limit(name, sign, given))
    if sign == "~" or (sign == ":" and key in _LONG_TEXTS):
        wanted = given.casefold()
        return lambda trial, params: wanted in str(read(trial, params) or "").casefold()
    if sign in ("<", ">", "<=", ">="):
        return _compare(read, sign, given)
    equal = _equals(read, given)
    return _negate(equal) if sign == "!=" else equal


def _to_limit(name: str, sign: str, given: str) -> float:
    try:
        limit = float(given)
    except ValueError:
        limit = math.nan
    if math.isnan(limit):
        raise FieldValueError(f"{name}{sign} compares with a number, such as 0.9; got {quote(given)}.")
    return limit


def _compare(read: Read, sign: str, limit: Any) -> Test:
    def test(trial: Trial, params: Params) -> bool:
        value = read(trial, params)
        if isinstance(value, str) != isinstance(limit, str) or not isinstance(value, int | float | str):
            return False
        if sign[0] == "<":
            return bool(value <= limit if len(sign) > 1 else value < limit)
        return bool(value >= limit if len(sign) > 1 else value > limit)

    return test


def _equals(read: Read, given: str) -> Test:
    wanted = given.casefold()
    try:
        number = float(given)
    except ValueError:
        number = math.nan

    def test(trial: Trial, params: Params) -> bool:
        value = read(trial, params)
        if value is None:
            return wanted == "none"
        if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(number):
            return math.isclose(value, number, rel_tol=1e-9)
        return _plain(value).casefold() == wanted

    return test


def _plain(value: Any) -> str:
    """Returns a value as text, without the quotes that a candidate has."""
    text = str(value)
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _look_for(word: str) -> Test:
    wanted = word.casefold()

    def test(trial: Trial, params: Params) -> bool:
        texts = (trial.status, trial.reason, trial.worker, trial.origin, *params, *params.values())
        return any(wanted in str(text).casefold() for text in texts if text is not None)

    return test


def _negate(test: Test) -> Test:
    return lambda trial, params: not test(trial, params)


def _to_key(value: Any) -> Any:
    """Returns what values are sorted by: numbers before texts."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value))


def _read_decision(name: str) -> Read:
    return lambda trial, params: params.get(name)


def _read_metric(name: str) -> Read:
    return lambda trial, params: trial.metrics.get(name)


def _read_reward(place: int) -> Read:
    return lambda trial, params: trial.rewards[place] if trial.rewards is not None else None
