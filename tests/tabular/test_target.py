"""Targets: which task they are, what is refused with which remedy, and values that come back as they were."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.tabular import Task, read_table
from pliant.tabular.split import split_rows, weigh_rows
from pliant.tabular.target import fit_target, split_target
from pliant.values.errors import FieldValueError, UnknownFieldError


def fit(values, **options):
    return fit_target(read_table({"y": values}), ["y"], **options)


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["no", "yes", "no"], "binary", ("no", "yes")),
        ([True, False, True], "binary", ("False", "True")),
        (["b", "a", "c"], "multiclass", ("a", "b", "c")),
        ([0, 1] * 20, "binary", (0, 1)),
        ([1, 2, 3] * 20, "multiclass", (1, 2, 3)),
        ([1.5, 2.5] * 20, "regression", ()),
        (range(40), "regression", ()),
        (["$1,000", "$2,500", "$9"], "regression", ()),
        (["2020-01-01", "2020-01-02"], "binary", ("2020-01-01", "2020-01-02")),
    ],
)
def test_task_of_a_target(values, kind, classes):
    found = fit(list(values))
    assert (found.kind, found.classes) == (kind, classes)


def test_a_task_that_is_given():
    assert fit(list(range(40)), task="classification").kind == "multiclass"
    assert fit([0, 1] * 20, task="regression").kind == "regression"
    assert fit([0, 1] * 20, task="binary").task == Task("binary", 1)


@pytest.mark.parametrize("values", [["b", "a", "c", "a"], [3, 1, 2, 1], [0.5, 1.5, 0.5, 0.5]])
def test_classes_come_back(values):
    target = fit(values, task="classification")
    codes = target.encode(read_table({"y": values}))
    assert codes.dtype == np.int64
    assert target.decode(np.eye(len(target.classes))[codes]).tolist() == values


def test_numbers_come_back():
    target = fit([1e6, 2e6, 4e6, 5e6, 9e6])
    scaled = target.encode(read_table({"y": [1e6, 9e6]}))
    assert scaled.shape == (2, 1)
    assert target.decode(scaled).tolist() == pytest.approx([1e6, 9e6])


def test_several_columns():
    table = read_table({"a": [0, 1, 1, 0], "b": [1, 1, 0, 0], "c": [0.5, 1.5, 2.5, 9.5]})
    labels = fit_target(table, ["a", "b"])
    assert (labels.kind, labels.classes, labels.task) == ("multilabel", (0, 1), Task("multilabel", 2))
    assert labels.encode(table).tolist() == [[0, 1], [1, 1], [1, 0], [0, 0]]
    numbers = fit_target(table, ["a", "c"])
    assert numbers.task == Task("regression", 2)
    np.testing.assert_allclose(numbers.decode(numbers.encode(table))[:, 1], table.columns["c"], rtol=1e-6)


def test_rows_without_a_target_are_left_out():
    table = read_table({"x": [1, 2, 3], "y": ["a", None, "b"]})
    kept, notes = split_target(table, ["y"])
    assert kept.columns["x"].tolist() == [1, 3]
    assert notes == ("left out: 1 row without a target.",)


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"x": [1], "price": [2]}, UnknownFieldError, r"no column 'prices'; did you mean 'price'\?"),
        (
            {"x": [1, 2], "prices": [None, None]},
            FieldValueError,
            "in all 2 rows the target 'prices' is missing",
        ),
        ({"x": [], "prices": []}, FieldValueError, "nothing to learn from: the table has no rows"),
    ],
)
def test_no_targets(table, error, message):
    with pytest.raises(error, match=message):
        split_target(read_table(table), ["prices"])


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (["a"], {}, "the target 'y' has one class, 'a', in the only row. Name another column"),
        (["a"] * 5, {}, "the target 'y' has one class, 'a', in all 5 rows. Name another column"),
        ([3.5] * 5, {}, "the target 'y' is 3.5 in all 5 rows"),
        ([7] * 5, {}, "the target 'y' has one class, '7'"),
        ([1.5, np.inf, 2.5], {}, "the target 'y' is infinite in 1 row. Write a finite number"),
        (
            [f"c{i}" for i in range(10_000)],
            {},
            "10000 classes in 10000 rows; at most 1000 .* join rare classes",
        ),
        (list(range(10_000)), {"task": "multiclass"}, "write task='regression' to predict it as a number"),
        (
            ["a", "b", "c"],
            {"task": "binary"},
            "has two classes, and the target 'y' has 3. Write task='multiclass'",
        ),
        (["1", "2", "x"], {"task": "regression"}, "has 'x'. Write task='classification'"),
        ([1, 2], {"task": "regresion"}, r"got 'regresion'; did you mean 'regression'\?"),
        ([1, 2, 3], {"task": "multilabel"}, "are labels with two values, .*'y' have 3 values"),
    ],
)
def test_impossible_targets(values, options, message):
    with pytest.raises(FieldValueError, match=message):
        fit(values, **options)


def test_labels_of_three_values_are_targets_of_several_searches():
    table = read_table({"x": ["a", "b", "c"], "y": [1, 2, 1]})
    with pytest.raises(
        FieldValueError,
        match=r"several targets are labels with two values.*'x', 'y' have 5 values.*Name one target for each search",
    ):
        fit_target(table, ["x", "y"], task="multilabel")
    kinds = [fit_target(table, [name], task="auto").kind for name in ("x", "y")]
    assert kinds == ["multiclass", "binary"]


def test_ten_thousand_whole_numbers_are_a_regression():
    assert fit(list(range(10_000))).kind == "regression"


def test_a_class_that_training_did_not_have():
    target = fit(["a", "b"])
    advice = r"Remove these rows, or search again with them\."
    with pytest.raises(
        FieldValueError, match=f"the class 'z', which training did not have; it had 'a', 'b'. {advice}"
    ):
        target.encode(read_table({"y": ["a", "z"]}))
    assert target.encode(read_table({"y": ["a"]})).tolist() == [0]
    assert fit(["a", "b", "z"]).encode(read_table({"y": ["a", "z"]})).tolist() == [0, 2]
    with pytest.raises(FieldValueError, match=r"the column 'y' has no value in 1 row\. Give one"):
        target.encode(read_table({"y": ["a", None]}))


# --- training and validation rows ------------------------------------------------------------------------------


def test_each_class_is_on_both_sides():
    targets = np.array([0] * 90 + [1] * 10)
    training, validation = split_rows(targets, Task("binary", 1), share=0.2, seed=0)
    assert sorted([*training, *validation]) == list(range(100))
    assert np.bincount(targets[validation]).tolist() == [18, 2]
    again, other = (split_rows(targets, Task("binary", 1), share=0.2, seed=seed)[1] for seed in (0, 1))
    assert (again == validation).all()
    assert (other != validation).any()


@pytest.mark.parametrize("targets", [[0, 1], [0, 1, 2, 3, 4, 5], [0, 0, 1, 1]])
def test_too_few_rows_to_divide(targets):
    count = len(targets)
    training, validation = split_rows(np.array(targets), Task("multiclass", 6), share=0.2, seed=0)
    assert training.tolist() == validation.tolist() == list(range(count))


def test_a_class_with_one_row_is_for_training():
    targets = np.array([0] * 20 + [1])
    training, _ = split_rows(targets, Task("binary", 1), share=0.2, seed=0)
    assert 20 in training


def test_weights_of_rows():
    task = Task("multiclass", 3, is_balanced=True)
    targets = np.array([0, 0, 0, 1, 2, 2])
    weights = weigh_rows(targets, task)
    sums = [weights[targets == one].sum() for one in range(3)]
    assert sums == pytest.approx([2, 2, 2])
    given = weigh_rows(targets, task, np.array([1.0, 0, 0, 5, 1, 3]))
    assert given.tolist() == pytest.approx([2, 0, 0, 2, 0.5, 1.5])
    assert weigh_rows(targets, Task("multiclass", 3)) is None
