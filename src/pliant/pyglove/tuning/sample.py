"""``sample``: the search loop, ``for example, feedback in pg.sample(space, algorithm)``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pliant.values.errors import FeedbackError, FieldValueError, quote

from ..geno.adapting import to_generator
from ..geno.spec import DNASpec
from ..hyper.dynamic_evaluation import DynamicEvaluationContext
from ..hyper.iter import decode
from ..hyper.object_template import ObjectTemplate, Where, template
from .backend import Backend, find_backend
from .protocols import Feedback

_REPEATS = 1000  # how often one trial is given to a loop that reports nothing


def sample(
    space: Any,
    algorithm: Any,
    num_examples: int | None = None,
    early_stopping_policy: Any = None,
    where: Where = None,
    name: str | None = None,
    group: Any = None,
    backend: str | None = None,
    metrics_to_optimize: Sequence[str] | None = None,
    **kwargs: Any,
) -> Iterator[tuple[Any, Any]]:
    """Yields ``(example, feedback)``; a trial is given again until the loop reports its end.

    Args:
      space: a value with hyper primitives; a ``DynamicEvaluationContext``, whose examples are functions that return a context manager;
        or a genotype, whose examples are DNA.
      algorithm: an algorithm of PyGlove's kind, such as ``pg.geno.Random()``, or of pliant, such as ``pliant.algorithms.TPE()``.
      num_examples: the most trials; None for no limit.
      early_stopping_policy: what ``feedback.should_stop_early()`` asks, or None.
      where: which hyper primitives are decided; the others stay in the examples.
      name: the name of the search; workers with the same name share it, and ``pg.poll_result`` finds it.
      group: workers of one group work on the same trials; None is a group for each thread.
      backend: the name of a back-end; None for the default.
      metrics_to_optimize: ``"reward"`` or names of metrics, in the order of the algorithm's objectives; None for the reward.
      **kwargs: passed on to the back-end.

    Raises:
      FieldValueError: nothing is decided, the algorithm searches another space, or an argument is unknown.
      FeedbackError: the loop reported nothing of a trial that it received 1000 times.

    >>> from pliant.pyglove import geno, symbolic
    >>> from pliant.pyglove.hyper import oneof
    >>> for example, feedback in sample(symbolic.Dict(x=oneof([1, 2, 3])), geno.Sweeping(), name="doc"):
    ...     feedback(-abs(example.x - 2))
    >>> from pliant.pyglove.tuning import poll_result
    >>> poll_result("doc").best_trial.dna
    DNA(1)
    """
    found, spec = _read_space(space, where)
    algorithm = to_generator(algorithm)
    metrics = ["reward"] if metrics_to_optimize is None else list(metrics_to_optimize)
    if len(metrics) > 1 and not algorithm.multi_objective:
        raise FieldValueError(
            "'metrics_to_optimize' should include only 1 metric as multi-objective optimization is not supported by "
            f"{quote(algorithm)}. Give one, or use an algorithm for several, such as pg.evolution.nsga2."
        )
    worker = find_backend(backend).create(
        name=name,
        group=group,
        dna_spec=spec,
        algorithm=algorithm,
        metrics_to_optimize=metrics,
        early_stopping_policy=early_stopping_policy,
        num_examples=num_examples,
        **kwargs,
    )
    for feedback in _take(worker):
        yield (feedback.dna if found is None else decode(found, feedback.dna)), feedback


def _take(worker: Backend) -> Iterator[Feedback]:
    """Yields what trials report to; raises FeedbackError where nothing is reported."""
    last, repeats = 0, 0
    while True:
        try:
            feedback = worker.next()
        except StopIteration:
            return
        repeats = repeats + 1 if feedback.id == last else 0
        last = feedback.id
        if repeats >= _REPEATS and not feedback.get_trial().measurements:
            raise FeedbackError(
                f"trial {last} was given to the loop {_REPEATS} times, and nothing was reported of it. "
                "Call feedback(reward), feedback.done() or feedback.skip() in the loop."
            )
        yield feedback


def _read_space(space: Any, where: Where) -> tuple[Any, Any]:
    """Returns what decodes DNA (None for a genotype), and the genotype."""
    if isinstance(space, DNASpec):
        return None, space
    if isinstance(space, DynamicEvaluationContext):
        return space, space.dna_spec
    found = space if isinstance(space, ObjectTemplate) else template(space, where)
    if found.is_constant:
        raise FieldValueError(
            f"'space' is a constant value: {quote(space)}. Put pg.oneof, pg.manyof or pg.floatv into it."
        )
    return found, found.dna_spec()
