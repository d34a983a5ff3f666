"""How good networks for tables are: searches of ``pliant.tabular`` beside scikit-learn, on real sets that packages carry.

    python benchmarks/tabular_quality.py --seeds 5 --time-limit 120     # continues where it was stopped
    python benchmarks/tabular_quality.py --sets iris wine --methods pliant logistic --seeds 1

Five sets are for development (defaults were chosen on them), the others for test: ranks stand apart.  Each seed draws other test rows,
a quarter of the set; methods see the rest only.  Accuracy for classes and R^2 for numbers, on the test rows.  Methods with
``MLP`` get scaled and one-hot columns, the boosted trees the categories themselves, ``pliant`` the table as it is.

Needs scikit-learn, pandas, and for some sets the packages statsmodels and vega_datasets; their files are read, not their code.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


@dataclass(frozen=True)
class Set:
    """A set of rows: how to load its columns and target, and what it is for."""

    load: Callable[[], tuple[pd.DataFrame, pd.Series]]
    is_number: bool = False
    is_test: bool = True


def main() -> None:
    """Runs what is not stored yet, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds of each search of pliant")
    parser.add_argument(
        "--file", type=Path, default=Path("tabular_quality.jsonl"), help="results, a line for each"
    )
    options = parser.parse_args()
    known = read_results(options.file)
    for seed in range(options.seeds):
        for name in options.sets:
            for method in options.methods:
                key = (name, method, seed, options.time_limit if method == "pliant" else 0.0)
                if key not in known:
                    known[key] = run(name, method, seed, options.time_limit)
                    with options.file.open("a") as file:
                        file.write(json.dumps([*key, known[key]]) + "\n")
    print_table(known, options)


def read_results(file: Path) -> dict[tuple[Any, ...], dict[str, float]]:
    """Returns the stored results by set, method, seed and time limit; a last line that was cut off is ignored."""
    known = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            *key, result = json.loads(line)
        except ValueError:
            continue
        known[tuple(key)] = result
    return known


def run(name: str, method: str, seed: int, time_limit: float) -> dict[str, float]:
    """Returns the score on the test rows, the seconds, and the load of the machine."""
    columns, target = SETS[name].load()
    is_number = SETS[name].is_number
    split = train_test_split(
        columns, target, test_size=0.25, random_state=seed, stratify=None if is_number else target
    )
    x, x_test, y, y_test = split
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # iterations of MLPs and logistic regression that reach their default limit
        model = METHODS[method](is_number, seed, time_limit)
        model.fit(x, y)
        score = float(model.score(x_test, y_test))
    return {"score": score, "seconds": time.perf_counter() - begun, "load": os.getloadavg()[0]}


# --- methods ---------------------------------------------------------------------------------------------


def make_pliant(is_number: bool, seed: int, time_limit: float) -> Any:
    """A search of ``pliant.tabular`` with its defaults."""
    from pliant.tabular import TabularSearchClassifier, TabularSearchRegressor

    kind = TabularSearchRegressor if is_number else TabularSearchClassifier
    return kind(time_limit=time_limit, random_state=seed)


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


def make_trees(is_number: bool, seed: int, time_limit: float) -> Any:
    """scikit-learn's histogram gradient boosting with its defaults."""
    kind = HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier
    return kind(random_state=seed, categorical_features="from_dtype")


def make_linear(is_number: bool, seed: int, time_limit: float) -> Any:
    """Logistic regression with its defaults, or ridge regression whose strength cross-validation chooses."""
    return prepare(RidgeCV(np.logspace(-3, 3, 13)) if is_number else LogisticRegression(max_iter=1000))


METHODS: dict[str, Callable[[bool, int, float], Any]] = {
    "pliant": make_pliant,
    "MLP": make_mlp,
    "boosted trees": make_trees,
    "linear": make_linear,
}


# --- sets ------------------------------------------------------------------------------------------------


def load_own(name: str) -> Callable[[], tuple[pd.DataFrame, pd.Series]]:
    """Returns how to load a set of scikit-learn."""

    def load() -> tuple[pd.DataFrame, pd.Series]:
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        return found.data, found.target

    return load


