"""Spaces of transformers for text: causal decoders, which predict the next token, and encoders, which classify (PyTorch).

Vaswani et al., "Attention Is All You Need", NeurIPS 2017, with pre-normalization and learned positions as in GPT-2.  A block mixes
tokens by attention or by an MLP over positions (Tolstikhin et al., "MLP-Mixer", NeurIPS 2021), and channels by an MLP with or without
gates (Shazeer, "GLU Variants Improve Transformer", 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError

from .sizes import checked
from .transformer import Attention, make_blocks, open_values

WIDTHS, HEADS, RATIOS, DEPTHS = (128, 192, 256), (2, 4, 8), (2.0, 3.0, 4.0), (4, 5, 6)
"""The candidates: width, heads of attention and MLP ratio of each block, number of blocks."""

MIXER_HINT, PERCEPTRON_HINT = "mixer", "perceptron"
"""The hints of the holes over what mixes tokens and what mixes channels; see ``vision`` for the others."""


@symbolize
@final
class TokenMixer(nn.Module):
    """An MLP over positions: what a token receives from another depends on their places alone.

    Args:
      width: channels of a token.
      length: the largest number of tokens.
      causal: whether a token receives only from those before it and itself.
    """

    def __init__(self, width: int, length: int, *, causal: bool = False) -> None:
        super().__init__()
        self.causal = causal
        self.read, self.write = nn.Linear(width, width), nn.Linear(width, width)
        self.mix = nn.Linear(length, length)

    def forward(self, x: Tensor) -> Tensor:
        """Returns tokens in the shape of ``x``: (batch, tokens, width)."""
        count = x.shape[1]
        weight = self.mix.weight[:count, :count]
        if self.causal:
            weight = weight.tril()
        mixed = nn.functional.gelu(self.read(x)).transpose(1, 2) @ weight.T + self.mix.bias[:count]
        out: Tensor = self.write(mixed.transpose(1, 2))
        return out


@symbolize
@final
class FeedForward(nn.Module):
    """An MLP over channels with one hidden layer, optionally gated.

    Args:
      width: channels of a token.
      ratio: width of the hidden layer relative to ``width``.
      gated: whether a second projection multiplies the hidden layer (GEGLU).
    """

    def __init__(self, width: int, ratio: float, *, gated: bool = False) -> None:
        super().__init__()
        hidden = int(width * ratio)
        self.read, self.write = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.gate = nn.Linear(width, hidden) if gated else None

    def forward(self, x: Tensor) -> Tensor:
        """Returns tokens in the shape of ``x``."""
        hidden = nn.functional.gelu(self.read(x))
        if self.gate is not None:
            hidden = hidden * self.gate(x)
        out: Tensor = self.write(hidden)
        return out


@symbolize
@final
class Block(nn.Module):
    """A block: what mixes tokens, then what mixes channels, each with pre-normalization and a residual.

    Args:
      width: channels of a token.
      mixer: ``Attention`` or ``TokenMixer``.
      perceptron: ``FeedForward``.
    """

    def __init__(self, width: int, mixer: nn.Module, perceptron: nn.Module) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.tokens, self.channels = mixer, perceptron

    def forward(self, x: Tensor) -> Tensor:
        """Returns tokens in the shape of ``x``."""
        x = x + self.tokens(self.norms[0](x))
        out: Tensor = x + self.channels(self.norms[1](x))
        return out


@symbolize
@final
class TextTransformer(nn.Module):
    """A transformer over the indices of tokens.

    Args:
      width: channels of a token.
      blocks: modules from tokens to tokens.
      vocabulary: how many different tokens there are; 256 for bytes.
      length: the largest number of tokens in a text.
      classes: None for a logit per word of the vocabulary at each token, from the weights of the embedding (a decoder); a
        number for a logit per class, from the mean of the tokens (an encoder).
    """

    def __init__(
        self,
        width: int,
        blocks: Sequence[nn.Module],
        *,
        vocabulary: int = 256,
        length: int = 128,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        self.length = length
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.body, self.norm = nn.Sequential(*blocks), nn.LayerNorm(width)
        self.classifier = None if classes is None else nn.Linear(width, classes)
        for table in (self.words, self.places):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Returns logits (batch, tokens, vocabulary), or (batch, classes).

        Args:
          tokens: indices of the vocabulary, (batch, tokens).

        Raises:
          FieldValueError: a text is longer than ``length``.
        """
        count = tokens.shape[1]
        if count > self.length:
            raise FieldValueError(
                f"the network takes texts of at most {self.length} tokens; got {count}. Give `length={count}` or cut the text."
            )
        x = self.words(tokens) + self.places(torch.arange(count, device=tokens.device))
        x = self.norm(self.body(x))
        if self.classifier is None:
            return nn.functional.linear(x, self.words.weight)
        out: Tensor = self.classifier(x.mean(dim=1))
        return out


