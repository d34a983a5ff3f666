"""scikit-learn estimators: scikit-learn's own checks, and how they work inside its other parts."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._test_common.instance_generator import PER_ESTIMATOR_XFAIL_CHECKS
from sklearn.utils.estimator_checks import parametrize_with_checks

from pliant.tabular import TabularSearchClassifier, TabularSearchRegressor
from pliant.values.errors import FieldTypeError, FieldValueError
from pliant.zoo.tabular import make_space


class OneNetwork:
    """A space of one network; without an address in its repr, which becomes a part of the names of tests."""

    def __call__(self, numbers, cardinalities, outputs):
        return make_space(numbers, cardinalities, outputs, widths=(32,), depths=(1,), embeds_numbers=False)

    def __repr__(self):
        return "OneNetwork()"


one_network = OneNetwork()

QUICK = {
    "algorithm": "tpe",
    "trials": 1,
    "together": 1,
    "top": 0,
    "refit": False,
    "space": one_network,
    "random_state": 0,
}
SEVERAL = {**QUICK, "trials": 3, "together": 3, "top": 2, "epochs": 40}

# A row of weight 2 is not the same as the row twice where rows are drawn for validation and for batches.
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "sample_weight is not equivalent to removing/repeating samples."
}


@parametrize_with_checks(
    [TabularSearchClassifier(**QUICK, epochs=40), TabularSearchRegressor(**QUICK, epochs=40)],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_the_only_exemption_is_one_of_scikit_learn():
    own = {kind.__name__: set(names) for kind, names in PER_ESTIMATOR_XFAIL_CHECKS.items()}
    for name in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor", "RandomForestClassifier"):
        assert set(EXPECTED) <= own[name]


def test_classifier_in_the_parts_of_scikit_learn():
    X, y = datasets.load_iris(return_X_y=True)
    model = TabularSearchClassifier(**SEVERAL)
    assert cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=3).mean() > 0.85
    found = GridSearchCV(model, {"scaling": ["standard", "quantile"]}, cv=2).fit(X, y)
    assert found.best_score_ > 0.8
    assert is_classifier(model)
    assert not hasattr(clone(found.best_estimator_), "predictor_")


def test_regressor_in_the_parts_of_scikit_learn():
    X, y = datasets.load_diabetes(return_X_y=True)
    model = TabularSearchRegressor(**{**SEVERAL, "epochs": 60})
    assert cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=3).mean() > 0.3
    assert is_regressor(model)


def test_a_data_frame_with_all_kinds_of_columns(people):
    frame = pd.DataFrame({**people, "city": pd.Categorical(people["city"])})
    X, y = frame.drop(columns=["rich", "income"]), frame["rich"]
    model = TabularSearchClassifier(**SEVERAL).fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.feature_names_in_.tolist() == ["age", "city", "member"]
    assert model.n_features_in_ == 3
    assert [entry.trial for entry in model.leaderboard_] != []
    assert model.plot() == model.predictor_.plot()
    assert model.plot().entries == model.leaderboard_
    strange = X.assign(city="Atlantis", age=None)
    assert model.predict_proba(strange).sum(1) == pytest.approx(1)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"age": "years"}))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_predictor_of_an_estimator_can_be_saved(people, tmp_path):
    from pliant.tabular import TablePredictor

    frame = pd.DataFrame(people)
    X, y = frame[["age", "city"]], frame["rich"]
    model = TabularSearchClassifier(**QUICK, epochs=5).fit(X, y)
    model.predictor_.save(tmp_path / "a.model")
    assert TablePredictor.load(tmp_path / "a.model").predict(X).tolist() == model.predict(X).tolist()


def test_labels():
    X, y = datasets.make_multilabel_classification(150, n_classes=3, random_state=0)
    model = TabularSearchClassifier(**{**SEVERAL, "epochs": 60}).fit(X, y)
    assert model.predict(X).shape == model.predict_proba(X).shape == (150, 3)
    assert (model.predict(X) == y).mean() > 0.7
    assert [one.tolist() for one in model.classes_] == [[0, 1]] * 3


def test_several_numbers():
    X, y = datasets.make_regression(200, n_features=6, n_informative=4, n_targets=2, random_state=0)
    model = TabularSearchRegressor(**{**SEVERAL, "epochs": 100}).fit(X, y)
    assert model.predict(X).shape == (200, 2)
    assert r2_score(y, model.predict(X)) > 0.5


def test_a_constant_number_is_predicted():
    X = np.arange(20.0)[:, None]
    for y in (np.full(20, 0.1), np.full(20, -1e200)):
        np.testing.assert_allclose(TabularSearchRegressor(**QUICK, epochs=1).fit(X, y).predict(X), y)


def test_balanced_classes():
    X, y = datasets.make_classification(400, weights=[0.95], flip_y=0.1, random_state=0)
    found = [
        TabularSearchClassifier(**SEVERAL, balanced=one).fit(X, y).predict(X).mean() for one in (False, True)
    ]
    assert found[0] < found[1]


@pytest.mark.parametrize(
    ("model", "y", "error", "message"),
    [
        (TabularSearchClassifier(), [1, 1, 1], FieldValueError, "nothing to learn: y has one class, 1"),
        (
            TabularSearchClassifier(),
            None,
            FieldValueError,
            "requires y to be passed, but the target y is None",
        ),
        (
            TabularSearchClassifier(),
            np.array([1, "a", "b"], object),
            FieldTypeError,
            r"all texts or all numbers, and none is missing; .* write y\.astype\(str\)",
        ),
        (TabularSearchClassifier(trials=0), [0, 1, 1], FieldValueError, "trials is at least 1; got 0"),
        (TabularSearchClassifier(scaling="max"), [0, 1, 1], FieldValueError, "scaling is one of"),
        (TabularSearchClassifier(epochs="many"), [0, 1, 1], FieldTypeError, "epochs is a whole number"),
        (TabularSearchClassifier(), [0.5, 1.5, 2.5], ValueError, "Unknown label type: continuous"),
        (TabularSearchRegressor(), [0, np.nan, 1], ValueError, "Input y contains NaN"),
        (TabularSearchRegressor(), [0, np.inf, 1], ValueError, "Input y contains infinity"),
        (TabularSearchRegressor(), [0, 1], FieldValueError, "inconsistent numbers of samples: 3 and 2"),
    ],
)
def test_impossible_arguments(model, y, error, message):
    with pytest.raises(error, match=message):
        model.fit([[1.0], [2.0], [3.0]], y)


def test_ten_thousand_classes():
    with pytest.raises(
        FieldValueError, match=r"y has 10000 classes in 10000 rows; at most 1000 .*TabularSearchRegressor"
    ):
        TabularSearchClassifier().fit(np.zeros((10_000, 1)), np.arange(10_000))


def test_weights_that_are_all_zero():
    with pytest.raises(ValueError, match=r"sample weights are zero|at least one non-zero"):
        TabularSearchRegressor().fit([[1.0], [2.0]], [1.0, 2.0], sample_weight=[0, 0])
