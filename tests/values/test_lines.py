"""JSON lines: messages arrive once and whole, whatever the pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.values.errors import LoadError
from pliant.values.lines import LineDecoder, encode_line

messages = st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none(), max_size=3), max_size=5)


@given(messages, st.integers(1, 20))
def test_pieces_of_any_size(sent, size):
    stream = b"".join(encode_line(message) for message in sent)
    decoder = LineDecoder()
    found = [m for at in range(0, len(stream), size) for m in decoder.feed(stream[at : at + size])]
    assert found == sent
    assert decoder.pending == 0


def test_incomplete_line_waits():
    decoder = LineDecoder()
    assert decoder.feed(b'{"x": 1}\n\n{"y"') == [{"x": 1}]
    assert decoder.pending == 4
    assert decoder.feed(b"") == []
    assert decoder.feed(b": 2}\n") == [{"y": 2}]


@pytest.mark.parametrize("line", [b"[1]", b"{", b"\xff", b"[" * 60_000, '{"x":1}'.encode("utf-16-le")])
def test_line_that_is_not_an_object(line):
    with pytest.raises(LoadError, match="a line is not a JSON object: b'"):
        LineDecoder().feed(line + b"\n")


def test_nan_is_refused_where_asked():
    assert encode_line({"x": float("nan")}) == b'{"x":NaN}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_line({"x": float("nan")}, allow_nan=False)


@pytest.mark.parametrize(
    "line", [b'{"x": NaN}', b'{"x": [-Infinity]}', b'{"x": 1, "x": 1}', b'{"y": [{"x": 1, "x": 2}]}']
)
def test_a_strict_decoder(line):
    assert LineDecoder().feed(line + b"\n")
    with pytest.raises(LoadError, match="a line is not a JSON object: b'"):
        LineDecoder(is_strict=True).feed(line + b"\n")
    assert LineDecoder(is_strict=True).feed(b'{"x": [1, {"x": 0.5}]}\n') == [{"x": [1, {"x": 0.5}]}]
