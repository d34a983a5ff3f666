"""SynFlow: how much can flow through a network, from its weights alone; it needs no data."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .probing import check_score, list_weights, probe, run


def synflow(network: nn.Module, inputs: Tensor) -> float:
    """Returns the logarithm of the synaptic flow of a network: ``log(1 + sum(|w| * dR/d|w|))``.

    ``R`` is the sum of the outputs for an input of ones after all weights are replaced by their absolute values: Tanaka et
    al., "Pruning neural networks without any data by iteratively conserving synaptic flow", NeurIPS 2020; summed
    over a network as a score by Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.  As there, batch
    normalization is left out and weights of linear and convolutional layers are counted.  The logarithm keeps the order and
    avoids numbers of a hundred digits.

    >>> from torch import nn
    >>> narrow, wide = (nn.Sequential(nn.Linear(4, n), nn.ReLU(), nn.Linear(n, 2)) for n in (8, 64))
    >>> synflow(narrow, torch.zeros(1, 4)) < synflow(wide, torch.zeros(1, 4))
    True

    Args:
      network: with its initial weights; stays as it is.
      inputs: one tensor; only its shape is used.

    Raises:
      FieldTypeError, FieldValueError: it is not a module, has no such layers, or does not return a tensor.
      RewardError: the flow is not finite.
    """
    with probe(network, "synflow", lambda net: run(net, inputs, "synflow")) as copied:
        for module in copied.modules():
            for name, child in module.named_children():
                if isinstance(child, _BatchNorm):
                    setattr(module, name, nn.Identity())
        copied = copied.double()
        weights = list_weights(copied, "synflow")
        with torch.no_grad():
            for tensor in copied.parameters():
                tensor.abs_()
        ones = torch.ones((1, *inputs.shape[1:]), dtype=torch.float64, device=inputs.device)
        total = run(copied, ones, "synflow").sum()
        slopes: Any = torch.autograd.grad(total, weights, allow_unused=True)
        flow = sum(float((w.detach() * g).abs().sum()) for w, g in zip(weights, slopes) if g is not None)
    return check_score(math.log1p(flow), "synflow")
