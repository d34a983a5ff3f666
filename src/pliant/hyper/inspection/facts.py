"""What an inspection finds, as frozen data; ``text`` and ``html`` show it."""

from __future__ import annotations

from dataclasses import dataclass

from pliant.space import Space
from pliant.space.shares import Part


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate of a choice.

    Attributes:
      label: its class or text.
      arguments: what differs from other candidates of its class: names and values.
      size: the number of distinct decisions below it.
      same_as: the index of an equal candidate before it.
      cost: its cost, if it was measured.
    """

    label: str
    arguments: tuple[tuple[str, str], ...] = ()
    size: int = 1
    same_as: int | None = None
    cost: float | None = None

    @property
    def text(self) -> str:
        """The label and what differs."""
        inner = ", ".join(f"{name}={value}" for name, value in self.arguments)
        return f"{self.label}({inner})" if self.label and inner else self.label or inner


@dataclass(frozen=True, slots=True)
class Decision:
    """One hole of the space.

    Attributes:
      path: where it is, with the candidates that it is below.
      kind: which hole, such as ``oneof`` or ``manyof 2 of 5, distinct``.
      values: the range of a number as text; empty for a choice.
      candidates: those of a choice.
      share: the logarithm of the number of its decisions, with those below it, as a fraction of that of the whole space.
      depth: how many choices it is below.
      condition: the candidate that it is below, as text; empty if it is in every program.
      name: the name of the hole; holes with one name share the decision.
      ties: the paths of other holes that share this decision.
      hints: the hints of the hole, as text.
      is_dead: whether no change of it changed a program.
      costs: the smallest and the largest cost over its values (those that cost nothing aside), if they were measured.
    """

    path: str
    kind: str
    values: str
    candidates: tuple[Candidate, ...]
    share: float
    depth: int = 0
    condition: str = ""
    name: str | None = None
    ties: tuple[str, ...] = ()
    hints: str = ""
    is_dead: bool = False
    costs: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Programs:
    """What was found by building programs.

    Attributes:
      drawn: how many were built: different ones by their decisions.
      is_all: whether these are all programs of the space.
      distinct: how many structures they have.
      invalid: how many could not be built, or were refused by the cost or structure function.
      reasons: the errors, with how often each was raised; the most frequent first.
      causes: the paths of one or two decisions that tell most about which programs are invalid.
      cost_name: what ``quantiles`` are of, such as ``"nodes"``.
      quantiles: cost at 0, 10, 25, 50, 75, 90 and 100 per cent of the valid programs; empty without any.
      examples: some of the programs as code.
      others: names and quantiles of further costs, if the cost function returns several.
      costed: how many programs these are of.
    """

    drawn: int
    is_all: bool
    distinct: int
    invalid: int
    reasons: tuple[tuple[str, int], ...]
    causes: tuple[str, ...]
    cost_name: str
    quantiles: tuple[float, ...]
    examples: tuple[str, ...]
    others: tuple[tuple[str, tuple[float, ...]], ...] = ()
    costed: int = 0


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice: the name of the rule that gives it, and its text."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a designer needs to know about a space; printing it, or showing it in a notebook, gives a report.

    Attributes:
      space: the abstract search space.
      discrete_size: the number of distinct decisions, with each float counted as one.
      parts: the sizes of parts of the program.
      decisions: all holes, in order.
      programs: what was found by building programs.
      advice: what to change.
    """

    space: Space
    discrete_size: int
    parts: tuple[Part, ...]
    decisions: tuple[Decision, ...]
    programs: Programs
    advice: tuple[Advice, ...] = ()

    @property
    def size(self) -> int | float:
        """The exact number of distinct decisions; infinite with a float."""
        return self.space.size

    def __str__(self) -> str:
        from .report import to_text

        return to_text(self)

    def _repr_html_(self) -> str:
        """Returns the report as HTML, which notebooks show."""
        from .report import to_html

        return to_html(self)
