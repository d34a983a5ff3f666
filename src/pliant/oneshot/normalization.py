"""Batch normalization during evaluation of a super-network: running, batch, or recalibrated statistics.

The running statistics of shared weights are averages over many networks and do not fit a single network.  So evaluation
uses the statistics of the batch, or running statistics that are recomputed for each network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from pliant.algorithms.options import check_count
from pliant.values.errors import FieldValueError

from .choices.choice import LayerChoice
from .choices.evaluation import call_network, evaluating
from .choices.nested import find_leaves
from .elastic.lazy import LazyLayer
from .elastic.module import Elastic
from .rewrite.network import Supernet

Batches = Callable[[], Iterable[Any]]
Run = Callable[[Any], Any]


class Normalization(ABC):
    """Interface: the statistics that normalization layers use while the selected network is evaluated."""

    @abstractmethod
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> AbstractContextManager[None]:
        """Returns a context in which to evaluate the selected network; it restores the normalization layers.

        Args:
          supernet: in evaluation mode.
          batches: makes an iterator over training batches.
          run: runs the super-network on a batch.
        """


@final
class RunningStatistics(Normalization):
    """Uses the running statistics from training."""

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        yield


@final
class BatchStatistics(Normalization):
    """Uses the statistics of the evaluated batch, as TuNAS and ProxylessNAS do during the search.

    A layer that gets one value per channel (a batch of one example, without other dimensions) has no batch statistics:
    it uses its running ones.
    """

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        found = find_norm_layers(supernet)
        tracked = [norm.layer.track_running_stats for norm in found]
        hooks = [norm.layer.register_forward_pre_hook(_use_running) for norm in found]
        hooks += [norm.layer.register_forward_hook(_use_batch, always_call=True) for norm in found]
        with _restored(found, statistics=False):
            try:
                for norm in found:
                    norm.set_mode(training=True)
                    norm.layer.momentum, norm.layer.track_running_stats = None, False
                yield
            finally:
                for hook in hooks:
                    hook.remove()
                for norm, tracks in zip(found, tracked):
                    norm.layer.track_running_stats = tracks


def _use_running(layer: nn.Module, inputs: Any) -> None:
    x = inputs[0]
    if isinstance(layer, _BatchNorm) and x.dim() > 1 and x.numel() == x.shape[1]:
        layer.training = False


def _use_batch(layer: nn.Module, inputs: object, output: Any) -> None:
    layer.training = True


@final
class Recalibrated(Normalization):
    """Recomputes running statistics for each network: the average over some training batches.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020, section 3.4;
    2,000 images as in Cai et al., "Once-for-all", ICLR 2020.

    Args:
      images: the minimum number of images to use, if there are as many.
    """

    def __init__(self, images: int = 2000) -> None:
        self.images = check_count(images, "images", "Recalibrated")

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        """As in ``Normalization``.

        Raises:
          FieldValueError: there are normalization layers but no training batches.
        """
        found = find_norm_layers(supernet)
        with _restored(found, statistics=True):
            if found:
                self.measure(found, batches, run)
            yield

    def measure(self, found: list[NormLayer], batches: Batches, run: Run) -> None:
        """Sets the running statistics of layers to averages over batches."""
        with torch.no_grad():
            for norm in found:
                norm.reset()
                norm.set_mode(training=True)
            seen = 0
            for index, batch in enumerate(islice(batches(), self.images)):
                for norm in found:
                    norm.average(index)
                run(batch)
                seen += count_examples(batch)
                if seen >= self.images:
                    break
        if not seen:
            raise FieldValueError(
                "recalibration of normalization layers needs training batches, and got none. "
                "Pass Session(train_batches=...), or use BatchStatistics()."
            )
        for norm in found:
            norm.set_mode(training=False)


@final
@dataclass(slots=True)
class NormLayer:
    """A normalization layer of the selected network.

    Attributes:
      layer: the layer.
      statistics: its mean, variance and usually the number of batches; views of the maximal tensors in elastic layers.
      wrappers: the elastic modules that consist of this layer; their mode sets its mode.
      write: writes the statistics into the maximal tensors, where they are copies of parts.
    """

    layer: Any
    statistics: list[Tensor]
    wrappers: tuple[nn.Module, ...]
    write: Callable[[], None] = lambda: None

    def set_mode(self, *, training: bool) -> None:
        """Sets the mode of this layer alone."""
        for module in (self.layer, *self.wrappers):
            module.training = training

    def reset(self) -> None:
        """Resets the statistics."""
        mean, variance, *count = self.statistics
        mean.zero_()
        variance.fill_(1)
        for tensor in count:
            tensor.zero_()
        self.write()

    def average(self, index: int) -> None:
        """Sets the momentum so that batch ``index`` has the same weight as each batch before it."""
        counts = isinstance(self.layer, _BatchNorm) and len(self.statistics) > 2
        self.layer.momentum = None if counts else 1.0 / (index + 1)  # None: BatchNorm counts the batches


def recalibrate(
    network: nn.Module, batches: Iterable[Any], *, images: int = 2000, run: Run | None = None
) -> nn.Module:
    """Sets the running statistics of normalization layers to averages over batches, in place; returns the network.

    A network that inherits shared weights needs it: the running statistics of a super-network are averages over many networks.
    ``Trainer.network`` does it already.

    >>> net = nn.Sequential(nn.BatchNorm1d(1))
    >>> recalibrate(net, [torch.tensor([[1.0], [3.0]])])[0].running_mean
    tensor([2.])

    Args:
      network: a concrete network, or the selected one of a super-network; its modes stay as they are.
      batches: inputs, or pairs of inputs and targets, as in training.
      images: at least this many examples are used, if there are so many.
      run: runs the network on a batch; on its inputs when None.

    Raises:
      FieldValueError: there are normalization layers, and no batches.
    """

    def run_inputs(batch: Any) -> Any:
        is_pair = isinstance(batch, (tuple, list)) and len(batch) == 2
        return call_network(network, batch[0] if is_pair else batch)

    with evaluating(network), _restored(found := find_norm_layers(network), statistics=False):
        if found:
            Recalibrated(images).measure(found, lambda: batches, run or run_inputs)
    return network


@contextmanager
def _restored(found: list[NormLayer], *, statistics: bool) -> Iterator[None]:
    """A context that restores modes, momenta and optionally statistics."""
    modules = [module for norm in found for module in (norm.layer, *norm.wrappers)]
    modes, momenta = [module.training for module in modules], [norm.layer.momentum for norm in found]
    values = [[tensor.clone() for tensor in norm.statistics] for norm in found] if statistics else []
    try:
        yield
    finally:
        for module, mode in zip(modules, modes):
            module.training = mode
        for norm, momentum in zip(found, momenta):
            norm.layer.momentum = momentum
        with torch.no_grad():
            for norm, old in zip(found, values):
                for tensor, value in zip(norm.statistics, old):
                    tensor.copy_(value)
                norm.write()


def count_examples(batch: Any) -> int:
    """Returns the number of examples in a batch: the length of the first tensor in it; 1 without a tensor."""
    first = next((leaf for leaf in find_leaves(batch) if isinstance(leaf, Tensor)), None)
    return 1 if first is None or not first.dim() else int(first.shape[0])


def mean_quality(quality: Callable[[Any], float], batches: Iterable[Any]) -> float:
    """Returns the mean quality over batches, each weighted by its number of examples."""
    found = [(float(quality(batch)), max(count_examples(batch), 1)) for batch in batches]
    return sum(value * count for value, count in found) / sum(count for _, count in found)


def find_norm_layers(network: nn.Module) -> list[NormLayer]:
    """Returns the normalization layers with running statistics of the selected network, each once."""
    inner = network
    if isinstance(network, Supernet):
        inner = network.network
        network.find_widths()
    found: dict[int, NormLayer] = {}
    for module, borrowed, wrappers, write in _walk(inner, {}, (), lambda: None):
        buffers = module._buffers
        if not isinstance(module, _NormBase) or buffers.get("running_mean") is None:
            continue
        names = [name for name in _STATISTICS if buffers.get(name) is not None]
        tensors: list[Any] = [borrowed.get((id(buffers), name), buffers[name]) for name in names]
        found.setdefault(id(module), NormLayer(module, tensors, wrappers, write))
    return list(found.values())


_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_Borrowed = dict[tuple[int, str], Tensor]


def _walk(
    module: nn.Module, borrowed: _Borrowed, wrappers: tuple[nn.Module, ...], write: Callable[[], None]
) -> Iterator[tuple[nn.Module, _Borrowed, tuple[nn.Module, ...], Callable[[], None]]]:
    """Yields the modules that run, the tensors that they borrow, the elastic modules around each, and what writes copies."""
    if isinstance(module, LayerChoice):
        selected = module.selected
        for index in range(len(module)) if isinstance(selected, Tensor) else [int(selected)]:
            yield from _walk(module[index], {}, (), write)
        return
    yield module, borrowed, wrappers, write
    if isinstance(module, (Elastic, LazyLayer)):
        current = module.running() if isinstance(module, Elastic) else [module.current()]
        for skeleton in (one for one in current if one is not None):
            tensors = module.shared.take(skeleton)
            lent = {(id(b.table), b.name): tensor for b, tensor in zip(skeleton.bindings, tensors)}
            keep = partial(module.shared.write_copies, skeleton, tensors)
            yield from _walk(skeleton.module, lent, (*wrappers, module), keep)
        return
    for child in module._modules.values():
        if child is not None:
            yield from _walk(child, borrowed, (), write)
