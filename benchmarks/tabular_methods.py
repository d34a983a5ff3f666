"""The methods that ``tabular_quality.py`` compares: searches of ``pliant.tabular``, scikit-learn, and other libraries.

Each has scikit-learn's ``fit`` and ``score`` and uses one thread.  A method with a budget searches until its time is over; the others take
the time that they take.  Libraries that are not installed are left out, and the report says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler


@dataclass(frozen=True)
class Method:
    """A method: how to make its model, of whether numbers are predicted, a seed and a time limit in seconds."""

    make: Callable[[bool, int, float], Any]
    package: str = "sklearn"
    has_budget: bool = False
    is_neural: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether its package is there."""
        return find_spec(self.package) is not None


def make_pliant(is_number: bool, seed: int, time_limit: float) -> Any:
    """A search of ``pliant.tabular`` with its defaults."""
    from pliant.tabular import TabularSearchClassifier, TabularSearchRegressor

    kind = TabularSearchRegressor if is_number else TabularSearchClassifier
    return kind(time_limit=time_limit, random_state=seed)


# --- scikit-learn ----------------------------------------------------------------------------------------


def prepare(model: Any) -> Any:
    """A pipeline with scaled numbers and one-hot categories."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, model)


def make_mlp(is_number: bool, seed: int, time_limit: float) -> Any:
    """scikit-learn's perceptron with its defaults."""
    return prepare((MLPRegressor if is_number else MLPClassifier)(random_state=seed))


def make_mlp_search(is_number: bool, seed: int, time_limit: float) -> Any:
    """Random search over scikit-learn's perceptrons."""
    return RandomPerceptrons(is_number=is_number, seed=seed, time_limit=time_limit)


def make_trees(is_number: bool, seed: int, time_limit: float) -> Any:
    """scikit-learn's histogram gradient boosting with its defaults."""
    kind = HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier
    return kind(random_state=seed, categorical_features="from_dtype")


def make_linear(is_number: bool, seed: int, time_limit: float) -> Any:
    """Logistic regression with its defaults, or ridge regression whose strength cross-validation chooses."""
    return prepare(RidgeCV(np.logspace(-3, 3, 13)) if is_number else LogisticRegression(max_iter=1000))


class RandomPerceptrons(BaseEstimator):
    """Random search over scikit-learn's perceptrons: the best on a fifth of the rows, trained again on all.

    Sizes, activation, learning rate, L2 penalty, batch size (128 or 256 of more than 2,000 rows) and early stopping are drawn;
    targets that are numbers are scaled.
    """

    def __init__(self, is_number: bool, seed: int, time_limit: float) -> None:
        self.is_number, self.seed, self.time_limit = is_number, seed, time_limit

    def fit(self, x: Any, y: Any) -> RandomPerceptrons:
        """Draws perceptrons until four fifths of the time are over."""
        begun, draw = time.monotonic(), np.random.default_rng(self.seed)
        split = train_test_split(
            x, y, test_size=0.2, random_state=self.seed, stratify=None if self.is_number else y
        )
        self.center_, self.width_ = (y.mean(), y.std()) if self.is_number else (0.0, 1.0)
        kind = MLPRegressor if self.is_number else MLPClassifier
        batches = [32, 128, 256] if len(split[0]) <= 2000 else [128, 256]
        best, chosen, first = -np.inf, None, True
        while first or time.monotonic() - begun < 0.8 * self.time_limit:
            width, depth = int(draw.choice([32, 64, 128, 256])), int(draw.integers(1, 4))
            model = kind(
                hidden_layer_sizes=(width,) * depth,
                activation=str(draw.choice(["relu", "tanh"])),
                learning_rate_init=float(draw.choice([3e-4, 1e-3, 3e-3, 1e-2])),
                alpha=float(10 ** draw.uniform(-5, 0)),
                batch_size=int(min(draw.choice(batches), len(split[0]))),
                early_stopping=bool(draw.integers(2)),
                random_state=self.seed,
            )
            found = prepare(clone(model)).fit(split[0], self._scale(split[2]))
            score = found.score(split[1], self._scale(split[3]))
            if score > best:
                best, chosen = score, model
            first = False
        self.model_ = prepare(chosen).fit(x, self._scale(y))
        return self

    def _scale(self, y: Any) -> Any:
        return (y - self.center_) / self.width_ if self.is_number else y

    def score(self, x: Any, y: Any) -> float:
        """Returns accuracy or R^2."""
        return float(self.model_.score(x, self._scale(y)))


