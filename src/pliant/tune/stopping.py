"""Rules that end a search early: no improvement, a bound of the regret, and cost; ``|`` and ``&`` combine them.

A rule is data: it reads the record of a search and returns why to stop.  ``Stopping`` keeps the record, from the trials that
the search or its study has, so that a resumed search and each of several processes judge by all of them.
"""

from __future__ import annotations

import ast
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, final

from pliant.algorithms.objectives.dominance import dominates
from pliant.algorithms.options import check_count, check_number, keep_checked
from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, quote_typed, suggest
from pliant.values.signature import read_signature

if TYPE_CHECKING:
    from pliant.study import Trial

Reward = float | tuple[float, ...]
_LONGEST = 1000  # characters of a rule as text


@final
@dataclass
class Record:
    """What a rule reads of a search: the trials that ended, in the order of proposal.

    Attributes:
      decisions: of each trial.
      rewards: of each trial, higher is better; None for a failed one.
      seconds: how long each trial took.
      metrics: the other numbers of each trial.
      known: what rules have computed for earlier records, by keys of their own.
    """

    decisions: list[Decisions] = field(default_factory=list)
    rewards: list[Reward | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    metrics: list[Mapping[str, float]] = field(default_factory=list)
    known: dict[Any, float] = field(default_factory=dict)


class Rule(ABC):
    """A rule that ends a search: ``why`` returns the reason, in the words of a summary, or None to go on."""

    @abstractmethod
    def why(self, record: Record) -> str | None:
        """Returns why the search should stop now; None if it should not."""

    def __or__(self, other: object) -> Rule:
        return _Either(self, other) if isinstance(other, Rule) else NotImplemented

    def __and__(self, other: object) -> Rule:
        return _Both(self, other) if isinstance(other, Rule) else NotImplemented


@final
@dataclass(frozen=True)
class _Either(Rule):
    """Stops when one of two rules does."""

    first: Rule
    second: Rule

    def why(self, record: Record) -> str | None:
        return self.first.why(record) or self.second.why(record)


@final
@dataclass(frozen=True)
class _Both(Rule):
    """Stops when two rules do."""

    first: Rule
    second: Rule

    def why(self, record: Record) -> str | None:
        first, second = self.first.why(record), self.second.why(record)
        return None if first is None or second is None else f"{first}, and {second}"


@final
@dataclass(frozen=True)
class NoImprovement(Rule):
    """Stops when the best reward has not improved during so many trials; of several objectives, when the front has not changed.

    >>> record = Record(rewards=[0.1, 0.5, None, 0.4])
    >>> NoImprovement(2).why(record)
    'no improvement during 2 trials'
    >>> NoImprovement(3).why(record) is None
    True

    Attributes:
      trials: how many trials without improvement, failures included.
      least: a smaller improvement counts as none.
    """

    trials: int = 50
    least: float = 0.0

    def __post_init__(self) -> None:
        keep_checked(self, "trials", check_count)
        keep_checked(self, "least", check_number)

    def why(self, record: Record) -> str | None:
        latest, best = -1, list[Reward]()
        for number, reward in enumerate(record.rewards):
            if reward is None:
                continue
            if not any(self._covers(one, reward) for one in best):
                best = [one for one in best if not self._covers(reward, one)] + [reward]
                latest = number
        if latest < 0 or len(record.rewards) - 1 - latest < self.trials:
            return None
        return f"no improvement during {self.trials} trials"

    def _covers(self, one: Reward, other: Reward) -> bool:
        """Returns whether a reward leaves nothing to improve for the other."""
        if isinstance(one, tuple) and isinstance(other, tuple):
            raised = [value + self.least for value in one]
            return raised == list(other) or dominates(raised, other)
        assert not isinstance(one, tuple)
        assert not isinstance(other, tuple)
        return one + self.least >= other


@final
@dataclass(frozen=True)
class CostLimit(Rule):
    """Stops when trials have cost so much together: their seconds, on all workers, or a metric that they return.

    >>> CostLimit(10).why(Record(seconds=[4.0, 7.0]))
    'trials have cost 11 seconds; the limit is 10'
    >>> CostLimit(5, "dollars").why(Record(metrics=[{"dollars": 2.0}, {}])) is None
    True

    Attributes:
      limit: the sum over trials.
      metric: a key of the metrics of a trial; ``seconds`` is how long it took.
    """

    limit: float
    metric: str = "seconds"

    def __post_init__(self) -> None:
        keep_checked(self, "limit", check_number, above=0)
        if not isinstance(self.metric, str):
            raise FieldTypeError(
                f"CostLimit(metric=...) is the name of a metric; got {quote_typed(self.metric)}."
            )

    def why(self, record: Record) -> str | None:
        costs = record.seconds
        if self.metric != "seconds":
            costs = [one[self.metric] for one in record.metrics if self.metric in one]
            if not costs and any(reward is not None for reward in record.rewards):
                raise FieldValueError(
                    f"CostLimit(metric={quote(self.metric)}) adds up a metric that no trial has returned. Return it with the "
                    "reward, as (reward, metrics), or leave out `metric` for the seconds of trials."
                )
        total = math.fsum(costs)
        if total < self.limit:
            return None
        return f"trials have cost {total:g} {self.metric}; the limit is {self.limit:g}"


@final
@dataclass(frozen=True)
class RegretBound(Rule):
    """Stops when the best reward is within ``tolerance`` of what any program can reach, with high probability.

    Makarova et al., "Automatic termination for hyperparameter optimization", AutoML 2022: under a Gaussian process of
    the rewards, the regret is at most the highest upper confidence bound of the space minus the highest lower one of the
    trials.  One objective only.  The process is fitted again after each ``every`` trials, which takes a part of a second.

    >>> RegretBound(0.01).why(Record()) is None  # fewer than 20 trials
    True

    Attributes:
      tolerance: the regret that is acceptable, in units of the reward, such as its standard error.
      least: how many trials with a reward come first.
      every: how many trials are between two computations.
    """

    tolerance: float
    least: int = 20
    every: int = 5

    def __post_init__(self) -> None:
        keep_checked(self, "tolerance", check_number, above=0)
        keep_checked(self, "least", check_count, least=2)
        keep_checked(self, "every", check_count)

    def why(self, record: Record) -> str | None:
        several = next((one for one in record.rewards if isinstance(one, tuple)), None)
        if several is not None:
            raise FieldValueError(
                f"RegretBound is for one objective, and a trial has {len(several)} rewards. "
                "Use NoImprovement, which looks at the front."
            )
        count = len(record.rewards) // self.every * self.every
        pairs = zip(record.decisions[:count], record.rewards[:count], strict=True)
        told = [(decisions, reward) for decisions, reward in pairs if reward is not None]
        if len(told) < self.least:
            return None
        if (count, len(told)) not in record.known:
            from pliant.algorithms.bayes.regret import bound_regret  # brings SciPy's optimizers

            record.known[count, len(told)] = bound_regret([one for one, _ in told], [one for _, one in told])
        bound = record.known[count, len(told)]
        if bound > self.tolerance:
            return None
        return f"the regret is at most {bound:.3g}, within the tolerance of {self.tolerance:g}"


RULES: dict[str, type[Rule]] = {
    "no_improvement": NoImprovement,
    "regret_bound": RegretBound,
    "cost_limit": CostLimit,
}
"""The rules by name, as text gives them."""


def to_rule(value: Any) -> Rule | None:
    """Returns the rule that ``value`` gives: a rule itself, its text, or None for None.

    >>> to_rule("no_improvement(trials=30)")
    NoImprovement(trials=30, least=0.0)
    >>> to_rule("no_improvement | cost_limit(3600)").second
    CostLimit(limit=3600.0, metric='seconds')

    Raises:
      FieldTypeError: it is none of these.
      FieldValueError: the text is not a rule by name, with options as literals; or several, with | or & between them.
    """
    if value is None or isinstance(value, Rule):
        return value
    if isinstance(value, str):
        return _read(value)
    if isinstance(value, type) and issubclass(value, Rule):
        raise FieldTypeError(
            f"stop takes a rule; got the class {value.__name__}. Write {value.__name__}(...)."
        )
    raise FieldTypeError(
        "stop takes a rule, such as pg.tune.NoImprovement(50), its text, such as 'no_improvement(trials=50)', or None; "
        f"got {quote_typed(value)}."
    )


def rule_to_text(rule: Rule) -> str | None:
    """Returns a rule as text, which ``to_rule`` reads; None where a part of it is a rule of your own.

    >>> rule_to_text((NoImprovement(9) | RegretBound(0.5)) & CostLimit(60.0))
    "(no_improvement(trials=9, least=0.0) | regret_bound(tolerance=0.5, least=20, every=5)) & cost_limit(limit=60.0, metric='seconds')"
    """
    if isinstance(rule, (_Either, _Both)):
        texts = rule_to_text(rule.first), rule_to_text(rule.second)
        if isinstance(rule, _Either) and None not in texts:
            return f"{texts[0]} | {texts[1]}"
        around = [
            f"({text})" if isinstance(one, _Either) else text
            for one, text in zip((rule.first, rule.second), texts, strict=True)
        ]
        return None if None in texts else " & ".join(map(str, around))
    name = next((name for name, kind in RULES.items() if type(rule) is kind), None)
    if name is None:
        return None
    return f"{name}({', '.join(f'{one.name}={getattr(rule, one.name)!r}' for one in fields(rule))})"  # type: ignore[arg-type]  # each rule of ours is a dataclass


def _read(text: str) -> Rule:
    """Reads rules with their options, and | and & between them; no text is run as code."""
    why = f"it is longer than {_LONGEST} characters"
    if len(text) <= _LONGEST:
        try:
            return _build(ast.parse(text.strip(), mode="eval").body, text)
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
            if isinstance(error, (FieldValueError, FieldTypeError)):
                raise
            why = (
                "its options are not literals"
                if type(error) is ValueError
                else "it is not a name with options"
            )
    raise FieldValueError(
        f"a rule to stop a search is a name with options, such as 'no_improvement(trials=50)', or several with | or & "
        f"between them; got {quote(text)}: {why}."
    )


def _build(node: ast.expr, text: str) -> Rule:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.BitAnd)):
        first, second = _build(node.left, text), _build(node.right, text)
        return first | second if isinstance(node.op, ast.BitOr) else first & second
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    if not isinstance(call.func, ast.Name):
        raise SyntaxError
    name = call.func.id
    if name not in RULES:
        raise FieldValueError(
            f"unknown rule {quote(name)} to stop a search{suggest(name, RULES) or '.'} Known: {listing(RULES)}."
        )
    known = read_signature(RULES[name]).parameters
    shown = f"Write {name}({', '.join(f'{one}=...' for one in known)})."
    if len(call.args) > len(known):
        raise FieldValueError(f"the rule {quote(text)} has too many options. {shown}")
    options = dict(zip(known, map(ast.literal_eval, call.args), strict=False))
    options |= {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    unknown = [one for one in options if one not in known]
    missing = [one for one, at in known.items() if at.default is at.empty and one not in options]
    if unknown or missing:
        what = f"does not take {quote(unknown[0])}" if unknown else f"needs {missing[0]!r}"
        raise FieldValueError(f"the rule {quote(text)} {what}. {shown}")
    return RULES[name](**options)


@final
class Stopping:
    """A rule, and the record of a search by which it judges.

    Args:
      rule: decides.
      maximize: whether higher rewards are better.
    """

    def __init__(self, rule: Rule, *, maximize: bool) -> None:
        self._rule, self._sign = rule, 1.0 if maximize else -1.0
        self._whole = 0  # all trials up to this id have ended
        self._ended: dict[int, Trial] = {}
        self._known: dict[Any, float] = {}

    @property
    def count(self) -> int:
        """How many trials had ended at the last look."""
        return len(self._ended)

    def why(self, read: Callable[[int], Iterable[Trial]]) -> str | None:
        """Returns why the search should stop now; None if it should not.

        Args:
          read: returns the trials of the search with larger ids, those that run included.

        Raises:
          FieldValueError: the rule cannot judge such trials.
        """
        found = [trial for trial in read(self._whole) if trial.ended is not None]
        self._ended |= {trial.id: trial for trial in found}
        while self._whole + 1 in self._ended:
            self._whole += 1
        trials = [self._ended[one] for one in sorted(self._ended)]
        return self._rule.why(
            Record(
                [trial.decisions for trial in trials],
                [self._turn(trial.told) for trial in trials],
                [trial.seconds or 0.0 for trial in trials],
                [trial.metrics or {} for trial in trials],
                self._known,
            )
        )

    def _turn(self, reward: Reward | None) -> Reward | None:
        """Returns a reward so that higher is better."""
        if isinstance(reward, tuple):
            return tuple([self._sign * one for one in reward])
        return None if reward is None else self._sign * reward
