"""Archives of columns: what NumPy writes is read back, and what a bomb declares is refused before it costs anything."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pliant.values.errors import LoadError
from pliant.values.npz import read_columns

DTYPES = ["?", "i1", "<i8", ">i4", "u2", "<f2", ">f4", "f8", "S3", "<U2", ">U2"]


@given(st.data())
def test_what_numpy_writes_is_read_back(tmp_path_factory, data):
    shape = data.draw(array_shapes(max_dims=3, max_side=4, min_side=0))
    kind = data.draw(st.sampled_from(DTYPES))
    texts = {"U": st.text("abc€", max_size=2), "S": st.sampled_from([b"", b"a", b"abc"])}
    text = next((some for letter, some in texts.items() if letter in kind), None)
    array = data.draw(arrays(kind, shape, elements=text))
    if data.draw(st.booleans()):
        array = np.asfortranarray(array)
    file = tmp_path_factory.mktemp("npz") / "a.npz"
    data.draw(st.sampled_from([np.savez, np.savez_compressed]))(file, x=array, y=np.zeros(2))
    found = read_columns(file, {"x"})
    assert list(found) == ["x", "y"]
    assert found["y"] is None
    column = found["x"]
    order = "F" if column.is_fortran else "C"
    again = np.frombuffer(column.data, column.dtype).reshape(column.shape, order=order)
    np.testing.assert_array_equal(again, array)
    if array.ndim == 1:
        expected = [one.decode() if isinstance(one, bytes) else one for one in array.tolist()]
        np.testing.assert_array_equal(column.to_list(), expected)


# ------------------------------------------------------------------ bombs


def npy(descr="<f8", shape=(1,), body=b"", *, header=None, version=b"\1\0"):
    text = header if header is not None else repr({"descr": descr, "fortran_order": False, "shape": shape})
    data = text.encode("latin1")
    return b"\x93NUMPY" + version + struct.pack("<H", len(data)) + data + body


def archive(path, members, *, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def declare_size(path, size):
    """Changes the size of the first member in the central directory."""
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


HEADERS = {
    "no width": npy("|S0", (10**15,)),
    "no width of text": npy("<U0", (10**15,)),
    "a huge width": npy("|S999999999", (1,)),
    "a huge axis": npy("<f8", (10**18,), b"x" * 8),
    "a huge axis and an empty one": npy("<f8", (10**18, 0)),
    "an overflow": npy("<f8", (2**61,)),
    "a negative axis": npy("<f8", (-1,), b"x" * 8),
    "two negative axes": npy("<f8", (-1, -1), b"x" * 8),
    "a boolean axis": npy("|i1", (True,), b"x"),
    "a fraction": npy("<f8", (1.0,), b"x" * 8),
    "a number as shape": npy("<f8", 1, b"x" * 8),
    "a list as shape": npy("<f8", [1], b"x" * 8),
    "text as shape": npy("<f8", "1", b"x" * 8),
    "many axes": npy("<f8", (1,) * 40, b"x" * 8),
    "objects": npy("|O", (1,), b"x" * 8),
    "a structure": npy([("a", "<f8")], (1,), b"x" * 8),
    "another type": npy("<M8[s]", (1,), b"x" * 8),
    "less data": npy("<f8", (2,), b"x" * 8),
    "more data": npy("<f8", (1,), b"x" * 9),
    "no text": npy("<U1", (1,), b"\xff" * 4),
    "a lone surrogate": npy("<U1", (1,), b"\x00\xd8\x00\x00"),
    "code": npy(header="__import__('os').abort()"),
    "deep code": npy(header="(" * 5000),
    "much code": npy(header="-" * 9000 + "1"),
    "another header": npy(header="[]"),
    "no shape": npy(header="{'descr': '<f8'}"),
    "a long header": npy(header=" " * 20_000),
    "a cut header": npy()[:20],
    "no header": b"\x93NUMPY\1\0",
    "no array": b"GIF89a",
    "nothing": b"",
}


@pytest.fixture
def cheap():
    """What is done within takes little memory, and so makes no long list of what a header declares."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_that_declare_anything(tmp_path, cheap, kind):
    file = archive(tmp_path / "a.npz", {"x.npy": HEADERS[kind]})
    with pytest.raises(
        LoadError, match=r"column|header|columns expand|decode bytes|Bad CRC-32|BadZipFile|zip"
    ):
        read_columns(file)["x"].to_list()
    assert read_columns(file, set()) == {"x": None}


