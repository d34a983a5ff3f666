"""Which statistics batch normalization uses while a network of a super-network is judged: a policy, as an object.

Running statistics of shared weights are averages over many networks and fit none of them.  So a network is judged with
the statistics of the very batch, or with running ones that were taken anew for it.
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
    """How normalization layers are to behave while the network that is selected is judged."""

    @abstractmethod
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> AbstractContextManager[None]:
        """Returns a context in which the selected network is judged; afterwards all is as it was.

        Args:
          supernet: in evaluation mode.
          batches: makes an iterator over training batches.
          run: runs the super-network on a batch.
        """


@final
class RunningStatistics(Normalization):
    """Those that training left behind."""

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        yield


@final
class BatchStatistics(Normalization):
    """Those of the batch that is judged; as TuNAS and ProxylessNAS do during the search."""

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        found = find_norm_layers(supernet)
        tracked = [norm.layer.track_running_stats for norm in found]
        with _kept(found, statistics=False):
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
    """Running ones, taken anew for each network: the plain average over some training batches.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020, section 3.4;
    2,000 images as in Cai et al., "Once-for-all", ICLR 2020.

    Args:
      images: at least so many are used, as far as there are so many.
    """

    def __init__(self, images: int = 2000) -> None:
        if images.__class__ is not int or images < 1:
            raise FieldValueError(f"Recalibrated(images) is a whole number from 1; got {images!r}.")
        self.images = images

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        """As in ``Normalization``.

        Raises:
          FieldValueError: there are normalization layers, and no training batches.
        """
        found = find_norm_layers(supernet)
        with _kept(found, statistics=True):
            if found:
                self._measure(found, batches, run)
            yield

    def _measure(self, found: list[Norm], batches: Batches, run: Run) -> None:
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
                "there are no training batches to take the statistics of normalization layers from. "
                "Pass Session(train_batches=...), or use BatchStatistics()."
            )
        for norm in found:
            norm.set_mode(training=False)


@final
@dataclass(slots=True)
class Norm:
    """A normalization layer of the network that is selected.

    Attributes:
      layer: the layer.
      statistics: its mean, variance and, mostly, count of batches; of an elastic layer, views of the shared ones.
      wrappers: the elastic modules that are nothing but this layer, and whose mode it follows.
    """

    layer: Any
    statistics: list[Tensor]
    wrappers: tuple[nn.Module, ...]

    def set_mode(self, *, training: bool) -> None:
        """Sets the mode of this layer alone."""
        for module in (self.layer, *self.wrappers):
            module.training = training

    def reset(self) -> None:
        """Forgets all batches."""
        mean, variance, *count = self.statistics
        mean.zero_()
        variance.fill_(1)
        for tensor in count:
            tensor.zero_()

    def average(self, index: int) -> None:
        """Gets ready for the batch ``index``, which is to weigh as much as each of those before it."""
        counts = isinstance(self.layer, _BatchNorm) and len(self.statistics) > 2
        self.layer.momentum = None if counts else 1.0 / (index + 1)  # None: BatchNorm counts itself


@contextmanager
def _kept(found: list[Norm], *, statistics: bool) -> Iterator[None]:
    """A context after which modes, momenta and, if asked for, statistics are what they were."""
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
    """Returns how many examples a batch holds: the length of the first tensor in it."""
    if isinstance(batch, Tensor):
        return int(batch.shape[0]) if batch.dim() else 1
    if isinstance(batch, dict):
        batch = list(batch.values())
    return next((count_examples(part) for part in batch if isinstance(part, (Tensor, list, tuple, dict))), 1)


def find_norm_layers(supernet: Supernet) -> list[Norm]:
    """Returns the normalization layers with running statistics of the network that is selected, each once."""
    if any(isinstance(module, LazyLayer) for module, *_ in _walk(supernet.network, {}, ())):
        supernet.find_widths()  # they have yet to see the width that is selected now
    found: dict[int, Norm] = {}
    for module, borrowed, wrappers in _walk(supernet.network, {}, ()):
        buffers = module._buffers
        if not isinstance(module, _NormBase) or buffers.get("running_mean") is None:
            continue
        names = [name for name in _STATISTICS if buffers.get(name) is not None]
        tensors: list[Any] = [borrowed.get((id(buffers), name), buffers[name]) for name in names]
        found.setdefault(id(module), Norm(module, tensors, wrappers))
    return list(found.values())


_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_Borrowed = dict[tuple[int, str], Tensor]


def _walk(
    module: nn.Module, borrowed: _Borrowed, wrappers: tuple[nn.Module, ...]
) -> Iterator[tuple[nn.Module, _Borrowed, tuple[nn.Module, ...]]]:
    """Yields the modules that run now, with the tensors that they borrow and the elastic modules around each."""
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