# --- other libraries -------------------------------------------------------------------------------------


class Adapter(BaseEstimator):
    """A model of another library: texts of the target as numbers, and columns of categories as it takes them.

    Args:
      model: with ``fit`` and ``predict``.
      is_number: whether numbers are predicted.
      read: from a data frame to what the library takes.
      options: of ``fit``.
    """

    def __init__(self, model: Any, is_number: bool, read: Callable[[Any], Any], **options: Any) -> None:
        self.model, self.is_number, self.read, self.options = model, is_number, read, options

    def fit(self, x: Any, y: Any) -> Adapter:
        """Fits the model."""
        if not self.is_number:
            self.classes_ = LabelEncoder().fit(y)
            y = self.classes_.transform(y)
        self.model.fit(self.read(x), np.asarray(y), **self.options)
        return self

    def score(self, x: Any, y: Any) -> float:
        """Returns accuracy or R^2."""
        found = np.asarray(self.model.predict(self.read(x))).ravel()
        if self.is_number:
            return float(r2_score(y, found))
        return float(accuracy_score(self.classes_.transform(y), found.astype(int)))


def _as_it_is(x: Any) -> Any:
    return x


def _as_texts(x: Any) -> Any:
    """Categories as texts, missing ones as an empty text."""
    named = x.select_dtypes("category").columns
    return x.assign(**{name: x[name].astype(object).where(x[name].notna(), "").astype(str) for name in named})


def make_lightgbm(is_number: bool, seed: int, time_limit: float) -> Any:
    """LightGBM with its defaults."""
    import lightgbm

    kind = lightgbm.LGBMRegressor if is_number else lightgbm.LGBMClassifier
    return Adapter(kind(random_state=seed, n_jobs=1, verbose=-1), is_number, _as_it_is)


def make_xgboost(is_number: bool, seed: int, time_limit: float) -> Any:
    """XGBoost with its defaults."""
    import xgboost

    kind = xgboost.XGBRegressor if is_number else xgboost.XGBClassifier
    return Adapter(kind(random_state=seed, n_jobs=1, enable_categorical=True), is_number, _as_it_is)


def make_catboost(is_number: bool, seed: int, time_limit: float) -> Any:
    """CatBoost with its defaults."""
    return _CatBoost(is_number, seed)


class _CatBoost(BaseEstimator):
    def __init__(self, is_number: bool, seed: int) -> None:
        self.is_number, self.seed = is_number, seed

    def fit(self, x: Any, y: Any) -> _CatBoost:
        import catboost

        kind = catboost.CatBoostRegressor if self.is_number else catboost.CatBoostClassifier
        named = list(x.select_dtypes("category").columns)
        model = kind(
            random_seed=self.seed,
            thread_count=1,
            verbose=False,
            allow_writing_files=False,
            cat_features=named,
        )
        self.inner_ = Adapter(model, self.is_number, _as_texts).fit(x, y)
        return self

    def score(self, x: Any, y: Any) -> float:
        return self.inner_.score(x, y)


def make_flaml(is_number: bool, seed: int, time_limit: float) -> Any:
    """FLAML: a search over boosted trees, forests and linear models; its CatBoost does not stop when the time is over."""
    from flaml import AutoML

    options = {
        "task": "regression" if is_number else "classification",
        "metric": "r2" if is_number else "accuracy",
        "time_budget": time_limit,
        "estimator_list": [
            "lgbm",
            "xgboost",
            "xgb_limitdepth",
            "rf",
            "extra_tree",
            *([] if is_number else ["lrl1"]),
        ],
        "seed": seed,
        "n_jobs": 1,
        "verbose": 0,
    }
    return _Flaml(AutoML(), is_number, _as_it_is, **options)