def test_an_archive_that_expands_a_thousandfold(tmp_path):
    """1 MB that took 4 GB."""
    one = npy("|i1", (64 << 20,), bytes(64 << 20))
    members = {f"{name}.npy": one for name in "abcd"}
    file = archive(tmp_path / "a.npz", members)
    assert file.stat().st_size < 1 << 20
    del one, members
    tracemalloc.start()
    with pytest.raises(LoadError, match=r"expand to more than 100 times the size of the file"):
        read_columns(file)
    assert tracemalloc.get_traced_memory()[1] < 150 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, (1 << 32) - 2])
def test_sizes_of_members_that_are_not_true(tmp_path, cheap, size):
    file = declare_size(archive(tmp_path / "a.npz", {"x.npy": npy("<f8", (2,), b"x" * 16)}), size)
    with pytest.raises(
        LoadError, match=r"column|header|columns expand|decode bytes|Bad CRC-32|BadZipFile|zip"
    ):
        read_columns(file)


def test_a_stream_that_is_longer_than_its_member(tmp_path):
    file = archive(tmp_path / "a.npz", {"x.npy": npy("|i1", (100 << 20,), bytes(100 << 20))})
    declare_size(file, 1000)
    tracemalloc.start()
    with pytest.raises(
        LoadError, match=r"column|header|columns expand|decode bytes|Bad CRC-32|BadZipFile|zip"
    ):
        read_columns(file)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(tmp_path, cheap, method):
    file = archive(tmp_path / "a.npz", {"x.npy": npy(body=b"x" * 8)}, method=method)
    tracemalloc.reset_peak()  # LZMA itself takes 90 MB to write it
    with pytest.raises(LoadError, match="'x' is compressed by another method"):
        read_columns(file)


def test_names_that_occur_twice_or_are_no_arrays(tmp_path):
    file = tmp_path / "a.npz"
    one = npy("|i1", (1,), b"\1")
    archive(file, {"x.npy": one, "../../etc/passwd": b"x", "readme.txt": b"x"})
    assert {name: column.to_list() for name, column in read_columns(file).items()} == {"x": [1]}
    with zipfile.ZipFile(file, "a") as whole, pytest.warns(UserWarning, match="Duplicate"):
        whole.writestr("x.npy", one)
    with pytest.raises(LoadError, match="it has two columns 'x'"):
        read_columns(file)


def test_a_single_array(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(LoadError, match=r"single array, as `numpy\.save` writes it"):
        read_columns(tmp_path / "a.npy")


def test_rows_and_axes_of_lists(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", long=np.zeros(5 << 20, "i1"), square=np.zeros((2, 2)))
    for column in read_columns(tmp_path / "a.npz").values():
        with pytest.raises(LoadError, match=r"one axis, of at most 4194304 rows; got the shape"):
            column.to_list()


def test_damage(tmp_path, cheap):
    """Changed bytes give the columns or a LoadError, whatever they hit."""
    whole = io.BytesIO()
    np.savez_compressed(whole, key=np.array(["a", "bc"]), mean_ms=np.arange(2.0), S=np.array([b"x", b"y"]))
    data, drawn = whole.getvalue(), random.Random(0)
    file = tmp_path / "a.npz"
    for _ in range(1500):
        changed = bytearray(data)
        for _ in range(drawn.choice([1, 1, 2, 8])):
            changed[drawn.randrange(len(changed))] = drawn.randrange(256)
        file.write_bytes(changed[: drawn.choice([len(changed), drawn.randrange(len(changed) + 1)])])
        try:
            for column in read_columns(file).values():
                column.to_list()
        except LoadError:
            pass
