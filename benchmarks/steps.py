"""Training steps, and the batches that they are made with.  Knows no super-network, and nothing of who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

BATCH, CLASSES = 32, 10


def make_batch(*, size: int = BATCH, last: bool = True) -> tuple[Tensor, Tensor]:
    """Returns random images of 32 x 32 and labels, with channels last or first."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, 32, 32, generator=generator)
    labels = torch.randint(0, CLASSES, (size,), generator=generator)
    return (images.contiguous(memory_format=torch.channels_last) if last else images), labels


def make_step(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Callable[[], None]:
    """Returns a whole training step: forward, backward, SGD with momentum."""
    return step_of(network, network.parameters(), batch)


def step_of(
    network: nn.Module, weights: Iterable[nn.Parameter], batch: tuple[Tensor, Tensor]
) -> Callable[[], None]:
    """Returns the same, of some of the parameters."""
    optimizer = torch.optim.SGD(weights, lr=0.025, momentum=0.9, weight_decay=3e-4)
    images, labels = batch

    def step() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(network(images), labels))
        optimizer.step()

    return step


def order(network: nn.Module) -> nn.Module:
    """Returns a network with channels last."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
