"""Tracer of cost graphs: runs a network once for some decisions, and records the cost of each layer.

PyTorch's global module hooks report modules, a ``TorchFunctionMode`` the operations between them, and a
``TorchDispatchMode`` the operations inside layers without a rule; in this thread, and while the network runs.  A ``Meter``
gives the costs.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from pliant.cost.calls import Call

from ..choices.choice import InputChoice, LayerChoice, ValueChoice
from ..choices.evaluation import evaluating
from ..choices.nested import change_leaves, find_leaves
from ..elastic.lazy import LazyLayer
from ..elastic.module import Elastic
from .graph import DecisionReader, Tape, read_elastic, read_one

_LOCK = threading.Lock()  # the hooks are global
LOOKS = frozenset({"shape", "ndim", "nbytes", "itemsize"})  # attributes that depend on a shape


class Meter(ABC):
    """Base class of meters: the cost of calls and operations."""

    operations = False  # whether operations have costs

    def covers(self, module: nn.Module) -> bool:
        """Returns whether ``price`` gives the whole cost of a module, so that nothing inside is metered."""
        return False

    @abstractmethod
    def price(self, call: Call) -> float:
        """Returns the cost of a call; ``call.inside`` if it has no further cost."""

    def price_operation(self, operation: object, args: object, fields: object, output: Any) -> float:
        """Returns the cost of an operation."""
        return 0.0


def trace(network: nn.Module, inputs: tuple[Any, ...], meter: Meter, tape: Tape) -> None:
    """Runs a network in evaluation mode, without gradients, and records the run.

    Args:
      network: its choices select the values of the tape.
      inputs: its positional arguments.
      meter: gives the costs.
      tape: records the run.

    Raises:
      TraceMismatch: the run does not agree with earlier ones.
    """
    with _LOCK, torch.no_grad(), torch.random.fork_rng(devices=[]), evaluating(network):
        recorder = Recorder(network, meter, tape)
        with ExitStack() as stack:
            before = torch_module.register_module_forward_pre_hook(recorder.enter)
            stack.callback(before.remove)
            after = torch_module.register_module_forward_hook(recorder.leave, with_kwargs=True)
            # remove() leaves an entry behind in PyTorch 2.13, and torch.compile warns of hooks while there is one.
            stack.callback(torch_module._global_forward_hooks_with_kwargs.pop, after.id, None)
            stack.callback(after.remove)
            given = recorder.take(inputs)
            if meter.operations:
                stack.enter_context(_Operations(recorder))
            stack.enter_context(recorder)
            network(*given)


@dataclass(slots=True)
class _Entry:
    module: nn.Module
    path: str
    kind: str  # "line" (recorded as one), "inside" a line, or "block"


@final
class Recorder(TorchFunctionMode):
    """Receives the calls and operations of one run.  Made by ``trace``."""

    def __init__(self, network: nn.Module, meter: Meter, tape: Tape) -> None:
        super().__init__()
        self.meter, self.tape = meter, tape
        self._thread = threading.get_ident()
        self._names = {module: name for name, module in network.named_modules()}
        self._open: dict[nn.Module, bool] = {}
        self._entries: list[_Entry] = []
        self._costs = [0.0]
        self._covered = self._closed = 0
        self._busy = False

    # ------------------------------------------------------------------ tensors and slots

    def take(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Assigns slots to the inputs of the network, and returns them."""
        given = change_leaves(inputs, lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf)
        found = [leaf for leaf in find_leaves(given) if isinstance(leaf, Tensor)]
        for tensor, slot in zip(found, self.tape.operate("inputs", (), 0.0, tuple(map(self._number, found)))):
            self._mark(tensor, slot)
        return given  # type: ignore[no-any-return]  # a tuple, as inputs is

    def _mark(self, tensor: Tensor, slot: int) -> None:
        tensor._pliant_slot = (self, slot)  # type: ignore[attr-defined]  # dies with the tensor

    def _slot(self, value: object) -> int | None:
        """Returns the slot of a tensor; None for tensors that decisions cannot change, such as weights."""
        if not isinstance(value, Tensor):
            return None
        owner, slot = getattr(value, "_pliant_slot", (None, None))
        return slot if owner is self else None

    def _slots(self, value: object) -> tuple[int, ...]:
        return tuple(slot for slot in map(self._slot, find_leaves(value)) if slot is not None)

    def _number(self, value: object) -> int:
        shape = (tuple(value.shape), value.dtype) if isinstance(value, Tensor) else ("value", value)
        return self.tape.graph.number(shape)

    def _hand_on(self, output: Any, write: Callable[[list[Any]], tuple[int, ...]]) -> Any:
        """Assigns slots to the output of a module, and returns it; a tensor with a slot becomes another object."""
        slots = iter(write([leaf for leaf in find_leaves(output) if _counts(leaf)]))

        def put(leaf: object) -> Any:
            if not _counts(leaf):
                return leaf
            slot = next(slots)
            if not isinstance(leaf, Tensor):
                self.tape.look(slot)  # code can branch on it
                return leaf
            found = leaf if self._slot(leaf) is None else leaf.detach()
            self._mark(found, slot)
            return found

        return change_leaves(output, put)

    # ------------------------------------------------------------------ operations between modules

    def __torch_function__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        fields = kwargs or {}
        if self._closed or self._busy:
            return func(*args, **fields)
        before = self._costs[-1]
        output = func(*args, **fields)
        cost, name = self._costs[-1] - before, str(getattr(func, "__name__", func))
        self._costs[-1] = before
        inputs = self._slots((args, fields))
        if not inputs and not cost:
            return output  # decisions cannot change it
        if name in ("__get__", "__set__", "__delete__"):
            name = str(getattr(getattr(func, "__self__", None), "__name__", name))
            if not isinstance(output, Tensor):
                if name in LOOKS:
                    self._look(inputs)
                return output
        found = [leaf for leaf in find_leaves(output) if isinstance(leaf, Tensor)]
        if not found:
            if cost:
                self.tape.operate(name, inputs, cost, ())
            if output is not None:
                self._look(inputs)
            return output
        slots = self.tape.operate(name, inputs, cost, tuple(map(self._number, found)))
        is_in_place = name.startswith("__i") or (name.endswith("_") and not name.startswith("__"))
        changes = is_in_place or "out" in fields
        taken = iter(slots)

        def put(leaf: object) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            if not changes and self._slot(leaf) is not None:
                leaf = leaf.detach()
            self._mark(leaf, next(taken))
            return leaf

        return change_leaves(output, put)

    def _look(self, slots: tuple[int, ...]) -> None:
        for slot in slots:
            self.tape.look(slot)

    def add_operation(self, operation: object, args: object, fields: object, output: Any) -> None:
        """Adds the cost of an operation inside a module."""
        if not self._covered:
            self._costs[-1] += self.meter.price_operation(operation, args, fields, output)

    # ------------------------------------------------------------------ modules

    def enter(self, module: nn.Module, args: object) -> None:
        """Hook before each module."""
        if threading.get_ident() != self._thread or self._busy:
            return
        with self._apart():
            kind = "block"
            path = self._path(module)
            if self._closed or not self._is_open(module):
                kind = "inside" if self._closed else "line"
                self._covered += self.meter.covers(module)
            elif isinstance(module, InputChoice):
                kind = "line"
            else:
                self.tape.enter(type(module).__name__, _reader(module))
            self._closed += kind != "block"
            self._entries.append(_Entry(module, path, kind))
            self._costs.append(0.0)

    def leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        """Hook after each module; its result replaces ``output``."""
        if threading.get_ident() != self._thread or self._busy:
            return None
        with self._apart():
            entry, inside = self._entries.pop(), self._costs.pop()
            if entry.kind == "block":
                return self._hand_on(output, self._close)
            self._closed -= 1
            cost, picks = 0.0, None
            if isinstance(module, InputChoice) and module.is_open:
                picks = module.key
            else:
                self._covered -= self.meter.covers(module)
                if not self._covered:
                    call = Call(module, entry.path, (*args, *kwargs.values()), output, inside)
                    cost = self.meter.price(call)
            if entry.kind == "inside":
                self._costs[-1] += cost
                return None
            inputs, label = self._slots((args, kwargs)), type(module).__name__

            def write(leaves: list[Any]) -> tuple[int, ...]:
                return self.tape.operate(label, inputs, cost, tuple(map(self._number, leaves)), picks=picks)

            return self._hand_on(output, write)

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """A context in which nothing is recorded."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _close(self, leaves: list[Any]) -> tuple[int, ...]:
        slots = [self._slot(leaf) for leaf in leaves]
        return self.tape.leave(tuple(~self._number(x) if s is None else s for s, x in zip(slots, leaves)))

    def _path(self, module: nn.Module) -> str:
        name = module.path if isinstance(module, (Elastic, LazyLayer)) else self._names.get(module)
        if name is not None:
            return str(name)
        outer = next((e for e in reversed(self._entries) if e.path), None)
        if outer is None:
            return ""
        for name, child in outer.module.named_modules():
            if child is module:
                return f"{outer.path}.{name}" if name else outer.path
        return outer.path

    def _is_open(self, module: nn.Module) -> bool:
        """Returns whether a module contains a decision."""
        found = self._open.get(module)
        if found is None:
            found = self._open[module] = any(map(_decides, module.modules()))
        return found


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as PyTorch has it
    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as PyTorch has it
        self._recorder = recorder

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # otherwise PyTorch imports its compiler, which takes seconds; nothing is compiled here

    def __torch_dispatch__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        self._recorder.add_operation(func, args, kwargs or {}, output)
        return output


def _decides(module: nn.Module) -> bool:
    if isinstance(module, (LayerChoice, InputChoice, ValueChoice)):
        return module.is_open
    return isinstance(module, Elastic)


def _reader(module: nn.Module) -> DecisionReader | None:
    if isinstance(module, Elastic):
        return read_elastic(module)
    return read_one(module.key) if isinstance(module, (LayerChoice, ValueChoice)) else None


def _counts(value: object) -> bool:
    return isinstance(value, (Tensor, bool, int, float, str))
