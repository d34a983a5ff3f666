"""Whether candidates fit where they stand: each is run once on an example, and those that do not fit are named.

Done before anything is trained, where there is an example; otherwise when a network of the space has failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.space import Choice, Space
from pliant.values.errors import FieldValueError, listing

from ..choices.choice import LayerChoice
from ..choices.mutable import find_mutables
from ..choices.runtime_holes import explain_runtime_hole
from ..choices.selection import Selection
from ..elastic.module import Elastic


@final
@dataclass(frozen=True, slots=True)
class Visit:
    """What a choice was run on first, and what was selected then."""

    args: tuple[Any, ...]
    fields: dict[str, Any]
    values: dict[str, Any]


def check_candidates(
    network: nn.Module, space: Space, selection: Selection, example: tuple[Any, ...]
) -> None:
    """Runs all candidates of all choices of a network, each on what comes in with the first ones selected.

    Candidates may return different shapes where the network can go on with each.  Choices in candidates are looked at
    with these candidates selected.

    Raises:
      FieldValueError: a candidate does not run, or the network does not go on with what it returns.
      Exception: the network does not run, whatever is selected.
    """
    for point in space.points:  # those too that are not active
        selection.values.setdefault(point.path, 0 if isinstance(point, Choice) else point.min_value)
    values = dict(selection.values)
    check = _Check(network, selection, example)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), _by_selection(network, selection), check.noted():
        failure = check.run()
        for choice in list(check.visits):  # one of those that were reached may say more
            check.check_choice(choice)
        check.values.update(values)
        check.check_sizes(space, failure)
    if failure is not None:
        raise explain_runtime_hole(failure) or failure


@contextmanager
def _by_selection(network: nn.Module, selection: Selection) -> Iterator[None]:
    """Lets choices run what is selected, and no mixtures; afterwards all is selected as it was before."""
    handlers = [(mutable, mutable.handler) for _, mutable in find_mutables(network)]
    values, weights = dict(selection.values), dict(selection.weights)
    selection.weights.clear()
    for mutable, _ in handlers:
        mutable.handler = None
    try:
        yield
    finally:
        for mutable, handler in handlers:
            mutable.handler = handler
        selection.values.clear()
        selection.values.update(values)
        selection.weights.update(weights)


@final
class _Check:
    """One check of a network: which choices it reached so far."""

    def __init__(self, network: nn.Module, selection: Selection, example: tuple[Any, ...]) -> None:
        self.network, self.example, self.values = network, example, selection.values
        self.visits: dict[nn.Module, Visit] = {}
        self.checked: set[nn.Module] = set()

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes what choices are run on."""

        def note(choice: nn.Module, args: Any, fields: Any) -> None:
            self.visits.setdefault(choice, Visit(args, fields, dict(self.values)))

        hooks = [
            module.register_forward_pre_hook(note, with_kwargs=True)
            for module in self.network.modules()
            if isinstance(module, LayerChoice) and not module.return_mask
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def run(self) -> Exception | None:
        """Runs the network; returns what went wrong."""
        try:
            self.network(*self.example)
        except Exception as error:  # noqa: BLE001  # whatever a user's module raises
            return error
        return None

    def check_choice(self, choice: Any) -> None:
        """Runs all candidates of a choice, and checks the choices in them.

        Raises:
          FieldValueError: one does not run, or not with the network.
        """
        if choice in self.checked:
            return
        self.checked.add(choice)
        visit, shapes = self.visits[choice], dict[Any, int]()
        for index, candidate in enumerate(choice):
            self.values.update(visit.values)
            self.values[choice.key] = index
            failure, output = None, None
            try:
                output = candidate(*visit.args, **visit.fields)
            except Exception as error:  # noqa: BLE001  # as above
                failure = error
            for inner in candidate.modules():  # which may say more
                if inner in self.visits:
                    self.check_choice(inner)
            if failure is not None:
                raise FieldValueError(
                    f"the candidate {index} at {self.name(choice)}, {_name(candidate)}, does not run on what comes in there, of the "
                    f"shape {_shape(visit.args[0]) if visit.args else '()'}: {failure}"
                ) from failure
            shapes.setdefault(_shape(output), index)
        if len(shapes) > 1:
            self.check_shapes(choice, shapes)

    def check_shapes(self, choice: Any, shapes: dict[Any, int]) -> None:
        """Checks that the network runs with candidates of several shapes.

        Raises:
          FieldValueError: it runs with some of them only.
        """
        failures = []
        for index in shapes.values():
            self.values.update(self.visits[choice].values)
            self.values[choice.key] = index
            failures.append(self.run())
        error = next((failure for failure in failures if failure is not None), None)
        if error is not None and None in failures:  # where none runs, something else is wrong
            told = ", ".join(f"{shape} (candidate {i}, {_name(choice[i])})" for shape, i in shapes.items())
            raise FieldValueError(
                f"the candidates at {self.name(choice)} return different shapes, and what comes after takes only one of them: {told}. "
                f"Make their outputs alike (channels, stride, padding). {error}"
            ) from error

    def check_sizes(self, space: Space, failure: Exception | None) -> None:
        """Checks that the network runs with other sizes of its modules too: the last ones, and, if these fail, each alone.

        Args:
          space: where the sizes are decided.
          failure: what went wrong with the present ones.

        Raises:
          FieldValueError: it runs with some values of a decision only.
        """
        keys = {
            key for module in self.network.modules() if isinstance(module, Elastic) for key in module.keys
        }
        tried = {
            p.path: _find_ends(p)
            for p in space.points  # save picks of one hole, which may exclude each other
            if p.path in keys and p.count > 1 and getattr(p, "group", None) is None
        }
        if not tried:
            return
        last = {key: ends[-1] for key, ends in tried.items()}
        choices = [
            p for p in space.points if isinstance(p, Choice) and p.path not in keys and p.group is None
        ]
        present = dict(self.values)
        for turn in range(1 if failure else max((p.count for p in choices), default=1)):
            turned = {p.path: min(turn, p.count - 1) for p in choices} if turn else {}
            around = {**present, **turned}  # so that sizes in all candidates have their turn
            if failure is not None or self._run_with(last, around) is not None:
                self._check_each(space, tried, around)
        self.values.update(present)

    def _check_each(self, space: Space, tried: dict[str, list[Any]], around: dict[str, Any]) -> None:
        """Checks that the network runs with each of the sizes that are tried, all else as it is ``around``.

        Raises:
          FieldValueError: it runs with some values of a decision only.
        """
        for key, ends in tried.items():
            failures = {v: self._run_with({key: v}, around) for v in dict.fromkeys([*ends, around[key]])}
            error = next((found for found in failures.values() if found is not None), None)
            if error is not None and None in failures.values():
                point = space.point(key)
                good, bad = (
                    [_say(point, v) for v, e in failures.items() if (e is None) is ok] for ok in (True, False)
                )
                raise FieldValueError(
                    f"the network runs with the size {listing(good)} at {key!r}, and not with {listing(bad)}: what comes after takes only "
                    "some of these sizes. Give what comes after the same hole (holes of one name are one decision), let it learn its width "
                    f"from its input (nn.LazyLinear, with an example), or call pg.oneshot.follow. {error}"
                ) from error

    def _run_with(self, changes: dict[str, Any], present: dict[str, Any]) -> Exception | None:
        """Runs the network with some values changed; returns what went wrong."""
        self.values.update(present)
        self.values.update(changes)
        try:
            return self.run()
        finally:
            self.values.update(present)

    def name(self, choice: Any) -> str:
        """Returns the key of a choice; where others have it too, also which module it is."""
        names = [(name, other) for name, other in find_mutables(self.network) if other.key == choice.key]
        own = next(name for name, other in names if other is choice)
        return repr(choice.key) if len(names) == 1 else f"{choice.key!r} (the module {own!r}, tied to it)"


def _find_ends(point: Any) -> list[Any]:
    """Returns the first and the last value of a decision."""
    return [0, int(point.count) - 1] if isinstance(point, Choice) else [point.min_value, point.max_value]


def _say(point: Any, value: Any) -> str:
    return point.literals[value] if isinstance(point, Choice) else str(value)


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    if isinstance(value, (tuple, list)):
        return tuple(map(_shape, value))
    return type(value).__name__


def _name(module: nn.Module) -> str:
    text = " ".join(repr(module).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
