"""Lookup tables and measured latency: sums over layers, files, missing keys, what is unchanged, and refusals."""

import json
import os
from pathlib import Path

import pytest
import torch
from torch import nn

import pliant as pg
from pliant import zoo
from pliant.cost import (
    CostTable,
    ExampleError,
    MissingEntriesError,
    format_key,
    look_up,
    measure_latency,
    measure_layers,
)
from pliant.values.errors import FieldTypeError, FieldValueError, IncompleteError
from pliant.zoo.mobile import once_for_all

DATA = Path(os.environ.get("PLIANT_DATA") or Path(__file__).parents[3] / "shared" / "data")
X = torch.zeros(2, 3, 16, 16)
Sequential, Conv2d, Linear, ReLU, Flatten = map(
    pg.symbolize, (nn.Sequential, nn.Conv2d, nn.Linear, nn.ReLU, nn.Flatten)
)


def make_space():
    width = pg.oneof([4, 8], name="width")
    return Sequential(Conv2d(3, width, 3), ReLU(), Conv2d(width, 8, 3), ReLU(), Flatten(), Linear(1152, 3))


def make_programs():
    space = make_space()
    return [pg.materialize(space, decisions) for decisions in pg.abstract_search_space(space).iterate()]


# ------------------------------------------------------------------ tables


def test_measured_layers_have_all_keys_of_their_networks(tmp_path):
    programs = make_programs()
    table = measure_layers(programs, X, repeats=2)
    assert (
        len(table) == 2 * 3 + 3
    )  # ReLU after the second convolution, Flatten and Linear are the same in both
    for program in programs:
        found = look_up(program, X, table=table)
        assert [path for path, _, _ in found.layers] == [f"{i}" for i in range(6)]
        assert found.total == pytest.approx(sum(table[key] for _, key, _ in found.layers))
        assert found.unit == "ms"
        assert not pg.is_realized(program)
        assert look_up(pg.realize(pg.clone(program)), X, table=table) == found
    table.save(tmp_path / "table.json")
    assert CostTable.load(tmp_path / "table.json") == table


def test_missing_keys_are_all_reported_and_can_be_measured():
    small, large = make_programs()
    table = measure_layers([small], X, repeats=1)
    with pytest.raises(
        MissingEntriesError,
        match=r"no entry for 3 of the 6 keys.*'Conv2d-.*the first is for the layer at '0'.*measure_layers\(\[network\], x, table=table\)",
    ) as caught:
        look_up(large, X, table=table)
    assert len(caught.value.keys) == 3
    more = measure_layers([large], X, table=table, repeats=1)
    assert {key: more[key] for key in table} == dict(table)
    assert look_up(large, X, table=more).total > 0
    with pytest.raises(MissingEntriesError, match="no entry for 6 of the 6 keys"):
        look_up(large, X[:1], table=more)  # another batch


def test_energy(tmp_path):
    def key(call):
        return f"{type(call.module).__name__}" if not list(call.module.children()) else None

    table = CostTable({"Conv2d": 2.0, "ReLU": 0.5, "Flatten": 0.0, "Linear": 1.0}, unit="mJ")
    table.save(tmp_path / "energy.json")
    assert json.loads((tmp_path / "energy.json").read_text())["unit"] == "mJ"
    loaded = CostTable.load(tmp_path / "energy.json")
    assert (loaded.unit, dict(loaded)) == ("mJ", dict(table))
    found = look_up(make_programs()[0], X, table=loaded, key=key)
    assert (found.total, found.unit) == (6.0, "mJ")
    assert "mJ" in repr(loaded)
    with pytest.raises(FieldValueError, match="measures milliseconds; the given table has the unit 'mJ'"):
        measure_layers(make_programs(), X, table=table, repeats=1)
    with pytest.raises(FieldTypeError, match=r"unit=\.\.\.\) takes text"):
        CostTable({}, unit=3)


def test_outermost_keys_count():
    def block(call):
        return "block" if isinstance(call.module, nn.Sequential) and call.path else type(call.module).__name__

    def inner(call):
        return None if isinstance(call.module, nn.Sequential) else type(call.module).__name__

    network = nn.Sequential(nn.Sequential(nn.Linear(16, 4), nn.ReLU()), nn.ReLU(), nn.Sequential(nn.ReLU()))
    whole = CostTable({"Sequential": 7.0})
    assert look_up(network, X, table=whole, key=block).total == 7.0
    table = CostTable({"Linear": 4.0, "ReLU": 1.0})
    assert look_up(network, X, table=table, key=inner).total == 7.0
    assert [path for path, _, _ in look_up(network, X, table=table, key=inner).layers] == [
        "0.0",
        "0.1",
        "1",
        "2.0",
    ]
    with pytest.raises(FieldTypeError, match="returns text or None; got 3"):
        look_up(network, X, table=table, key=lambda call: 3)
    with pytest.raises(MissingEntriesError, match="Correct the key function or the table"):
        look_up(network, X, table=table, key=lambda call: "Linaer")


