"""The data sets of ``tabular_quality.py``: real ones that packages carry, divided into development and test sets.

Their files are read, not the code of their packages: scikit-learn, statsmodels, vega_datasets and pydataset.  The division is fixed.
Defaults of ``pliant.tabular`` may be chosen by scores on development sets only.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

Loaded = tuple[pd.DataFrame, pd.Series]
"""Columns and target."""


@dataclass(frozen=True)
class Set:
    """A set of rows: how to load its columns and target, and what it is for."""

    load: Callable[[], Loaded]
    is_number: bool = False
    is_test: bool = False

    @property
    def kind(self) -> str:
        """``development`` or ``test``."""
        return "test" if self.is_test else "development"


def load_own(name: str) -> Callable[[], Loaded]:
    """Returns how to load a set of scikit-learn."""

    @cache
    def load() -> Loaded:
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        return found.data, found.target

    return load


def load_file(
    package: str,
    path: str,
    target: str,
    drop: tuple[str, ...] = (),
    *,
    rows: int | None = None,
    above: float | None = None,
    log: bool = False,
    **options: Any,
) -> Callable[[], Loaded]:
    """Returns how to load a set from a file of a package; rows without a target are left out, texts are categories.

    Args:
      package: the package.
      path: of the file in its folder; what follows a ``::`` is a file in an archive.
      target: the column to predict.
      drop: columns to leave out: names of rows, and other forms of the target.
      rows: how many are drawn; None for all.
      above: a number that divides the target into two classes.
      log: whether the target is its logarithm.
      **options: of ``pandas.read_csv``.
    """

    @cache
    def load() -> Loaded:
        found = _read(package, path, **options)
        found = found[found[target].notna()]
        if rows is not None:
            found = found.sample(rows, random_state=0)
        values = found[target] if above is None else (found[target] > above).astype(int)
        values = np.log(values) if log else values
        if values.dtype == "category":
            values = values.astype(str).astype(object)
        return found.drop(columns=[target, *drop]).reset_index(drop=True), values.reset_index(drop=True)

    return load


def _read(package: str, path: str, **options: Any) -> pd.DataFrame:
    """Returns a file of a package as a data frame; text columns are categories."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{path} needs the package {package}: pip install {package}")
    outer, _, inner = path.partition("::")
    file = Path(spec.submodule_search_locations[0]) / outer
    if inner:
        with tarfile.open(file) as archive:
            member = archive.extractfile(inner)
            assert member is not None, f"{inner} is a file of {file}"
            found = pd.read_csv(member, **options)
    else:
        found = pd.read_json(file) if file.suffix == ".json" else pd.read_csv(file, **options)
    text = found.select_dtypes(exclude="number").columns
    return found.astype(dict.fromkeys(text, "category"))


def _stats(name: str, *args: Any, **options: Any) -> Callable[[], Loaded]:
    return load_file("statsmodels", f"datasets/{name}/{name}.csv", *args, **options)


def _vega(name: str, *args: Any, **options: Any) -> Callable[[], Loaded]:
    return load_file("vega_datasets", f"_data/{name}", *args, **options)


def _r(name: str, *args: Any, **options: Any) -> Callable[[], Loaded]:
    """A set of R's packages, whose first column is the number of the row."""
    path = f"resources.tar.gz::resources/rdata/csv/{name}.csv"
    return load_file("pydataset", path, *args, index_col=0, **options)


SETS: dict[str, Set] = {
    "digits": Set(load_own("digits")),
    "breast_cancer": Set(load_own("breast_cancer")),
    "wine": Set(load_own("wine")),
    "iris": Set(load_own("iris")),
    "diabetes": Set(load_own("diabetes"), is_number=True),
    "housing": Set(_r("Ecdat/Housing", "price"), is_number=True),
    "glass": Set(_r("MASS/fgl", "type")),
    "mortgages": Set(_r("Ecdat/Hdma", "deny")),
    "chile": Set(_r("car/Chile", "vote")),
    "computers": Set(_r("Ecdat/Computers", "price", rows=3000), is_number=True),
    "griliches": Set(_r("Ecdat/Griliches", "lw", ("lw80",)), is_number=True),
    "anes96": Set(_stats("anes96", "vote", sep="\t", quotechar="'"), is_test=True),
    "fair": Set(_stats("fair", "affairs", above=0), is_test=True),
    "modechoice": Set(_stats("modechoice", "choice", ("individual",), sep=";"), is_test=True),
    "randhie": Set(_stats("randhie", "mdvis", rows=4000), is_number=True, is_test=True),
    "cars": Set(_vega("cars.json", "Miles_per_Gallon", ("Name", "Year")), is_number=True, is_test=True),
    "barley": Set(_vega("barley.json", "yield"), is_number=True, is_test=True),
    "seattle_weather": Set(_vega("seattle-weather.csv", "weather", ("date",)), is_test=True),
    "pima": Set(_r("MASS/Pima.te", "type"), is_test=True),
    "participation": Set(_r("Ecdat/Participation", "lfp"), is_test=True),
    "heating": Set(_r("Ecdat/Heating", "depvar", ("idcase",)), is_test=True),
    "diamonds": Set(_r("ggplot2/diamonds", "price", rows=4000), is_number=True, is_test=True),
    "slid": Set(_r("car/SLID", "wages"), is_number=True, is_test=True),
    "baseball": Set(_r("vcd/Baseball", "sal87", ("name1", "name2"), log=True), is_number=True, is_test=True),
}
