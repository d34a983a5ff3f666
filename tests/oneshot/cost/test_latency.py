"""Latency: tables from files and measured ones, keys, and what is said where an entry is missing."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import supernet
from pliant.oneshot.cost import Latency, LatencyTable, format_key, measure_latencies
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError

one = pg.oneof
DATA = Path(os.environ.get("PLIANT_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pg.symbolize
class Bottleneck(nn.Module):
    """Once-for-All's block, as far as keys and shapes go."""

    def __init__(self, width_in, width, expand, kernel, stride):
        super().__init__()
        hidden = self.hidden = width_in * expand
        self.kernel, self.stride = kernel, stride
        self.layers = nn.Sequential(
            nn.Conv2d(width_in, hidden, 1),
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden),
            nn.Conv2d(hidden, width, 1),
        )

    def forward(self, x):
        return self.layers(x)


def block_key(call):
    block = call.module
    if not isinstance(block, Bottleneck):
        return None
    skip = int(call.inputs[0].shape == call.output.shape)
    return format_key(
        "expanded_conv", call.inputs[0], call.output,
        expand=block.hidden, kernel=block.kernel, stride=block.stride, idskip=skip, se=0, hs=0,
    )  # fmt: skip


def make_net():
    """Two blocks of the first stage with kernels and expansions to decide."""
    Sequential = pg.symbolize(nn.Sequential)
    return supernet(
        Sequential(
            Bottleneck(24, 32, one([3, 4, 6]), one([3, 5, 7]), 2),
            Bottleneck(32, 32, one([3, 4, 6]), one([3, 5]), 1),
        )
    )


@pytest.mark.skipif(
    not (DATA / "lut_ofa_note10.npz").exists(), reason="needs lut_ofa_note10.npz in PLIANT_DATA"
)
def test_a_published_table():
    table = LatencyTable.load(DATA / "lut_ofa_note10.npz", resolution=160)
    assert len(table) == 96
    x, net = torch.zeros(1, 24, 80, 80), make_net()
    cost = Latency(net, x, table, key=block_key)
    prefix = "expanded_conv-input:{}-expand:{}-kernel:{}-stride:{}-idskip:{}-se:0-hs:0"
    wanted = (
        table[prefix.format("80x80x24-output:40x40x32", 72, 7, 2, 0)]
        + table[prefix.format("40x40x32-output:40x40x32", 192, 5, 1, 1)]
    )
    assert cost([0, 2, 2, 1]) == pytest.approx(wanted, rel=1e-12)
    half = {p.path: torch.full((p.count,), 1 / p.count, dtype=torch.double) for p in net.space.points}
    mean = sum(map(cost, net.space.iterate())) / net.space.size
    assert cost(half).item() == pytest.approx(mean, rel=1e-12)


def test_columns_are_read_without_numpy(tmp_path):
    path = tmp_path / "table.npz"
    np.savez_compressed(
        path,
        key=np.array([b"a", b"bb", b"a"]),
        name=np.array(["ä", "b", "c"]),
        ms=np.array([1.5, 2.0, 3.0], dtype=np.float32),
        size=np.array([1, 1, 2], dtype=">i2"),
    )
    assert LatencyTable.load(path, value="ms", size=1).entries == {"a": 1.5, "bb": 2.0}
    assert LatencyTable.load(path, key="name", value="ms").entries == {"ä": 1.5, "b": 2.0, "c": 3.0}
    with pytest.raises(LoadError, match=r"several rows with the key 'a'.*resolution=160"):
        LatencyTable.load(path, value="ms")
    with pytest.raises(LoadError, match=r"no column 'mean_ms'.*Its columns: key, name, ms, size"):
        LatencyTable.load(path)
    with pytest.raises(LoadError, match=r"no row with size=7\. Its values: size '1', '2'"):
        LatencyTable.load(path, value="ms", size=7)


def test_tables_are_saved_and_read(tmp_path):
    path = tmp_path / "table.json"
    LatencyTable({"a": 1.0, "b": 0.5}).save(path)
    assert json.loads(path.read_text()) == {"a": 1.0, "b": 0.5}
    assert LatencyTable.load(path).entries == {"a": 1.0, "b": 0.5}


