"""``Operation``: a step of evolution from a list to a list, and its kinds: selectors, recombinators, mutators.

An operation gets the list of the operation before it, the global state (a dict that all operations of an algorithm share) and
the step (how many programs were proposed).  A method that does the work names those of the three that it needs.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..geno import DNA, AttributeDict
from ..symbolic import Object


def operation_spec(input_element_spec: Any = None, output_element_spec: Any = None) -> Any:
    """Returns the type of a field that holds an operation, or a function from a list to a list.

    Args:
      input_element_spec: the type of the elements of the input; ``DNA`` by default.
      output_element_spec: the same for the output.
    """

    def list_of(element: Any) -> Any:
        return pg_typing.List(pg_typing.Object(DNA) if element is None else element)

    return pg_typing.Callable([list_of(input_element_spec)], returns=list_of(output_element_spec))


def make_operation_compatible(callable_object: Any) -> Any:
    """Returns something that is called with ``global_state=`` and ``step=``, whichever of them a function has.

    >>> tail = make_operation_compatible(lambda xs: xs[1:])
    >>> tail([1, 2, 3], global_state={}, step=5)
    [2, 3]

    Args:
      callable_object: an operation or None, which are returned as they are, or a function.
    """
    if callable_object is None or isinstance(callable_object, Operation):
        return callable_object
    return pg_typing.CallableWithOptionalKeywordArgs(callable_object, ["global_state", "step"])


class Operation(Object):
    """A step of evolution: a list in, a list out.  Operations are composed by operators.

    ===================  ==================================================================
    ``x >> y``           the output of x is the input of y
    ``x + y``            both get the same input; the outputs one after the other
    ``x | y``            as ``+``, each object once
    ``x & y``            what is in both outputs
    ``x - y``            what is in the output of x, and not in that of y
    ``x ^ y``            what is in one of both outputs
    ``-x``, ``~x``       what is in the input, and not in the output of x
    ``x[i]``, ``x[i:j]`` a part of the output
    ``x * k``            x is done k times on the same input; the outputs one after the other
    ``x ** k``           x is done k times, each on the output before
    ===================  ==================================================================

    Functions may stand for operations beside an operation.  Subclasses define ``call``.

    >>> from pliant import pyglove as pg
    >>> best_of_last = pg.evolution.selectors.Last(3) >> pg.evolution.selectors.Top(1)
    >>> best_of_last([9, 1, 4, 2])
    [4]
    >>> (best_of_last + (lambda xs: xs[:1]))([9, 1, 4, 2])
    [4, 9]
    """

    if TYPE_CHECKING:  # the declared fields

        def __getattr__(self, name: str) -> Any: ...

    def _on_bound(self) -> None:
        super()._on_bound()
        self._operate = make_operation_compatible(self.operation_method)

    def __call__(self, inputs: list[Any], global_state: Any = None, step: int = 0) -> list[Any]:
        _check_elements(self, "input", inputs, self.input_element_type)
        self._on_input(inputs)
        state = AttributeDict() if global_state is None else global_state
        outputs: list[Any] = self._operate(inputs, global_state=state, step=step)
        _check_elements(self, "output", outputs, self.output_element_type)
        return outputs

    def _on_input(self, inputs: list[Any]) -> None:
        """Checks or prepares for an input."""

    @property
    def input_element_type(self) -> Any:
        """The type, or tuple of types, that the elements of the input must have; None for any."""
        return None

    @property
    def output_element_type(self) -> Any:
        """The type, or tuple of types, that the elements of the output must have; None for any."""
        return None

    @property
    def operation_method(self) -> Any:
        """The method that does the work."""
        return self.call

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        """Returns the output for an input.  Subclasses define it, with those of the last two arguments that they need."""
        raise NotImplementedError(f"{type(self).__name__} has no method `call`; define call(self, inputs).")

    def __rshift__(self, x: Any) -> Any:
        return _compose("Pipeline", self, x)

    def __rrshift__(self, x: Any) -> Any:
        return _compose("Pipeline", x, self)

    def __or__(self, x: Any) -> Any:
        return _compose("Union", self, x)

    def __ror__(self, x: Any) -> Any:
        return _compose("Union", x, self)

    def __and__(self, x: Any) -> Any:
        return _compose("Intersection", self, x)

    def __rand__(self, x: Any) -> Any:
        return _compose("Intersection", x, self)

    def __add__(self, x: Any) -> Any:
        return _compose("Concatenation", self, x)

    def __radd__(self, x: Any) -> Any:
        return _compose("Concatenation", x, self)

    def __sub__(self, x: Any) -> Any:
        return _compose("Difference", self, x)

    def __rsub__(self, x: Any) -> Any:
        return ~self if x is None else _compose("Difference", x, self)

    def __xor__(self, x: Any) -> Any:
        return _compose("SymmetricDifference", self, x)

    def __rxor__(self, x: Any) -> Any:
        return _compose("SymmetricDifference", x, self)

    def __getitem__(self, index: Any) -> Any:
        from .composition import Slice

        return Slice(self, index)

    def __mul__(self, k: Any) -> Any:
        from .composition import Repeat

        return Repeat(self, k)

    def __pow__(self, k: Any) -> Any:
        from .composition import Power

        return Power(self, k)

    def __neg__(self) -> Any:
        return ~self

    def __invert__(self) -> Any:
        from .composition import Inversion

        return Inversion(self)

    def with_prob(self, probability: Any, seed: int | None = None) -> Any:
        """Returns an operation that does this one with a probability, and else returns its input.

        Args:
          probability: from 0 to 1, or a scalar.
          seed: the seed of the draws; None for Python's ``random``.
        """
        from .composition import Choice

        return Choice([(self, probability)], seed=seed)

    def if_true(self, predicate: Any) -> Any:
        """Returns an operation that does this one if a function of the input returns True, and else returns its input.

        >>> from pliant import pyglove as pg
        >>> cut = pg.evolution.selectors.First(2).if_true(lambda xs: len(xs) > 3)
        >>> cut([1, 2, 3]), cut([1, 2, 3, 4])
        ([1, 2, 3], [1, 2])
        """
        from .composition import Conditional

        return Conditional(predicate, self, None)

    def if_false(self, predicate: Any) -> Any:
        """Returns an operation that does this one if a function of the input returns False, and else returns its input."""
        from .composition import Conditional

        return Conditional(predicate, None, self)

    def for_each(self, op: Any) -> Any:
        """Returns an operation that does this one, and then another one on each element of the output.

        >>> from pliant import pyglove as pg
        >>> firsts = pg.evolution.Identity().for_each(pg.evolution.selectors.First(1))
        >>> firsts([[3, 4], [5, 6]]), firsts.flatten()([[3, 4], [5, 6]])
        ([[3], [5]], [3, 5])
        """
        from .composition import ElementWise

        return self >> ElementWise(op)

    def until_change(self, max_attempts: Any = None) -> Any:
        """Returns an operation that repeats this one until its output differs from its input.

        Args:
          max_attempts: after how many times it ends in any case; None for no limit.
        """
        from .composition import UntilChange

        return UntilChange(self, max_attempts)

    def flatten(self, max_level: int | None = None) -> Any:
        """Returns an operation that does this one, and flattens the lists in its output.

        Args:
          max_level: how many levels of lists are flattened; None for all.
        """
        from .composition import Flatten

        return self >> Flatten(max_level)

    def global_state(self, key: str) -> Any:
        """Returns an operation whose output is the value of the global state at a key."""
        from .composition import GlobalStateGetter

        return GlobalStateGetter(key)

    def as_global_state(self, key: str) -> Any:
        """Returns an operation that stores this one's output in the global state, and returns an empty list."""
        from .composition import GlobalStateSetter

        return self >> GlobalStateSetter(key)

    def set_global_state(self, key: str, value: Any) -> Any:
        """Returns an operation that does this one, and also stores a value in the global state."""
        from .composition import GlobalStateSetter

        return self + GlobalStateSetter(key, value)


