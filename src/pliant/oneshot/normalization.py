"""Which statistics batch normalization uses while a network of a super-network is judged: a policy, as an object.

Running statistics of shared weights are averages over many networks and fit none of them.  So a network is judged with
the statistics of the very batch, or with running ones that were taken anew for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.values.errors import FieldValueError

from .elastic import Elastic
from .inferred import Inferred
from .mutables import LayerChoice
from .supernet import Supernet

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
        changed = [(layer, layer.training, layer.track_running_stats) for layer, _ in norm_layers(supernet)]
        try:
            for layer, _, _ in changed:
                layer.training, layer.track_running_stats = True, False
            yield
        finally:
            for layer, training, tracks in changed:
                layer.training, layer.track_running_stats = training, tracks


@final
class Recalibrated(Normalization):
    """Running ones, taken anew for each network: the plain average over some training images.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020, section 3.4;
    2,000 images as in Cai et al., "Once-for-all", ICLR 2020.

    Args:
      images: at least so many are used.
    """

    def __init__(self, images: int = 2000) -> None:
        if images.__class__ is not int or images < 1:
            raise FieldValueError(f"Recalibrated(images) is a whole number from 1; got {images!r}.")
        self.images = images

    @contextmanager
    def applied(self, supernet: Supernet, batches: Batches, run: Run) -> Iterator[None]:
        found = list(norm_layers(supernet))
        kept = [[tensor.clone() for tensor in tensors] for _, tensors in found]
        momenta = [layer.momentum for layer, _ in found]
        try:
            with torch.no_grad():
                for (layer, tensors), _ in zip(found, momenta):
                    layer.momentum, layer.training = None, True  # None: the average of all batches
                    mean, variance, *count = tensors
                    mean.zero_()
                    variance.fill_(1)
                    for tensor in count:
                        tensor.zero_()
                seen = 0
                for batch in islice(batches(), self.images):
                    run(batch)
                    seen += count_images(batch)
                    if seen >= self.images:
                        break
            for (layer, _), momentum in zip(found, momenta):
                layer.momentum, layer.training = momentum, False
            yield
        finally:
            with torch.no_grad():
                for (layer, tensors), old, momentum in zip(found, kept, momenta):
                    layer.momentum = momentum
                    layer.training = supernet.training
                    for tensor, value in zip(tensors, old):
                        tensor.copy_(value)


def count_images(batch: Any) -> int:
    """Returns how many examples a batch holds: the length of the first tensor in it."""
    if isinstance(batch, Tensor):
        return int(batch.shape[0])
    if isinstance(batch, dict):
        batch = list(batch.values())
    return next((count_images(part) for part in batch if isinstance(part, (Tensor, list, tuple, dict))), 1)


def norm_layers(supernet: Supernet) -> Iterator[tuple[Any, list[Tensor]]]:
    """Yields the normalization layers of the network that is selected, and their statistics: mean, variance, count.

    The statistics of an elastic layer are views of the shared ones.
    """
    yield from _walk(supernet.network, {})


def _walk(module: nn.Module, borrowed: dict[tuple[int, str], Tensor]) -> Iterator[tuple[Any, list[Tensor]]]:
    if isinstance(module, LayerChoice):
        selected = module.selected
        picked = range(len(module)) if isinstance(selected, Tensor) else [int(selected)]
        for index in picked:
            yield from _walk(module[index], {})
        return
    if isinstance(module, (Elastic, Inferred)):
        skeleton = module.skeleton(module.values()) if isinstance(module, Elastic) else module.current()
        if skeleton is None:
            return
        tensors = module.shared.take(skeleton)
        borrowed = {(id(b.table), b.name): t for b, t in zip(skeleton.bindings, tensors)}
        module = skeleton.module
        if isinstance(module, Inferred):
            yield from _walk(module, {})
            return
    buffers = module._buffers
    if buffers.get("running_mean") is not None:
        names = [
            n for n in ("running_mean", "running_var", "num_batches_tracked") if buffers.get(n) is not None
        ]
        found: list[Any] = [borrowed.get((id(buffers), name), buffers[name]) for name in names]
        yield module, found
    for child in module._modules.values():
        if child is not None:
            yield from _walk(child, borrowed)