def read_file(package: str, path: str, **options: Any) -> pd.DataFrame:
    """Returns a file of a package as a data frame; text columns are categories."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{path} needs the package {package}: pip install {package}")
    file = Path(spec.submodule_search_locations[0]) / path
    found = pd.read_json(file) if file.suffix == ".json" else pd.read_csv(file, **options)
    text = found.select_dtypes(exclude="number").columns
    return found.astype(dict.fromkeys(text, "category"))


def load_file(
    package: str,
    path: str,
    target: str,
    drop: tuple[str, ...] = (),
    *,
    rows: int | None = None,
    above: float | None = None,
    **options: Any,
) -> Callable[[], tuple[pd.DataFrame, pd.Series]]:
    """Returns how to load a set from a file of a package: rows without a target are left out; ``above`` makes two classes."""

    def load() -> tuple[pd.DataFrame, pd.Series]:
        found = read_file(package, path, **options)
        found = found[found[target].notna()]
        if rows is not None:
            found = found.sample(rows, random_state=0)
        values = found[target] if above is None else (found[target] > above).astype(int)
        if values.dtype == "category":
            values = values.astype(str)
        return found.drop(columns=[target, *drop]).reset_index(drop=True), values.reset_index(drop=True)

    return load


_STATS, _VEGA = "statsmodels", "vega_datasets"

SETS: dict[str, Set] = {
    "digits": Set(load_own("digits"), is_test=False),
    "breast_cancer": Set(load_own("breast_cancer"), is_test=False),
    "wine": Set(load_own("wine"), is_test=False),
    "iris": Set(load_own("iris"), is_test=False),
    "diabetes": Set(load_own("diabetes"), is_number=True, is_test=False),
    "anes96": Set(load_file(_STATS, "datasets/anes96/anes96.csv", "vote", sep="\t", quotechar="'")),
    "fair": Set(load_file(_STATS, "datasets/fair/fair.csv", "affairs", above=0)),
    "modechoice": Set(
        load_file(_STATS, "datasets/modechoice/modechoice.csv", "choice", ("individual",), sep=";")
    ),
    "randhie": Set(load_file(_STATS, "datasets/randhie/randhie.csv", "mdvis", rows=4000), is_number=True),
    "cars": Set(load_file(_VEGA, "_data/cars.json", "Miles_per_Gallon", ("Name", "Year")), is_number=True),
    "barley": Set(load_file(_VEGA, "_data/barley.json", "yield"), is_number=True),
    "seattle_weather": Set(load_file(_VEGA, "_data/seattle-weather.csv", "weather", ("date",))),
}


# --- the table -------------------------------------------------------------------------------------------


def print_table(known: dict[tuple[Any, ...], dict[str, float]], options: argparse.Namespace) -> None:
    """Prints mean scores, their standard deviations over the seeds, and mean ranks."""
    loads = [result["load"] for result in known.values()]
    print(
        f"{options.seeds} seeds, {options.time_limit:g} s for each search of pliant; {os.cpu_count()} processors, "
        f"{platform.machine()}, load {min(loads):.1f} to {max(loads):.1f}"
    )
    print(f"| set | rows | {' | '.join(options.methods)} |")
    print(f"| --- | --- |{' --- |' * len(options.methods)}")
    ranks: dict[bool, dict[str, list[float]]] = {True: {}, False: {}}
    for name in options.sets:
        cells, means = [], {}
        for method in options.methods:
            limit = options.time_limit if method == "pliant" else 0.0
            scores = [known[name, method, seed, limit]["score"] for seed in range(options.seeds)]
            means[method] = statistics.mean(scores)
            spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
            cells.append(f"{means[method]:.3f} ± {spread:.3f}")
        for method, mean in means.items():
            better = sum(other > mean for other in means.values())
            equal = sum(other == mean for other in means.values()) - 1
            ranks[SETS[name].is_test].setdefault(method, []).append(1 + better + equal / 2)
        kind = "test" if SETS[name].is_test else "development"
        print(f"| {name} ({kind}) | {len(SETS[name].load()[1])} | {' | '.join(cells)} |")
    for is_test, kind in ((False, "development"), (True, "test")):
        found = ranks[is_test]
        if found:
            print(
                f"| mean rank, {kind} | | {' | '.join(f'{statistics.mean(found[m]):.2f}' for m in options.methods)} |"
            )


if __name__ == "__main__":
    main()
