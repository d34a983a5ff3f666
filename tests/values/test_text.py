"""Text for people: what is printable, what a spreadsheet runs, and what a stream can encode."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pliant.values.errors import LoadError, PliantError, SpaceError
from pliant.values.text import rows_to_csv, shorten_lines, to_cell, to_printable, write_line

ANY = st.text(st.characters(codec=None))  # with lone surrogates
HOSTILE = [
    "\x1b]0;title\x07", "\x9b31m", "a\u202egnp.exe", "a\u2066b\u2069", "a\u200fb", "a\u2028b\u2029c", "a\u200bb\u200db\ufeff",
    "\ud83d", "a\rb", "\x7f\x08\x00", "a\u00a0b", "soft\xadhyphen", "\u115fname\u3164\uffa0", "x\ufe0f\U000e0101", "a\U000e0041b",
    "\u061c", "\u2800", "\u0085", "\x1c\x1d\x1e\x1f",
]  # fmt: skip


def is_safe(text, keep=""):
    """Whether no character of a text is one that a terminal acts on or shows as nothing, by the Unicode tables."""
    return all(
        c in keep
        or c == " "
        or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")
        for c in text
    )


@given(ANY)
@example("".join(HOSTILE))
def test_printable_text(text):
    shown = to_printable(text)
    assert is_safe(shown)
    assert to_printable(shown) == shown
    assert is_safe(to_printable(text, keep="\n"), "\n")
    assert to_printable(text, keep="\n").count("\n") == text.count("\n")
    assert shown.encode().decode() == shown  # no lone surrogates


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_changed(text):
    assert to_printable(text) != text


@pytest.mark.parametrize(
    "text", ["", "plain", "Größe 模型 مثال שלום naïve", "a\\b {c} [d] 'e'", "😀 ∂L/∂x ± µ"]
)
def test_readable_text_is_as_it_was(text):
    assert to_printable(text) is text


def test_escapes_are_those_of_python():
    assert (
        to_printable("a\x1b[31m\u202e\U000e0041\ud800\u3164") == "a\\x1b[31m\\u202e\\U000e0041\\ud800\\u3164"
    )
    assert to_printable("a\r\nb\tc\u00a0d\u2028e") == "a  b c d e"
    assert to_printable(KeyError("a\x07")) == "'a\\x07'"


@pytest.mark.parametrize("kind", [PliantError, LoadError, SpaceError])
@given(text=ANY)
def test_errors_are_printable(kind, text):
    error = kind(f"the metric {text} is not a number.")
    assert is_safe(str(error), "\n")
    assert error.args == (f"the metric {text} is not a number.",)
    assert str(kind()) == ""


@given(ANY, st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8", "cp437", "shift_jis"]))
def test_any_text_can_be_written_to_any_stream(text, encoding):
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding=encoding, newline="")
    write_line(stream, text)
    line = data.getvalue().decode(encoding)
    assert is_safe(line[:-1])
    assert line[-1] == "\n"


def test_a_stream_without_an_encoding():
    stream = io.StringIO()
    write_line(stream, "a\ud800\x1b")
    assert stream.getvalue() == "a\\ud800\\x1b\n"


# ------------------------------------------------------------------ CSV


def is_run(cell):
    """Whether a spreadsheet takes a cell for a formula, as far as is known."""
    start = unicodedata.normalize("NFKC", cell).strip()
    return start[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r", "\n")


@given(st.lists(st.lists(ANY, min_size=2, max_size=2)), st.lists(ANY, min_size=2, max_size=2))
def test_csv_runs_nothing_and_is_read_back(rows, names):
    text = rows_to_csv(names, rows)
    assert is_safe(text, "\n")
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found == [list(map(to_cell, row)) for row in (names, *rows)]
    for given_row, row in zip((names, *rows), found, strict=True):
        for value, cell in zip(given_row, row, strict=True):
            assert not is_run(cell) or cell == to_printable(value), (value, cell)


@pytest.mark.parametrize(
    "start", ["", " ", "\u00a0", "\u3000", "  \u2003", "\t", "\r", "\n", "\r\n ", "\x0b", "\u2028"]
)
@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁼", "⁺", "₋"]
)
def test_formulas_begin_with_an_apostrophe(start, sign):
    assert to_cell(f"{start}{sign}cmd|' /C calc'!A0").startswith("'")


@pytest.mark.parametrize(
    "text", ["\tx", "\rx", "\n=1", "-1+1", "+1e", "-", "=", "-0x1", "-1_0", "-１", "-1=2"]
)
def test_other_starts_of_formulas(text):
    assert to_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["\u200b=1", "\ufeff=1", "\x00=1", "\u202e=1", "\u3164=1"])
def test_invisible_characters_before_a_formula_are_visible(text):
    assert to_cell(text).startswith("\\")


@pytest.mark.parametrize(
    "value", [-1, -0.5, float("-inf"), None, True, "-0.5", "+3", " -1e-5 ", "-.5", "-inf", "3", "x=1", "a-b"]
)
def test_numbers_and_plain_text_are_as_they_were(value):
    assert to_cell(value) is value or to_cell(value) == value


# ------------------------------------------------------------------ length


def test_errors_are_short_whatever_they_quote():
    error = PliantError(f"line 1\ncannot read {'x' * 10**6}. Write 'y' instead.\nline 3")
    first, second, third = str(error).split("\n")
    assert (first, third) == ("line 1", "line 3")
    assert len(second) < 2100
    assert second.startswith("cannot read xxx")
    assert second.endswith("xxx. Write 'y' instead.")
    assert "characters left out" in second


@given(st.text(max_size=100), st.integers(1, 50))
def test_short_lines_are_as_they_were(text, limit):
    lines, shown = text.split("\n"), shorten_lines(text, limit).split("\n")
    assert len(lines) == len(shown)
    for line, short in zip(lines, shown, strict=True):
        assert short == line if len(line) <= limit else "characters left out" in short
