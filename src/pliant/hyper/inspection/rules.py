"""Advice on the design of a space: one rule per fault, in a table.

A rule is a function of an inspection that yields advice as text.  To add one, write the function, put it into
``RULES``, and test it on a bad and a good space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pliant.space.text import say_size

from .facts import Advice, Decision, Inspection

MOST_PROGRAMS = 10**20
"""A larger space is too sparse in good programs, by the guide of the NAS service."""

MOST_CANDIDATES = 10
"""More candidates of one choice than this are tried too rarely each."""

COST_RATIO = 10
"""Candidates whose costs differ by a larger factor are not compared fairly by a search."""

INVALID_SHARE = 0.2
"""More invalid programs than this are worth a change of the space."""

EQUAL_SHARE = 0.2
"""More programs that are equal to others than this are worth a change of the space."""

_REPEATED = 4  # independent decisions at places of one pattern, from which they are a macro space
_LARGE = 10**10  # a smaller space needs no cells
_LISTED = 3  # paths that are named

Rule = Callable[[Inspection], Iterator[str]]


def too_large(found: Inspection) -> Iterator[str]:
    """More than 10^20 programs: search parts of it one by one."""
    if found.discrete_size > MOST_PROGRAMS:
        parts = sorted((p for p in found.parts if p.depth == 0), key=lambda p: -p.share)[:_LISTED]
        named = ", ".join(f"{p.path or '(root)'!s} ({p.share:.0%})" for p in parts)
        yield (
            f"The space has {say_size(found.discrete_size)} programs, more than 1e20, so good ones are far apart. The largest parts are "
            f"{named}. Search parts one by one (where=pg.by_path(...)), tie decisions (name=...), or remove candidates."
        )


def too_many_candidates(found: Inspection) -> Iterator[str]:
    """More than ten candidates in one choice: fewer, two choices, or a number."""
    wide = [d for d in found.decisions if len(d.candidates) > MOST_CANDIDATES]
    if wide:
        yield (
            f"{_name_all(wide)}: up to {max(len(d.candidates) for d in wide)} candidates in one choice, more than {MOST_CANDIDATES}. A trial tries only "
            "one of them. Split the choice in two (first the kind, then its arguments), or use pg.intv or pg.floatv for numbers."
        )


def unequal_costs(found: Inspection) -> Iterator[str]:
    """Candidates whose costs differ by more than 10x: a search prefers the cheap ones."""
    unequal = [d for d in found.decisions if d.costs and d.costs[1] > COST_RATIO * d.costs[0]]
    if unequal:
        worst = max(d.costs[1] / d.costs[0] for d in unequal if d.costs)
        yield (
            f"{_name_all(unequal)}: the {found.programs.cost_name} of the candidates differ by up to {worst:,.0f} times, so a search will prefer the "
            "cheap ones whatever they can do. Make their costs similar, or search with the cost as a second objective."
        )


def dead_decisions(found: Inspection) -> Iterator[str]:
    """Decisions that change no program: remove them."""
    dead = [d for d in found.decisions if d.is_dead]
    if dead:
        yield f"{_name_all(dead)}: no value of this decision changes the program. Replace the hole by one of its values."


def equal_candidates(found: Inspection) -> Iterator[str]:
    """Equal candidates in one choice: keep one of them."""
    equal = [d for d in found.decisions if not d.is_dead and any(c.same_as is not None for c in d.candidates)]
    if equal:
        index, first = next(
            (i, c.same_as) for i, c in enumerate(equal[0].candidates) if c.same_as is not None
        )
        yield (
            f"{_name_all(equal)}: candidates are equal, such as numbers {first} and {index} of the first, so that their programs are tried "
            "more often than others. Keep one of them."
        )


def equal_programs(found: Inspection) -> Iterator[str]:
    """Many programs with the structure of another: each is evaluated several times."""
    programs = found.programs
    valid = programs.drawn - programs.invalid
    if valid - programs.distinct > EQUAL_SHARE * valid:
        yield (
            f"{valid:,} programs have only {programs.distinct:,} structures. Remove holes without effect, choose sets with "
            "pg.manyof(..., sorted=True), or keep the rewards of structures, so that each is evaluated once."
        )


def many_invalid(found: Inspection) -> Iterator[str]:
    """More than 20 % invalid programs: let the decisions that cause it depend on each other."""
    programs = found.programs
    if programs.invalid > INVALID_SHARE * programs.drawn:
        error = programs.reasons[0][0].rstrip(".")
        text = f"{programs.invalid / programs.drawn:.0%} of the programs are invalid (most often {error}). "
        if len(programs.causes) == 2:
            first, second = programs.causes
            text += (
                f"It depends most on {first} together with {second}. Put the hole of one into the candidates of the other, so that each has only "
                "values that fit, or replace both by one choice of pairs that fit."
            )
        elif programs.causes:
            text += f"It depends most on {programs.causes[0]}. Remove its candidates that fail, or put what they need into them."
        else:
            text += "No one or two decisions tell which. Describe only valid programs: with conditional holes, or with a pg.DerivedHole."
        yield text


def cell_or_macro(found: Inspection) -> Iterator[str]:
    """A large space of one decision at many places: share it among cells, unless places must differ."""
    if found.discrete_size <= _LARGE:
        return
    for pattern, rows in find_patterns(found.decisions).items():
        share = sum(d.share for d in rows)
        if share >= 0.5:
            yield (
                f"{len(rows)} independent decisions at {pattern} make {share:.0%} of the space (in logarithms): a macro space. If the places may be "
                "alike, search one cell: give corresponding holes one name, and the exponent no longer grows with the depth. Keep it as "
                "it is if early and late places need different values, or if these are the edges of one cell."
            )


RULES: tuple[Rule, ...] = (
    too_large,
    too_many_candidates,
    unequal_costs,
    dead_decisions,
    equal_candidates,
    equal_programs,
    many_invalid,
    cell_or_macro,
)
"""All rules, in the order of their advice."""


def advise(found: Inspection) -> tuple[Advice, ...]:
    """Returns the advice of all rules."""
    return tuple(Advice(rule.__name__, text) for rule in RULES for text in rule(found))


def find_patterns(decisions: tuple[Decision, ...]) -> dict[str, list[Decision]]:
    """Returns groups of decisions outside of candidates whose paths differ only in numbers, by path with ``*`` for numbers.

    >>> rows = tuple(Decision(f"layers[{i}].op", "oneof 2", "", (), 0.25) for i in range(4))
    >>> list(find_patterns(rows)), list(find_patterns(rows[:3]))
    (['layers[*].op'], [])
    """
    groups: dict[str, list[Decision]] = {}
    for row in decisions:
        if not row.depth:
            groups.setdefault(_pattern(row.path), []).append(row)
    return {pattern: rows for pattern, rows in groups.items() if "*" in pattern and len(rows) >= _REPEATED}


def is_cell(decision: Decision) -> bool:
    """Returns whether a decision is repeated at a path that differs from its own only in numbers.

    >>> is_cell(Decision("cells[0].op", "oneof 2", "", (), 0.5, ties=("cells[1].op",)))
    True
    """
    return _pattern(decision.path) in map(_pattern, decision.ties)


def _pattern(path: str) -> str:
    return re.sub(r"\[\d+\]", "[*]", path)


def _name_all(decisions: list[Decision]) -> str:
    """Returns the paths of some decisions, and how many more there are."""
    names = ", ".join(d.path or "(root)" for d in decisions[:_LISTED])
    return names + (f" and {len(decisions) - _LISTED} more" if len(decisions) > _LISTED else "")
