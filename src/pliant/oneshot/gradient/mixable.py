"""Checks before training that the sizes of elastic modules can be mixed.

The modules are checked one by one first.  Then, given an example, the network runs with nearly all weight on one size of each
module, and each of its modules must return what it returns with that size alone.  The outputs inside the network are compared
because a deep network may hide at its end what went wrong at its start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper.hole import DerivedHole
from pliant.space import Choice
from pliant.symbolic.tree.node import children
from pliant.values.errors import PliantError, SpaceError

from ..capability import find_capable_samplers
from ..choices.evaluation import adapt_inputs, evaluating, keep_selection
from ..choices.nested import find_leaves
from ..elastic.module import Elastic
from ..rewrite.network import Supernet

MOST = 256  # the largest number of sizes of one module in a mixture
LITTLE = 1e-7  # the weight of the other sizes
ALIKE = 1e-3  # the largest difference of equal outputs, relative to the difference between sizes
ROUNDING = 16  # the largest difference of equal outputs, in units of the last place of their largest entry


def check_mixtures(supernet: Supernet, name: str) -> None:
    """Checks that the elastic modules of a super-network can run as mixtures of their sizes.

    Raises:
      SpaceError: one cannot; the message names it, the reason, and algorithms that run one size at a time.
    """
    found = [module for module in supernet.network.modules() if isinstance(module, Elastic)]
    if not found:
        return
    able = " or ".join(find_capable_samplers(supernet, mixing=False)) or "a sampler of your own"

    def refuse(path: str, reason: str) -> SpaceError:
        return SpaceError(
            f"{name} runs all sizes of a module as a weighted sum, which is not possible at {path!r}: {reason} "
            f"Use {able}, which run one network at a time, or replace this hole by a value."
        )

    for elastic in found:
        reason = _find_reason(elastic, has_example=bool(supernet.example))
        if reason is not None:
            raise refuse(elastic.keys[0], reason)
    if supernet.example:
        with _apart(supernet):
            failed = _Check(supernet, found).find()
        if failed is not None:
            raise refuse(*failed)


def _find_reason(elastic: Elastic, *, has_example: bool) -> str | None:
    """Returns why a module cannot run as a mixture, by the module alone; None without a reason."""
    space = elastic.space
    if any(isinstance(point, Choice) and point.group is not None for point in space.points):
        return "several values are picked together there, and weights of single values do not give the frequency of combinations."
    if space.size > MOST:
        return f"it has {space.size} sizes, and a mixture has {MOST} at most."
    if len(set(elastic.keys)) < len(elastic.keys):
        return "two of its values are one decision but two holes. Give the holes one name."
    if has_example:
        return None
    advice = "Pass supernet(space, example=torch.zeros(...))."
    if elastic.mixture.plan().superkernel is None:
        return f"its sizes run one by one, and only an example shows whether their outputs can be added. {advice}"
    if _is_derived(elastic.program):
        return f"a width is computed from others, and only an example shows whether channels keep their places. {advice}"
    return None


def _is_derived(value: object) -> bool:
    """Returns whether a value is, or has in it, a value that is computed from what is decided."""
    return isinstance(value, DerivedHole) or any(_is_derived(child) for _, child in children(value) or ())


@contextmanager
def _apart(supernet: Supernet) -> Iterator[None]:
    """A context that restores the network, in which its choices run without handlers.

    Tensors of ones and zeros, as new normalization layers have them, get other values inside: otherwise these layers
    would hide errors.
    """
    kept = [(tensor, tensor.detach().clone()) for tensor in _find_flat(supernet.network)]
    keep = keep_selection(supernet, supernet.selection)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), evaluating(supernet), keep:
        try:
            for index, (tensor, _) in enumerate(kept):
                if tensor.is_floating_point():
                    tensor.add_(_ripples(tensor, index), alpha=0.1)
            yield
        finally:
            for tensor, before in kept:
                tensor.copy_(before)


@final
class _Check:
    """Compares mixtures with single sizes, on the example of a super-network."""

    def __init__(self, supernet: Supernet, found: list[Elastic]) -> None:
        self.supernet = supernet
        pairs = [pair for elastic in found for pair in zip(elastic.keys, elastic.space.points)]
        self.counts = {key: int(point.count) for key, point in pairs}
        like = next((p for p in supernet.parameters() if p.is_floating_point()), None)
        self.like = torch.zeros(()) if like is None else like
        self.example = adapt_inputs(supernet, tuple(map(_vary, supernet.example)))

    def find(self) -> tuple[str, str] | None:
        """Returns the first decision that cannot be mixed, and why; None if all can."""
        turns = range(max(self.counts.values()))
        for turn in turns:
            wanted, others = self._run(turn, ()), self._run((turn + 1) % len(turns), ())
            reason = self._compare(wanted, others, turn, tuple(self.counts))
            if reason is None:
                continue
            for key in self.counts:  # find the one that fails
                own = self._compare(wanted, others, turn, (key,))
                if own is not None:
                    return key, own
            return next(iter(self.counts)), reason
        return None

    def _compare(self, wanted: _Outputs, others: _Outputs, turn: int, keys: tuple[str, ...]) -> str | None:
        """Returns why a mixture is not what it should be; None if it is.

        Args:
          wanted: the outputs with one size of each module.
          others: the outputs with other sizes: what differs between them has to be seen.
          turn: the index of the size that gets nearly all weight.
          keys: the decisions to mix.
        """
        try:
            given = self._run(turn, keys)
            found = [place for place in wanted if _differs(given, wanted, others, place)]
            again = self._run(turn, keys, little=4 * LITTLE) if found else {}
        except PliantError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a user's code may raise anything
            return f"the network fails with it ({type(error).__name__}: {error})."
        for place in found:
            noise = _distance(given, again, place)  # what other small weights change is rounding
            if noise is None or _distance(given, wanted, place) > 4 * noise:  # type: ignore[operator]  # it differs
                at = f" (first at its module {place[0]!r})" if place[0] else ""
                return (
                    f"with nearly all weight on one size, the network does not compute what it computes with that size alone{at}. "
                    "Code between the layers depends on their width, changes channels that are zero, or moves channels to other places."
                )
        return None

    def _run(self, turn: int, keys: tuple[str, ...], *, little: float = LITTLE) -> _Outputs:
        """Runs the candidates with index ``turn``, or the last ones; those of ``keys`` as a mixture."""
        selection = self.supernet.selection
        selection.weights.clear()
        for point in self.supernet.space.points:
            if isinstance(point, Choice) and point.group is None:
                selection.values[point.path] = min(turn, point.count - 1)
        for key in keys:
            row = self.like.new_full((self.counts[key],), little)
            row[min(turn, len(row) - 1)] = 1.0
            selection.weights[key] = row
        found: _Outputs = {}
        with _recorded(self.supernet.network, found):
            self.supernet.network(*self.example)
        return found


_Outputs = dict[tuple[str, int, int], Tensor]
"""The output tensors of modules, by name, number of the call, and index of the tensor; in the order in which they are made."""


@contextmanager
def _recorded(network: nn.Module, found: _Outputs) -> Iterator[None]:
    """A context in which a network records the outputs of its modules, but not of those inside elastic modules."""
    calls: Counter[str] = Counter()

    def watch(name: str) -> Callable[..., None]:
        def record(module: nn.Module, inputs: object, output: object) -> None:
            for index, leaf in enumerate(find_leaves(output)):
                if isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.numel():
                    found[name, calls[name], index] = leaf
            calls[name] += 1

        return record

    inside = {
        id(part) for one in network.modules() if isinstance(one, Elastic) for part in one.parts.modules()
    }
    hooks = [
        module.register_forward_hook(watch(name))
        for name, module in network.named_modules()
        if id(module) not in inside
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _differs(given: _Outputs, wanted: _Outputs, others: _Outputs, place: tuple[str, int, int]) -> bool:
    """Returns whether an output differs more than by rounding, and more than by a small part of what sizes change."""
    distance = _distance(given, wanted, place)
    if distance is None:
        return False
    most = wanted[place].abs().max().item()
    spread = _distance(wanted, others, place)
    likely = ALIKE * (most if spread is None else min(spread, most))
    return not distance <= max(likely, ROUNDING * torch.finfo(wanted[place].dtype).eps * most)


def _distance(first: _Outputs, second: _Outputs, place: tuple[str, int, int]) -> float | None:
    """Returns the largest difference of an output in two runs; None if it cannot be compared: other shapes, infinite."""
    one, other = first.get(place), second.get(place)
    if one is None or other is None or one.shape != other.shape or not other.isfinite().all():
        return None
    return float((one - other).abs().max())


def _vary(value: Any) -> Any:
    """Returns an example with entries that differ."""
    is_real = isinstance(value, Tensor) and value.is_floating_point()
    return value + _ripples(value) if is_real else value


def _find_flat(network: nn.Module) -> Iterator[Tensor]:
    """Yields all buffers, and parameters whose entries are all equal."""
    yield from network.buffers()
    for parameter in network.parameters():
        if parameter.numel() and bool((parameter == parameter.flatten()[0]).all()):
            yield parameter


def _ripples(like: Tensor, start: int = 0) -> Tensor:
    """Returns numbers from -1 to 1 that differ from entry to entry, and from start to start."""
    places = torch.arange(like.numel(), dtype=torch.float32, device=like.device)
    return (places + start).cos().view(like.shape).to(like.dtype)
