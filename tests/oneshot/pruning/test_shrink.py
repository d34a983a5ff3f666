"""``shrink``: smaller versions of networks within limits, and their files."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant import oneshot
from pliant.oneshot.pruning.decisions import largest
from pliant.oneshot.pruning.limits import CostMeter, read_limits
from pliant.oneshot.pruning.sensitivity import (
    OutputDamage,
    Sensitivity,
    bisect,
    decide,
    measure_burdens,
    measure_sensitivity,
)
from pliant.space import choice, flatten
from pliant.values.errors import FieldTypeError, FieldValueError

from .attention import make_attention
from .conftest import Residual, make


@pytest.fixture(scope="module")
def shrunk():
    network, x = make("residual")
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(64, 3, 8, 8, generator=generator)
    batches = [(images[i : i + 16], torch.randint(5, (16,), generator=generator)) for i in range(0, 64, 16)]
    oneshot.recalibrate(network, batches)
    return network, x, batches, oneshot.shrink(network, x[:1], batches, "multiply_adds <= 0.5x")


def test_limit_is_met_and_used(shrunk):
    network, x, _, result = shrunk
    whole, small = pg.cost.count(network, x[:1]), pg.cost.count(result.network, x[:1])
    assert 0.9 * 0.5 <= small.multiply_adds / whole.multiply_adds <= 0.5
    assert result.chosen.costs == {"multiply_adds": small.multiply_adds}
    assert type(result.network) is Residual
    assert not result.network.training
    assert not isinstance(result.network, pg.Symbolic)


def test_front(shrunk):
    _, _, _, result = shrunk
    shares = [row.shares["multiply_adds"] for row in result.front]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert result.front[0].damage < min(row.damage for row in result.front[1:])
    assert all(0 <= row.quality <= 1 for row in result.front)
    text = str(result)
    assert "<- chosen" in text
    assert "limits: multiply_adds <=" in text


def test_shrunk_network_trains(shrunk):
    network, _, batches, _ = shrunk
    result = oneshot.shrink(network, batches[0][0][:1], batches, "parameters <= 0.4x", depth=False)
    optimizer = torch.optim.SGD(result.network.train().parameters(), lr=0.01)
    nn.functional.cross_entropy(result.network(batches[0][0]), batches[0][1]).backward()
    optimizer.step()
    assert sum(p.numel() for p in result.network.parameters()) <= 0.4 * sum(
        p.numel() for p in network.parameters()
    )


@pytest.mark.parametrize("name", ["small.pt", "small.safetensors"])
def test_file(shrunk, tmp_path, name):
    _, x, _, result = shrunk
    if name.endswith(".safetensors"):
        pytest.importorskip("safetensors")
    path = result.save(tmp_path / name)
    again = oneshot.load_shrunk(Residual(), path).eval()
    assert torch.equal(again(x), result.network(x))
    with pytest.raises(
        FieldValueError, match=r"does not fit this Sequential: .* Give a network of the class and the sizes"
    ):
        oneshot.load_shrunk(nn.Sequential(nn.Linear(2, 2)), path)
    path.write_bytes(b"nothing")
    with pytest.raises(
        FieldValueError, match=r"does not hold a shrunk network. Give a file that `result.save"
    ):
        oneshot.load_shrunk(Residual(), path)


def test_file_without_safetensors(shrunk, tmp_path, monkeypatch):
    monkeypatch.setattr("pliant.values.packages.find_spec", lambda name: None)
    with pytest.raises(
        FieldValueError,
        match=r"the file '.* needs safetensors, which is not installed.* or give a name that ends differently, such as small\.pt",
    ):
        shrunk[3].save(tmp_path / "small.safetensors")
    assert not list(tmp_path.iterdir())
    assert shrunk[3].save(tmp_path / "small.pt").exists()


def test_several_limits_and_a_quality(shrunk):
    network, x, batches, _ = shrunk

    def quality(network, batch):
        return -float(nn.functional.cross_entropy(network(batch[0]), batch[1]))

    limit = ["multiply_adds <= 0.9x", "peak_bytes <= 0.8x and parameters <= 1e9"]
    result = oneshot.shrink(network, x[:1], batches, limit, quality=quality, valid=batches[:1])
    assert result.chosen.shares["peak_bytes"] <= 0.8
    assert result.chosen.quality < 0
    assert pg.cost.count(result.network, x[:1]).peak_bytes == result.chosen.costs["peak_bytes"]


def test_latency(shrunk):
    network, x, batches, _ = shrunk
    result = oneshot.shrink(network, x[:1], batches, "latency_ms <= 1000", depth=False, widths=(0.5, 1.0))
    assert result.chosen.shares["latency_ms"] <= 1


def test_inputs_without_targets(shrunk):
    network, x, batches, _ = shrunk
    result = oneshot.shrink(
        network, x[:1], [inputs for inputs, _ in batches], "multiply_adds <= 0.7x", depth=False
    )
    assert result.chosen.quality is None
    assert "-" in str(result)


@pytest.mark.parametrize("kind", ["residual", "concatenation", "depthwise", "fused"])
def test_predicted_costs_and_reused_outputs(kind):
    network, x = make_attention(kind) if kind == "fused" else make(kind)
    found = oneshot.space_of(network, x, widths=(0.5, 0.75, 1.0))
    net = oneshot.supernet(found.space)
    meter, damage = CostMeter(net, found), OutputDamage(net, found.network, [x, x + 1], is_class=False)
    damage(largest(net.space))
    for seed in range(6):
        decisions = net.space.sample(seed)
        for cost in ("multiply_adds", "parameters"):
            assert meter.predict(cost, decisions) == meter(cost, decisions)
        assert damage(decisions) == OutputDamage(net, found.network, [x, x + 1], is_class=False)(decisions)
    assert all(one.is_exact for one in meter._predictions.values())
    answered = damage.reuse.count
    damage(largest(net.space))
    assert damage.reuse.count > answered  # of the network that was given, nothing runs again


WRONG = {
    "below the smallest": ({"limit": "multiply_adds <= 0.001x"}, FieldValueError, r"no network of this space has multiply_adds <= [\d,.]+: the smallest has [\d,]+, [\d.]+% of the [\d,]+ of the network. Give a limit from there"),
    "no cost": ({"limit": "flops <= 0.5x"}, FieldValueError, "the cost 'flops' does not exist. Costs are 'multiply_adds', 'parameters'"),
    "no form": ({"limit": "multiply_adds < half"}, FieldValueError, 'a limit is a cost, "<=", and a number .* got \'multiply_adds < half\''),
    "a number": ({"limit": 0.5}, FieldTypeError, 'a limit is text such as "multiply_adds <= 0.5x"; got 0.5'),
    "no batches": ({"data": []}, FieldValueError, r"shrink\(data=...\) has no batches. Give at least one"),
    "a tensor": ({"data": torch.ones(4, 3, 8, 8)}, FieldTypeError, r"shrink\(data=...\) takes batches, such as a DataLoader"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "error", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(shrunk, given, error, message):
    network, x, batches, _ = shrunk
    given = {"data": batches, "limit": "multiply_adds <= 0.5x", **given}
    with pytest.raises(error, match=message):
        oneshot.shrink(network, x[:1], **given)


def test_limits():
    assert read_limits("latency_ms<=2.5") == [("latency_ms", 2.5, False)]
    for text in ("parameters <= 1.2.3", "parameters <= -1", "parameters <= 0", ""):
        with pytest.raises(FieldValueError, match="a limit is a cost"):
            read_limits(text)


SPACE = flatten([choice("a", 3, values=(1, 2, 3)), choice("b", 3, values=(1, 2, 3)), choice("c", 2)])


def damage_of(decisions):
    a, b, c = decisions.values
    return 10 + (2 - a) * 1.0 + (2 - b) * 3.0 + c * 2.0


def cost_of(decisions):
    a, b, c = decisions.values
    return a + 2.0 * b + 1 - c


def test_one_price_decides_all():
    measured = measure_sensitivity(SPACE, damage_of, points=2)
    assert measured == Sensitivity({"a": (2.0, 1.0, 0.0), "b": (6.0, 3.0, 0.0), "c": (0.0, 2.0)}, 6)
    burdens = measure_burdens(SPACE, cost_of)
    assert burdens == {"a": (5.0, 6.0, 7.0), "b": (3.0, 5.0, 7.0), "c": (7.0, 6.0)}
    found = {price: decide(SPACE, measured, burdens, price).values for price in (0, 1.2, 1.7, 2.5)}
    assert found == {0: (2, 2, 0), 1.2: (0, 2, 0), 1.7: (0, 0, 0), 2.5: (0, 0, 1)}
    assert bisect(SPACE, measured, burdens, lambda one: cost_of(one) / 5).values == (0, 2, 0)
    assert bisect(SPACE, measured, burdens, lambda one: 2.0) is None


def test_what_costs_nothing_in_quality_goes_at_any_price():
    measured = Sensitivity({"a": (0.0, 0.0, 0.0), "b": (0.0, 0.0, 0.0), "c": (0.0, 0.0)}, 0)
    assert decide(SPACE, measured, measure_burdens(SPACE, cost_of), 0).values == (0, 0, 1)


@given(
    damages=st.lists(st.floats(0, 10), min_size=6, max_size=6),
    limit=st.floats(0.5, 7.5),
)
@settings(max_examples=50, deadline=None)
def test_no_decisions_within_the_cost_found_have_less_damage(damages, limit):
    """The law of the multiplier: its answer is the best for its own cost."""
    a, b, c = damages[:2], damages[2:4], damages[4]
    measured = Sensitivity({"a": (*sorted(a)[::-1], 0.0), "b": (*sorted(b)[::-1], 0.0), "c": (0.0, c)}, 0)
    found = bisect(SPACE, measured, measure_burdens(SPACE, cost_of), lambda one: cost_of(one) / limit)

    def damage(one):
        return sum(measured.damage[path][index] for path, index in one.to_dict().items())

    everything = [SPACE.parse([i, j, k]) for i in range(3) for j in range(3) for k in range(2)]
    if found is None:
        assert min(map(cost_of, everything)) > limit
    else:
        assert cost_of(found) <= limit
        best = min(damage(one) for one in everything if cost_of(one) <= cost_of(found))
        assert damage(found) <= best + 1e-5 * (1 + best)


class Scaled(nn.Module):
    """A residual block with a second argument."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x, scale):
        return x + scale * self.b(torch.relu(self.a(x)))