class Selector(Operation):
    """An operation that selects from its input.  Subclasses define ``select``.

    >>> class EverySecond(Selector):
    ...     def select(self, inputs):
    ...         return inputs[::2]
    >>> EverySecond()([1, 2, 3, 4])
    [1, 3]
    """

    @abc.abstractmethod
    def select(self, inputs: list[Any], global_state: Any, step: int) -> list[Any]:
        """Returns the selected elements.  Subclasses name those of the last two arguments that they need."""

    @property
    def operation_method(self) -> Any:
        return self.select


class DNAOperation(Operation):
    """An operation on DNA: each element of the input and of the output is one."""

    @property
    def input_element_type(self) -> Any:
        return DNA

    @property
    def output_element_type(self) -> Any:
        return DNA


class Recombinator(DNAOperation):
    """An operation that makes children of parents.  Subclasses define ``recombine``, and ``NUM_PARENTS`` if it is fixed.

    Raises:
      ValueError: the number of parents is not ``NUM_PARENTS``.
    """

    NUM_PARENTS: int | None = None

    def _on_input(self, inputs: list[Any]) -> None:
        super()._on_input(inputs)
        if self.NUM_PARENTS not in (None, len(inputs)):
            raise ValueError(
                f"{type(self).__name__} supports recombination on exact {self.NUM_PARENTS} parents. "
                f"Given: {len(inputs)}; select {self.NUM_PARENTS} before it, as with selectors.Random({self.NUM_PARENTS})."
            )

    @abc.abstractmethod
    def recombine(self, parents: list[Any], global_state: Any, step: int) -> list[Any]:
        """Returns the children of parents.  Subclasses name those of the last two arguments that they need."""

    @property
    def operation_method(self) -> Any:
        return self.recombine


