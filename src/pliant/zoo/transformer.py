"""The search space of AutoFormer (tiny): vision transformers with width, depth, heads and MLP ratio (PyTorch).

Chen et al., "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021, table 1.  Heads have 64 channels
each, so their number gives the width of queries, keys and values.  Without the relative position encoding of the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError

from .operations import Identity
from .sizes import checked

WIDTHS, HEADS, RATIOS, DEPTHS = (192, 216, 240), (3, 4), (3.5, 4.0), (12, 13, 14)
"""The candidates of the tiny super-network: width, heads and MLP ratio of each block, number of blocks."""


@symbolize
@final
class Attention(nn.Module):
    """Self-attention with heads of a fixed number of channels, for any width of the network."""

    def __init__(self, width: int, heads: int, *, head_width: int = 64, causal: bool = False) -> None:
        super().__init__()
        self.shape, self.causal = (3, heads, head_width), causal
        self.parts = nn.ModuleList(nn.Linear(width, heads * head_width) for _ in range(3))
        self.project = nn.Linear(heads * head_width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Returns tokens in the shape of ``x``: (batch, tokens, width)."""
        query, key, value = (part(x).unflatten(-1, self.shape[1:]).transpose(1, 2) for part in self.parts)
        found = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        out: Tensor = self.project(found.transpose(1, 2).flatten(2))
        return out


@symbolize
@final
class TransformerBlock(nn.Module):
    """A transformer block: attention and an MLP with one hidden layer, with pre-normalization and residuals."""

    def __init__(self, width: int, heads: int, ratio: float, *, head_width: int = 64) -> None:
        super().__init__()
        hidden = int(width * ratio)
        self.attention = nn.Sequential(
            nn.LayerNorm(width, 1e-6), Attention(width, heads, head_width=head_width)
        )
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width, 1e-6), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns tokens in the shape of ``x``."""
        x = x + self.attention(x)
        out: Tensor = x + self.perceptron(x)
        return out


@symbolize
@final
class Chain(nn.Sequential):
    """A sequence of modules, given as a list."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__(*parts)


@symbolize
@final
class VisionTransformer(nn.Module):
    """A vision transformer: image patches and a class token, blocks, and a linear layer on the class token.

    Args:
      width: channels of a token.
      blocks: modules from tokens to tokens.
      image_size: rows and columns of an image.
      patch: rows and columns of a patch.
      channels: of an image.
      classes: how many logits it returns.
    """

    def __init__(
        self,
        width: int,
        blocks: Sequence[nn.Module],
        *,
        image_size: int = 224,
        patch: int = 16,
        channels: int = 3,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.tokens = (image_size // patch) ** 2 + 1
        self.cut = nn.Conv2d(channels, width, patch, patch)
        self.first, self.places = nn.Embedding(1, width), nn.Embedding(self.tokens, width)
        self.body = nn.Sequential(*blocks)
        self.norm, self.classifier = nn.LayerNorm(width, 1e-6), nn.Linear(width, classes)
        for table in (self.first, self.places):
            nn.init.trunc_normal_(table.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        patches = self.cut(x).flatten(2).transpose(1, 2)
        first = self.first.weight.expand(len(x), 1, -1)
        tokens = torch.cat([first, patches], dim=1) + self.places.weight
        out: Tensor = self.classifier(self.norm(self.body(tokens)[:, 0]))
        return out


@checked()
def make_network(
    width: int = 192,
    heads: int = 3,
    ratio: float = 4.0,
    depth: int = 12,
    *,
    head_width: int = 64,
    **shape: Any,
) -> Any:
    """Returns a network of equal blocks; by default as large as DeiT-Ti (Touvron et al., ICML 2021).

    >>> sum(p.numel() for p in make_network().parameters())  # 5.7M, as published
    5717416

    Args:
      width: channels of a token.
      heads: of each block.
      ratio: width of the hidden layer of each block, relative to ``width``.
      depth: how many blocks there are.
      head_width: channels of a head.
      **shape: see ``VisionTransformer``.
    """
    block = TransformerBlock(width, heads, ratio, head_width=head_width)
    return VisionTransformer(width, [clone(block) for _ in range(depth)], **shape)


@checked()
def make_space(
    widths: Sequence[int] = WIDTHS,
    heads: Sequence[int] = HEADS,
    ratios: Sequence[float] = RATIOS,
    depths: Sequence[int] = DEPTHS,
    *,
    head_width: int = 64,
    **shape: Any,
) -> Any:
    """Returns a network with holes for the width, the depth, and heads and MLP ratio of each block.

    A block that a deeper network adds is decided about only there, and blocks that networks of several depths have are
    the same ones in a super-network.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 3 * (4**12 + 4**13 + 4**14)
    True

    Args:
      widths: channels of a token, to choose from.
      heads: of a block, to choose from.
      ratios: widths of the hidden layer of a block relative to the token, to choose from.
      depths: numbers of blocks, to choose from: consecutive, rising.
      head_width: channels of a head.
      **shape: see ``VisionTransformer``.

    Raises:
      FieldValueError: depths that do not rise one by one.
    """
    width = open_values(widths, name="width", hints="width")

    def make_block() -> Any:
        return TransformerBlock(
            clone(width) if len(widths) > 1 else width,
            open_values(heads, hints="heads"),
            open_values(ratios, hints="ratio"),
            head_width=head_width,
        )

    return VisionTransformer(width, make_blocks(make_block, depths), **shape)


@checked()
def make_blocks(make_block: Callable[[], Any], depths: Sequence[int]) -> list[Any]:
    """Returns blocks with holes for how many of them there are: a deeper network has those of the others and more.

    Args:
      make_block: returns a block, with holes of its own.
      depths: numbers of blocks, to choose from: consecutive, rising.

    Raises:
      FieldValueError: depths that do not rise one by one.
    """
    if not depths or list(depths) != list(range(depths[0], depths[-1] + 1)):
        raise FieldValueError(
            f"make_space(depths=...) takes consecutive ascending integers; got {tuple(depths)}."
        )
    blocks: list[Any] = [make_block() for _ in range(depths[0])]
    rest: Any = None
    for _ in depths[1:]:
        rest = oneof([Identity(), Chain([make_block(), *([] if rest is None else [rest])])], hints="depth")
    return blocks if rest is None else [*blocks, rest]


def open_values(values: Sequence[Any], **options: Any) -> Any:
    """Returns a hole over values, or the value if it is the only one."""
    return values[0] if len(values) == 1 else oneof(list(values), **options)
