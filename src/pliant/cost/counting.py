"""``count``: parameters, multiply-adds and memory of activations of a network, without running it on data.

What runs is the network on tensors of the device ``meta``, which have shapes but no data; parts that were met before do
not run.  A network that needs data (its code reads numbers out of tensors) runs once on its inputs.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pliant.symbolic.edit.clone import clone
from pliant.symbolic.read.query import get
from pliant.symbolic.tree.realize import is_twin, overseer, realize, require_complete
from pliant.values.errors import FieldTypeError, quote, quote_typed

from .building import Factories, layer_templates
from .example import check_inputs, explaining
from .keys import UNINITIALIZED, NoKeyError, key_of_module, key_of_program
from .memo import MEMO, Entry, Memo
from .parameters import count_parameters
from .rules import MissingRuleError
from .run import Run
from .tensors import META, change_tensors, find_tensors, key_of_arguments, to_meta


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one forward pass of a network in evaluation mode.

    Attributes:
      parameters: how many numbers its parameters have; a parameter that several layers share counts once.
      multiply_adds: multiplications with the addition that follows, for all examples of the batch.
      peak_bytes: the largest sum, over the pass, of the bytes of live tensors: the inputs, and what operations return,
        until Python frees it. Weights, buffers and the working memory inside operations do not count.
    """

    parameters: int
    multiply_adds: int
    peak_bytes: int


def count(network: Any, *inputs: Any, **named: Any) -> Costs:
    """Returns the costs of a network, exact; the network and its inputs are unchanged, and of tensors only shapes matter.

    An unrealized program stays so, and takes a fraction of a millisecond if it was met before; a network with weights takes
    longer, as its layers are compared with the known ones.

    >>> from torch import nn
    >>> count(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()), torch.zeros(1, 3, 10, 10))
    Costs(parameters=224, multiply_adds=21600, peak_bytes=7600)
    >>> from pliant import zoo
    >>> count(zoo.get("mobilenet_v2").make_network(), torch.zeros(1, 3, 224, 224)).multiply_adds
    300774272

    Args:
      network: an ``nn.Module``, ordinary or symbolic, without open decisions.
      *inputs: its positional arguments, on any device.
      **named: its named arguments.

    Raises:
      FieldTypeError: ``network`` is not a module, or an input is a shape instead of a tensor.
      FieldValueError: a layer has weights but no counting rule.
      ExampleError: the network does not run on inputs of these shapes and types.
      IncompleteError: the network has undecided holes.
    """
    if not isinstance(network, nn.Module):
        raise FieldTypeError(
            f"pg.cost.count takes a network, an nn.Module; got {quote_typed(network)}. "
            "Make a program of a space first with `pg.materialize(space, decisions)`."
        )
    check_inputs("count", inputs)
    if is_twin(type(network)):
        try:
            return _count_program(network, to_meta(inputs), to_meta(named))
        except MissingRuleError:
            raise
        except Exception:  # noqa: BLE001  # its constructor, or a part, needs data; a real error occurs again
            require_complete(network)
            with torch.random.fork_rng(devices=[]):
                network = realize(clone(network, deep=True))
    return _count_module(network, inputs, named)


def count_part(network: Any, path: str, *inputs: Any, **named: Any) -> Costs:
    """Returns the costs of one part of a program, with the inputs that it has inside of the network.

    >>> import pliant as pg
    >>> from torch import nn
    >>> Sequential, Linear, ReLU = map(pg.symbolize, (nn.Sequential, nn.Linear, nn.ReLU))
    >>> count_part(Sequential(Linear(4, 8), ReLU(), Linear(8, 2)), "args[2]", torch.zeros(1, 4)).multiply_adds
    16

    Args:
      network: a symbolic ``nn.Module``, unrealized, without open decisions.
      path: of the part in the program; a part that runs several times counts so often.
      *inputs: positional arguments of the network.
      **named: its named arguments.

    Raises:
      FieldTypeError: the network is not an unrealized program, or the part is not a module in it.
    """
    part = get(network, path, None) if is_twin(type(network)) and isinstance(network, nn.Module) else None
    if not isinstance(part, nn.Module):
        raise FieldTypeError(
            f"count_part takes a symbolic network without weights, and the path of a module in it; {quote(path)} names {quote_typed(part)}. "
            "`pg.cost.count(network, x)` counts a whole network."
        )
    check_inputs("count_part", inputs)
    program = clone(network)
    require_complete(program)
    run = Run(MEMO, program=program, watched=get(program, path))
    _run_program(run, program, to_meta(inputs), to_meta(named))
    parameters = run.count_parameters(get(program, path))
    run.release()
    return Costs(parameters, int(run.watched_count), run.watched_extra)


