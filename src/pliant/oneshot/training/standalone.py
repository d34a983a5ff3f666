"""Standalone networks: training from scratch or further, black-box search over them, export to ONNX and PyTorch files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.optim import Optimizer

from pliant.algorithms import Algorithm, Exhausted
from pliant.algorithms.options import check_count, check_part
from pliant.hyper.template import Template
from pliant.space import Decisions, Space
from pliant.symbolic.tree.node import Node
from pliant.values.errors import FieldTypeError, PliantError, check_file, check_function, quote_typed
from pliant.values.packages import require

from ..choices.mutable import check_module
from ..normalization import mean_quality, recalibrate
from ..rewrite.concrete import fix_if_open
from ..rewrite.network import Supernet, supernet
from .distillation import Distillation
from .randomness import PrivateRandom
from .session import Loss, Quality, evaluating, explain_failure
from .settings import check_clip


def train_alone(
    network: nn.Module,
    train: Iterable[Any],
    *,
    epochs: int,
    loss: Loss,
    optimizer: Callable[[list[nn.Parameter]], Optimizer],
    schedule: Callable[[float], float] | None = None,
    clip: float | None = None,
    teacher: nn.Module | None = None,
    seed: int = 0,
) -> nn.Module:
    """Trains one network, from scratch or from inherited weights; returns it.

    Args:
      network: an ordinary module, such as ``Supernet.materialize`` returns.  One without weights is returned as it is.
      train: batches; can be iterated again and again.
      epochs: the number of passes.
      loss: from the network and a batch to the loss.
      optimizer: from the weights to their optimizer.
      schedule: from the progress, 0 to 1, to a factor of the learning rate.
      clip: the largest norm of all gradients, above 0; None for no clipping.
      teacher: a trained network, such as the one that was shrunk, whose outputs the loss follows by half; see ``Distillation``.
      seed: of weights that do not exist yet, of dropout and shuffling.

    Raises:
      FieldValueError: a batch has one example, and the network cannot normalize it.
    """
    clip = check_clip(clip, "train_alone")
    check_module(network)
    epochs = check_count(epochs, "epochs", "train_alone", least=0)
    _check_batches(train, "train")
    check_function(loss, "train_alone(loss=...)", "`lambda network, batch: ...`")
    check_function(optimizer, "train_alone(optimizer=...)", "`lambda weights: torch.optim.Adam(weights)`")
    loss = loss if teacher is None else Distillation(teacher, loss)
    check_function(schedule, "train_alone(schedule=...)", "`lambda progress: 1.0`")
    with PrivateRandom(seed).used():
        if not any(weight.requires_grad for weight in network.parameters()):  # new weights are made here
            return network
        stepper = optimizer(list(network.parameters()))
        rates = [group["lr"] for group in stepper.param_groups]
        network.train()
        for epoch in range(epochs):
            for group, rate in zip(stepper.param_groups, rates):
                group["lr"] = rate * (schedule(epoch / epochs) if schedule is not None else 1.0)
            for batch in train:
                stepper.zero_grad(set_to_none=True)
                try:
                    torch.autograd.backward(loss(network, batch))
                except (RuntimeError, ValueError) as error:
                    explain_failure(network, batch, error)
                    raise
                if clip is not None:
                    nn.utils.clip_grad_norm_(network.parameters(), clip)
                stepper.step()
    return network


def judge_alone(network: nn.Module, valid: Iterable[Any], quality: Quality) -> float:
    """Returns the mean quality of a network over the examples of batches, in evaluation mode."""
    with evaluating(network), torch.no_grad():
        return mean_quality(lambda batch: quality(network, batch), valid)


def search_alone(
    space: object,
    algorithm: Algorithm,
    train: Iterable[Any],
    valid: Iterable[Any],
    *,
    trials: int,
    quality: Quality,
    seed: int = 0,
    **training: Any,
) -> tuple[Decisions, dict[Decisions, float]]:
    """Searches with a black-box algorithm that trains each network separately: the comparison for weight sharing.

    Args:
      space: a space of networks, as ``supernet`` takes it; also a network with choices written by hand, whose networks are
        copies with new weights.
      algorithm: any of ``pg.generators``.
      train: batches that networks are trained on.
      valid: batches that they are judged by.
      trials: the number of networks.
      quality: from a network and a batch to a number of which more is better.
      seed: of the algorithm and of all trainings.
      **training: further arguments of ``train_alone``.

    Returns:
      the best decisions, and the qualities of all networks.  Trained networks are not kept: ``train_alone`` with the same
      arguments and seed trains that of the best decisions again, to the same weights.
    """
    check_part(algorithm, Algorithm, "search_alone(algorithm=...)", "an algorithm, such as `Random()`")
    trials = check_count(trials, "trials", "search_alone")
    check_function(quality, "search_alone(quality=...)", "`lambda network, batch: ...`")
    _check_batches(train, "train")
    _check_batches(valid, "valid")
    decided, make = _open_space(space, seed)
    algorithm.setup(decided, seed=seed)
    found: dict[Decisions, float] = {}
    for _ in range(trials):
        try:
            decisions = algorithm.propose()
        except Exhausted:
            break
        network = make(decisions)
        train_alone(network, train, seed=seed, **training)
        found[decisions] = judge_alone(network, valid, quality)
        algorithm.feedback(decisions, found[decisions])
    return max(found, key=found.__getitem__), found


def _to_tuple(example: Any) -> tuple[Any, ...]:
    return tuple(example) if isinstance(example, (tuple, list)) else (example,)


def _check_batches(batches: object, name: str) -> None:
    if isinstance(batches, str) or not hasattr(batches, "__iter__"):
        raise FieldTypeError(
            f"{name} takes batches, such as a DataLoader or a list; got {quote_typed(batches)}."
        )


def _open_space(space: object, seed: int) -> tuple[Space, Callable[[Decisions], nn.Module]]:
    """Returns a space, and a function from its decisions to a network with new weights."""
    template = None if isinstance(space, nn.Module) and not isinstance(space, Node) else Template(space)
    if template is not None and (template.space.points or not isinstance(space, nn.Module)):
        return template.space, template.materialize
    net = space if isinstance(space, Supernet) else supernet(space)

    def make(decisions: Decisions) -> nn.Module:
        with PrivateRandom(seed).used():
            made: nn.Module = net.materialize(decisions, inherit=False)
            return made

    return net.space, make


class ExportError(PliantError, RuntimeError):
    """PyTorch cannot export a network."""


def export(
    network: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    path: str | Path,
    *,
    batches: Iterable[Any] | None = None,
) -> Path:
    """Exports a concrete network to a file: ONNX (``.onnx``), TorchScript trace (``.pt``) or ``torch.export`` program (``.pt2``).

    ``.onnx`` needs the packages ``onnx`` and ``onnxscript``; weights beyond its 2 GiB are in a file beside it.  The written
    network takes any batch size (the first dimension of ``example``), or only that of ``example`` if its code allows no other.

    Args:
      network: a concrete network, not a super-network.  If it contains choices, the selected candidates are written.
      example: an input of it, with a batch of any size; a tuple for several inputs.
      path: of the file.
      batches: first set the running statistics of its normalization layers on these, see ``recalibrate``; needed where they
        are those of a super-network, as after ``Supernet.materialize``, and not after ``Trainer.network``.

    Raises:
      FieldTypeError: the ending is another one, or ``network`` is a super-network or not a network.
      MissingLibraryError: a package that ``.onnx`` needs is not installed.
      ExportError: PyTorch cannot export it, or it is 2.6 and the ending ``.onnx``.
    """
    target, inputs = Path(check_file(path, "export")), _to_tuple(example)
    if isinstance(network, Supernet):
        raise FieldTypeError(
            "export takes a concrete network; this is a super-network. Export `supernet.materialize(decisions)`."
        )
    given: Any = network
    if not isinstance(given, nn.Module):
        raise FieldTypeError(
            f"export takes a concrete network; got {quote_typed(given)}. Decisions become one by "
            "`supernet.materialize(decisions)`."
        )
    trace: Any = torch.jit.trace
    writers: dict[str, Callable[[], Any]] = {
        ".onnx": lambda: _save_onnx(network, inputs, target),
        ".pt": lambda: torch.jit.save(trace(network, inputs), str(target)),
        ".pt2": lambda: torch.export.save(_export(network, inputs), str(target)),
    }
    if target.suffix not in writers:
        raise FieldTypeError(
            f"export writes files that end with {', '.join(writers)}; got {str(target)!r}. Choose one of these endings."
        )
    if target.suffix == ".onnx":
        _check_onnx()
    network = fix_if_open(network)
    if batches is not None:
        recalibrate(network, batches)
    with evaluating(network), torch.no_grad():
        try:
            if any(isinstance(module, LazyModuleMixin) for module in network.modules()):
                network(*inputs)  # a lazy layer is another layer after its first use
            writers[target.suffix]()
        except Exception as error:
            raise ExportError(
                f"PyTorch cannot export this {type(network).__name__} as {target.suffix}: {str(error)[:300]}"
            ) from error
    return target


def _check_onnx() -> None:
    require("an export to .onnx", "onnx", "onnxscript", instead="export to .pt2 or .pt")
    if torch.__version__.startswith("2.6."):  # it fails at batch normalization, and can end the process
        raise ExportError(
            f"an export to .onnx needs a PyTorch newer than 2.6; this is {torch.__version__}. Install a newer one, or "
            "export to .pt2 or .pt."
        )


def _save_onnx(network: nn.Module, inputs: tuple[Tensor, ...], target: Path) -> None:
    program = _export(network, inputs)
    has_name = len(inputs) == 1 and program.range_constraints
    names: Any = ({0: "batch"},) if has_name else None  # as servers show it
    found = torch.onnx.export(program, inputs, dynamic_shapes=names, verbose=False)
    assert found is not None  # no path was given
    found.save(str(target), external_data=None)  # in one file, if there is room


def _export(network: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    """Returns a network as a program for any batch size, or only for that of the inputs if its code allows no other."""
    if all(x.dim() > 1 for x in inputs):
        many = tuple(x if len(x) > 1 else torch.cat([x, x]) for x in inputs)  # a size of 1 becomes a constant
        shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs)
        with suppress(Exception):  # its code depends on the batch size, or the first dimension is another one
            return torch.export.export(network, many, dynamic_shapes=shapes, strict=False)
    return torch.export.export(network, inputs, strict=False)  # the default of newer releases