def test_files_that_are_no_tables(tmp_path):
    for name, content in {"a.json": "[1]", "b.json": "{", "c.npz": "nothing"}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(LoadError, match=r"is not a table of costs.*Give a \.json file"):
            LatencyTable.load(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("key.npy", b"nonsense")
    with pytest.raises(LoadError, match="not a NumPy array"):
        LatencyTable.load(tmp_path / "d.npz")
    with pytest.raises(FieldTypeError, match="maps text to numbers of at least 0, such as milliseconds"):
        LatencyTable({"a": float("nan")})


def test_a_missing_entry_is_named_with_its_path_and_the_nearest():
    net = make_net()
    table = LatencyTable(
        {"expanded_conv-input:8x8x24-output:4x4x32-expand:72-kernel:3-stride:2-idskip:0-se:0-hs:1": 1.0}
    )
    cost = Latency(net, torch.zeros(1, 24, 8, 8), table, key=block_key)
    with pytest.raises(
        FieldValueError,
        match=r"Bottleneck at 'args\[0\].*has no entry 'expanded_conv.*hs:0'.*did you mean.*hs:1",
    ):
        cost(net.space.sample(0))
    with pytest.raises(FieldTypeError, match="Latency takes a LatencyTable"):
        Latency(net, torch.zeros(1, 24, 8, 8), {"a": 1.0})


def test_measured_tables_know_all_parts_and_order_sizes():
    net = make_net()
    x = torch.zeros(2, 24, 24, 24)
    table = measure_latencies(net, x, networks=20, repeats=3)
    assert len(table) == 9 + 6
    assert all(value > 0 for value in table.entries.values())
    cost = Latency(net, x, table)
    costs = [cost(decisions) for decisions in net.space.iterate()]
    assert cost.runs <= 20
    assert costs[-1] > costs[0]  # the largest of all takes longer than the smallest
    with pytest.raises(FieldValueError, match=r"Measure again with more networks"):
        Latency(net, torch.zeros(1, 24, 8, 8), table)(net.space.sample(0))
    with pytest.raises(FieldValueError, match=r"repeats=\.\.\.\) takes an integer of at least 1; got 0"):
        measure_latencies(net, x, repeats=0)


WRONG = {
    "deep": "[" * 100_000,
    "a long number": '{"a": ' + "9" * 5000 + "}",
}
COLUMNS = {
    "no text": {"key": np.array(["a"]), "mean_ms": np.array(["b"])},
    "other lengths": {"key": np.array(["a", "b"]), "mean_ms": np.zeros(1)},
    "two axes": {"key": np.array(["a"]), "mean_ms": np.zeros((1, 1))},
    "objects": {"key": np.array(["a"]), "mean_ms": np.array([{}], dtype=object)},
    "not UTF-8": {"key": np.array([b"\xff"]), "mean_ms": np.zeros(1)},
    "too many rows": {"key": np.zeros(5 << 20, "i1"), "mean_ms": np.zeros(5 << 20, "i1")},
}


@pytest.mark.parametrize("kind", [*WRONG, *COLUMNS])
def test_tables_that_ask_for_too_much(tmp_path, kind):
    path = tmp_path / ("a.json" if kind in WRONG else "a.npz")
    if kind in WRONG:
        path.write_text(WRONG[kind])
    else:
        np.savez_compressed(path, **COLUMNS[kind])
    with pytest.raises(LoadError, match=r"is not a table of costs.*Give a \.json file"):
        LatencyTable.load(path)


def test_a_key_that_is_a_number(tmp_path):
    np.savez(tmp_path / "a.npz", key=np.arange(3), mean_ms=np.ones(3))
    with pytest.raises(FieldTypeError, match="a table of costs maps text"):
        LatencyTable.load(tmp_path / "a.npz")


def test_an_array_without_width(tmp_path):
    """290 bytes that took for ever: as many texts of no width as a header says."""
    header = repr({"descr": "|S0", "fortran_order": False, "shape": (10**15,)}).encode()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        for name in ("key.npy", "mean_ms.npy"):
            file.writestr(name, b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(LoadError, match=r"'key' is an array of '\|S0' and shape"):
        LatencyTable.load(tmp_path / "a.npz")
