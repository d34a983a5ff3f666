"""``DynamicEvaluationContext`` and ``trace``: search spaces that a running function defines by making hyper primitives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pliant.values.errors import FieldValueError, quote

from .. import symbolic
from ..geno.dna import DNA
from .answers import Answers
from .categorical import Choices, OneOf
from .custom import CustomHyper
from .evaluation import evaluating, find_evaluator, is_process_wide
from .numerical import Float
from .object_template import ObjectTemplate, Where, template

Evaluate = Callable[[Any], Any]


@contextmanager
def dynamic_evaluate(
    evaluate_fn: Evaluate | None,
    yield_value: Any = None,
    exit_fn: Callable[[], None] | None = None,
    per_thread: bool = True,
) -> Iterator[Any]:
    """Lets a function evaluate the hyper primitives that are made inside a ``with`` block.

    Args:
      evaluate_fn: a function of a hyper primitive that returns its value; None lets them stay as they are.
      yield_value: what the block receives.
      exit_fn: called at the end of the block if it raised no error.
      per_thread: for this thread alone, or for all threads.

    Raises:
      FieldValueError: an argument is not a function.

    >>> from pliant.pyglove.hyper.categorical import oneof
    >>> with dynamic_evaluate(lambda primitive: primitive.candidates[-1]):
    ...     oneof([1, 2])
    2
    """
    if evaluate_fn is not None and not callable(evaluate_fn):
        raise FieldValueError(
            f"'evaluate_fn' must be either None or a callable object. Encountered: {quote(evaluate_fn)}."
        )
    if exit_fn is not None and not callable(exit_fn):
        raise FieldValueError(f"'exit_fn' must be a callable object. Encountered: {quote(exit_fn)}.")
    with evaluating(evaluate_fn, per_thread=per_thread):
        yield yield_value
    if exit_fn is not None:
        exit_fn()


class DynamicEvaluationContext:
    """A search space that a running function defines: each hyper primitive that it makes becomes a decision.

    Under ``collect`` hyper primitives are recorded, and evaluate to their first values; under ``apply`` they evaluate to what decisions
    choose.  Candidates that are functions are called where they are chosen, and may make hyper primitives.

    >>> from pliant.pyglove.hyper.categorical import oneof
    >>> space = DynamicEvaluationContext()
    >>> with space.collect():
    ...     oneof([1, 2]) + oneof([10, 20])
    11
    >>> with space.apply([1, 0]):
    ...     oneof([1, 2]) + oneof([10, 20])
    12

    Args:
      where: which hyper primitives are decided here; the others are left to an enclosing context, or stay as they are.
      require_hyper_name: whether each must have a name; those with equal names are one decision.
      per_thread: for this thread alone, or for all threads.
      dna_spec: the genotype of a space that was collected elsewhere.
    """

    def __init__(
        self,
        where: Where = None,
        require_hyper_name: bool = False,
        per_thread: bool = True,
        dna_spec: Any = None,
    ) -> None:
        self._where, self._needs_name, self._per_thread = where, require_hyper_name, per_thread
        self._given_spec = dna_spec
        self._hyper_dict: Any = symbolic.Dict() if dna_spec is None else None
        self._levels: list[Any] = [self._hyper_dict]
        self._count = 0
        self._evaluate: Evaluate | None = None
        self._lock = threading.RLock()

    @property
    def per_thread(self) -> bool:
        """Whether the context is that of one thread."""
        return self._per_thread

    @property
    def is_external(self) -> bool:
        """Whether the genotype was given."""
        return self._given_spec is not None

    @property
    def hyper_dict(self) -> Any:
        """The recorded hyper primitives by name; None if the genotype was given."""
        return self._hyper_dict

    @property
    def dna_spec(self) -> Any:
        """The genotype of what was recorded."""
        if self._given_spec is not None:
            return self._given_spec
        return template(self._hyper_dict).dna_spec()

    @contextmanager
    def collect(self) -> Iterator[Any]:
        """Records the hyper primitives that are made inside a ``with`` block; it receives ``hyper_dict``.

        Raises:
          FieldValueError: the genotype was given.
        """
        if self.is_external:
            raise FieldValueError(
                f"`collect` cannot be called if {quote(self)} is using an external DNASpec. Call `apply`."
            )
        self._hyper_dict = symbolic.Dict()
        self._levels, self._count = [self._hyper_dict], 0
        with self._entered(self.add_decision_point):
            yield self._hyper_dict

    def apply(self, decisions: Any) -> AbstractContextManager[None]:
        """Evaluates the hyper primitives that are made inside a ``with`` block by decisions.

        Args:
          decisions: a DNA, or a flat list of numbers and texts.

        Raises:
          FieldValueError: decisions have another form or do not fit, or some were not used by the end of the block.
        """
        return self._apply(decisions)

    @contextmanager
    def _apply(self, decisions: Any) -> Iterator[None]:
        if not isinstance(decisions, (DNA, list)):
            raise FieldValueError(
                f"`decisions` should be a DNA or a list of numbers. Encountered: {quote(decisions)}."
            )
        by_name = self._needs_name
        answers = Answers(decisions, self.dna_spec if by_name or self.is_external else None, by_name=by_name)
        evaluate_one = _Decided(self, answers)
        before, self._evaluate = self._evaluate, evaluate_one
        try:
            with self._entered(evaluate_one):
                yield
        finally:
            self._evaluate = before
        answers.check_used()

    def evaluate(self, hyper_primitive: Any) -> Any:
        """Returns the value of a hyper primitive by the decisions that are applied.

        Raises:
          FieldValueError: no decisions are applied.
        """
        if self._evaluate is None:
            raise FieldValueError(
                "`evaluate` needs to be called under the `apply` context. Write `with context.apply(dna):`."
            )
        return self._evaluate(hyper_primitive)

    def add_decision_point(self, hyper_primitive: Any) -> Any:
        """Records a hyper primitive, and returns its first value.

        Raises:
          FieldValueError: it lacks a name that it needs, or another one has the same name.
        """
        if isinstance(hyper_primitive, ObjectTemplate):
            return hyper_primitive.value
        with self._lock:
            name = self._name(hyper_primitive)
            level = self._levels[-1]
            known = self._known(name)
            if known is not None and not _alike(known, hyper_primitive):
                raise FieldValueError(
                    f"Found different hyper primitives under the same name {name!r}: {quote(known)} and {quote(hyper_primitive)}. "
                    "Give them different names."
                )
            if known is None:
                level[name] = hyper_primitive
            return self._first(hyper_primitive, level, name)

    def _first(self, primitive: Any, level: Any, name: str) -> Any:
        """Returns the first value of a hyper primitive; records what functions among its candidates make."""
        if isinstance(primitive, CustomHyper):
            return primitive.decode(primitive.first_dna())
        if isinstance(primitive, Float):
            return primitive.min_value
        found, candidates = [], []
        for _, candidate in primitive.candidates.sym_items():
            if callable(candidate) and not isinstance(candidate, symbolic.Symbolic):
                inner = symbolic.Dict()
                self._levels.append(inner)
                try:
                    found.append(candidate())
                finally:
                    self._levels.pop()
                candidates.append(inner if inner else candidate)
            else:
                found.append(candidate)
                candidates.append(candidate)
        if name in level and any(a is not b for a, b in zip(candidates, primitive.candidates, strict=True)):
            level[name] = level[name].clone(override={"candidates": candidates})
        if isinstance(primitive, OneOf):
            return found[0]
        count = primitive.num_choices if primitive.num_choices is not None else len(found)
        return found[:count] if primitive.choices_distinct else [found[0]] * count

    def _name(self, primitive: Any) -> str:
        if primitive.name is not None:
            return str(primitive.name)
        if self._needs_name:
            raise FieldValueError(
                f"'name' must be specified for hyper primitive {quote(primitive)}. Give name=..., or leave out require_hyper_name."
            )
        name = f"decision_{self._count}"
        self._count += 1
        return name

    def _known(self, name: str) -> Any:
        return next((level[name] for level in self._levels if name in level), None)

    def _entered(self, evaluate: Evaluate) -> AbstractContextManager[None]:
        """Lets a function evaluate the hyper primitives of this context; the others go to the enclosing one."""
        outer = find_evaluator()
        if outer is not None and is_process_wide() is self._per_thread:
            raise FieldValueError(
                "Nested dynamic evaluation contexts must be either all per-thread or all process-wide. Give the same per_thread."
            )
        return evaluating(_Route(self._where, evaluate, outer), per_thread=self._per_thread)


class _Route:
    """Evaluates the hyper primitives that a context decides, and passes on the others."""

    def __init__(self, where: Where, evaluate: Evaluate, outer: Evaluate | None) -> None:
        self._where, self._evaluate, self._outer = where, evaluate, outer

    def __call__(self, primitive: Any) -> Any:
        if self._where is None or self._where(primitive):
            return self._evaluate(primitive)
        return primitive if self._outer is None else self._outer(primitive)


class _Decided:
    """Evaluates hyper primitives by decisions."""

    def __init__(self, context: DynamicEvaluationContext, answers: Answers) -> None:
        self._context, self._answers = context, answers

    def __call__(self, primitive: Any) -> Any:
        if isinstance(primitive, ObjectTemplate):
            return primitive.value
        take = self._answers.start(primitive)
        if isinstance(primitive, Float):
            return take.number(primitive)
        if isinstance(primitive, CustomHyper):
            return primitive.decode(DNA(take.text(primitive)))
        items = [value for _, value in primitive.candidates.sym_items()]
        if isinstance(primitive, OneOf):
            return _chosen(items[take.index(primitive, len(items), 0)])
        count = primitive.num_choices if primitive.num_choices is not None else len(items)
        return [_chosen(items[take.index(primitive, len(items), i)]) for i in range(count)]


def _chosen(candidate: Any) -> Any:
    return candidate() if callable(candidate) and not isinstance(candidate, symbolic.Symbolic) else candidate


def _alike(left: Any, right: Any) -> bool:
    """Returns whether two hyper primitives with one name are the same decision; functions among candidates are not compared."""
    if type(left) is not type(right):
        return False
    if not isinstance(left, Choices):
        return bool(symbolic.eq(left, right))
    pairs = zip(left.candidates, right.candidates, strict=False)
    return (
        len(left.candidates) == len(right.candidates)
        and left.num_choices == right.num_choices
        and all(symbolic.eq(a, b) or callable(b) for a, b in pairs)
    )


def trace(
    fun: Callable[[], Any],
    *,
    where: Where = None,
    require_hyper_name: bool = False,
    per_thread: bool = True,
) -> DynamicEvaluationContext:
    """Runs a function once, and returns the search space of the hyper primitives that it makes; arguments as in the context.

    >>> from pliant.pyglove.hyper.categorical import oneof
    >>> trace(lambda: oneof([1, 2]) + oneof([3, 4])).dna_spec.space_size
    4
    """
    context = DynamicEvaluationContext(
        where=where, require_hyper_name=require_hyper_name, per_thread=per_thread
    )
    with context.collect():
        fun()
    return context
