"""Operations made of operations: what the operators and methods of ``Operation`` return, and ``Choice``.

Elements are compared by identity, as PyGlove does: two equal DNA that were proposed twice are two individuals.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..scalars import scalar_spec, scalar_value
from ..scalars.randoms import make_random
from ..symbolic import members
from ..values import MISSING_VALUE
from .operation import Operation, make_operation_compatible, operation_spec


def _any_op() -> Any:
    """Returns the type of an operation on anything."""
    return operation_spec(pg_typing.Any(), pg_typing.Any())


def _ops(min_size: int) -> Any:
    """Returns the type of a list of at least so many operations."""
    return pg_typing.List(_any_op(), min_size=min_size)


class Identity(Operation):
    """Returns its input.

    >>> Identity()([1, 2])
    [1, 2]
    """

    def call(self, inputs: list[Any]) -> list[Any]:  # type: ignore[override]
        return inputs


@members([("fn", _any_op(), "A function of the input.")])
class Lambda(Operation):
    """A function as an operation.

    >>> (Lambda(lambda xs: xs[1:]) * 2)([1, 2, 3])
    [2, 3, 2, 3]
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._fn = make_operation_compatible(self.fn)

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        result: list[Any] = self._fn(inputs, global_state=global_state, step=step)
        return result


@members([("op", _any_op(), "The operation.")])
class _OfOne(Operation):
    """An operation around another one."""

    def _on_bound(self) -> None:
        super()._on_bound()
        self._op = make_operation_compatible(self.op)

    def _do(self, inputs: list[Any], global_state: Any, step: int) -> list[Any]:
        """Returns the output of the operation inside."""
        result: list[Any] = self._op(inputs, global_state=global_state, step=step)
        return result


@members(
    [
        (
            "max_attempts",
            scalar_spec(pg_typing.Int(min_value=1)).noneable(),
            "How often it is tried; None: no limit.",
        )
    ]
)
class UntilChange(_OfOne):
    """Repeats an operation until its output differs from its input.

    >>> from pliant import pyglove as pg
    >>> UntilChange(pg.evolution.selectors.Random(seed=1))([1, 2]) == [2, 1]
    True
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        left = scalar_value(self.max_attempts, step)
        while True:
            outputs = self._do(inputs, global_state, step)
            left = None if left is None else left - 1
            if outputs != inputs or left == 0:
                return outputs


@members([("k", scalar_spec(pg_typing.Int()), "How often.")])
class Power(_OfOne):
    """Does an operation k times, each on the output before: ``x ** k``.

    >>> Power(lambda xs: xs[1:], 2)([1, 2, 3])
    [3]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        for _ in range(scalar_value(self.k, step)):
            inputs = self._do(inputs, global_state, step)
        return inputs


@members([("k", scalar_spec(pg_typing.Int()), "How often.")])
class Repeat(_OfOne):
    """Does an operation k times on the same input; the outputs one after the other: ``x * k``.

    >>> Repeat(lambda xs: xs[1:], 2)([1, 2, 3])
    [2, 3, 2, 3]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        outputs: list[Any] = []
        for _ in range(scalar_value(self.k, step)):
            outputs += self._do(inputs, global_state, step)
        return outputs


@members(
    [
        (
            "index",
            scalar_spec(pg_typing.Union([pg_typing.Int(), pg_typing.Object(slice)])),
            "An index or a slice.",
        )
    ]
)
class Slice(_OfOne):
    """A part of the output of an operation: ``x[i]``, ``x[i:j]``.

    >>> Identity()[-2:]([1, 2, 3]), Identity()[0]([1, 2, 3])
    ([2, 3], [1])
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        part = self._do(inputs, global_state, step)[scalar_value(self.index, step)]
        return part if isinstance(part, list) else [part]


class Inversion(_OfOne):
    """What is in the input, and not in the output of an operation: ``-x``, ``~x``.

    >>> from pliant import pyglove as pg
    >>> (~pg.evolution.selectors.First(1))([1, 2, 3])
    [2, 3]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        removed = {id(one) for one in self._do(inputs, global_state, step)}
        return [one for one in inputs if id(one) not in removed]


class ElementWise(_OfOne):
    """Does an operation on each element of its input; the list of the outputs.

    >>> ElementWise(lambda x: x + 1)([1, 2])
    [2, 3]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        return [self._do(one, global_state, step) for one in inputs]


