"""Symbolized scikit-learn estimators are estimators: cloned, tuned, composed and scored by scikit-learn itself."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import pliant as pg

Logistic = pg.symbolize(LogisticRegression)
Scaler = pg.symbolize(StandardScaler)
Pipe = pg.symbolize(Pipeline)

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
Y = (X[:, 0] + 0.1 * X[:, 1] > 0).astype(int)


def pipe(c=0.5):
    return Pipe(steps=[("scale", Scaler()), ("model", Logistic(C=c))])


def test_fitting_and_state():
    model = Logistic(C=2.0)
    assert model.fit(X, Y) is model
    assert model.score(X, Y) > 0.8
    assert is_classifier(model)
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(made.coef_, model.coef_)
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        model.clone().predict(X)
    model.rebind(C=1.0)
    assert not hasattr(model, "coef_")


def test_parameters():
    model = Logistic(C=2.0)
    assert model.get_params()["C"] == 2.0
    assert model.set_params(C=3.0).C == 3.0
    assert model == Logistic(C=3.0)
    assert model.clone().C == 3.0


def test_their_clone_is_a_copy_of_the_program():
    model = Logistic(C=2.0).fit(X, Y)
    made = clone(model)
    assert made == model
    assert made is not model
    assert not hasattr(made, "coef_")


@pytest.mark.parametrize("make", [pipe, lambda: Pipeline([("scale", Scaler()), ("model", Logistic(C=0.5))])])
def test_pipelines(make):
    model = make()
    assert model.fit(X, Y).score(X, Y) > 0.8
    assert cross_val_score(make(), X, Y, cv=3).shape == (3,)
    assert clone(make()).named_steps["model"].C == 0.5
    search = GridSearchCV(make(), {"model__C": [0.1, 1.0]}, cv=2).fit(X, Y)
    assert set(search.best_params_) == {"model__C"}


def test_nested_parameters_are_recorded():
    model = pipe().set_params(model__C=7.0)
    assert model.clone() == pipe(7.0)
    model.set_params(model=Logistic(C=9.0))
    assert model.named_steps["model"].C == 9.0
    assert model.clone() == pipe(9.0)
    assert model.query(".*[.]C") == {"steps[1][1].C": 9.0}


def test_inside_their_own_ensembles():
    voting = VotingClassifier([("a", Logistic(C=1.0)), ("b", make_pipeline(Scaler(), Logistic(C=0.1)))])
    assert voting.fit(X, Y).predict(X).shape == (60,)


def test_a_search_over_estimators():
    space = Pipe(
        steps=[
            ("scale", Scaler(with_mean=pg.oneof([True, False]))),
            ("model", Logistic(C=pg.oneof([0.1, 1.0]))),
        ]
    )
    models = list(pg.iter(space))
    assert len(models) == 4
    assert not any(pg.is_realized(m) for m in models)
    assert {m.fit(X, Y).named_steps["model"].C for m in models} == {0.1, 1.0}


def test_storage():
    model = pipe()
    assert pg.from_json_str(pg.to_json_str(model)) == model
    assert "C=0.5" in repr(model)
