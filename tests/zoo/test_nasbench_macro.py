"""The networks of NAS-Bench-Macro and their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo import nasbench_macro as networks


def test_space():
    assert pg.abstract_search_space(networks.make_space()).size == 6561


@given(st.text("012", min_size=8, max_size=8))
def test_text_round_trip(text):
    assert networks.to_text(networks.from_text(text).blocks) == text


@pytest.mark.parametrize("text", ["", "0123", "00000003", "000000000"])
def test_other_text(text):
    with pytest.raises(FieldValueError, match="a name has 8 digits 0, 1 or 2, such as '22212202'"):
        networks.from_text(text)
