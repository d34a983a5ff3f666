"""What comes after a search: networks trained alone, black-box searches over them, exports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pliant.algorithms import Algorithm, Exhausted
from pliant.hyper.template import Template
from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, PliantError

from .session import Loss, Quality, evaluating


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
      network: an ordinary module, such as ``Supernet.materialize`` returns.
      train: batches; can be iterated again and again.
      epochs: how often.
      loss: from the network and a batch to the loss.
      optimizer: from the weights to their optimizer.
      schedule: the learning rate's factor by progress, 0 to 1.
      clip: the largest norm of all gradients.
      seed: of weights that are yet to be made, of dropout, of shuffling.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
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
      space: a space of networks.
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
    template = Template(space)
    algorithm.setup(template.space, seed=seed)
    found: dict[Decisions, float] = {}
    for _ in range(trials):
        try:
            decisions = algorithm.propose()
        except Exhausted:
            break
        network = template.materialize(decisions)
        train_alone(network, train, seed=seed, **training)
        found[decisions] = judge_alone(network, valid, quality)
        algorithm.feedback(decisions, found[decisions])
    return max(found, key=found.__getitem__), found


class ExportError(PliantError, RuntimeError):
    """A network that PyTorch cannot export."""


def export(network: nn.Module, example: Tensor, path: str | Path) -> Path:
    """Writes a concrete network for use elsewhere, by the ending of the path: ``.onnx``, ``.pt`` or ``.pt2``.

    ``.pt`` is a TorchScript trace, ``.pt2`` a ``torch.export`` program, ``.onnx`` needs the packages ``onnx`` and
    ``onnxscript``.

    Args:
      network: a concrete network, not a super-network.
      example: an input of it.
      path: where to.

    Raises:
      FieldTypeError: the ending is none of these, or this is a super-network.
      ExportError: PyTorch refused.
    """
    from ..supernet import Supernet

    target = Path(path)
    if isinstance(network, Supernet):
        raise FieldTypeError(
            "export takes a concrete network; this is a super-network. Export `supernet.materialize(decisions)`."
        )
    writers: dict[str, Callable[[], Any]] = {
        ".onnx": lambda: torch.onnx.export(network, (example,), str(target), dynamo=True),
        ".pt": lambda: _save_trace(network, example, target),
        ".pt2": lambda: torch.export.save(torch.export.export(network, (example,)), str(target)),
    }
    if target.suffix not in writers:
        raise FieldTypeError(
            f"export writes {', '.join(writers)}; got {str(target)!r}. The ending says which."
        )
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