class Chain(nn.Module):
    """Blocks that are called with two arguments."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)
        self.blocks = nn.ModuleList([Scaled(), Scaled()])

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x, scale=0.5)
        return self.last(x)


def test_blocks_with_several_arguments_are_left_out(tmp_path):
    torch.manual_seed(0)
    network, batches = Chain().eval(), [torch.randn(16, 4)]
    result = oneshot.shrink(network, batches[0][:1], batches, "parameters <= 0.2x", widths=(0.5, 1.0))
    assert result.found.blocks == ("blocks.0", "blocks.1")
    assert [path for path, change in result.changes.items() if change is None]
    again = oneshot.load_shrunk(Chain(), result.save(tmp_path / "small.pt")).eval()
    assert torch.equal(again(batches[0]), result.network(batches[0]))


def test_costs_of_few_sizes_decide_those_of_all():
    network, x = make("residual")  # a residual group is quadratic in its width
    net = oneshot.supernet(oneshot.space_of(network, x).space)
    for cost in (oneshot.MultiplyAdds(net, (x,)), oneshot.Parameters(net, (x,))):
        few = measure_burdens(net.space, cost, is_polynomial=True)
        assert any(len(sizes) > 3 for sizes in few.values())
        for path, sizes in measure_burdens(net.space, cost).items():
            assert few[path] == pytest.approx(sizes, rel=1e-9)
