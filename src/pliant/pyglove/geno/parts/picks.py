"""``Picks``: the DNA of a choice, or of several, in order, at random, and checked."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, final

from pliant.values.errors import FieldValueError, quote

from ..dna import DNA


@final
class Picks:
    """The picks of a ``Choices``: DNA whose value is a candidate, and whose children decide below it."""

    def __init__(self, spec: Any) -> None:
        self.spec = spec
        self.count, self.candidates = spec.num_choices, spec.candidates

    def first(self) -> DNA:
        """Returns the lowest picks."""
        return self._join(self._complete([]))

    def next(self, dna: DNA) -> DNA | None:
        """Returns the picks after ``dna``: the last one that can rises, those after it are the lowest."""
        picks = self._split(dna)
        for at in reversed(range(self.count)):
            before = [pick.clone() for pick in picks[:at]]
            changed = self._raise(picks[at], [pick.value for pick in before])
            if changed is not None:
                return self._join(self._complete([*before, changed]))
        return None

    def random(self, rng: Any, previous: DNA | None) -> DNA:
        """Returns picks that are drawn first, then what is below them."""
        count = len(self.candidates)
        if self.spec.distinct:
            drawn = rng.sample(range(count), self.count)
        else:
            drawn = [rng.randint(0, count - 1) for _ in range(self.count)]
        if self.spec.sorted:
            drawn = sorted(drawn)
        old: list[Any] = (
            [previous] if self.count == 1 else list(previous.children) if previous is not None else []
        )
        picks = []
        for at, value in enumerate(drawn):
            same = old[at] if at < len(old) and old[at] is not None and old[at].value == value else None
            deeper = self.candidates[value]._random(rng, None if same is None else below(same))
            picks.append(DNA(value, [deeper]))
        return self._join(picks)

    def check(self, dna: DNA) -> None:
        """Raises FieldValueError if the DNA is not one of the choice."""
        spec = self.spec
        if self.count == 1:
            self._check_pick(dna, spec._at())
            return
        values: list[Any] = [child.value for child in dna.children]
        if len(values) != self.count or dna.value is not None:
            raise FieldValueError(
                f"Number of DNA child values does not match the number of choices. Child values: {quote(dna.children)}, "
                f"Choices: {self.count}, {spec._at()}"
            )
        for at, child in enumerate(dna.children):
            self._check_pick(child, f"Location: {spec.location.path}[{at}].")
        if spec.sorted and any(a > b for a, b in pairwise(values)):
            raise FieldValueError(f"DNA child values should be sorted. Encountered: {values}, {spec._at()}")
        if spec.distinct and len(set(values)) < len(values):
            raise FieldValueError(f"DNA child values should be distinct. Encountered: {values}, {spec._at()}")

    def _check_pick(self, dna: DNA, where: str) -> None:
        value = dna.value
        if value is None and self.count == 1:
            got = "a list" if dna.children else quote(dna)
            raise FieldValueError(
                f"Expect an integer for a single choice, but encountered {got}: {quote(dna)}, {where}"
            )
        if not isinstance(value, int):
            raise FieldValueError(f"Choice value should be int. Encountered: {quote(value)}, {where}")
        if not 0 <= value < len(self.candidates):
            raise FieldValueError(
                f"Choice out of range. Value: {value}, Candidates: {len(self.candidates)}, {where}"
            )
        candidate = self.candidates[value]
        if candidate.is_constant and dna.children:
            raise FieldValueError(
                f"Child DNA {quote(dna.children)} provided while there is no child decision point. {where}"  # wording: as PyGlove
            )
        if candidate.is_constant:
            return
        if not dna.children:
            raise FieldValueError(f"No child DNA provided for child space {quote(candidate)}, {where}")
        candidate.validate(below(dna))

    def _split(self, dna: DNA) -> list[DNA]:
        picks = [dna] if self.count == 1 else list(dna.children)
        if len(picks) != self.count:
            raise FieldValueError(
                f"{quote(dna)} has {len(picks)} choices, and this genotype {self.count}. {self.spec._at()}"
            )
        for pick in picks:
            if not isinstance(pick.value, int) or not 0 <= pick.value < len(self.candidates):
                raise FieldValueError(
                    f"Choice value {quote(pick.value)} is out of range: candidates are 0 to {len(self.candidates) - 1}. "
                    f"{self.spec._at()}"
                )
        return picks

    def _join(self, picks: list[DNA]) -> DNA:
        return picks[0] if self.count == 1 else DNA(None, picks)

    def _complete(self, picks: list[DNA]) -> list[DNA]:
        """Returns the picks with the lowest ones after them."""
        while len(picks) < self.count:
            value = self._lowest([pick.value for pick in picks], 0)
            picks = [*picks, self._pick(value)]
        return picks

    def _pick(self, value: Any) -> DNA:
        return DNA(value, [self.candidates[value]._first()])

    def _raise(self, pick: DNA, before: list[Any]) -> DNA | None:
        """Returns the next pick after ``pick`` at the same place, or None after the last."""
        value: Any = pick.value
        deeper = self.candidates[value]._next(below(pick)) if not self.candidates[value].is_constant else None
        if deeper is not None:
            return DNA(value, [deeper])
        lowest = self._lowest(before, value + 1)
        return None if lowest is None else self._pick(lowest)

    def _lowest(self, before: list[Any], start: int) -> int | None:
        """Returns the lowest candidate from ``start`` on that may follow the picks before it and leaves enough for later ones."""
        end = len(self.candidates)
        if self.spec.sorted and before:
            start = max(start, before[-1] + self.spec.distinct)
        if self.spec.sorted and self.spec.distinct:
            end -= self.count - len(before) - 1
        taken = set(before) if self.spec.distinct else set()
        return next((value for value in range(start, end) if value not in taken), None)


def below(dna: DNA) -> DNA:
    """Returns the DNA of the space below a pick."""
    return dna.children[0] if len(dna.children) == 1 else DNA(None, _copies(dna))


def _copies(dna: DNA) -> list[DNA]:
    return [child.clone() for child in dna.children]
