"""Transformers for text: sizes, published parameters, causality, learning real text, and the super-network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import measure_differences
from pliant.values.errors import FieldValueError
from pliant.zoo import language as zoo

TEXT = torch.tensor(list((Path(__file__).parents[2] / "LICENSE").read_bytes()))
TINY = {
    "widths": (8, 12),
    "heads": (1, 2),
    "ratios": (1.5, 2.0),
    "depths": (1, 2),
    "head_width": 4,
    "length": 16,
}


def draw_texts(count: int, *, length: int = 17, seed: int = 0) -> torch.Tensor:
    """Returns pieces of a real text as bytes."""
    starts = torch.randint(len(TEXT) - length, (count,), generator=torch.Generator().manual_seed(seed))
    return torch.stack([TEXT[start : start + length] for start in starts])


def find_loss(logits: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(logits.flatten(0, 1), texts[:, 1:].flatten())


def test_size_is_that_of_the_formula():
    for options, (w, h, r, depths) in (
        ({}, (3, 3, 3, (4, 5, 6))),
        (TINY, (2, 2, 2, (1, 2))),
        ({"widths": (64,), "heads": (2,), "depths": (3,)}, (1, 1, 3, (3,))),
    ):
        expected = w * sum(((h + 1) * 2 * r) ** depth for depth in depths)
        assert pg.abstract_search_space(zoo.make_decoder_space(**options)).size == expected
        assert pg.abstract_search_space(zoo.make_encoder_space(**options)).size == expected


@pytest.mark.parametrize(
    ("width", "heads", "depth", "parameters"),
    [(768, 12, 12, 124_439_808), (1024, 16, 24, 354_823_168), (1280, 20, 36, 774_030_080)],
    ids=["small", "medium", "large"],
)
def test_gpt2_has_its_published_parameters(width, heads, depth, parameters):
    with torch.device("meta"):
        network = zoo.make_network(width, heads, depth=depth, head_width=64, vocabulary=50_257, length=1024)
        assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize("seed", range(6))
def test_decoders_see_only_the_past(seed):
    network = pg.random_sample(zoo.make_decoder_space(**TINY), seed=seed).eval()
    texts = draw_texts(2, length=16)
    other = texts.clone()
    other[:, 9:] += 1
    first, second = network(texts), network(other)
    assert torch.equal(first[:, :9], second[:, :9])
    assert not torch.allclose(first[:, 9:], second[:, 9:])


@pytest.mark.parametrize("seed", range(4))
def test_encoders_see_all_tokens(seed):
    network = pg.random_sample(zoo.make_encoder_space(3, **TINY), seed=seed).eval()
    texts = draw_texts(2, length=16)
    first = network.body(network.words(texts))
    other = texts.clone()
    other[:, -1] += 1
    assert not torch.allclose(first[:, 0], network.body(network.words(other))[:, 0], atol=1e-7)
    assert network(texts).shape == (2, 3)


@pytest.mark.parametrize("seed", range(3))
def test_decoders_learn_real_text(seed):
    torch.manual_seed(seed)
    network = pg.random_sample(zoo.make_decoder_space(**TINY), seed=seed)
    optimizer, texts = torch.optim.Adam(network.parameters(), 0.01), draw_texts(32)
    losses = []
    for _ in range(25):
        loss = find_loss(network(texts[:, :-1]), texts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(5.5, abs=0.3)  # ln 256: nothing is known
    assert losses[-1] < 4.0


def test_short_texts_run_and_long_ones_are_refused():
    network = pg.random_sample(zoo.make_decoder_space(**TINY), seed=0)
    assert network(draw_texts(2, length=5)).shape == (2, 5, 256)
    with pytest.raises(
        FieldValueError, match=r"takes texts of at most 16 tokens; got 17\. Give `length=17` or cut the text"
    ):
        network(draw_texts(2, length=17))
    longer = pg.random_sample(zoo.make_decoder_space(**{**TINY, "length": 17}), seed=0)  # the advice
    assert longer(draw_texts(2, length=17)).shape == (2, 17, 256)


@pytest.mark.parametrize("make", [zoo.make_decoder_space, zoo.make_encoder_space], ids=["decoder", "encoder"])
def test_super_network_is_exact(make):
    torch.manual_seed(0)
    net = pg.oneshot.supernet(make(**TINY)).double()
    texts = draw_texts(3, length=16)
    for seed in range(8):
        decisions = net.space.sample(seed)
        found = measure_differences(net, texts, decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_it_learns_with_shared_weights():
    torch.manual_seed(0)
    texts = draw_texts(24)
    data = [(texts[i : i + 8, :-1], texts[i : i + 8]) for i in (0, 8, 16)]
    trainer = pg.oneshot.Trainer(
        zoo.make_decoder_space(**TINY),
        pg.oneshot.SPOS(),
        data,
        data,
        epochs=1,
        loss=lambda network, batch: find_loss(network(batch[0]), batch[1]),
        quality=lambda network, batch: -find_loss(network(batch[0]), batch[1]),
    )
    trainer.run_epoch()
    assert trainer.network().eval()(texts[:, :-1]).shape == (24, 16, 256)


@pytest.mark.parametrize("depths", [(1, 3), (2, 1), ()], ids=str)
def test_depths_rise_one_by_one(depths):
    with pytest.raises(
        FieldValueError,
        match=r"takes (consecutive ascending integers; got \(|one number or more, .*; got none)",
    ):
        zoo.make_encoder_space(depths=depths)