def _count_program(network: Any, inputs: Any, named: Any) -> Costs:
    """Counts an unrealized program.

    Raises:
      Exception: any error; then the program is to be realized.
    """
    key = (key_of_program(network), key_of_arguments(inputs, named))
    entry = MEMO.get(key)
    if entry is None:
        program = clone(network)
        require_complete(program)
        run = Run(MEMO, program=program)
        _run_program(run, program, inputs, named)
        costs = _report(run, run.count_parameters(program), inputs, named)
        run.release()
        return costs
    return _to_costs(entry, inputs, named)


def _run_program(run: Run, program: Any, inputs: Any, named: Any) -> None:
    """Runs an unrealized program on the device ``meta``."""
    token = overseer.set(run)
    try:
        with torch.no_grad(), Factories(), layer_templates, run:
            program(*inputs, **named)
    finally:
        overseer.reset(token)


def _count_module(network: nn.Module, inputs: Any, named: Any) -> Costs:
    """Counts a realized module."""
    given, fields = to_meta(inputs), to_meta(named)
    try:
        sizes: dict[int, int] = {}
        key = key_of_module(network, {}, sizes), key_of_arguments(given, fields)
        entry = MEMO.get(key)
        if entry is not None:
            return _to_costs(entry, given, fields, sum(sizes.values()))
    except (NoKeyError, RecursionError, KeyError):
        pass
    known = count_parameters(network)
    try:
        return _run_copy(network, MEMO, given, fields, known)
    except MissingRuleError:
        raise
    except Exception:  # noqa: BLE001  # it needs data; a real error occurs again
        with explaining((inputs, named)):
            return _run_copy(network, None, inputs, named, known)


def _run_copy(network: Any, known: Memo | None, inputs: Any, named: Any, parameters: int | None) -> Costs:
    """Runs a copy of a real module: on ``meta``, or without a memo on its own device."""
    memo: dict[int, Any] = {}
    for module in network.modules():
        state = module.__dict__
        tables = (state.get("_parameters", {}), state.get("_buffers", {}), state)
        for tensor in [t for table in tables for t in table.values() if isinstance(t, Tensor)]:
            memo[id(tensor)] = _copy_tensor(tensor, tensor.device if known is None else META)
    program = copy.deepcopy(network, memo)
    run = Run(known)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        if known is None:
            device = next((p.device for p in network.parameters()), torch.device("cpu"))
            inputs, named = (
                change_tensors(
                    value, lambda t: torch.zeros_like(t, device=device) if t.is_meta else t.detach().clone()
                )
                for value in (inputs, named)
            )
            program.eval()
            run.install(program)
            with run:
                program(*inputs, **named)
        else:
            run.install(program)
            with Factories(), run:
                program(*inputs, **named)
    found = run.count_parameters(program) if parameters is None else parameters
    return _report(run, found, inputs, named)


def _copy_tensor(tensor: Tensor, device: torch.device) -> Tensor:
    """Returns a copy without history, also of tensors that PyTorch cannot copy."""
    if isinstance(tensor, UNINITIALIZED):
        make: Any = type(tensor)
        return make(requires_grad=False, device=device, dtype=tensor.dtype)  # type: ignore[no-any-return]  # a tensor
    made = tensor.detach().to(device, copy=True)
    return nn.Parameter(made, False) if isinstance(tensor, nn.Parameter) else made


def _report(run: Run, parameters: int, inputs: Any, named: Any) -> Costs:
    return Costs(parameters, int(run.inside), run.peak + _size(inputs, named))


def _to_costs(entry: Entry, inputs: Any, named: Any, parameters: int | None = None) -> Costs:
    found = entry.parameters if parameters is None else parameters
    return Costs(found, int(entry.multiply_adds), entry.extra_bytes + _size(inputs, named))


def _size(inputs: Any, named: Any) -> int:
    """Returns the bytes of the storages of arguments."""
    storages = {t.untyped_storage()._cdata: t.untyped_storage() for t in find_tensors((inputs, named), [])}
    return sum(storage.nbytes() for storage in storages.values())