@members([("ops", _ops(1), "The operations.")])
class _OfSeveral(Operation):
    """An operation around several other ones."""

    def _on_bound(self) -> None:
        super()._on_bound()
        self._ops = [make_operation_compatible(op) for op in self.ops]

    def _do_all(self, inputs: list[Any], global_state: Any, step: int) -> list[list[Any]]:
        """Returns the outputs of all operations for the same input."""
        return [op(inputs, global_state=global_state, step=step) for op in self._ops]

    def _do_first_last(self, inputs: list[Any], global_state: Any, step: int) -> list[list[Any]]:
        """Returns the same; the first operation is done last, as in PyGlove, whose random draws come in this order."""
        first, *others = self._ops
        outputs = [op(inputs, global_state=global_state, step=step) for op in others]
        return [first(inputs, global_state=global_state, step=step), *outputs]


@members([("ops", _ops(2), "The operations.")])
class _OfTwo(_OfSeveral):
    """An operation around at least two other ones."""


class Pipeline(_OfTwo):
    """Does operations one after the other, each on the output before: ``x >> y``.

    >>> Pipeline([lambda xs: xs[1:], lambda xs: xs[:1]])([1, 2, 3])
    [2]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        for op in self._ops:
            inputs = op(inputs, global_state=global_state, step=step)
        return inputs


class Concatenation(_OfTwo):
    """The outputs of operations for the same input, one after the other: ``x + y``.

    >>> Concatenation([Identity(), lambda xs: xs[:1]])([1, 2])
    [1, 2, 1]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        return [one for output in self._do_all(inputs, global_state, step) for one in output]


class Union(_OfSeveral):
    """What is in an output of operations for the same input, each object once: ``x | y``.

    >>> Union([lambda xs: xs[:1], Identity()])([1, 2])
    [1, 2]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        outputs = self._do_all(inputs, global_state, step)
        return list({id(one): one for output in outputs for one in output}.values())


class Intersection(_OfTwo):
    """What is in the output of the first operation, and in that of each other one: ``x & y``.

    >>> Intersection([lambda xs: xs[:2], lambda xs: xs[1:]])([1, 2, 3])
    [2]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        first, *others = self._do_first_last(inputs, global_state, step)
        shared = set.intersection(*({id(one) for one in output} for output in others))
        return [one for one in first if id(one) in shared]


class Difference(_OfTwo):
    """What is in the output of the first operation, and in that of no other one: ``x - y``.

    >>> Difference([Identity(), lambda xs: xs[1:]])([1, 2, 3])
    [1]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        first, *others = self._do_first_last(inputs, global_state, step)
        removed = {id(one) for output in others for one in output}
        return [one for one in first if id(one) not in removed]


class SymmetricDifference(_OfTwo):
    """What is in the output of one operation alone: ``x ^ y``.

    >>> SymmetricDifference([lambda xs: xs[:2], lambda xs: xs[1:]])([1, 2, 3])
    [1, 3]
    """

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        outputs = self._do_all(inputs, global_state, step)
        counts = Counter(key for output in outputs for key in {id(one) for one in output})
        return [one for output in outputs for one in output if counts[id(one)] == 1]


@members(
    [
        (
            "ops",
            pg_typing.List(
                pg_typing.Tuple([_any_op(), scalar_spec(pg_typing.Float(min_value=0.0, max_value=1.0))])
            ),
            "Pairs of an operation and its probability.",
        ),
        (
            "limit",
            scalar_spec(pg_typing.Int(min_value=0)).noneable(),
            "How many are done at most; None: no limit.",
        ),
        ("seed", pg_typing.Int().noneable(), "The seed; None for Python's `random`."),
    ]
)
class Choice(Operation):
    """Does each of several operations with its own probability, one after the other.

    >>> Choice([(lambda xs: xs[1:], 1.0), (lambda xs: xs[:1], 0.0)])([1, 2, 3])
    [2, 3]

    Args:
      ops: pairs of an operation and its probability, a number or a scalar.
      limit: how many of the operations are done at most; None for no limit.
      seed: the seed of the draws; None for Python's ``random``.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)
        self._pairs = [(make_operation_compatible(op), probability) for op, probability in self.ops]

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        limit, done = scalar_value(self.limit, step), 0
        for op, probability in self._pairs:
            if done == limit:
                break
            if self._random.random() < scalar_value(probability, step):
                inputs = op(inputs, global_state=global_state, step=step)
                done += 1
        return inputs


