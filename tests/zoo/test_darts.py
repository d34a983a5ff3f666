"""The cells of DARTS: published sizes and parameters, and exact super-networks of both spaces."""

from __future__ import annotations

import pytest
import torch

import pliant as pg
from pliant.oneshot import measure_differences
from pliant.values.errors import FieldValueError
from pliant.zoo import darts as zoo

TINY = {"width": 4, "cells": 3, "classes": 3}


def test_the_searched_network_as_published():
    torch.manual_seed(0)
    with torch.device("meta"):
        net = pg.oneshot.supernet(zoo.make_space())
    assert sum(p.numel() for p in net.parameters()) == 1_930_618
    assert len(net.mutables) == 28


def test_the_found_network_as_published():
    assert sum(p.numel() for p in zoo.make_network().parameters()) == 3_349_342


def test_sizes():
    assert pg.abstract_search_space(zoo.make_space()).size == 8**28
    space = pg.abstract_search_space(zoo.make_space(inputs=2))
    assert space.size == (1 * 3 * 6 * 10 * 7**8) ** 2
    assert {point.hints for point in space.points} == {zoo.OP_HINT, zoo.INPUT_HINT}


@pytest.mark.parametrize("seed", range(5))
def test_genotype_round_trip(seed):
    child = pg.random_sample(zoo.make_space(inputs=2, affine=True, **TINY), seed)
    genotype = zoo.to_genotype(child)
    assert all(len(pairs) == 8 for pairs in genotype)
    assert pg.eq(zoo.make_network(genotype, **TINY), child)


@pytest.mark.parametrize("inputs", [None, 2])
def test_super_networks_are_exact(inputs):
    torch.manual_seed(0)
    net = pg.oneshot.supernet(zoo.make_space(inputs=inputs, **TINY)).double()
    image = torch.randn(2, 3, 8, 8, dtype=torch.double)
    for seed in range(3):
        decisions = net.space.sample(seed)
        found = measure_differences(net, image, decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


@pytest.mark.parametrize("inputs, name", [(None, "DARTS"), (2, "SPOS")])
def test_samplers(inputs, name):
    torch.manual_seed(0)
    sampler = {
        "SPOS": pg.oneshot.SPOS,
        "DARTS": lambda: pg.oneshot.DARTS(derivation=pg.oneshot.CellRule(zoo.node_keys())),
    }[name]()
    data = [(torch.randn(3, 3, 8, 8), torch.tensor([0, 1, 2]))]
    trainer = pg.oneshot.Trainer(zoo.make_space(inputs=inputs, **TINY), sampler, data, data, epochs=1)
    trainer.run_epoch()
    child = trainer.network()
    assert child.eval()(data[0][0]).shape == (3, 3)
    if name == "DARTS" or inputs == 2:  # two inputs for each node
        found = zoo.to_genotype(child)
        assert pg.eq(zoo.to_genotype(zoo.make_network(found, **TINY)), found)


def test_bad_cells():
    pairs = (("sep_conv_3x3", 0),) * 8
    with pytest.raises(FieldValueError, match=r"operations of DARTS are none, .*; got 'conv'"):
        zoo.make_network(zoo.Genotype((("conv", 0),) * 8, pairs))
    for bad in (pairs[:6], (("none", 2), *pairs[1:])):
        with pytest.raises(FieldValueError, match="a cell has two inputs for each of its 4 nodes"):
            zoo.make_network(zoo.Genotype(pairs, bad))
