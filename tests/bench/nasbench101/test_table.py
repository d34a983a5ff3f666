"""The official file format, written here as published and read back: container, JSON row, protobuf message."""

from __future__ import annotations

import base64
import hashlib
import json
import struct

import pytest

from pliant.bench import get_task
from pliant.bench.nasbench101 import convert, make_graph, unique_cells
from pliant.bench.nasbench101.table import parse_row, read_fields, read_tfrecord
from pliant.bench.tfrecord import crc32c, mask_crc
from pliant.values.errors import LoadError
from pliant.zoo.nasbench101 import OPS


def frame(data):
    length = struct.pack("<Q", len(data))
    checks = [struct.pack("<I", mask_crc(crc)) for crc in crc32c([length, data])]
    return length + checks[0] + data + checks[1]


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def double(number, value):
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def delimited(number, data):
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def score(name, epochs, repeat):
    """Accuracies that look random but follow from their place."""
    seen = hashlib.sha256(f"{name}/{epochs}/{repeat}".encode()).digest()
    return 0.1 + 0.8 * seen[0] / 255, 0.1 + 0.8 * seen[1] / 255


def row(cell, epochs, repeat):
    """A row of the official file: at the start, half-way and at the end of training."""
    name = cell.fingerprint()
    evaluations = b""
    for part in (0.0, 0.5, 1.0):
        validation, test = (part * x for x in score(name, epochs, repeat))
        fields = [part * epochs, 7.5 * part * epochs + repeat, 0.99, validation, test]
        body = b"".join(double(i, x) for i, x in enumerate(fields, start=1))
        if part == 0.5:
            body += delimited(6, b"model.ckpt-1")  # a field that the reader has no use for
        evaluations += delimited(1, body)
    message = evaluations + b"\x10" + varint(2_694_282) + double(3, 1234.5)
    digits = "".join(str(edge) for line in cell.matrix for edge in line)
    fields = [name, epochs, digits, ",".join(cell.ops), base64.b64encode(message).decode()]
    return json.dumps(fields).encode()


def write(file, cells, epochs=(108,), repeats=3):
    rows = [row(c, length, r) for c in cells for length in epochs for r in range(repeats)]
    file.write_bytes(b"".join(map(frame, rows)))
    return file


@pytest.fixture(scope="module")
def only108(tmp_path_factory):
    return write(tmp_path_factory.mktemp("table") / "nasbench_only108.tfrecord", unique_cells(4))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return write(
        tmp_path_factory.mktemp("table") / "nasbench_full.tfrecord", unique_cells(3), epochs=(4, 12, 36, 108)
    )


def test_a_task_of_the_official_file(only108):
    task = get_task("nasbench101", only108.parent, vertices=4)
    assert (task.fidelities, task.repeats, task.cost_unit) == ((54, 108), 3, "seconds")
    nodes, edges = [1, 2], [1, 1, 0, 0, 1, 1]
    name = make_graph([OPS[i] for i in nodes], edges).fingerprint()
    for repeat in range(3):
        result = task.evaluate([*nodes, *edges], repeat=repeat)
        assert result.reward == pytest.approx(100 * score(name, 108, repeat)[0])
        assert result.test == pytest.approx(100 * sum(score(name, 108, r)[1] for r in range(3)) / 3)
        assert result.cost == pytest.approx(7.5 * 108 + 1)
        assert result.info == {"params_m": 2.694282}
    half = task.evaluate([*nodes, *edges], 54)
    assert half.reward == pytest.approx(50 * score(name, 108, 0)[0])
    assert (half.test, half.cost) == (result.test, pytest.approx(7.5 * 54 + 1))


def test_infeasible_cells_have_no_result(only108):
    task = get_task("nasbench101", only108, vertices=4)
    assert task.evaluate([0, 0, *[0] * 6]) is None
    results = [task.evaluate(d) for d in task.space.iterate()]
    assert 0 < results.count(None) < len(results)
    feasible = [result for result in results if result]
    assert max(result.reward for result in feasible) == task.optimum.reward
    assert min(map(task.regret, feasible)) == 0


def test_isomorphic_cells_have_one_result(only108):
    task = get_task("nasbench101", only108, vertices=4)
    one = task.evaluate([0, 1, 1, 1, 0, 0, 1, 1])
    assert one == task.evaluate([1, 0, 1, 1, 0, 0, 1, 1]) is not None


