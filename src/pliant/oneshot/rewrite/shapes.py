"""Checks that candidates and sizes fit into their network: runs each once on an example and names those that fail.

The check runs before training if there is an example, otherwise after a network of the space has failed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.space import Choice, Space
from pliant.values.errors import FieldValueError, listing

from ..choices.choice import LayerChoice
from ..choices.evaluation import keep_selection
from ..choices.mutable import find_mutables
from ..choices.nested import change_leaves
from ..choices.runtime_holes import explain_runtime_hole
from ..choices.selection import Selection
from ..elastic.coverage import find_ends
from ..elastic.module import Elastic


@final
@dataclass(frozen=True, slots=True)
class FirstRun:
    """The inputs of the first run of a choice, and the selection during that run."""

    args: tuple[Any, ...]
    fields: dict[str, Any]
    values: dict[str, Any]


def check_candidates(
    network: nn.Module, space: Space, selection: Selection, example: tuple[Any, ...]
) -> None:
    """Runs all candidates of all choices of a network on the inputs that arrive with the first candidates selected.

    Candidates may return different shapes if the network runs with each.  Choices inside a candidate are checked with
    that candidate selected.

    Raises:
      FieldValueError: a candidate fails, or the network fails with its output.
      Exception: the network fails with any selection.
    """
    for point in space.points:  # including those that are not active
        if (
            getattr(point, "hole", None) not in selection.values
        ):  # an input choice has all its picks as one value
            selection.values.setdefault(point.path, 0 if isinstance(point, Choice) else point.min_value)
    values = dict(selection.values)
    check = _Check(network, selection, example)
    with (
        torch.no_grad(),
        torch.random.fork_rng(devices=[]),
        keep_selection(network, selection),
        check.recorded(),
    ):
        selection.weights.clear()
        check.values = selection.values
        failure = check.run()
        for choice in list(check.first_runs):  # the cause may be in one that was reached
            check.check_choice(choice)
        check.values.update(values)
        check.check_sizes(space, failure)
    if failure is not None:
        raise explain_runtime_hole(failure) or failure


@final
class _Check:
    """One check of a network, with the choices that it has reached so far."""

    def __init__(self, network: nn.Module, selection: Selection, example: tuple[Any, ...]) -> None:
        self.network, self.example, self.values = network, example, selection.values
        self.first_runs: dict[nn.Module, FirstRun] = {}
        self.checked: set[nn.Module] = set()

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """A context that records the first inputs of each choice."""

        def record(choice: nn.Module, args: Any, fields: Any) -> None:
            if choice not in self.first_runs:
                self.first_runs[choice] = FirstRun(_keep(args), _keep(fields), dict(self.values))

        hooks = [
            module.register_forward_pre_hook(record, with_kwargs=True)
            for module in self.network.modules()
            if isinstance(module, LayerChoice) and not module.return_mask
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def run(self) -> Exception | None:
        """Runs the network; returns its error."""
        try:
            self.network(*self.example)
        except Exception as error:  # noqa: BLE001  # whatever a user's module raises
            return error
        return None

    def check_choice(self, choice: Any) -> None:
        """Runs all candidates of a choice and checks the choices inside them."""
        if choice in self.checked:
            return
        self.checked.add(choice)
        first, shapes = self.first_runs[choice], dict[Any, int]()
        for index, candidate in enumerate(choice):
            self.values.update(first.values)
            self.values[choice.key] = index
            failure, output = None, None
            try:
                output = candidate(*_keep(first.args), **_keep(first.fields))
            except Exception as error:  # noqa: BLE001  # as above
                failure = error
            for inner in candidate.modules():  # the cause may be inside
                if inner in self.first_runs:
                    self.check_choice(inner)
            if failure is not None:
                raise FieldValueError(
                    f"the candidate {index} at {self.name(choice)}, {_name(candidate)}, fails on its input of the "
                    f"shape {_shape(first.args[0]) if first.args else '()'}: {failure}"
                ) from failure
            shapes.setdefault(_shape(output), index)
        if len(shapes) > 1:
            self.check_shapes(choice, shapes)

    def check_shapes(self, choice: Any, shapes: dict[Any, int]) -> None:
        """Checks that the network runs with candidates of several shapes."""
        failures = []
        for index in shapes.values():
            self.values.update(self.first_runs[choice].values)
            self.values[choice.key] = index
            failures.append(self.run())
        error = next((failure for failure in failures if failure is not None), None)
        if error is not None and None in failures:  # if all fail, the cause is elsewhere
            shown = ", ".join(f"{shape} (candidate {i}, {_name(choice[i])})" for shape, i in shapes.items())
            raise FieldValueError(
                f"the candidates at {self.name(choice)} return different shapes, and the network runs only with some of them: {shown}. "
                f"Give them equal output shapes (channels, stride, padding). {error}"
            ) from error

    def check_sizes(self, space: Space, failure: Exception | None) -> None:
        """Checks that the network runs with other sizes of its modules: all last sizes, and if that fails, each size alone."""
        keys = {key for m in self.network.modules() if isinstance(m, Elastic) for key in m.keys}
        tried = {
            p.path: [find_ends(p)[0], find_ends(p)[-1]]
            for p in space.points  # not picks of one hole, which may exclude each other
            if p.path in keys and p.count > 1 and getattr(p, "group", None) is None
        }
        if not tried:
            return
        last = {key: ends[-1] for key, ends in tried.items()}
        points = [p for p in space.points if isinstance(p, Choice) and p.group is None]
        choices = [p for p in points if p.path not in keys]
        present = dict(self.values)
        for turn in range(1 if failure else max((p.count for p in choices), default=1)):
            turned = {p.path: min(turn, p.count - 1) for p in choices} if turn else {}
            around = {**present, **turned}  # so that the sizes in all candidates are checked
            if failure is not None or self._run_with(last, around) is not None:
                self._check_each(space, tried, around)
        self.values.update(present)

    def _check_each(self, space: Space, tried: dict[str, list[Any]], around: dict[str, Any]) -> None:
        """Checks that the network runs with each size alone, with all other values from ``around``."""
        for key, ends in tried.items():
            failures = {v: self._run_with({key: v}, around) for v in dict.fromkeys([*ends, around[key]])}
            error = next((found for found in failures.values() if found is not None), None)
            if error is not None and None in failures.values():
                point = space.point(key)
                good, bad = (
                    [_say(point, v) for v, e in failures.items() if (e is None) is ok] for ok in (True, False)
                )
                raise FieldValueError(
                    f"the network runs with the size {listing(good)} at {key!r} but fails with {listing(bad)}, because a later layer takes only "
                    "some of these sizes. Give the later layer the same hole (holes of one name are one decision), make it a lazy layer "
                    "(nn.LazyLinear, with an example), or call pg.oneshot.follow. "
                    f"A width that is fixed at one layer must be fixed at all that have it; `space_of(keep=...)` leaves it out. {error}"
                ) from error

    def _run_with(self, changes: dict[str, Any], present: dict[str, Any]) -> Exception | None:
        """Runs the network with some values changed; returns its error."""
        self.values.update(present)
        self.values.update(changes)
        try:
            return self.run()
        finally:
            self.values.update(present)

    def name(self, choice: Any) -> str:
        """Returns the key of a choice, and its module if several have the key."""
        names = [(name, other) for name, other in find_mutables(self.network) if other.key == choice.key]
        own = next(name for name, other in names if other is choice)
        return repr(choice.key) if len(names) == 1 else f"{choice.key!r} (the module {own!r}, tied to it)"


def _keep(inputs: Any) -> Any:
    """Returns inputs with copies of the objects that a candidate may change, such as caches of keys and values."""

    def copied(x: Any) -> Any:
        if x is None or isinstance(x, (Tensor, nn.Module, bool, int, float, str)):
            return x
        try:
            return copy.deepcopy(x)
        except Exception:  # noqa: BLE001  # an object of a user that cannot be copied
            return x

    return change_leaves(inputs, copied)


def _say(point: Any, value: Any) -> str:
    return point.literals[value] if isinstance(point, Choice) else str(value)


def _shape(value: object) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    if isinstance(value, (tuple, list)):
        return tuple(map(_shape, value))
    return type(value).__name__


def _name(module: nn.Module) -> str:
    text = " ".join(repr(module).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