@checked()
def make_network(
    width: int = 192,
    heads: int = 6,
    ratio: float = 4.0,
    depth: int = 6,
    *,
    head_width: int = 32,
    gated: bool = False,
    classes: int | None = None,
    **text: Any,
) -> Any:
    """Returns a network of equal blocks with attention; a decoder by default.

    With the sizes of GPT-2 it has the published 124M parameters:

    >>> with torch.device("meta"):
    ...     network = make_network(768, 12, depth=12, head_width=64, vocabulary=50257, length=1024)
    ...     sum(p.numel() for p in network.parameters())
    124439808

    Args:
      width: channels of a token.
      heads: of each block.
      ratio: width of the hidden layer of each block, relative to ``width``.
      depth: how many blocks there are.
      head_width: channels of a head.
      gated: whether the MLPs have gates.
      classes: None for a causal decoder; the number of classes for an encoder.
      **text: see ``TextTransformer``.
    """
    attention = Attention(width, heads, head_width=head_width, causal=classes is None)
    block = Block(width, attention, FeedForward(width, ratio, gated=gated))
    return TextTransformer(width, [clone(block) for _ in range(depth)], classes=classes, **text)


@checked()
def make_decoder_space(
    widths: Sequence[int] = WIDTHS,
    heads: Sequence[int] = HEADS,
    ratios: Sequence[float] = RATIOS,
    depths: Sequence[int] = DEPTHS,
    *,
    head_width: int = 32,
    vocabulary: int = 256,
    length: int = 128,
    classes: int | None = None,
) -> Any:
    """Returns causal decoders: len(widths) * (sum over depths d of b ** d), b = (len(heads) + 1) * 2 * len(ratios).

    Each block mixes tokens by attention with one of the numbers of heads or by a ``TokenMixer``, and channels by an MLP of one of
    the ratios, with or without gates.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_decoder_space()).size == 3 * (24**4 + 24**5 + 24**6)
    True

    Args:
      widths: channels of a token, to choose from.
      heads: of the attention of a block, to choose from.
      ratios: widths of the hidden layer of a block relative to the token, to choose from.
      depths: numbers of blocks, to choose from: consecutive, rising.
      head_width: channels of a head.
      vocabulary: how many different tokens there are.
      length: the largest number of tokens in a text.
      classes: None for decoders; a number of classes for encoders, see ``make_encoder_space``.

    Raises:
      FieldValueError: depths that do not rise one by one.
    """
    causal = classes is None
    width = open_values(widths, name="width", hints="width")

    def make_block() -> Any:
        def wide() -> Any:
            return clone(width) if len(widths) > 1 else width

        attention = Attention(wide(), open_values(heads, hints="heads"), head_width=head_width, causal=causal)
        mixer = oneof([attention, TokenMixer(wide(), length, causal=causal)], hints=MIXER_HINT)
        perceptrons = [
            FeedForward(wide(), open_values(ratios, hints="ratio"), gated=gated) for gated in (False, True)
        ]
        return Block(wide(), mixer, oneof(perceptrons, hints=PERCEPTRON_HINT))

    blocks = make_blocks(make_block, depths)
    return TextTransformer(width, blocks, vocabulary=vocabulary, length=length, classes=classes)


@checked()
def make_encoder_space(
    classes: int = 2,
    widths: Sequence[int] = WIDTHS,
    heads: Sequence[int] = HEADS,
    ratios: Sequence[float] = RATIOS,
    *,
    depths: Sequence[int] = DEPTHS,
    head_width: int = 32,
    vocabulary: int = 256,
    length: int = 128,
) -> Any:
    """Returns encoders that classify texts: as ``make_decoder_space``, but each token sees all others.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_encoder_space(widths=(64,), depths=(1, 2))).size == 24 + 24**2
    True

    Args:
      classes: how many logits the network returns.
      widths: as in ``make_decoder_space``, and so are the others.
      heads: of the attention of a block.
      ratios: of the MLP of a block.
      depths: numbers of blocks.
      head_width: channels of a head.
      vocabulary: how many different tokens there are.
      length: the largest number of tokens in a text.
    """
    return make_decoder_space(
        widths,
        heads,
        ratios,
        depths,
        head_width=head_width,
        vocabulary=vocabulary,
        length=length,
        classes=classes,
    )
