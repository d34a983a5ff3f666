"""Small attention networks of several families, with weights large enough that every head matters."""

from __future__ import annotations

import os

import pytest
import torch
from torch import nn
from torch.nn import functional


class Fused(nn.Module):
    """Attention with one layer for queries, keys and values, that returns to the width of its input by its number."""

    def __init__(self, dim, heads, *, causal=False):
        super().__init__()
        self.num_heads, self.causal = heads, causal
        self.qkv, self.proj, self.drop = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim), nn.Dropout(0.1)

    def forward(self, x):
        n, length, dim = x.shape
        shape = n, length, 3, self.num_heads, dim // self.num_heads
        q, k, v = self.qkv(x).reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) / (dim // self.num_heads) ** 0.5
        if self.causal:
            scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), float("-inf"))
        return self.drop(self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, length, dim)))


class Split(nn.Module):
    """Causal attention of a small language model: one layer, split by a number of the module, and a mask as a buffer."""

    def __init__(self, dim, heads):
        super().__init__()
        self.c_attn, self.c_proj, self.n_head, self.n_embd = (
            nn.Linear(dim, 3 * dim),
            nn.Linear(dim, dim),
            heads,
            dim,
        )
        self.register_buffer("mask", torch.ones(1, 1, 8, 8).tril())

    def forward(self, x):
        n, length, dim = x.size()
        shape = n, length, self.n_head, dim // self.n_head
        q, k, v = (part.view(shape).transpose(1, 2) for part in self.c_attn(x).split(self.n_embd, dim=2))
        scores = (q @ k.transpose(-2, -1)) * (1.0 / k.size(-1) ** 0.5)
        scores = scores.masked_fill(self.mask[:, :, :length, :length] == 0, float("-inf"))
        y = functional.softmax(scores, dim=-1) @ v
        return self.c_proj(y.transpose(1, 2).contiguous().view(n, length, dim))


class Interleaved(nn.Module):
    """Attention whose layer has the rows of a head together, with normalized queries, and heads in the batch."""

    def __init__(self, dim, heads):
        super().__init__()
        self.num_heads, self.norm = heads, nn.LayerNorm(dim // heads)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, bias=None):
        n, length, dim = x.shape
        size = dim // self.num_heads
        parts = self.qkv(x).reshape(n, length, self.num_heads, 3, size).permute(3, 0, 2, 1, 4)
        q, k, v = parts.reshape(3, n * self.num_heads, length, size)
        weights = torch.bmm(self.norm(q), k.transpose(1, 2)).softmax(-1)
        y = torch.bmm(weights, v).view(n, self.num_heads, length, size).transpose(1, 2)
        return self.proj(y.reshape(n, length, dim))


class Three(nn.Module):
    """Attention with three layers, that returns to the width of its input by its number."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.key, self.query, self.value, self.proj = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x):
        n, length, dim = x.shape
        shape = n, length, self.heads, dim // self.heads
        q, k, v = (layer(x).view(shape) for layer in (self.query, self.key, self.value))
        weights = torch.einsum("bihd,bjhd->bhij", q, k).softmax(-1)
        return self.proj(torch.einsum("bhij,bjhd->bihd", weights, v).reshape(n, length, dim))


class Separate(nn.Module):
    """Attention with three layers, which keeps the size of a head."""

    def __init__(self, dim, heads):
        super().__init__()
        self.dim_head = dim // heads
        self.q, self.k, self.v = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        q, k, v = (f(x).unflatten(-1, (-1, self.dim_head)).transpose(1, 2) for f in (self.q, self.k, self.v))
        return self.out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Torch(nn.Module):
    """``nn.MultiheadAttention`` on one input."""

    def __init__(self, dim, heads):
        super().__init__()
        self.inner = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]


class Block(nn.Module):
    """A transformer block around an attention module."""

    def __init__(self, dim, attention):
        super().__init__()
        self.norm1, self.norm2, self.attn = nn.LayerNorm(dim), nn.LayerNorm(dim), attention
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Classifier(nn.Module):
    """Patches with positions, a block, and a head: a small vision transformer."""

    def __init__(self, make_block, dim=16):
        super().__init__()
        self.patch, self.pos = nn.Conv2d(3, dim, 4, 4), nn.Parameter(torch.randn(1, 4, dim))
        self.blocks, self.head = nn.Sequential(make_block(dim)), nn.Linear(dim, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.pos
        return self.head(self.blocks(x).mean(1))


def _layer(dim):
    return nn.TransformerEncoderLayer(dim, 4, 32, batch_first=True)


def _transformers():
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return pytest.importorskip(
        "transformers", reason="transformers is in the extra `test`; it is not installed here"
    )


def _gpt2():
    tf = _transformers()
    config = tf.GPT2Config(
        vocab_size=11, n_positions=8, n_embd=16, n_layer=1, n_head=4, bos_token_id=0, eos_token_id=0
    )
    return tf.GPT2LMHeadModel(config)


_SIZES = {
    "vocab_size": 11,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": 8,
}


def _bert():
    tf = _transformers()
    return tf.BertModel(tf.BertConfig(**_SIZES))


def _llama():
    tf = _transformers()
    return tf.LlamaForCausalLM(tf.LlamaConfig(**_SIZES, num_key_value_heads=2))


def _vit():
    tf = _transformers()
    sizes = {
        name: value for name, value in _SIZES.items() if name not in ("vocab_size", "max_position_embeddings")
    }
    return tf.ViTForImageClassification(tf.ViTConfig(**sizes, image_size=8, patch_size=4))


ATTENTIONS = {
    "fused": lambda: Classifier(lambda dim: Block(dim, Fused(dim, 4))),
    "causal": lambda: Classifier(lambda dim: Block(dim, Fused(dim, 4, causal=True))),
    "split": lambda: Classifier(lambda dim: Block(dim, Split(dim, 4))),
    "interleaved": lambda: Classifier(lambda dim: Block(dim, Interleaved(dim, 4))),
    "three": lambda: Classifier(lambda dim: Block(dim, Three(dim, 4))),
    "separate": lambda: Classifier(lambda dim: Block(dim, Separate(dim, 4))),
    "torch": lambda: Classifier(lambda dim: Block(dim, Torch(dim, 4))),
    "encoder layer": lambda: Classifier(_layer),
    "GPT-2": _gpt2,
    "BERT": _bert,
    "Llama": _llama,
    "ViT": _vit,
}


def make_attention(kind):
    """Returns a network of a family in double precision, and an input."""
    torch.manual_seed(0)
    network = ATTENTIONS[kind]().double().eval()
    for name, weight in network.named_parameters():
        if weight.dim() > 1 or name.endswith("bias"):
            nn.init.uniform_(weight, -0.5, 0.5)
    is_text = kind in ("GPT-2", "BERT", "Llama")
    return network, torch.tensor([[1, 4, 2, 8, 5]]) if is_text else torch.randn(2, 3, 8, 8).double()