class Mutator(DNAOperation):
    """An operation that changes each DNA of its input.  Subclasses define ``mutate``, or ``mutate_list`` for all together.

    >>> from pliant import pyglove as pg
    >>> class Next(pg.evolution.Mutator):
    ...     def mutate(self, dna):
    ...         return pg.DNA(dna.value + 1)
    >>> Next()([pg.DNA(1), pg.DNA(5)])
    [DNA(2), DNA(6)]
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._mutate = make_operation_compatible(self.mutate)

    def mutate(self, dna: Any, global_state: Any, step: int = 0) -> Any:
        """Returns the DNA, or the list of them, that a DNA becomes.  Subclasses name the arguments that they need."""
        raise NotImplementedError(f"{type(self).__name__} has no method `mutate`; define mutate(self, dna).")

    def mutate_list(self, dna_list: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        """Returns what all DNA of a list become, in one list."""
        children: list[Any] = []
        for dna in dna_list:
            child = self._mutate(dna, global_state=global_state, step=step)
            children += child if isinstance(child, list) else [child]
        return children

    @property
    def operation_method(self) -> Any:
        return self.mutate_list


def _compose(kind: str, left: Any, right: Any) -> Any:
    """Returns the composition of two operations by its name; the other one if one of them is None."""
    from . import composition

    if left is None or right is None:
        return right if left is None else left
    return getattr(composition, kind)([left, right])


def _check_elements(operation: Operation, side: str, elements: Any, wanted: Any) -> None:
    """Checks the types of the elements of an input or an output.

    Raises:
      TypeError: one of them has another type; the message gives its index.
    """
    if wanted is None:
        return
    for index, element in enumerate(elements):
        if not isinstance(element, wanted):
            raise TypeError(
                f"{type(operation).__name__}: The {side} is expected to be a list of {quote(wanted)}, "
                f"but the element at {index} is {quote(element)}."
            )
