"""Which candidate was picked for which item of a list, when it is known which candidates fit which item."""

from __future__ import annotations

from collections.abc import Sequence


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
    """Takes the least that each item allows: whatever works for a larger one works for it, too."""
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
