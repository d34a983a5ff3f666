"""What comes after a search: networks trained alone, black-box searches over them, exports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.algorithms import Algorithm, Exhausted
from pliant.hyper.template import Template
from pliant.space import Decisions, Space
from pliant.symbolic.tree.node import Node
from pliant.values.errors import FieldTypeError, PliantError

from ..rewrite.concrete import fix_if_open
from ..rewrite.network import Supernet, supernet
from .logs import MissingLibraryError
from .session import Loss, Quality, evaluating
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
    seed: int = 0,
) -> nn.Module:
    """Trains one network, from scratch or, where it has inherited weights, further; returns it.

    Args:
      network: an ordinary module, such as ``Supernet.materialize`` returns.  One without weights is returned as it is.
      train: batches; can be iterated again and again.
      epochs: how often.
      loss: from the network and a batch to the loss.
      optimizer: from the weights to their optimizer.
      schedule: the learning rate's factor by progress, 0 to 1.
      clip: the largest norm of all gradients, above 0; None for none.
      seed: of weights that are yet to be made, of dropout, of shuffling.
    """
    clip = check_clip(clip)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if not any(
            weight.requires_grad for weight in network.parameters()
        ):  # where they are new, they are made here
            return network
        stepper = optimizer(list(network.parameters()))
        rates = [group["lr"] for group in stepper.param_groups]
        network.train()
        for epoch in range(epochs):
            for group, rate in zip(stepper.param_groups, rates):
                group["lr"] = rate * (schedule(epoch / epochs) if schedule is not None else 1.0)
            for batch in train:
                stepper.zero_grad(set_to_none=True)
                torch.autograd.backward(loss(network, batch))
                if clip is not None:
                    nn.utils.clip_grad_norm_(network.parameters(), clip)
                stepper.step()
    return network


def judge_alone(network: nn.Module, valid: Iterable[Any], quality: Quality) -> float:
    """Returns the mean quality of a network over batches, in evaluation mode."""
    with evaluating(network), torch.no_grad():
        found = [float(quality(network, batch)) for batch in valid]
    return sum(found) / len(found)


def search_alone(
    space: Any,
    algorithm: Algorithm,
    train: Iterable[Any],
    valid: Iterable[Any],
    *,
    trials: int,
    quality: Quality,
    seed: int = 0,
    **training: Any,
) -> tuple[Decisions, dict[Decisions, float]]:
    """Searches with a black-box algorithm, every network trained alone: what weight sharing is to be compared with.

    Args:
      space: a space of networks, as ``supernet`` takes it; also a network with choices written by hand, whose networks are
        copies with new weights.
      algorithm: any of ``pg.generators``.
      train: what networks are trained on.
      valid: what they are judged by.
      trials: how many networks.
      quality: from a network and a batch to a number of which more is better.
      seed: of the algorithm and of all trainings.
      **training: what ``train_alone`` takes besides.

    Returns:
      the best decisions, and the quality of all that were tried.
    """
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


def _open_space(space: Any, seed: int) -> tuple[Space, Callable[[Decisions], nn.Module]]:
    """Returns the decisions of a space, and what makes a network of them, whose weights are new."""
    template = None if isinstance(space, nn.Module) and not isinstance(space, Node) else Template(space)
    if template is not None and (template.space.points or not isinstance(space, nn.Module)):
        return template.space, template.materialize
    net = space if isinstance(space, Supernet) else supernet(space)

    def make(decisions: Decisions) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made: nn.Module = net.materialize(decisions, inherit=False)
            return made

    return net.space, make


class ExportError(PliantError, RuntimeError):
    """A network that PyTorch cannot export."""


def export(network: nn.Module, example: Tensor, path: str | Path) -> Path:
    """Writes a concrete network for use elsewhere, by the ending of the path: ``.onnx``, ``.pt`` or ``.pt2``.

    ``.pt`` is a TorchScript trace, ``.pt2`` a ``torch.export`` program, ``.onnx`` needs the packages ``onnx`` and
    ``onnxscript`` (one file with the weights in it; those that do not fit into its 2 GiB lie beside it).  What is written takes any batch size (the first dimension of ``example``), unless the network's own code
    allows only one; then it takes that of ``example``.

    Args:
      network: a concrete network, not a super-network.  Of one with choices in it, what is selected is written.
      example: an input of it, with a batch of any size.
      path: where to.

    Raises:
      FieldTypeError: the ending is none of these, or this is a super-network, or no network.
      MissingLibraryError: a package that ``.onnx`` needs is not installed.
      ExportError: PyTorch refused.
    """
    target = Path(path)
    if isinstance(network, Supernet):
        raise FieldTypeError(
            "export takes a concrete network; this is a super-network. Export `supernet.materialize(decisions)`."
        )
    given: Any = network
    if not isinstance(given, nn.Module):
        raise FieldTypeError(
            f"export takes a concrete network; got {given!r:.80} of type {type(given).__name__}. Decisions become one by "
            "`supernet.materialize(decisions)`."
        )
    writers: dict[str, Callable[[], Any]] = {
        ".onnx": lambda: _save_onnx(network, example, target),
        ".pt": lambda: _save_trace(network, example, target),
        ".pt2": lambda: torch.export.save(_export(network, example), str(target)),
    }
    if target.suffix not in writers:
        raise FieldTypeError(
            f"export writes {', '.join(writers)}; got {str(target)!r}. The ending says which."
        )
    if target.suffix == ".onnx":
        _require("onnx", "onnxscript")
    network = fix_if_open(network)
    with evaluating(network), torch.no_grad():
        try:
            writers[target.suffix]()
        except Exception as error:
            raise ExportError(
                f"PyTorch cannot export this {type(network).__name__} as {target.suffix}: {str(error)[:300]}"
            ) from error
    return target


def _save_trace(network: nn.Module, example: Tensor, target: Path) -> None:
    trace: Any = torch.jit.trace
    torch.jit.save(trace(network, example), str(target))


def _save_onnx(network: nn.Module, example: Tensor, target: Path) -> None:
    traced = _export(network, example)
    names: Any = ({0: "batch"},) if traced.range_constraints else None  # as a server shows it
    program = torch.onnx.export(traced, (example,), dynamic_shapes=names, verbose=False)
    assert program is not None  # no path was given
    program.save(str(target), external_data=None)  # in one file, if there is room


def _require(*packages: str) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingLibraryError(
            f"an export to .onnx needs {' and '.join(missing)}, not installed here. Install with `pip install {' '.join(missing)}`, or "
            "export to .pt2 or .pt, which need nothing but PyTorch."
        )


def _export(network: nn.Module, example: Tensor) -> Any:
    """Returns a network as a program that takes any batch size, or, where that cannot be, the example's."""
    if example.dim() > 1:
        many = example if len(example) > 1 else torch.cat([example, example])  # one is taken as a constant
        try:
            return torch.export.export(network, (many,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        except Exception:  # noqa: BLE001, S110  # it looks at the batch size, or the first dimension is none
            pass
    return torch.export.export(network, (example,))
