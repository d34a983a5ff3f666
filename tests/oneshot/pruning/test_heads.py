"""Heads of attention blocks: found, left out exactly, and ordered by importance, for every family."""

from __future__ import annotations

import copy
import pickle
import re

import pytest
import torch
from torch import nn
from torch.nn import functional

import pliant as pg
from pliant import oneshot
from pliant.oneshot import Activation, Magnitude, space_of, supernet
from pliant.oneshot.pruning.attention import HeadAttention
from pliant.oneshot.pruning.decisions import largest
from pliant.oneshot.pruning.opening import run_once
from pliant.oneshot.pruning.order import channel_dims, reorder
from pliant.values.errors import FieldValueError

from .attention import ATTENTIONS, Fused, Separate, make_attention


@pytest.fixture(scope="module", params=ATTENTIONS)
def opened(request):
    """A network, an input and its space."""
    network, x = make_attention(request.param)
    return network, x, space_of(network, x, widths=(0.25, 0.5, 1.0), depth=False)


def find_heads(found):
    return [group for group in found.groups if group.name.startswith("heads of ")]


def mask(network, group, kept):
    """Returns the network in which nothing reads the channels of a group from the ``kept``-th on."""
    masked = copy.deepcopy(network)
    with torch.no_grad():
        for carrier in group.carriers:
            if carrier.role == "reads":
                gone = carrier.index(group.width)[kept:].flatten()
                for tensor, dim in channel_dims(masked.get_submodule(carrier.path), carrier):
                    tensor.index_fill_(dim, gone, 0)
    return masked


