"""Widths of GPT-2, whose layers have transposed weights and compute query, key and value at once."""

import copy
import os

import pytest
import torch

import pliant as pg
from pliant.oneshot import follow, open_network, supernet
from pliant.oneshot.channels.propagation import WidthSum
from pliant.oneshot.exactness import measure_differences

os.environ.setdefault("HF_HUB_OFFLINE", "1")
tf = pytest.importorskip(
    "transformers", reason="transformers is in the extra `test`; it is not installed here"
)

IDS = torch.tensor([[1, 4, 2, 8, 5]])


def cut(layer, rows, columns):
    """Returns a Conv1D with some inputs and outputs of another."""
    made = copy.deepcopy(layer)
    made.nf, made.nx = len(columns), len(rows)
    made.weight = torch.nn.Parameter(layer.weight[rows][:, columns])
    made.bias = torch.nn.Parameter(layer.bias[columns])
    return made


def test_heads_and_the_hidden_width_of_gpt2():
    torch.manual_seed(0)
    config = tf.GPT2Config(
        vocab_size=11, n_positions=8, n_embd=16, n_layer=1, n_head=4, bos_token_id=0, eos_token_id=0
    )
    network = tf.GPT2Model(config).eval()
    for weight in network.parameters():
        torch.nn.init.uniform_(weight, -0.5, 0.5)
    width = pg.oneof([8, 16], name="width of heads")
    space = open_network(network).rebind(
        {
            "h.layers[0].attn.split_size": width,
            "h.layers[0].attn.c_attn.nf": WidthSum([width], [3]),
            "h.layers[0].mlp.c_fc.nf": pg.oneof([32, 64]),
        }
    )
    space = follow(space, IDS)
    net = supernet(space, example=IDS).eval()

    narrow = copy.deepcopy(network)
    attention, mlp = narrow.h[0].attn, narrow.h[0].mlp
    half, every = [*range(8)], [*range(16)]
    attention.split_size = 8
    attention.c_attn = cut(attention.c_attn, every, [part + i for part in (0, 16, 32) for i in half])
    attention.c_proj = cut(attention.c_proj, half, every)
    mlp.c_fc = cut(mlp.c_fc, every, [*range(32)])
    mlp.c_proj = cut(mlp.c_proj, [*range(32)], every)

    decisions = net.activate([0] * len(net.space.points))
    wanted = narrow(IDS).last_hidden_state
    torch.testing.assert_close(net(IDS).last_hidden_state, wanted)
    child = net.materialize(decisions).eval()
    assert child.state_dict().keys() == network.state_dict().keys()
    torch.testing.assert_close(child(IDS).last_hidden_state, wanted)
    assert measure_differences(net, IDS, decisions=decisions, training=False).largest < 1e-5
