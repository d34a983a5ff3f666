"""``Run``: one forward pass on the device ``meta``, in which modules with known costs do not run.

Each module, real or unrealized, is one *frame*: its multiply-adds, and the bytes that it needs beyond those that are live
when it is called.  Both are remembered by the structural key of the module and of its arguments.
"""

from __future__ import annotations

import operator
import weakref
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.utils._python_dispatch import TorchDispatchMode

from pliant.symbolic.tree.node import Node
from pliant.symbolic.tree.realize import is_twin, realize

from .building import plainly
from .keys import NoKeyError, key_of_module, key_of_program
from .memo import Entry, Memo
from .parameters import Found, find_parameters
from .rules import check_has_rule, count_operation, find_count_rule
from .sequence import SEQUENCE, run_sequence
from .shapes import SAME, find_result, find_shape
from .tensors import META, Recipe, find_tensors, key_of_arguments

_get = object.__getattribute__


@final
class Run(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as PyTorch has it
    """One forward pass; also the overseer of unrealized modules in it.

    Args:
      memo: None if nothing is to be remembered.
      program: the network if it is unrealized, and complete; then its programs and single layers have keys.
      watched: a part of it whose own costs are counted; what it is in runs even if it is known.
    """

    def __init__(self, memo: Memo | None, *, program: Any = None, watched: Any = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as PyTorch has it
        self.memo, self._program = memo, program
        self.inside = 0.0  # multiply-adds in the current frame
        self.live = self.peak = 0  # bytes now, and the most in the current frame
        self._covered = 0
        self._ages: dict[int, int] = {}  # of live storages
        self._watched: dict[Any, None] = {}
        self._age = 0
        self._pending: dict[int, Any] = {}  # keys of modules that are called
        self._known: dict[int, tuple[Any, int]] = {}  # parameters of modules that did not run
        self._found: dict[int, tuple[Any, Found]] = {}  # parameters in modules that ran
        self._places: dict[
            int, tuple[int, str]
        ] = {}  # by `id`, that of the module that holds it, and its name
        self._kinds: dict[type, tuple[bool, bool, bool]] = {}
        self._rules: dict[type, Any] = {}
        self._watched_part = watched
        self._outer: set[int] = set()  # what the watched part is in
        while watched is not None and watched.sym_parent is not None:
            watched = watched.sym_parent
            self._outer.add(id(watched))
        self.watched_count = 0.0
        self.watched_extra = 0

    # ------------------------------------------------------------------ memory and operations

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # otherwise PyTorch imports its compiler, which takes seconds

    def __torch_dispatch__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        fields = kwargs or {}
        shape = None if self.memo is None else find_result(func, args, fields)
        if shape is not None:
            first = args[0]
            return self.allocate(shape, (first if isinstance(first, Tensor) else first[0]).dtype)
        output = func(*args, **fields)
        if not self._covered:
            self.inside += count_operation(func, args, fields, output)
        found = find_tensors(output, [])
        if found:
            if "batch_norm" in func.__name__:
                del found[1:]  # statistics, which real kernels do not return in evaluation mode
            given = {t.untyped_storage()._cdata for t in find_tensors((args, fields), [])}
            for tensor in found:
                storage = tensor.untyped_storage()
                if storage._cdata not in given and storage._cdata not in self._ages:
                    self._watch(storage)
        return output

    def _watch(self, storage: Any) -> None:
        """Counts the bytes of a new storage until it is freed."""
        size, name = storage.nbytes(), storage._cdata
        self._age += 1
        self._ages[name] = self._age

        def free(ref: Any) -> None:
            self.live -= size
            self._ages.pop(name, None)
            self._watched.pop(ref, None)

        self._watched[weakref.ref(storage, free)] = None
        self.take(size)

    def take(self, size: int) -> None:
        """Counts bytes that are live from now on."""
        self.live += size
        if self.live > self.peak:
            self.peak = self.live

    def free(self, size: int) -> None:
        """Counts bytes that are free from now on."""
        self.live -= size

    def add(self, count: float) -> None:
        """Counts multiply-adds, unless a rule gives those of the module that they are in."""
        if not self._covered:
            self.inside += count

    def _allocate(self, shape: Any, stride: Any, dtype: torch.dtype, size: int) -> Tensor:
        with torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch():
            made = torch.empty_strided(shape, stride, dtype=dtype, device=META)
        if made.untyped_storage().nbytes() != size:
            made.untyped_storage().resize_(size)
        self._watch(made.untyped_storage())
        return made

    def allocate(self, shape: Any, dtype: torch.dtype) -> Tensor:
        """Returns a new tensor, and counts its bytes until it is freed."""
        with torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch():
            made = torch.empty(shape, dtype=dtype, device=META)
            self._watch(made.untyped_storage())
        return made

    # ------------------------------------------------------------------ modules

    def is_complete(self, value: Any) -> bool:
        """Returns whether a node is known to be complete, because the program that it is in is so."""
        while value is not None and value is not self._program:
            value = _get(value, "_sym_parent")
        return value is not None

    def build(self, value: Any) -> None:
        """Runs the constructor of an object; unrealized parts stay so, and the others report to this run."""
        self._apart(value._sym_run)
        if isinstance(value, nn.Module):
            self.install(value)

    def _apart(self, function: Any, *args: Any, **fields: Any) -> Any:
        """Calls a function that makes weights, which are not activations."""
        with torch._C._DisableTorchDispatch():
            return function(*args, **fields)

    def install(self, module: Any) -> None:
        """Lets the modules in a module report to this run, and puts them into evaluation mode."""
        self._places.setdefault(id(module), (0, ""))
        pending = [module]
        while pending:
            part = pending.pop()
            cls = type(part)
            kind = self._kinds.get(cls)
            if kind is None:
                kind = is_twin(cls), cls.train is not nn.Module.train, issubclass(cls, LazyModuleMixin)
                self._kinds[cls] = kind
            is_unrealized, has_own_mode, is_lazy = kind
            if is_unrealized:
                continue
            state = _get(part, "__dict__")
            if getattr(state.get("forward"), "run", None) is self:
                continue
            if has_own_mode and self.memo is not None:
                raise NoKeyError  # it may decide itself which mode its parts have
            state["training"] = state.get("training", False) if has_own_mode else False
            state["forward"] = _Forward(self, part)
            if is_lazy:
                lazy: Any = part
                state["initialize_parameters"] = partial(self._apart, lazy.initialize_parameters)
            for name, child in state["_modules"].items():
                if child is not None:
                    self._places[id(child)] = id(part), name
                    pending.append(child)

    def _find_path(self, module: nn.Module) -> str:
        """Returns the path of a module in the network."""
        names: list[str] = []
        number = id(module)
        while number and number in self._places:
            number, name = self._places[number]
            names.insert(0, name)
        return ".".join(filter(None, names))

    def call(self, value: Any, method: Any, args: Any, fields: Any) -> Any:
        """Calls an unrealized object."""
        if not isinstance(value, nn.Module):
            return method(realize(value), *args, **fields)
        if id(value) in self._outer:
            return realize(value)(*args, **fields)
        with plainly():
            key = self._find_key(key_of_program, value, args, fields)
            entry = self.memo.get(key) if self.memo is not None and key is not None else None
            if entry is not None:
                if self._known.setdefault(id(value), (value, entry.parameters))[1] != entry.parameters:
                    raise NoKeyError  # a lazy layer with inputs of two widths
                if value is self._watched_part:
                    self._note(entry.multiply_adds, entry.extra_bytes)
                return self._recall(entry, args, fields)
        realize(value)
        self._pending[id(value)] = key
        return value(*args, **fields)

    def _find_key(self, key_of: Any, module: Any, args: Any, fields: Any) -> Any:
        if self.memo is None or (
            self._program is not None and key_of is not key_of_program and module._modules
        ):
            return None
        try:
            return key_of(module), key_of_arguments(args, fields)
        except (NoKeyError, RecursionError, KeyError):
            return None

    def _recall(self, entry: Entry, args: Any, fields: Any) -> Any:
        self.peak = max(self.peak, self.live + entry.extra_bytes)
        self.inside += 0 if self._covered else entry.multiply_adds
        inputs = () if entry.recipe.sizes and entry.recipe.value.__class__ is not tuple else (args, fields)
        return entry.recipe.make(find_tensors(inputs or (args, fields), []), self._allocate)

    def _note(self, count: float, extra: int) -> None:
        """Adds a call to the costs of the watched part."""
        self.watched_count += count
        self.watched_extra = max(self.watched_extra, extra)

    def run_frame(self, module: nn.Module, forward: _Forward, args: Any, fields: Any) -> Any:
        """Runs the ``forward`` of a real module, or makes its output if it is known."""
        if module is not self._watched_part:
            return self._run_frame(module, forward, args, fields)
        before, outer, base = self.inside, self.peak, self.live
        self.peak = base
        output = self._run_frame(module, forward, args, fields)
        self._note(self.inside - before, self.peak - base)
        self.peak = max(outer, self.peak)
        return output

    def _run_frame(self, module: nn.Module, forward: _Forward, args: Any, fields: Any) -> Any:
        key = self._pending.pop(id(module), None)
        is_single = self.memo is not None and len(args) == 1 and not fields and args[0].__class__ is Tensor
        is_program = key is not None
        if key is None:
            with plainly():
                if is_single and args[0].is_contiguous():
                    x = args[0]
                    shape = find_shape(module, forward.function, x.shape, x.dtype)
                    if shape is not None:
                        return self._run_by_shape(module, x, shape)
                key = self._find_key(lambda part: key_of_module(part, {}), module, args, fields)
                entry = self.memo.get(key) if self.memo is not None and key is not None else None
                if entry is not None:
                    return self._recall(entry, args, fields)
        before, outer, base, age = self.inside, self.peak, self.live, self._age
        attributes = list(module.__dict__.values())
        self.inside, self.peak = 0.0, base
        rule = self.find_rule(module)
        is_covered = rule is not None
        self._covered += is_covered
        if is_single and forward.function is SEQUENCE:
            output = run_sequence(self, module, args[0])
        else:
            output = forward.call(module, args, fields)
        self._covered -= is_covered
        with plainly():
            count, extra = self.inside, self.peak - base
            if not self._covered:
                if rule is not None:
                    count = rule(module, (*args, *fields.values()), output)
                else:
                    check_has_rule(module, path=self._find_path(module), inside=count)
            self.inside, self.peak = before + count, max(outer, self.peak)
            now = list(module.__dict__.values())
            is_same = len(now) == len(attributes) and all(map(operator.is_, now, attributes))
            if key is not None and self.memo is not None and not self._covered and is_same:
                try:
                    recipe = Recipe(
                        output,
                        find_tensors((args, fields), []),
                        lambda storage: self._ages.get(storage._cdata, 0) > age,
                    )
                except NoKeyError:
                    return output
                if self.live - base == sum(recipe.sizes):  # the module keeps nothing
                    parameters = self._count_parameters_below(module) if is_program else 0
                    self.memo.put(key, Entry(count, extra, recipe, parameters))
        return output

    def _run_by_shape(self, module: nn.Module, x: Tensor, shape: Any) -> Tensor:
        """Returns the output of a layer with a shape rule, and counts it."""
        output = x if shape is SAME else self.allocate(shape, x.dtype)
        rule = self.find_rule(module)
        if rule is not None and not self._covered:
            self.inside += rule(module, (x,), output)
        return output

    def find_rule(self, module: nn.Module) -> Any:
        """Returns the counting rule of a module, or None."""
        cls = type(module)
        if cls not in self._rules:
            self._rules[cls] = find_count_rule(module)
        return self._rules[cls]

    def find_function(self, module: nn.Module) -> Any:
        """Returns the function of its class that is the ``forward`` of a real module in this run; None if it has its own."""
        forward = module.__dict__.get("forward")
        return forward.function if forward.__class__ is _Forward and forward.run is self else None

    def release(self) -> None:
        """Takes the program apart, and forgets it, so that Python frees both now and not in its search for cycles."""
        pending: list[Any] = [self._program]
        while pending:
            node = pending.pop()
            for value in type(node)._sym_values(node) if isinstance(node, Node) else ():
                if issubclass(type(value), Node) and _get(value, "_sym_parent") is node:
                    object.__setattr__(value, "_sym_parent", None)
                    pending.append(value)
        for table in (self._pending, self._known, self._found):
            table.clear()
        self._program = self._watched_part = None

    def count_parameters(self, module: Any) -> int:
        """Returns the number of parameters of a module, unrealized or not."""
        return sum(size for size, _ in find_parameters(module, self._count_unrealized).values())

    def _count_parameters_below(self, module: nn.Module) -> int:
        """Returns the number of parameters of a module of the program that ran; what is in its parts was found before."""
        found = find_parameters(module, self._count_unrealized, self._found)
        self._found[id(module)] = module, found
        return sum(size for size, _ in found.values())

    def _count_unrealized(self, part: Any) -> int:
        known = self._known.get(id(part))
        if known is None:
            self._known[id(part)] = known = part, self.count_parameters(realize(part))
        return known[1]


@final
class _Forward:
    """Stands for the ``forward`` of a real module in a run."""

    __slots__ = ("_module", "_own", "function", "run")

    def __init__(self, run: Run, module: nn.Module) -> None:
        own = module.forward
        is_method = getattr(own, "__self__", None) is module
        self.run, self._module = run, weakref.ref(module)
        self.function: Any = getattr(own, "__func__", None) if is_method else None  # holds no module
        self._own = own if self.function is None else None

    @property
    def stands_for(self) -> bool:
        """Whether it stands for a method of the class, so that the module has a key."""
        return self.function is not None

    def call(self, module: nn.Module, args: Any, fields: Any) -> Any:
        """Calls the ``forward`` of the module."""
        return self.function(module, *args, **fields) if self._own is None else self._own(*args, **fields)

    def __call__(self, *args: Any, **fields: Any) -> Any:
        module = self._module()
        assert module is not None
        return self.run.run_frame(module, self, args, fields)