def test_all_heads_compute_what_the_network_does(opened):
    network, x, found = opened
    (group,) = find_heads(found)
    assert group.can_reorder
    assert any(one.name.startswith("width of ") for one in found.groups)  # of the perceptron
    net = supernet(found.space).double().eval()
    child = net.materialize(largest(net.space))
    for a, b in zip(run_once(network, (x,)), run_once(child, (x,)), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def test_fewer_heads_are_the_first_ones(opened):
    _, x, found = opened
    net = supernet(found.space, example=x).double().eval()
    points = {point.name: point for point in net.space.points}
    for group in found.groups:
        for index, size in enumerate(group.sizes):
            values = {one.path: one.count - 1 for one in net.space.points}
            decisions = net.space.parse({**values, points[group.name].path: index})
            net.activate(decisions)
            child = net.materialize(decisions).eval()
            wanted = run_once(mask(found.network, group, size), (x,))[0]
            torch.testing.assert_close(run_once(child, (x,))[0], wanted, rtol=0, atol=1e-9)
            torch.testing.assert_close(run_once(net, (x,))[0], wanted, rtol=0, atol=1e-9)


def test_reordering_is_exact(opened):
    _, x, found = opened
    network = copy.deepcopy(found.network)
    before = run_once(network, (x,))[0]
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        scores = {group.name: torch.rand(group.width, generator=generator) for group in found.groups}
        done = reorder(network, found.groups, scores, found.example)
        assert set(done) == {group.name for group in found.groups}
        torch.testing.assert_close(run_once(network, (x,))[0], before, rtol=0, atol=1e-9)


@pytest.mark.parametrize("measure", [Activation(), Magnitude()], ids=["activation", "L1"])
def test_head_that_does_nothing_is_last(opened, measure):
    _, x, found = opened
    (group,) = find_heads(found)
    network = copy.deepcopy(found.network)
    with torch.no_grad():
        for carrier in group.carriers:
            for tensor, dim in channel_dims(network.get_submodule(carrier.path), carrier):
                tensor.index_fill_(dim, carrier.index(group.width)[1], 0)
    score = measure.score(network, found.groups, [x])[group.name]
    assert score[1] == 0
    assert score.min() >= 0
    assert (score > 0).sum() == group.width - 1


@pytest.mark.parametrize("kind", ["fused", "torch", "GPT-2"])
def test_shrunk_network_and_its_file(kind, tmp_path):
    network, x = make_attention(kind)
    network = network.float()
    batches = [x if kind == "GPT-2" else torch.randn(4, 3, 8, 8) for _ in range(3)]
    result = oneshot.shrink(network, batches[0][:1], batches, "multiply_adds <= 0.7x", depth=False)
    count = pg.cost.count(result.network, batches[0][:1]).multiply_adds
    assert 0.5 < count / pg.cost.count(network, batches[0][:1]).multiply_adds <= 0.7
    assert type(result.network) is type(network)
    again = oneshot.load_shrunk(make_attention(kind)[0].float(), result.save(tmp_path / "small.pt"))
    for a, b in zip(run_once(again, (batches[0],)), run_once(result.network, (batches[0],)), strict=True):
        assert torch.equal(a, b)


def test_masks_and_weights_of_replaced_attention():
    torch.manual_seed(0)
    x, y = torch.randn(3, 5, 8), torch.randn(3, 6, 8)
    padding = torch.zeros(3, 6, dtype=torch.bool)
    padding[1, 4:] = True
    future = torch.ones(5, 6, dtype=torch.bool).triu(2)
    of_heads = torch.rand(6, 5, 6) > 0.7
    of_heads[..., 0] = False
    for options in ({}, {"kdim": 8, "vdim": 8}, {"bias": False}):
        source = nn.MultiheadAttention(8, 2, batch_first=True, **options).eval()
        made = HeadAttention(source).eval()
        for given in (
            {"key_padding_mask": padding},
            {"attn_mask": future, "need_weights": False},
            {"attn_mask": future, "key_padding_mask": padding, "average_attn_weights": False},
            {"attn_mask": torch.randn(5, 6)},
            {"attn_mask": of_heads},
        ):
            for a, b in zip(source(x, y, y, **given), made(x, y, y, **given), strict=True):
                if a is None:
                    assert b is None
                else:
                    torch.testing.assert_close(a, b)
    first = nn.MultiheadAttention(8, 2)  # with the length first, also of one example
    for a, b in zip(first(x, x, x), HeadAttention(first)(x, x, x), strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(first(x[0], x[0], x[0]), HeadAttention(first)(x[0], x[0], x[0]), strict=True):
        torch.testing.assert_close(a, b)
    with pytest.raises(
        ValueError, match=r"attn_mask is for 4 heads, and this module has 2. Give a mask of two"
    ):
        made(x, y, y, attn_mask=torch.zeros(12, 5, 6))
    made(x, y, y, attn_mask=torch.zeros(5, 6))


def test_module_with_narrow_input_is_the_users_own():
    network, x = make_attention("fused")
    found = space_of(network, x, depth=False)
    made = found.network.blocks[0].attn
    assert type(made) is Fused
    assert found.replaced == {"blocks.0.attn": "narrow"}
    assert list(found.network.state_dict()) == list(network.state_dict())
    outputs = []
    for module in (network, found.network, copy.deepcopy(found.network)):  # with dropout
        torch.manual_seed(1)
        outputs.append(module.train()(x))
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    assert made.kept_width == 16
    assert not hasattr(network.blocks[0].attn, "kept_width")
    net = supernet(found.space)
    small = oneshot.to_plain(net.materialize(net.space.sample(3))).double().eval()
    assert type(small.blocks[0].attn) is Fused
    assert small.blocks[0].attn.kept_width == 4 * small.blocks[0].attn.num_heads < 16
    again = pickle.loads(pickle.dumps(small))
    assert torch.equal(again(x), small(x))
    exported = torch.export.export(small, (x,)).module()
    torch.testing.assert_close(exported(x), small(x))


def test_attention_is_not_a_width():
    network, x = make_attention("Llama")
    found = space_of(network, x, heads=False, depth=False)
    assert [group.name for group in found.groups] == ["width of model.layers.0.mlp.gate_proj"]


def test_kept_heads():
    network, x = make_attention("separate")
    for pattern in ("*attn", "*attn.q"):
        assert not find_heads(space_of(network, x, keep=[pattern]))
    assert type(space_of(network, x).network.blocks[0].attn) is Separate


class Literal(nn.Module):
    """Attention whose number of heads is written in its code; and a bias for each head, if asked for."""

    def __init__(self, *, biased):
        super().__init__()
        self.qkv, self.proj, self.num_heads = nn.Linear(8, 24), nn.Linear(8, 8), 4
        self.bias = nn.Parameter(torch.randn(4, 1, 1)) if biased else None

    def forward(self, x):
        n, length, dim = x.shape
        heads = 4 if self.bias is None else self.num_heads
        q, k, v = self.qkv(x).view(n, length, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        weights = (scores if self.bias is None else scores + self.bias).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, length, dim))


class Bare(nn.Module):
    """Attention whose queries, keys and values are computed by a weight, not by a layer."""

    def __init__(self):
        super().__init__()
        self.weight, self.proj, self.num_heads = nn.Parameter(torch.randn(24, 8)), nn.Linear(8, 8), 4

    def forward(self, x):
        q, k, v = (
            functional.linear(x, self.weight).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        )
        return self.proj(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Shared(nn.Module):
    """All heads of queries have one key and value."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(8, width) for width in (8, 2, 2, 8))

    def forward(self, x):
        q, k, v = self.q(x).unflatten(-1, (4, 2)).transpose(1, 2), self.k(x)[:, None], self.v(x)[:, None]
        return self.out(((q @ k.transpose(-2, -1)).softmax(-1) @ v).transpose(1, 2).flatten(2))


def test_reasons():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8)
    found = space_of(nn.Sequential(Shared(), nn.Linear(8, 16), nn.Linear(16, 2)), x)
    assert found.left_out["0"] == "its heads share the keys and values, or it has one"
    reasons = {
        "with fewer heads, the network does not|which channels belong": (Literal(biased=False), x),
        "its code does not run with fewer heads: ": (Literal(biased=True), x),
        "its queries, keys and values are not computed by layers in it": (Bare(), x),
        "the example has one token, so it does not show": (Literal(biased=False), x[:, :1]),
    }
    for reason, (module, given) in reasons.items():
        network = nn.Sequential(module, nn.Linear(8, 16), nn.Linear(16, 2))
        found = space_of(network, given, widths=(0.5, 1.0), depth=False)
        assert not find_heads(found)
        assert re.match(reason, found.left_out["0"])
        assert not found.replaced
    network, x = make_attention("separate")
    found = space_of(network, x, divisor=16)
    assert found.left_out["blocks.0.attn"] == "4 heads have no other number"


def test_widths_of_heads_are_multiples():
    network, x = make_attention("separate")
    (group,) = find_heads(space_of(network, x, divisor=8))
    assert group.sizes == (2, 4)  # of 4 channels each


def test_file_with_wrong_attention(tmp_path):
    network, x = make_attention("fused")
    result = oneshot.shrink(network.float(), x.float()[:1], [x.float()], "multiply_adds <= 0.8x", depth=False)
    path = result.save(tmp_path / "small.pt")
    other = copy.deepcopy(network)
    other.blocks[0].attn = Separate(16, 4)
    with pytest.raises(
        FieldValueError, match=r"it has no attention module with the parts that the file names"
    ):
        oneshot.load_shrunk(other, path)
