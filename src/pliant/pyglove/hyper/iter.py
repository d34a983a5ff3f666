"""``iterate`` (``pg.iter``) and ``random_sample``: the values of a space, in the order that an algorithm proposes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pliant.values.errors import FieldValueError, quote

from .. import geno, symbolic
from ..geno.adapting import to_generator
from ..geno.dna import DNA
from .dynamic_evaluation import DynamicEvaluationContext
from .object_template import ObjectTemplate, Where, template


def iterate(
    hyper_value: Any,
    num_examples: int | None = None,
    algorithm: Any = None,
    where: Where = None,
    force_feedback: bool = False,
) -> Iterator[Any]:
    """Yields values of a space; with an algorithm that uses rewards ``(value, feedback)``.

    Args:
      hyper_value: a value with hyper primitives, a template, or a ``DynamicEvaluationContext``; of the last each value is a function
        that returns a context manager.
      num_examples: how many; None for all that the algorithm proposes.
      algorithm: an algorithm of PyGlove's kind or of pliant's; None for all values in order.
      where: which hyper primitives are decided.
      force_feedback: yield feedback functions for an algorithm that does not use rewards also.

    Raises:
      FieldValueError: nothing is decided, or the algorithm searches another space.

    >>> from pliant.pyglove.hyper.categorical import oneof
    >>> list(iterate(oneof(["a", "b"])))
    ['a', 'b']
    """
    found = to_template(hyper_value, where)
    if algorithm is None:
        algorithm = geno.Sweeping()
    algorithm = to_generator(algorithm)
    set_up(algorithm, found.dna_spec() if isinstance(found, ObjectTemplate) else found.dna_spec)
    count = 0
    while num_examples is None or count < num_examples:
        try:
            dna = algorithm.propose()
        except StopIteration:
            return
        value = decode(found, dna)
        if algorithm.needs_feedback or force_feedback:
            yield value, Feedback(algorithm, dna)
        else:
            yield value
        count += 1


class Feedback:
    """A function that gives the reward of a value to the algorithm.

    Attributes:
      dna: the DNA of the value.
    """

    def __init__(self, algorithm: Any, dna: DNA) -> None:
        self._algorithm, self.dna = algorithm, dna

    def __call__(self, reward: Any) -> None:
        self._algorithm.feedback(self.dna, reward)


def to_template(hyper_value: Any, where: Where) -> Any:
    """Returns the template of a space, or the context that it is; raises FieldValueError where nothing is decided."""
    if isinstance(hyper_value, DynamicEvaluationContext):
        return hyper_value
    found = hyper_value if isinstance(hyper_value, ObjectTemplate) else template(hyper_value, where)
    if found.is_constant:
        raise FieldValueError(
            f"'hyper_value' is a constant value: {quote(hyper_value)}. Put pg.oneof, pg.manyof or pg.floatv into it."
        )
    return found


def decode(found: Any, dna: DNA) -> Any:
    """Returns the value of a DNA; of a context a function that returns a context manager."""
    if isinstance(found, DynamicEvaluationContext):
        return lambda: found.apply(dna)
    return found.decode(dna)


def set_up(algorithm: Any, spec: Any) -> None:
    """Sets an algorithm up with a genotype; one that is set up with an equal genotype goes on.

    Raises:
      FieldValueError: it searches another space.
    """
    known = getattr(algorithm, "_dna_spec", None)
    if known is None:
        algorithm.setup(spec)
    elif not symbolic.eq(known, spec):
        raise FieldValueError(
            f"{quote(algorithm)} has been set up with a different DNASpec. Existing: {quote(known)}, New: {quote(spec)}. "
            "Make a new algorithm for another space."
        )


def random_sample(
    value: Any, num_examples: int | None = None, where: Where = None, seed: int | None = None
) -> Iterator[Any]:
    """Yields random values of a space.

    Args:
      value: as in ``iterate``.
      num_examples: how many; None for no end.
      where: which hyper primitives are decided.
      seed: the seed; None draws from the module ``random``, as in PyGlove.

    >>> from pliant.pyglove.hyper.categorical import oneof
    >>> list(random_sample(oneof([0, 1]), 3, seed=123))
    [0, 1, 0]
    """
    return iterate(value, num_examples, geno.Random(seed=seed), where=where)