@members(
    [
        (
            "predicate",
            pg_typing.Callable([pg_typing.List(pg_typing.Any())], returns=pg_typing.Bool()),
            "The condition.",
        ),
        ("true_op", _any_op().noneable(), "What is done if it is met; None: nothing."),
        ("false_op", _any_op().noneable(), "What is done otherwise; None: nothing."),
    ]
)
class Conditional(Operation):
    """Does one of two operations, by a condition on the input.

    >>> longer = Conditional(lambda xs: len(xs) > 2, lambda xs: xs[:1], lambda xs: xs * 2)
    >>> longer([1, 2, 3]), longer([1])
    ([1], [1, 1])
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._predicate = make_operation_compatible(self.predicate)
        self._branches = {
            True: make_operation_compatible(self.true_op), False: make_operation_compatible(self.false_op)
        }  # fmt: skip

    def call(self, inputs: list[Any], global_state: Any, step: int = 0) -> list[Any]:
        branch = self._branches[bool(self._predicate(inputs, global_state=global_state, step=step))]
        if branch is None:
            return inputs
        outputs: list[Any] = branch(inputs, global_state=global_state, step=step)
        return outputs


@members(
    [
        (
            "max_level",
            pg_typing.Int(min_value=1).noneable(),
            "How many levels of lists are flattened; None: all.",
        )
    ]
)
class Flatten(Operation):
    """Flattens the lists in its input.

    >>> Flatten()([1, [2, [3]]]), Flatten(1)([1, [2, [3]]])
    ([1, 2, 3], [1, 2, [3]])
    """

    def call(self, inputs: list[Any]) -> list[Any]:  # type: ignore[override]
        return _flatten(inputs, self.max_level)


def _flatten(nested: list[Any], levels: int | None) -> list[Any]:
    """Returns a list with that many levels of the lists in it flattened; None for all."""
    if levels == 0:
        return nested
    below = None if levels is None else levels - 1
    flat: list[Any] = []
    for one in nested:
        flat += _flatten(one, below) if isinstance(one, list) else [one]
    return flat


@members(
    [
        ("key", pg_typing.Str(), "The key in the global state."),
        ("default", pg_typing.List(pg_typing.Any()).noneable(), "What is returned if the key is absent."),
    ]
)
class GlobalStateGetter(Operation):
    """Returns the value of the global state at a key.

    >>> GlobalStateGetter("elites", [])([1, 2])
    []

    Raises:
      KeyError: the key is absent, and no default was given.
    """

    def call(self, inputs: list[Any], global_state: Any) -> list[Any]:  # type: ignore[override]
        if self.key not in global_state and self.default is not None:
            return list(self.default)
        if self.key not in global_state:
            raise KeyError(
                f"GlobalStateGetter: the global state has no key {quote(self.key)}. It has: {quote(list(global_state))}; "
                "store it first with as_global_state or set_global_state, or give default=."
            )
        value: list[Any] = global_state[self.key]
        return value


@members(
    [
        ("key", pg_typing.Str(), "The key in the global state."),
        ("value", pg_typing.Any().set_default((MISSING_VALUE,)), "The value; the input by default."),
    ]
)
class GlobalStateSetter(Operation):
    """Stores a value, or its input, in the global state, and returns an empty list.

    >>> from pliant import pyglove as pg
    >>> state = pg.geno.AttributeDict()
    >>> GlobalStateSetter("elites")([1, 2], global_state=state), state.elites
    ([], [1, 2])
    """

    def call(self, inputs: list[Any], global_state: Any) -> list[Any]:  # type: ignore[override]
        given = not (isinstance(self.value, tuple) and self.value == (MISSING_VALUE,))
        global_state[self.key] = self.value if given else inputs
        return []
