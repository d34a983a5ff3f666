"""Batch normalization during evaluation of a super-network: running, batch, or recalibrated statistics.

The running statistics of shared weights are averages over many networks and do not fit a single network.  So evaluation
uses the statistics of the batch, or running statistics that are recomputed for each network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from pliant.values.errors import FieldValueError

from .choices.choice import LayerChoice
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
    """Uses the statistics of the evaluated batch, as TuNAS and ProxylessNAS do during the search."""

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        found = find_norm_layers(supernet)
        tracked = [norm.layer.track_running_stats for norm in found]
        with _restored(found, statistics=False):
            try:
                for norm in found:
                    norm.set_mode(training=True)
                    norm.layer.momentum, norm.layer.track_running_stats = None, False
                yield
            finally:
                for norm, tracks in zip(found, tracked):
                    norm.layer.track_running_stats = tracks


@final
class Recalibrated(Normalization):
    """Recomputes running statistics for each network: the average over some training batches.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020, section 3.4;
    2,000 images as in Cai et al., "Once-for-all", ICLR 2020.

    Args:
      images: the minimum number of images to use, if there are as many.
    """

    def __init__(self, images: int = 2000) -> None:
        if images.__class__ is not int or images < 1:
            raise FieldValueError(f"images of Recalibrated is an integer from 1; got {images!r}.")
        self.images = images

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        """As in ``Normalization``.

        Raises:
          FieldValueError: there are normalization layers but no training batches.
        """
        found = find_norm_layers(supernet)
        with _restored(found, statistics=True):
            if found:
                self._measure(found, batches, run)
            yield

    def _measure(self, found: list[NormLayer], batches: Batches, run: Run) -> None:
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
    """

    layer: Any
    statistics: list[Tensor]
    wrappers: tuple[nn.Module, ...]

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

    def average(self, index: int) -> None:
        """Sets the momentum so that batch ``index`` has the same weight as each batch before it."""
        counts = isinstance(self.layer, _BatchNorm) and len(self.statistics) > 2
        self.layer.momentum = None if counts else 1.0 / (index + 1)  # None: BatchNorm counts the batches


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


def count_examples(batch: Any) -> int:
    """Returns the number of examples in a batch: the length of its first tensor."""
    if isinstance(batch, Tensor):
        return int(batch.shape[0]) if batch.dim() else 1
    if isinstance(batch, dict):
        batch = list(batch.values())
    return next((count_examples(part) for part in batch if isinstance(part, (Tensor, list, tuple, dict))), 1)


def find_norm_layers(supernet: Supernet) -> list[NormLayer]:
    """Returns the normalization layers with running statistics of the selected network, each once."""
    if any(isinstance(module, LazyLayer) for module, *_ in _walk(supernet.network, {}, ())):
        supernet.find_widths()  # lazy layers need the selected width
    found: dict[int, NormLayer] = {}
    for module, borrowed, wrappers in _walk(supernet.network, {}, ()):
        buffers = module._buffers
        if not isinstance(module, _NormBase) or buffers.get("running_mean") is None:
            continue
        names = [name for name in _STATISTICS if buffers.get(name) is not None]
        tensors: list[Any] = [borrowed.get((id(buffers), name), buffers[name]) for name in names]
        found.setdefault(id(module), NormLayer(module, tensors, wrappers))
    return list(found.values())


_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_Borrowed = dict[tuple[int, str], Tensor]


def _walk(
    module: nn.Module, borrowed: _Borrowed, wrappers: tuple[nn.Module, ...]
) -> Iterator[tuple[nn.Module, _Borrowed, tuple[nn.Module, ...]]]:
    """Yields the modules that run, the tensors that they borrow, and the elastic modules around each."""
    if isinstance(module, LayerChoice):
        selected = module.selected
        for index in range(len(module)) if isinstance(selected, Tensor) else [int(selected)]:
            yield from _walk(module[index], {}, ())
        return
    yield module, borrowed, wrappers
    if isinstance(module, (Elastic, LazyLayer)):
        current = module.running() if isinstance(module, Elastic) else [module.current()]
        for skeleton in (one for one in current if one is not None):
            tensors = module.shared.take(skeleton)
            lent = {(id(b.table), b.name): tensor for b, tensor in zip(skeleton.bindings, tensors)}
            yield from _walk(skeleton.module, lent, (*wrappers, module))
        return
    for child in module._modules.values():
        if child is not None:
            yield from _walk(child, borrowed, ())
