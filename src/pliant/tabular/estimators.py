"""scikit-learn estimators whose networks a search finds: ``TabularSearchClassifier`` and ``TabularSearchRegressor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    check_random_state,
    column_or_1d,
    validate_data,
)

from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .encoding import encode
from .entry import Entry
from .plot.picture import SearchPlot
from .reading.memory import from_array, from_frame
from .search import search_rows
from .settings import Settings
from .table import Table
from .target import MAX_CLASSES, Target
from .task import Kind


@dataclass(kw_only=True, eq=False, repr=False)
class _TabularSearch(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share: their parameters, and the search."""

    trials: int | None = None
    time_limit: float | str | None = None
    algorithm: Any = None
    study: Any = None
    epochs: int | None = None
    together: int = 8
    workers: int | None = None
    top: int = 5
    refit: bool = True
    scaling: str = "robust"
    validation_share: float = 0.2
    space: Any = None
    random_state: Any = None
    progress: bool = False

    def _settings(self) -> Settings:
        given = {name: getattr(self, name) for name in Settings.__dataclass_fields__ if name != "seed"}
        state = self.random_state
        whole = isinstance(state, int | np.integer) and state >= 0
        seed = int(state) if whole else int(check_random_state(state).randint(2**31 - 1))
        return Settings(seed=seed, **given)

    def _search(self, X: Any, y: NDArray[Any], target: Target, sample_weight: Any) -> None:  # noqa: N803  # as scikit-learn
        weights = (
            None
            if sample_weight is None
            else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        )
        if weights is not None and not weights.any():
            raise FieldValueError(
                "all sample weights are zero, so there is nothing to learn from. Give some rows a weight."
            )
        self.predictor_ = search_rows(self._read(X), target, y, self._settings(), weights=weights)

    def _check(self, X: Any, *, reset: bool) -> Any:  # noqa: N803  # as scikit-learn
        """Returns rows whose names and number of columns were checked: a data frame as it is, else an array."""
        if hasattr(X, "iloc") and hasattr(X, "columns"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not len(X):
                raise FieldValueError(
                    f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required."
                )
            return X
        return validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)

    def _read(self, X: Any) -> Table:  # noqa: N803  # as scikit-learn
        if hasattr(X, "iloc"):
            return from_frame(X)
        names = getattr(self, "feature_names_in_", None)
        return from_array(X, None if names is None else list(names))

    def _outputs(self, X: Any) -> NDArray[Any]:  # noqa: N803  # as scikit-learn
        check_is_fitted(self)
        rows = encode(self.predictor_.encoder, self._read(self._check(X, reset=False)))
        return self.predictor_.outputs(rows)

    @property
    def leaderboard_(self) -> tuple[Entry, ...]:
        """The trials of the search, the best first."""
        check_is_fitted(self)
        return self.predictor_.leaderboard

    def plot(self) -> SearchPlot:
        """Returns a picture of the search, as ``TablePredictor.plot`` does."""
        check_is_fitted(self)
        return self.predictor_.plot()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.target_tags.multi_output = True
        return tags


