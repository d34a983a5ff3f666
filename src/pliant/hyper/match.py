"""Encodes programs: finds the decisions that build a given program (the inverse of ``compile``).

The decisions of a part depend on its own value only: tied holes compare values, and the picks of a ``manyof`` are
assigned after each candidate was compared with each item.  So no search is needed, and the time is that of these
comparisons.

Several candidates can equal a value: 1, 1.0 and True.  A candidate of the value's exact type is preferred, then one of
its kind (a NumPy float and a float), then the only one that is equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pliant.symbolic.read.compare import EQUAL, EXACT, agree, kind_of, node_class
from pliant.symbolic.read.text import one_line
from pliant.symbolic.tree.node import ATOMS, Node, children, is_dataclass
from pliant.values.errors import DecisionError, PliantError
from pliant.values.path import Key, Path, at_path

from .compile import compile_part, decided
from .hole import Intv
from .plan import Branch, Constant, Derived, Echo, Number, Part, Pick, Source, Tied

Vector = tuple[Any, ...]
At = tuple[Key, ...]

_UNKNOWN = object()


def find_decisions(part: Part, child: object) -> Vector:
    """Returns the first decisions, in lexicographic order, that build ``child``.

    Raises:
      DecisionError: no decisions build it; the message names the deepest path that does not match.
    """
    matcher = _Matcher(dict(_find_ahead(part, child)))
    vector = matcher.match(part, child, ())
    if vector is None:
        raise DecisionError(
            f"this program is not in the space: the value {at_path(Path(matcher.place))} {matcher.explain()}."
        )
    return vector


class _Matcher:
    """One match: the values of tied holes, and the deepest path that failed, for the message.

    Args:
      ahead: by name, the values of tied holes at paths that every program of the space has.
    """

    def __init__(self, ahead: dict[str, Any]) -> None:
        self.ahead = ahead
        self.tied: dict[Any, Any] = {}  # as ``compile`` has it
        self.level = EQUAL  # how well candidates must agree; see ``agree``
        self.is_ambiguous = False
        self.place: At = ()
        self.reason: tuple[str, tuple[Any, ...]] = ("differs", ())

    def fail(self, at: At, reason: str, *values: Any) -> None:
        """Records why nothing matches at a path; values are formatted only if this is reported."""
        if len(at) >= len(self.place):
            self.place, self.reason, self.is_ambiguous = at, (reason, values), False

    def explain(self) -> str:
        """Returns the recorded reason as text."""
        text, values = self.reason
        return text.format(*(one_line(v, max_length=80) for v in values))

    def match(self, part: Part, value: object, at: At) -> Vector | None:
        """Returns the first decisions of a part that build ``value``, or None."""
        if isinstance(part, Constant):
            return self.match_constant(part.value, value, at)
        if isinstance(part, Branch):
            return self.match_branch(part, value, at)
        if isinstance(part, Pick):
            return self.match_one(part, value, at) if part.k is None else self.match_many(part, value, at)
        if isinstance(part, Number):
            return self.match_number(part.hole, value, at)
        if isinstance(part, Derived):
            return self.match_derived(part, value, at)
        if isinstance(part, Source):
            vector = self.match(part.part, value, at)
            self.tied[part.name], self.tied[decided(part.name)] = value, vector
            return vector
        if isinstance(part, Echo):
            return self.match_echo(part, value, at)
        assert isinstance(part, Tied)
        if agree(self.tied.get(part.name), value, self.level):
            return ()
        wanted = self.tied.get(part.name)
        self.fail(at, f"is {{}}; the hole named {part.name!r} was decided as {{}} before", value, wanted)
        return None

    def match_echo(self, part: Echo, value: object, at: At) -> Vector | None:
        """Matches a hole that repeats a decision with candidates of its own: builds its value and compares."""
        if self.tied.get(decided(part.name)) is None:
            return None
        return self.match_built(part, value, at, f"as the hole named {part.name!r} was decided before, it")

    def match_built(self, part: Part, value: object, at: At, reason: str) -> Vector | None:
        """Matches a part that earlier decisions determine: builds its value and compares."""
        wanted = compile_part(part)(iter(()).__next__, dict(self.tied))
        if agree(wanted, value, self.level):
            return ()
        self.fail(at, f"is {{}}; {reason} is {{}} here", value, wanted)
        return None

    def match_constant(self, wanted: object, value: object, at: At) -> Vector | None:
        """Compares a value with a subtree without open holes; True does not match 1."""
        if agree(wanted, value, self.level):
            return ()
        items, found = children(wanted), children(value)
        if items and found and _is_like(wanted, value):  # to name the place inside
            have = dict(found)
            for key, item in items:
                if key in have and self.match_constant(item, have[key], (*at, key)) is None:
                    return None
        self.fail(at, "is {}; the space has {} there", value, wanted)
        return None

    def match_number(self, hole: Any, value: object, at: At) -> Vector | None:
        """Matches a number against its range."""
        whole = isinstance(hole, Intv)
        kind = int if whole and not hole.as_float else float
        number = value if value.__class__ in (int, float) else _to_number(value)
        if self.level is not EQUAL and kind is not (type(value) if self.level is EXACT else kind_of(value)):
            number = None
        if number is None or not hole.min_value <= number <= hole.max_value:
            self.fail(at, "is {}; allowed: {}", value, hole)
        elif not whole:
            return (float(number),)
        elif number != int(number) or (number - hole.min_value) % hole.step:
            self.fail(at, "is {}, which {} does not reach", value, hole)
        else:
            return (int(number),)
        return None

    def match_derived(self, part: Derived, value: object, at: At) -> Vector | None:
        """Matches a user-defined hole: the value that ``unbuild`` returns must build the same value.

        If all holes in it repeat earlier decisions, its value is built and compared.
        """
        if _is_known(part.part):
            reason = f"by what was decided before, the {type(part.hole).__name__}"
            return self.match_built(part, value, at, reason)
        try:
            inner = part.hole.unbuild(value)
        except NotImplementedError as error:
            inner = self.foresee(part.part)
            if inner is _UNKNOWN:
                raise NotImplementedError(
                    f"the value {at_path(Path(at))} cannot be encoded: {error}"
                ) from error
        except (PliantError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError):
            self.fail(at, "is {}; {} cannot make it", value, part.hole)
            return None
        vector = self.match(part.part, inner, at)
        if vector is not None and not agree(
            compile_part(part)(iter(vector).__next__, dict(self.tied)), value, self.level
        ):
            self.fail(at, "is {}; {} cannot make it", value, part.hole)
            return None
        return vector

    def foresee(self, part: Part) -> Any:
        """Returns the value of a part if other holes with its names determine it."""
        if isinstance(part, Constant):
            return part.value
        if isinstance(part, (Source, Tied)):
            return self.tied.get(part.name, self.ahead.get(part.name, _UNKNOWN))
        if isinstance(part, Branch) and isinstance(part.value, (list, dict)):
            items = [self.foresee(below) for below in part.parts]
            if not any(item is _UNKNOWN for item in items):
                return items if isinstance(part.value, list) else dict(zip(part.keys, items))
        return _UNKNOWN

    def fit(self, part: Pick, value: object, at: At) -> dict[int, Vector]:
        """Returns the candidates that fit a value, with their decisions: those that agree best with its type.

        If several have not its exact type and differ from each other, none is returned.
        """
        outer = self.level
        fits: dict[int, Vector] = {}
        for self.level in range(EXACT, outer - 1, -1):
            for i, candidate in enumerate(part.candidates):
                vector = self.match(candidate, value, at)
                if vector is not None:
                    fits[i] = vector
                    if self.level is EXACT and part.k is None:
                        break
            if fits:
                break
        found, self.level = self.level, outer
        if len(fits) > 1 and found is not EXACT:
            first, *others = (
                compile_part(part.candidates[i])(iter(v).__next__, dict(self.tied)) for i, v in fits.items()
            )
            if not all(agree(first, other, EXACT) for other in others):
                names = ", ".join(one_line(part.hole.candidates[i]) for i in fits)
                self.place = at
                self.fail(
                    at,
                    f"is {{}} of type {type(value).__name__}, which equals several candidates ({names}), and none has exactly its type. "
                    "Convert it to the type of the candidate that you mean",
                    value,
                )
                self.is_ambiguous = True
                return {}
        return fits

    def match_one(self, part: Pick, value: object, at: At) -> Vector | None:
        """Matches one pick: the first candidate that fits."""
        for i, vector in self.fit(part, value, at).items():
            return (i, *vector)
        if len(self.place) <= len(at) and not self.is_ambiguous:
            self.fail(at, "is {}; the candidates there are {}", value, part.hole.candidates)
        return None

    def match_many(self, part: Pick, value: object, at: At) -> Vector | None:
        """Matches a list of picks: the first assignment of candidates to items."""
        k, hole = part.k or 0, part.hole
        if not isinstance(value, list) or len(value) != k:
            self.fail(at, f"is {{}}; the space has a list of {k} picks there", value)
            return None
        table: list[dict[int, Vector]] = []
        for slot, item in children(value) or ():
            fits = self.fit(part, item, (*at, slot))
            if not fits:
                if len(self.place) <= len(at) + 1 and not self.is_ambiguous:
                    self.fail((*at, slot), "is {}; the candidates there are {}", item, hole.candidates)
                return None
            table.append(fits)
        picked = assign([list(fits) for fits in table], distinct=hole.distinct, sorted=hole.sorted)
        if picked is None:
            rule = " and ".join(w for w, on in (("distinct", hole.distinct), ("sorted", hole.sorted)) if on)
            self.fail(
                (*at, k - 1), f"makes {{}} a list that the {k} {rule} picks of {{}} cannot be", value, hole
            )
            return None
        vector = ()
        for i, fits in zip(picked, table):
            vector += (i, *fits[i])
        return vector

    def match_branch(self, part: Branch, value: object, at: At) -> Vector | None:
        """Matches a node or container child by child."""
        wanted = part.value
        items = children(value)
        if items is None or not _is_like(wanted, value):
            self.fail(
                at,
                f"is of type {node_class(value).__name__}; the space has {node_class(wanted).__name__} there",
            )
            return None
        found = dict(items)
        if found.keys() != set(part.keys):
            self.fail(at, "has the keys {}; the space has {} there", list(found), part.keys)
            return None
        decided: list[Any] = []
        for key, below in zip(part.keys, part.parts):
            vector = self.match(below, found[key], (*at, key))
            if vector is None:
                return None
            decided += vector
        return tuple(decided)


def _find_ahead(part: Part, value: object) -> Iterator[tuple[str, Any]]:
    """Yields the values of tied holes at paths that every program of the space has, by name."""
    if isinstance(part, Tied):
        yield part.name, value
    elif isinstance(part, Branch):
        found = dict(children(value) or ())
        for key, below in zip(part.keys, part.parts):
            if key in found:
                yield from _find_ahead(below, found[key])


def _is_known(part: Part) -> bool:
    """Returns whether earlier decisions determine the value of a part."""
    if isinstance(part, Branch):
        return all(map(_is_known, part.parts))
    return isinstance(part, (Constant, Tied, Echo)) or (isinstance(part, Derived) and _is_known(part.part))


def _is_like(wanted: object, value: object) -> bool:
    """Returns whether a value has the type that a container or node of the space becomes."""
    for kind in (list, dict, tuple):
        if isinstance(wanted, kind):
            return isinstance(value, kind)
    if isinstance(wanted, Node):
        return node_class(wanted) is node_class(value)
    return is_dataclass(wanted) and type(wanted) is type(value)


def _to_number(value: Any) -> int | float | None:
    """Returns a number of another library as a float; None for other values."""
    if value.__class__ in ATOMS or kind_of(value) in (str, bytes, bool) or children(value) is not None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def assign(fits: Sequence[Sequence[int]], *, distinct: bool, sorted: bool) -> list[int] | None:
    """Returns the first choice of one candidate per item, in lexicographic order, that keeps the rules.

    Args:
      fits: for each item the candidates that fit it, in ascending order.
      distinct: whether no candidate may be chosen twice.
      sorted: whether the chosen candidates must not descend.

    >>> assign([[0, 1], [0]], distinct=True, sorted=False), assign([[0, 1], [0]], distinct=True, sorted=True)
    ([1, 0], None)
    """
    if sorted:
        return _ascend(fits, step=1 if distinct else 0)
    if distinct:
        return _match(fits)
    return [candidates[0] for candidates in fits] if all(fits) else None


def _ascend(fits: Sequence[Sequence[int]], *, step: int) -> list[int] | None:
    """Picks the smallest candidate that each item allows; this leaves the most for later items."""
    picked: list[int] = []
    least = 0
    for candidates in fits:
        found = next((i for i in candidates if i >= least), None)
        if found is None:
            return None
        picked.append(found)
        least = found + step
    return picked


def _match(fits: Sequence[Sequence[int]]) -> list[int] | None:
    """Matches items to distinct candidates (augmenting paths), then improves item by item."""
    owner: dict[int, int] = {}  # candidate -> item
    for item in range(len(fits)):
        if not _place(item, fits, owner, fixed=0):
            return None
    for item, candidates in enumerate(fits):
        for candidate in candidates:
            if owner.get(candidate) == item:
                break  # no better one is free
            holder = owner.get(candidate)
            if holder is not None and holder < item:
                continue  # an earlier item has it for good
            trial = {c: i for c, i in owner.items() if i != item}
            trial[candidate] = item
            if holder is None or _place(holder, fits, trial, fixed=item + 1):
                owner = trial
                break
    return [candidate for candidate, _ in _by_item(owner)]


def _place(item: int, fits: Sequence[Sequence[int]], owner: dict[int, int], *, fixed: int) -> bool:
    """Gives ``item`` a candidate, moving items from number ``fixed`` on where needed; breadth first."""
    came_from: dict[
        int, tuple[int, int | None]
    ] = {}  # candidate -> (item that wants it, what that item held)
    queue: list[tuple[int, int | None]] = [(item, None)]
    for wanting, held in queue:
        for candidate in fits[wanting]:
            if candidate in came_from:
                continue
            holder = owner.get(candidate)
            if holder is not None and holder < fixed:
                continue
            came_from[candidate] = (wanting, held)
            if holder is None:
                at: int | None = candidate
                while at is not None:
                    owner[at], at = came_from[at]
                return True
            queue.append((holder, candidate))
    return False


def _by_item(owner: dict[int, int]) -> list[tuple[int, int]]:
    return sorted(owner.items(), key=lambda pair: pair[1])