class _Flaml(Adapter):
    def fit(self, x: Any, y: Any) -> Adapter:
        if not self.is_number:
            self.classes_ = LabelEncoder().fit(y)
            y = self.classes_.transform(y)
        self.model.fit(X_train=x, y_train=pd.Series(np.asarray(y)).to_numpy(), **self.options)
        return self


def fill_gaps(model: Any) -> Any:
    """A pipeline with medians for missing numbers, for libraries that take none; other columns stay as they are."""
    numbers = (SimpleImputer(strategy="median"), make_column_selector(dtype_include="number"))
    columns = make_column_transformer(numbers, remainder="passthrough", verbose_feature_names_out=False)
    return make_pipeline(columns.set_output(transform="pandas"), model)


def make_real_mlp(is_number: bool, seed: int, time_limit: float) -> Any:
    """RealMLP with tuned defaults (Holzmüller et al. 2024), of pytabkit."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    kind = RealMLP_TD_Regressor if is_number else RealMLP_TD_Classifier
    model = kind(random_state=seed, n_threads=1, device="cpu", verbosity=0)
    return Adapter(fill_gaps(model), is_number, _as_it_is)


def make_tabm(is_number: bool, seed: int, time_limit: float) -> Any:
    """TabM with defaults (Gorishniy et al. 2025), of pytabkit."""
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    kind = TabM_D_Regressor if is_number else TabM_D_Classifier
    model = kind(random_state=seed, n_threads=1, device="cpu", verbosity=0)
    return Adapter(fill_gaps(model), is_number, _as_it_is)


def make_autogluon(is_number: bool, seed: int, time_limit: float) -> Any:
    """AutoGluon with its defaults."""
    return _AutoGluon(is_number, seed, time_limit)


class _AutoGluon(BaseEstimator):
    def __init__(self, is_number: bool, seed: int, time_limit: float) -> None:
        self.is_number, self.seed, self.time_limit = is_number, seed, time_limit

    def fit(self, x: Any, y: Any) -> _AutoGluon:
        import tempfile

        from autogluon.tabular import TabularPredictor

        self.folder_ = tempfile.TemporaryDirectory(prefix="autogluon-")
        predictor = TabularPredictor(
            "the target",
            path=self.folder_.name,
            problem_type="regression" if self.is_number else None,
            eval_metric="r2" if self.is_number else "accuracy",
            verbosity=0,
        )
        options = {
            "time_limit": self.time_limit,
            "num_cpus": 1,
            "ag_args_ensemble": {"fold_fitting_strategy": "sequential_local"},
        }
        self.model_ = predictor.fit(x.assign(**{"the target": np.asarray(y)}), **options)
        return self

    def score(self, x: Any, y: Any) -> float:
        found = self.model_.predict(x)
        return float((r2_score if self.is_number else accuracy_score)(y, found))


METHODS: dict[str, Method] = {
    "pliant": Method(make_pliant, "pliant", has_budget=True, is_neural=True),
    "MLP": Method(make_mlp, is_neural=True),
    "MLP search": Method(make_mlp_search, has_budget=True, is_neural=True),
    "RealMLP": Method(make_real_mlp, "pytabkit", is_neural=True),
    "TabM": Method(make_tabm, "pytabkit", is_neural=True),
    "linear": Method(make_linear),
    "boosted trees": Method(make_trees),
    "LightGBM": Method(make_lightgbm, "lightgbm"),
    "XGBoost": Method(make_xgboost, "xgboost"),
    "CatBoost": Method(make_catboost, "catboost"),
    "FLAML": Method(make_flaml, "flaml", has_budget=True),
    "AutoGluon": Method(make_autogluon, "autogluon", has_budget=True),
}