@dataclass(kw_only=True, eq=False, repr=False)
class TabularSearchClassifier(ClassifierMixin, _TabularSearch):  # type: ignore[misc]  # scikit-learn has no types
    """Classifier whose networks a search finds.

    Columns may have numbers, texts, truth values and dates, and values may be missing: give a pandas data frame.  An indicator
    matrix as ``y`` gives a label for each of its columns.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> found = TabularSearchClassifier(trials=2, epochs=30, random_state=0).fit(X, y)
    >>> found.score(X, y) > 0.9
    True

    Args:
      trials: how many networks are trained; None for 40, or until ``time_limit`` is over where one is given.
      time_limit: seconds, or text such as ``"5m"``, for each ``fit``; None for no limit.
      algorithm: an algorithm, or its name such as ``"reinforce"``; None for ``auto``.
      study: the path of a file that stores every trial; only for a single ``fit``.
      epochs: passes over the rows for each network, at most; None for a number that suits the rows.
      together: how many networks are proposed and trained at once.
      workers: how many processes train them; None to train in this process.
      top: how many of the best networks are trained longer at the end, and averaged if that helps.
      refit: whether the chosen networks are trained again on all rows.
      scaling: of numbers: ``robust``, ``standard`` or ``quantile``.
      validation_share: of the rows that score networks.
      space: as in ``Settings``.
      balanced: whether each class has the same part in loss and score, however many rows it has.
      random_state: a seed; None for another search each time.
      progress: whether progress is shown on standard error.

    Attributes:
      classes_: the classes, sorted; of labels, 0 and 1 for each column.
      predictor_: the ``TablePredictor``.
      n_features_in_: how many columns there are.
      feature_names_in_: their names, where they are all texts.
    """

    balanced: bool = False

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TabularSearchClassifier:  # noqa: N803  # as scikit-learn
        """Searches networks, and keeps the best.

        Args:
          X: a data frame or an array of shape (rows, columns).
          y: a class for each row, or 0 or 1 for each row and label.
          sample_weight: of the rows, in the loss and in the score on validation rows.

        Raises:
          FieldValueError: there is one class, or too many; or a parameter is not allowed.
        """
        if y is None:
            raise FieldValueError("requires y to be passed, but the target y is None.")
        X = self._check(X, reset=True)  # noqa: N806
        is_sparse = hasattr(y, "toarray")
        if not is_sparse:
            assert_all_finite(np.asarray(y), input_name="y")
        if is_sparse or (
            np.asarray(y).ndim == 2 and type_of_target(y, input_name="y") == "multilabel-indicator"
        ):
            return self._fit_labels(X, y, sample_weight)
        y = column_or_1d(y, warn=True)
        _check_rows(X, y)
        try:
            classes, codes = np.unique(y, return_inverse=True)
        except TypeError as error:
            raise FieldTypeError(
                f"the classes in y are all texts or all numbers, and none is missing; got an array of objects ({error}). Leave out rows "
                "without a class, and write y.astype(str) for mixed ones."
            ) from error
        self.classes_: Any = classes
        count = len(self.classes_)
        if count < 2:
            raise FieldValueError(
                f"there is nothing to learn: y has one class, {quote(self.classes_.tolist()[0])}. Add rows of another class."
            )
        if count > MAX_CLASSES:
            raise FieldValueError(
                f"y has {count} classes in {len(y)} rows; at most {MAX_CLASSES} are allowed. Join rare classes, or use "
                "TabularSearchRegressor for numbers."
            )
        check_classification_targets(y)
        kind: Kind = "binary" if count == 2 else "multiclass"
        target = Target(("y",), kind, tuple(self.classes_.tolist()), is_balanced=bool(self.balanced))
        self._search(X, codes.astype(np.int64), target, sample_weight)
        return self

    def _fit_labels(self, X: Any, y: Any, sample_weight: Any) -> TabularSearchClassifier:  # noqa: N803  # as scikit-learn
        codes = check_array(y, accept_sparse="csr", input_name="y")
        codes = codes.toarray() if hasattr(codes, "toarray") else codes
        _check_rows(X, codes)
        self.classes_ = [np.array([0, 1])] * codes.shape[1]
        names = tuple([f"y{i}" for i in range(codes.shape[1])])
        target = Target(names, "multilabel", (0, 1), is_balanced=bool(self.balanced))
        self._search(X, codes.astype(np.float32), target, sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803  # as scikit-learn
        """Returns the class of each row (rows,), or 0 or 1 for each label (rows, labels)."""
        found = self._outputs(X)
        if self.predictor_.target.kind == "multilabel":
            return np.asarray(found > 0.5, dtype=int)
        classes: NDArray[Any] = self.classes_
        return np.asarray(classes[found.argmax(1)])

    def predict_proba(self, X: Any) -> NDArray[Any]:  # noqa: N803  # as scikit-learn
        """Returns the probability of each class (rows, classes), or that each label is 1 (rows, labels)."""
        found = self._outputs(X).astype(np.float64)
        return found if self.predictor_.target.kind == "multilabel" else found / found.sum(1, keepdims=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@dataclass(kw_only=True, eq=False, repr=False)
class TabularSearchRegressor(RegressorMixin, _TabularSearch):  # type: ignore[misc]  # scikit-learn has no types
    """Regressor whose networks a search finds; the columns and the parameters are those of ``TabularSearchClassifier``.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> found = TabularSearchRegressor(trials=2, epochs=20, random_state=0).fit(X, y)
    >>> found.score(X, y) > 0.3
    True

    Attributes:
      predictor_: the ``TablePredictor``.
      n_features_in_: how many columns there are.
      feature_names_in_: their names, where they are all texts.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TabularSearchRegressor:  # noqa: N803  # as scikit-learn
        """Searches networks, and keeps the best.

        Args:
          X: a data frame or an array of shape (rows, columns).
          y: a number for each row, or several of shape (rows, targets).
          sample_weight: of the rows, in the loss and in the score on validation rows.

        Raises:
          FieldValueError: a parameter is not allowed.
        """
        if y is None:
            raise FieldValueError("requires y to be passed, but the target y is None.")
        X = self._check(X, reset=True)  # noqa: N806
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        _check_rows(X, y)
        wide = y.reshape(len(y), -1)
        with np.errstate(over="ignore"):  # of extreme numbers, which are left unscaled
            means, widths = wide.mean(0), wide.std(0)
        widths = np.where(np.isfinite(widths) & (widths > 0), widths, 1.0)
        narrow = 1e-12 * np.maximum(np.abs(means), 1.0)  # so that what is always the same is predicted
        widths = np.where(wide.max(0) == wide.min(0), narrow, widths)
        names = tuple([f"y{i}" for i in range(wide.shape[1])])
        target = Target(names, "regression", means=tuple(means.tolist()), widths=tuple(widths.tolist()))
        self._search(X, ((wide - means) / widths).astype(np.float32), target, sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803  # as scikit-learn
        """Returns the number of each row (rows,), or the numbers (rows, targets)."""
        return (
            self.predictor_.target.decode(self._outputs(X))
            if hasattr(self, "predictor_")
            else self._outputs(X)
        )


def _check_rows(X: Any, y: Any) -> None:  # noqa: N803  # as scikit-learn
    if len(X) != len(y):
        raise FieldValueError(
            f"X and y have rows for each other; got inconsistent numbers of samples: {len(X)} and {len(y)}."
        )