def test_the_full_file_has_all_lengths(full):
    task = get_task("nasbench101", full, vertices=3)
    assert task.fidelities == (2, 4, 6, 12, 18, 36, 54, 108)
    name = make_graph([], [1]).fingerprint()
    decisions = [0, 0, 1, 0]
    for epochs in (4, 12, 36, 108):
        assert task.evaluate(decisions, epochs).reward == pytest.approx(100 * score(name, epochs, 0)[0])
        assert task.evaluate(decisions, epochs // 2).reward == pytest.approx(50 * score(name, epochs, 0)[0])


def test_a_smaller_space_of_a_larger_table(only108):
    task = get_task("nasbench101", only108, vertices=3)
    assert task.table.tests.shape == (7,)


def test_convert(only108, tmp_path):
    convert(only108, tmp_path / "nasbench101.npz")
    archive = get_task("nasbench101", tmp_path, vertices=4)
    official = get_task("nasbench101", only108, vertices=4)
    assert archive.optimum == official.optimum
    for decisions in official.space.iterate():
        assert archive.evaluate(decisions) == official.evaluate(decisions)


class TestDamage:
    def test_a_part_of_the_table(self, only108):
        with pytest.raises(LoadError, match="holds 91 cells of at most 7 vertices; expected all 423,624"):
            get_task("nasbench101", only108)

    def test_missing_trainings(self, tmp_path):
        cells = list(unique_cells(3))
        file = write(tmp_path / "a.tfrecord", cells)
        file.write_bytes(file.read_bytes() + frame(row(cells[0], 108, 3)))
        with pytest.raises(LoadError, match="7 cells with different numbers of trainings"):
            read_tfrecord(file)
        write(file, cells, epochs=(4,))
        file.write_bytes(file.read_bytes() + b"".join(frame(row(cells[0], 108, i)) for i in range(3)))
        with pytest.raises(LoadError, match="different numbers of trainings"):
            read_tfrecord(file)

    def test_no_rows(self, tmp_path):
        (tmp_path / "a.tfrecord").touch()
        with pytest.raises(LoadError, match="has 0 cells"):
            read_tfrecord(tmp_path / "a.tfrecord")

    def test_other_records(self, tmp_path):
        (tmp_path / "a.tfrecord").write_bytes(frame(b'{"image": 1}'))
        with pytest.raises(
            LoadError, match=r"not one of NAS-Bench-101: b'\{\"image\": 1\}'.*nasbench_only108"
        ):
            read_tfrecord(tmp_path / "a.tfrecord")

    def test_an_archive_of_something_else(self, tmp_path, data):
        with pytest.raises(LoadError, match=r"no column 'hashes'.*another benchmark\?"):
            get_task("nasbench101", data / "nb201.npz")

    @pytest.mark.parametrize(
        "change",
        [
            lambda fields: fields[:4],
            lambda fields: [*fields[:2], "01", *fields[3:]],
            lambda fields: ["short", *fields[1:]],
            lambda fields: [*fields[:4], "no base64!"],
            lambda fields: [*fields[:4], base64.b64encode(delimited(1, double(1, 4.0)) * 2).decode()],
            lambda fields: [*fields[:4], base64.b64encode(b"\x0a\x7f").decode()],
            lambda fields: [*fields[:4], base64.b64encode(b"\x19\x00").decode()],
            lambda fields: [*fields[:4], base64.b64encode(b"\x10\x80").decode()],
            lambda fields: [*fields[:4], base64.b64encode(b"\x0b").decode()],
            lambda fields: [*fields[:3], None, fields[4]],
        ],
    )
    def test_rows_that_are_none(self, change):
        good = row(make_graph([], [1]), 108, 0)
        assert parse_row(good).parameters == 2_694_282
        with pytest.raises(LoadError, match="a record of the table is not one of NAS-Bench-101"):
            parse_row(json.dumps(change(json.loads(good))).encode())


def test_fields_of_every_wire_type():
    message = b"\x08\x96\x01" + double(2, -0.5) + delimited(3, b"abc") + b"\x25\x01\x02\x03\x04"
    assert list(read_fields(message)) == [(1, 150), (2, -0.5), (3, b"abc"), (4, b"\x01\x02\x03\x04")]
