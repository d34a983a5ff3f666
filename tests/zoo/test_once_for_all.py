"""Once-for-All: size, latency by the published table, exact super-network."""

from __future__ import annotations

import pytest
import torch

import pliant as pg
from pliant.oneshot import count_multiply_adds
from pliant.values.errors import FieldValueError
from pliant.zoo.mobile import once_for_all as ofa


def test_space_has_the_published_size():
    unit = sum((len(ofa.KERNEL_SIZES) * len(ofa.EXPANSIONS)) ** depth for depth in ofa.DEPTHS)
    assert pg.abstract_search_space(ofa.make_space()).size == 25 * unit**5
    assert pg.abstract_search_space(ofa.make_space(resolutions=[224])).size == unit**5 > 2 * 10**19


def test_largest_network_has_its_cost():
    network = ofa.make_network()
    assert sum(p.numel() for p in network.parameters()) == 7_664_760
    assert count_multiply_adds(network, torch.zeros(1, 3, 224, 224)) == 566_170_656


def test_lower_resolution_costs_less():
    images = torch.zeros(1, 3, 224, 224)
    costs = [count_multiply_adds(ofa.make_network(resolution=rows), images) for rows in (128, 192, 224)]
    assert costs == sorted(costs)
    assert costs[0] < 0.4 * costs[2]


@pytest.fixture
def tables(table):
    """Milliseconds by key for each resolution, measured on a Note10 phone."""
    columns = table("lut_ofa_note10")
    found: dict[int, dict[str, float]] = {}
    for rows, key, value in zip(columns["resolution"], columns["key"], columns["mean_ms"]):
        found.setdefault(int(rows), {})[key.decode()] = float(value)
    assert len(found) == 17
    return found


def test_published_table_has_every_layer_and_no_others(tables):
    for rows, table in tables.items():
        met = set()
        for kernel_size in ofa.KERNEL_SIZES:
            for expansion in ofa.EXPANSIONS:
                network = ofa.make_network(
                    expansion=expansion, kernel_size=kernel_size, width=1.2, resolution=rows
                )
                met.update(ofa.layer_keys(network))
        assert met == set(table)


def test_latency_of_any_sample_is_in_the_table(tables):
    space = ofa.make_space(width=1.2, resolutions=sorted(tables))
    for seed in range(50):
        network = pg.random_sample(space, seed=seed)
        assert ofa.find_latency(network, tables[network.stem.layers[0].resolution]) > 5


def test_latency_grows_with_depth_width_and_kernel(tables):
    def latency(**options):
        return ofa.find_latency(
            ofa.make_network(width=1.2, **options), tables[options.get("resolution", 224)]
        )

    smallest = latency(depths=(2,) * 5, expansion=3, kernel_size=3)
    assert smallest < latency(depths=(2,) * 5, expansion=3) < latency(depths=(2,) * 5) < latency()
    assert latency(resolution=160) < latency()


def test_network_of_another_width_is_not_in_the_table(tables):
    with pytest.raises(
        FieldValueError, match=r"no entry 'Conv-input:224x224x3-output:112x112x16'.*make_space\(width=1.2\)"
    ):
        ofa.find_latency(ofa.make_network(), tables[224])
    advised = pg.random_sample(ofa.make_space(width=1.2, resolutions=[224]), seed=0)
    assert ofa.find_latency(advised, tables[224]) > 0


def test_number_of_units_is_checked():
    with pytest.raises(FieldValueError, match=r"depths=\.\.\.\) takes 5 numbers, .*; got 2: \(2, 3\)"):
        ofa.make_network((2, 3))


def test_supernet_computes_each_of_its_networks_and_trains():
    space = ofa.make_space(width=0.25, resolutions=[24, 32], classes=3)
    net = pg.oneshot.supernet(space)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for seed in range(5):
        decisions = net.activate(net.space.sample(seed))
        net.train()
        net(images).square().mean().backward()
        net.eval()
        one = net.materialize(decisions).eval()
        assert torch.allclose(net(images), one(images), atol=1e-4)
