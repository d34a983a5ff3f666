"""The cells of NAS-Bench-201 and their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo import nasbench201 as cells

OPS = st.lists(st.sampled_from(cells.OPS), min_size=6, max_size=6)


def test_space():
    space = pg.abstract_search_space(cells.make_space())
    assert space.size == 15_625
    assert {point.hints for point in space.points} == {cells.OP_HINT}


def test_unique_by_structure_as_published():
    assert len({cells.structure(cell.ops) for cell in pg.iter(cells.make_space())}) == 6466


@given(OPS)
def test_text_round_trip(ops):
    assert cells.from_text(cells.to_text(ops)) == cells.Cell(ops)


@given(OPS, st.integers(0, 5), st.sampled_from(cells.OPS))
def test_what_is_cut_off_does_not_count(ops, edge, op):
    """Where nothing leaves node 1, nothing that enters it matters; and a cell without a way through is zero."""
    ops[2] = ops[4] = "none"
    other = [op, *ops[1:]]
    assert cells.structure(ops) == cells.structure(other)
    assert cells.structure(["none", ops[1], ops[2], "none", *ops[4:5], "none"]) == cells.structure(
        ["none"] * 6
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|none~0|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|conv~2|",
        "|none~1|+|none~0|none~1|+|none~0|none~1|none~2|",
    ],
)
def test_other_text(text):
    with pytest.raises(
        FieldValueError, match=r"is not the name of a cell of NAS-Bench-201; a name looks like '\|none~0\|"
    ):
        cells.from_text(text)


def test_a_cell_is_stored_and_read():
    cell = cells.from_text("|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|")
    assert pg.from_json(pg.to_json(cell)) == cell
