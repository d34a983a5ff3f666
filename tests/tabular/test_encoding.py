"""Encoding: what a column holds, scaling, missing and unseen values; only training rows count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from pliant.tabular import encode, fit_encoder, read_table
from pliant.tabular.columns import MAX_CATEGORIES, fit_column
from pliant.tabular.parsing import parse_date, parse_number
from pliant.tabular.scaling import fit_scale, scale
from pliant.values.errors import FieldValueError, MissingFieldError


def column(values, name="a", **options):
    table = read_table({name: values})
    return fit_column(name, table.columns[name], **options)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5), ("-5.5", -5.5), ("+1e3", 1000), (".5", 0.5), ("5.", 5), ("$5", 5), ("-$5", -5), ("$-5", -5), ("5 €", 5),
        ("12%", 12), ("1,234", 1234), ("1,234,567.8", 1234567.8), ("£ 1,000", 1000), ("-inf", -np.inf), ("Infinity", np.inf),
        ("1,23", None), ("1,2345", None), ("", None), ("$", None), (".", None), ("--5", None), ("1_000", None), ("5 apples", None),
        ("0x10", None), ("1 234", None), ("e5", None),
    ],
)  # fmt: skip
def test_numbers_as_text(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,5", 1.5),
        ("1.234,5", 1234.5),
        ("1 234", 1234),
        ("-0,125 €", -0.125),
        ("1,234,5", None),
        ("1.5", None),
    ],
)
def test_numbers_with_a_decimal_comma(text, number):
    assert parse_number(text, "comma") == number


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**12), 10**12))
def test_numbers_that_python_writes_are_read(real, whole):
    assert parse_number(repr(real)) == real
    assert parse_number(f"{whole:,}") == whole
    assert parse_number(f"${whole:,}.50".replace("$-", "-$")) == (abs(whole) + 0.5) * (-1 if whole < 0 else 1)


@given(st.datetimes(timezones=st.none()))
def test_dates_that_python_writes_are_read(moment):
    moment = moment.replace(microsecond=0)
    days = (moment - moment.__class__(1970, 1, 1)).total_seconds() / 86400
    assert parse_date(moment.isoformat()) == pytest.approx(days)
    assert parse_date(moment.isoformat(" ") + "+01:00") == pytest.approx(days - 1 / 24)


@pytest.mark.parametrize(
    ("text", "days"),
    [("1970-01-02", 1), ("01/02/1970", 1), ("02.01.1970", 1), ("1970-13-01", None), ("1970-01-02 25:00", None),
     ("1/2", None), ("12-34", None), ("1970-02-30", None), ("1970-01/02", None)],
)  # fmt: skip
def test_dates(text, days):
    assert parse_date(text) == days


# --- what a column holds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, 2.5, None], "number"),
        ([1, 2, 2], "number"),
        (["$1,200", "$900", "NA"], "number"),
        (["1,5", "2,5", "3"], "number"),
        (["yes", "no", "yes"], "boolean"),
        ([True, False, None], "boolean"),
        (["yes", "no", "maybe"], "category"),
        (["red", "green", "red"], "category"),
        (["2020-01-01", "2021-06-30", None], "date"),
        (["13/01/2020", "02/01/2020", "x"], "category"),
        ([None, None, None], "dropped"),
        ([7, 7, 7], "dropped"),
        (["x", "x", "x"], "dropped"),
        ([7, None, 7], "number"),
        (["x", None, "x"], "category"),
        ([np.inf, 1.0, 2.0], "number"),
    ],
)
def test_kind_of_a_column(values, kind):
    assert column(values).kind == kind


def test_a_column_of_mixed_type_with_few_other_texts():
    found = column([*range(30), "unknown"])
    assert (found.kind, found.why) == ("number", "1 other text in it, counted as missing")
    assert found.has_missing
    assert column([*range(10), *"abcde"]).kind == "category"


@pytest.mark.parametrize(
    ("name", "values", "is_dropped"),
    [
        ("id", range(50), True), ("customer_id", range(100, 150), True), ("Unnamed: 0", range(50), True),
        ("x0", range(50), False), ("year", range(50), False), ("id", [1, 1, *range(48)], False), ("id", [0.5, *range(49)], False),
        ("name", [f"text {i}" for i in range(50)], True), ("letter", "abcdefghijklmnopqrst", False),
        ("city", [f"text {i // 2}" for i in range(50)], False),
    ],
)  # fmt: skip
def test_identifiers_are_dropped(name, values, is_dropped):
    assert (column(list(values), name).kind == "dropped") == is_dropped


def test_categories_by_name_may_be_numbers():
    found = column([3, 1, 3, None], is_category=True)
    assert (found.kind, found.values) == ("category", ("1", "3"))


def test_rare_categories_share_a_code():
    found = column([f"c{i % 300}" for i in range(3000)] + ["once"])
    assert len(found.values) == MAX_CATEGORIES
    assert found.why == "46 rare categories count as one"


# --- encoded rows ----------------------------------------------------------------------------------------------


def test_missing_values_have_a_number_of_their_own():
    table = read_table({"a": [1.0, 2.0, 3.0, None], "b": [1.0, 2.0, 3.0, 4.0]})
    encoder = fit_encoder(table, scaling="standard")
    found = encode(encoder, table)
    assert encoder.numbers == found.numbers.shape[1] == 3
    assert found.numbers[:, 1].tolist() == [0, 0, 0, 1]
    assert found.numbers[3, 0] == 0
    later = encode(encoder, read_table({"b": [None], "a": [2.0], "other": ["x"]}))
    assert later.numbers.tolist() == [[0, 0, 0]]


def test_unseen_and_missing_categories():
    encoder = fit_encoder(read_table({"c": ["x", "y", "x"]}))
    assert encoder.cardinalities == (3,)
    assert encode(encoder, read_table({"c": ["y", "z", None, "x"]})).categories.ravel().tolist() == [
        2,
        0,
        0,
        1,
    ]


def test_equal_rows_from_any_source():
    encoder = fit_encoder(
        read_table(
            {
                "n": ["$1,000", "$2,500"],
                "c": ["1", "x"],
                "t": ["yes", "no"],
                "d": ["2020-01-01", "2020-05-01"],
            }
        )
    )
    texts = encode(encoder, read_table({"n": ["2500"], "c": ["1.0"], "t": ["true"], "d": ["2020-05-01"]}))
    objects = encode(
        encoder,
        read_table({"n": [2500], "c": [1.0], "t": [1], "d": np.array(["2020-05-01"], "datetime64[D]")}),
    )
    np.testing.assert_array_equal(texts.numbers, objects.numbers)
    assert objects.categories.ravel().tolist() == [1]


def test_dates_become_a_day_and_circles():
    encoder = fit_encoder(read_table({"d": ["2020-01-01", "2021-01-01", "2022-01-01"]}))
    found = encode(encoder, read_table({"d": ["2020-01-01", "2021-01-01"]})).numbers
    assert found.shape == (2, 5)
    np.testing.assert_allclose(found[0, 1:3], found[1, 1:3], atol=0.02)  # the same day of the year
    with_time = fit_encoder(read_table({"d": ["2020-01-01 06:00", "2021-01-01 12:00"]}))
    assert with_time.numbers == 7


def test_infinite_numbers_count_as_the_largest():
    encoder = fit_encoder(read_table({"a": [1.0, 2.0, 3.0, np.inf]}), scaling="standard")
    found = encode(encoder, read_table({"a": [np.inf, -np.inf, 3.0, 1.0]})).numbers.ravel()
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("scaling", ["robust", "standard", "quantile"])
@given(values=st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=60))
def test_scaled_numbers_are_finite_and_keep_the_order(values, scaling):
    rows = np.array(values)
    by = fit_scale(rows, scaling)
    found = scale(by, np.sort(rows))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-9).all()


def test_quantile_scaling_is_normal():
    rows = np.random.default_rng(0).exponential(size=20_000)
    found = scale(fit_scale(rows, "quantile"), rows)
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(found, share) == pytest.approx(norm.ppf(share), abs=0.02)


def test_robust_scaling_limits_outliers():
    by = fit_scale(np.array([*range(100), 1e9]), "robust")
    assert abs(scale(by, np.array([1e9, -1e9]))).max() <= 3
    assert scale(by, np.array([50.0, 75.0])).tolist() == pytest.approx(
        [0, 0.5 / np.sqrt(1 + (0.5 / 3) ** 2)], abs=0.01
    )


def test_only_training_rows_count():
    first, second = (
        read_table({"a": [1.0, 2.0], "c": ["x", "y"]}),
        read_table({"a": [500.0, None], "c": ["z", "y"]}),
    )
    encoder = fit_encoder(first)
    assert encoder == fit_encoder(first)
    encode(encoder, second)
    assert encoder == fit_encoder(first)


def test_no_column_is_left():
    with pytest.raises(
        FieldValueError, match=r"no column is left to learn from.*'a': all rows have the same value"
    ):
        fit_encoder(read_table({"a": [1, 1, 1], "b": [None] * 3}))
    assert fit_encoder(read_table({"a": [1, 1, 1], "b": [1, 2, 3]})).numbers == 1


def test_an_unknown_scaling():
    with pytest.raises(
        FieldValueError, match="scaling is one of 'robust', 'standard', 'quantile'; got 'robst'; did you mean"
    ):
        fit_encoder(read_table({"a": [1, 2]}), scaling="robst")


def test_a_column_that_is_missing_at_prediction():
    encoder = fit_encoder(read_table({"age": [1, 2], "const": [1, 1]}))
    with pytest.raises(
        MissingFieldError, match=r"lacks the column 'age' of the training table; did you mean 'Age'\?"
    ):
        encode(encoder, read_table({"Age": [1]}))
    assert encode(encoder, read_table({"age": [None]})).rows == 1
