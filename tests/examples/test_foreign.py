"""The example of a network that somebody else wrote: few lines make it searchable, exactly, for either algorithm."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch
from pytorchcv.models.mobilenetv2 import LinearBottleneck, mobilenetv2_wd4
from torch import nn

import pliant as pg
from pliant.cli.target import load_target

FILE = Path(__file__).parents[2] / "examples" / "foreign.py"


@pytest.fixture(scope="module")
def example():
    return load_target(str(FILE)).module


@pytest.fixture(scope="module")
def space(example):
    torch.manual_seed(0)
    return example.search_space()


@pytest.fixture
def short(example, space, monkeypatch):
    """The example with little to learn from."""
    real = example.batches
    monkeypatch.setattr(example, "batches", lambda split, size: real(split, size)[:2])
    monkeypatch.setattr(example, "search_space", space.clone)

    def quick(cost, aim):
        return pg.oneshot.SPOS(evaluations=2, batches=1, cost=cost, limit=aim)

    monkeypatch.setattr(example, "SAMPLERS", {**example.SAMPLERS, "SPOS": quick})
    return example


def test_is_short():
    assert len(FILE.read_text("utf-8").splitlines()) <= 100


def test_few_lines_make_it_searchable(example):
    written = inspect.getsource(example.published_network) + inspect.getsource(example.search_space)
    assert len([line for line in written.splitlines() if line.strip()]) <= 25


def test_the_network_is_the_one_that_was_published(example):
    network = example.resnet20_cifar10()
    assert type(network).__module__.startswith("pytorchcv.")
    assert sum(p.numel() for p in network.parameters()) == 272_474  # 0.27M in table 6 of He et al., CVPR 2016
    assert pg.oneshot.count_multiply_adds(network, torch.zeros(1, 3, 32, 32)) == 40_813_184
    opened = pg.oneshot.open_network(network).eval()
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(opened(x), network.eval()(x))


def test_kernels_widths_and_depths_are_searched(space):
    points = pg.abstract_search_space(space).points
    assert sum(p.path.endswith(".kernel_size") for p in points) == 18  # two in each of nine units
    assert sum(bool(re.search(r"conv1\.conv\.out_channels$", p.path)) for p in points) == 9
    assert sum(bool(re.search(r"\.unit\d$", p.path)) for p in points) == 6
    # Three widths of stages; all that is added there follows: the first convolution, and those of shortcuts.
    stages = [p.path for p in points if "out_channels" in p.path and "conv1" not in p.path]
    assert [path.split(".")[1] for path in stages] == ["init_block", "stage2", "stage3"]
    assert len(points) == 18 + 9 + 6 + 3
    assert pg.abstract_search_space(space).size == (2**3 * (1 + 2**3) ** 2) ** 3 * 2**3


def test_the_largest_is_what_was_published(example, space):
    torch.manual_seed(0)  # as for the space
    published, x = example.published_network(), example.images[:4]
    points = pg.abstract_search_space(space).points
    full = {p.path: max(range(2), key=p.values.__getitem__) if p.values else 0 for p in points}
    net = pg.oneshot.supernet(space).eval()
    net.activate(full)
    torch.testing.assert_close(net(x), published.eval()(x))
    assert pg.oneshot.MultiplyAdds(net, x[:1])(full) == example.count(published)


@pytest.mark.parametrize("training", [True, False])
def test_the_super_network_is_exact(example, space, training):
    net = pg.oneshot.supernet(space).double()
    x = example.images[:4].double()
    cost = pg.oneshot.MultiplyAdds(net, x[:1])
    for seed in range(6):
        decisions = net.space.sample(seed)
        found = pg.oneshot.measure_differences(net, x, decisions=decisions, training=training)
        assert found.largest < 1e-10, (decisions.to_dict(), found)
        assert cost(decisions) == pg.oneshot.count_multiply_adds(net.materialize(decisions), x[:1])


@pytest.mark.parametrize("name", ["SPOS", "TuNAS"])
def test_search(short, name):
    report, network = short.search(name, epochs=2)
    assert "found" in str(report)
    assert isinstance(network, nn.Module)
    if name == "SPOS":
        assert short.count(network) <= short.count(short.published_network()) / 2
    assert 0.0 < short.train_alone(network, epochs=1) <= 1.0


def test_each_algorithm_is_one_argument():
    text = FILE.read_text("utf-8")
    for name in ("SPOS", "TuNAS"):
        assert len(re.findall(rf"oneshot\.{name}\(", text)) == 1


def test_a_network_learns(example):
    torch.manual_seed(0)
    assert example.train_alone(example.published_network(), epochs=2) > 0.8


def test_a_mobilenet_of_the_same_package():
    """Depthwise convolutions have their width three times over; what may go is what the author added to its input."""
    torch.manual_seed(0)
    program = pg.oneshot.open_network(mobilenetv2_wd4(num_classes=10))
    program.rebind({"features.final_pool.kernel_size": 1})

    def shorten(path, value, parent):
        can_go = isinstance(value, LinearBottleneck) and value.residual
        return pg.oneof([value, nn.Identity()]) if can_go else value

    def resize(path, value, parent):
        if not isinstance(value, nn.Conv2d) or "stage5" not in path.keys:
            return value
        if value.groups > 1:
            return pg.oneshot.open_kernel(value, [3, 5, 7], name=f"kernel of {path}")
        return value.clone().rebind(out_channels=pg.oneof([value.out_channels // 2, value.out_channels]))

    x = torch.randn(2, 3, 32, 32)
    space = pg.oneshot.follow(program.rebind(shorten).rebind(resize), x, tie=True)
    net = pg.oneshot.supernet(space).double()
    assert {"features.stage2.unit2", "features.stage5.unit2"} <= {p.path for p in net.space.points}
    for seed in range(4):
        found = pg.oneshot.measure_differences(net, x.double(), decisions=net.space.sample(seed))
        assert found.largest < 1e-10
