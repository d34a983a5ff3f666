"""``HeadAttention``: takes the place of ``nn.MultiheadAttention``, which needs as many channels in its heads as its input has."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from .narrowing import describe_narrow, narrow_again

_MASKS = ("key_padding_mask", "need_weights", "attn_mask", "average_attn_weights", "is_causal")


@final
class HeadAttention(nn.Module):
    """``nn.MultiheadAttention`` with a layer each for queries, keys and values, so that heads can be left out.

    Attributes:
      num_heads: the heads that it has.
      head_dim: the channels of each.

    Args:
      source: the module whose weights it takes.

    >>> source = nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = torch.ones(1, 3, 8)
    >>> torch.allclose(HeadAttention(source)(x, x, x)[0], source(x, x, x)[0], atol=1e-6)
    True
    """

    def __init__(self, source: nn.MultiheadAttention) -> None:
        super().__init__()
        self.num_heads, self.head_dim = source.num_heads, source.embed_dim // source.num_heads
        self.embed_dim, self.batch_first, self.dropout = source.embed_dim, source.batch_first, source.dropout
        self.in_proj_bias, self._qkv_same_embed_dim = None, False  # nn.TransformerEncoder reads both
        parts: Any = (source.q_proj_weight, source.k_proj_weight, source.v_proj_weight)
        if source.in_proj_weight is not None:
            parts = source.in_proj_weight.chunk(3)
        given: Any = source.in_proj_bias
        biases = [None] * 3 if given is None else given.chunk(3)
        self.q_proj, self.k_proj, self.v_proj = map(_make_linear, parts, biases)
        self.out_proj = _make_linear(source.out_proj.weight, source.out_proj.bias)
        self.train(source.training)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, *more: Any, **named: Any
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the output and the weights; takes what ``nn.MultiheadAttention`` takes, in its order.

        Raises:
          ValueError: a mask is for another number of heads.
        """
        return self._attend((query, key, value), **dict(zip(_MASKS, more)), **named)

    def _attend(
        self,
        inputs: tuple[Tensor, Tensor, Tensor],
        *,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,  # a hint that attn_mask is causal
    ) -> tuple[Tensor, Tensor | None]:
        is_single = inputs[0].dim() == 2
        given = [x.unsqueeze(0 if self.batch_first else 1) if is_single else x for x in inputs]
        q, k, v = (x if self.batch_first else x.transpose(0, 1) for x in given)
        q, k, v = (self._split(x) for x in (self.q_proj(q), self.k_proj(k), self.v_proj(v)))
        mask = self._join_masks(q, k, key_padding_mask, attn_mask)
        dropout = self.dropout if self.training else 0.0
        if need_weights:
            scores = q @ k.transpose(-2, -1) / self.head_dim**0.5
            weights = (scores if mask is None else scores + mask).softmax(-1)
            found = functional.dropout(weights, dropout, self.training) @ v
        else:
            weights = None
            found = functional.scaled_dot_product_attention(q, k, v, mask, dropout)
        output = self.out_proj(found.transpose(1, 2).flatten(2))
        output = output if self.batch_first else output.transpose(0, 1)
        output = output.squeeze(0 if self.batch_first else 1) if is_single else output
        if weights is not None:
            weights = weights.mean(1) if average_attn_weights else weights
            weights = weights.squeeze(0) if is_single else weights
        return output, weights

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], -1, self.head_dim).transpose(1, 2)

    def _join_masks(self, q: Tensor, k: Tensor, padding: Tensor | None, mask: Tensor | None) -> Tensor | None:
        """Returns one mask to be added to scores of shape (N, heads, L, S)."""
        found = None
        if mask is not None:
            if mask.dim() == 3:  # of each example and head
                mask = mask.view(len(q), -1, *mask.shape[1:])
                if mask.shape[1] != self.num_heads:
                    raise ValueError(
                        f"attn_mask is for {mask.shape[1]} heads, and this module has {self.num_heads}. Give a mask of two dimensions, which is "
                        "the same for all heads."
                    )
            found = _to_added(mask, q)
        if padding is not None:
            padding = padding.unsqueeze(0) if padding.dim() == 1 else padding
            added = _to_added(padding, q)[:, None, None, :]
            found = added if found is None else found + added
        return found


def _make_linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    made.weight = nn.Parameter(weight.detach().clone(), requires_grad=weight.requires_grad)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone(), requires_grad=bias.requires_grad)
    return made


def _to_added(mask: Tensor, like: Tensor) -> Tensor:
    """Returns a mask that is added to scores; of booleans, those that are True are masked."""
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, float("-inf"))
    return mask.to(like.dtype)


# ------------------------------------------------------------------ replacing


def replace_multihead(network: nn.Module) -> dict[str, str]:
    """Replaces modules of ``nn.MultiheadAttention`` in place; returns the kind of replacement by path."""
    found: dict[str, str] = {}
    for name, module in list(network.named_modules()):
        if type(module) is nn.MultiheadAttention and name:
            is_plain = module.bias_k is None and not module.add_zero_attn and not module._forward_hooks
            if is_plain:
                _put(network, name, HeadAttention(module))
                found[name] = "multihead"
    return found


def describe_replaced(module: nn.Module, kind: str) -> dict[str, Any]:
    """Returns what ``replace_again`` needs to know of a replacement, as JSON."""
    return {"kind": kind} if kind == "multihead" else describe_narrow(module)


def replace_again(network: nn.Module, path: str, fields: Any) -> None:
    """Makes a replacement that ``describe_replaced`` described.

    Raises:
      ValueError: the network has no such module there.
    """
    source = network.get_submodule(path) if path in dict(network.named_modules()) else None
    fields = fields if isinstance(fields, dict) else {}
    kind = fields.get("kind")
    if kind == "multihead" and type(source) is nn.MultiheadAttention:
        _put(network, path, HeadAttention(source))
    elif kind == "narrow" and source is not None:
        narrow_again(source, fields)
    else:
        raise ValueError(f"it has no attention module at {path!r}.")


def _put(network: nn.Module, path: str, module: nn.Module) -> None:
    owner, _, name = path.rpartition(".")
    network.get_submodule(owner)._modules[name] = module