@pytest.mark.skipif(
    not (DATA / "lut_ofa_note10.npz").exists(), reason="needs lut_ofa_note10.npz in PLIANT_DATA"
)
@pytest.mark.parametrize("resolution", [160, 224])
def test_the_table_of_once_for_all(resolution):
    """Looking up the blocks in the calls of a network gives what the zoo computes from its arguments."""
    table = CostTable.load(DATA / "lut_ofa_note10.npz", resolution=resolution)
    network = once_for_all.make_network(resolution=resolution, width=1.2)
    keys = list(once_for_all.layer_keys(network))

    def key(call):
        block = call.module
        if type(block).__name__ != "InvertedResidual":
            return None
        x, y = call.inputs[0], call.output
        return format_key(
            "expanded_conv", x, y,
            expand=round(block.filters_in * block.expansion), kernel=block.kernel_size, stride=block.stride,
            idskip=block.adds_input, se=block.squeeze_ratio > 0, hs=block.activation == "hard_swish",
        )  # fmt: skip

    found = look_up(network, zoo.get("once_for_all").make_input(), table=table, key=key)
    blocks = [k for k in keys if k.startswith("expanded_conv")]
    assert [k for _, k, _ in found.layers] == blocks
    rest = sum(table[k] for k in keys if k not in blocks)
    assert found.total + rest == pytest.approx(once_for_all.find_latency(network, table))  # a mapping


# ------------------------------------------------------------------ latency


def test_latency_orders_sizes_and_leaves_networks_unchanged():
    small, large = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)), nn.Conv2d(3, 512, 5)
    state = {name: value.clone() for name, value in small.state_dict().items()}
    found = measure_latency([small, large, make_programs()[0]], X, repeats=5)
    assert found[0].least_ms < found[1].least_ms
    assert all(0 < t.least_ms <= t.median_ms and t.spread_ms >= 0 for t in found)
    assert small.training
    assert all(torch.equal(state[name], value) for name, value in small.state_dict().items())
    assert measure_latency([], X) == []


@pytest.mark.parametrize("measure", [measure_latency, measure_layers])
def test_refused_arguments(measure):
    name = measure.__name__
    with pytest.raises(
        FieldTypeError, match=rf"takes a list of networks, also for one: `pg\.cost\.{name}\(\[network\], x\)`"
    ):
        measure(nn.ReLU(), X)
    with pytest.raises(FieldValueError, match="takes a whole number from 1; got 0"):
        measure([nn.ReLU()], X, repeats=0)
    with pytest.raises(FieldTypeError, match=r"a network is an nn\.Module; got 3.*pg\.materialize"):
        measure([3], X)
    with pytest.raises(IncompleteError, match="undecided holes"):
        measure([make_space()], X)
    with pytest.raises(
        ExampleError, match=r"does not run on inputs of float32 \(2, 3, 16, 16\).*shapes cannot be multiplied"
    ):
        measure([nn.Linear(7, 2)], X)
    with pytest.raises(
        FieldTypeError,
        match=rf"cost\.{name} takes tensors.*got \(1, 3\) of type tuple.*`torch\.zeros\(1, 3\)`",
    ):
        measure([nn.ReLU()], (1, 3))
    measure([nn.ReLU()], torch.zeros(1, 3), repeats=1)


def test_refused_tables():
    for wrong in ({"a": 1.0}, None):
        with pytest.raises(FieldTypeError, match=r"takes a CostTable.*measure_layers\(networks, x\)"):
            look_up(nn.ReLU(), X, table=wrong)
    with pytest.raises(FieldTypeError, match=r"measure_layers\(table=\.\.\.\) takes a CostTable"):
        measure_layers([nn.ReLU()], X, table={"a": 1.0})
    with pytest.raises(FieldTypeError, match=r"cost\.look_up takes tensors.*got '1x3'.*`torch\.zeros"):
        look_up(nn.ReLU(), "1x3", table=CostTable({}))
    with pytest.raises(ExampleError, match="shapes cannot be multiplied"):
        look_up(nn.Linear(7, 2), X, table=CostTable({}))
    with pytest.raises(FieldTypeError, match=r"a network is an nn\.Module"):
        look_up(3, X, table=CostTable({}))


def test_a_network_that_needs_data():
    class Peeking(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = nn.Linear(16, 2)

        def forward(self, x):
            return self.part(x) if x.sum().item() == 0 else x

    table = measure_layers([Peeking()], X, repeats=1)
    assert len(look_up(Peeking(), X, table=table).layers) == 1
