"""``pliant tabular fit``, ``predict`` and ``show``: from a CSV file to predictions."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn import datasets

from pliant.cli.main import main


@pytest.fixture
def wine(folder):
    """A table as people have them: texts for classes and prices, missing values, dates, an identifier, a byte-order mark."""
    draw = np.random.default_rng(0)
    frame = datasets.load_wine(as_frame=True).frame
    frame["target"] = np.array(["barolo", "grignolino", "barbera"])[frame["target"]]
    frame.insert(0, "id", range(1, len(frame) + 1))
    frame["proline"] = [f"${value:,.2f}" for value in frame["proline"]]
    frame.loc[::9, "alcohol"] = None
    frame["vineyard"] = np.array(["Nord", "Süd", None], object)[draw.integers(0, 3, len(frame))]
    frame["organic"] = np.array(["yes", "no"])[draw.integers(0, 2, len(frame))]
    frame["picked"] = pd.date_range("2019-09-01", periods=len(frame)).strftime("%d.%m.%Y")
    frame["country"] = "Italy"
    path = folder / "wine.csv"
    frame.sample(frac=1, random_state=0).to_csv(
        path, index=False, encoding="utf-8-sig", sep=";", na_rep="n/a"
    )
    return path


def run(*args, code=0):
    done = CliRunner().invoke(main, ["tabular", *map(str, args)])
    assert done.exit_code == code, done.output
    return done


QUICK = ("--trials", 2, "--epochs", 25, "--top", 1)


def test_fit_show_and_predict(wine):
    fitted = run("fit", wine, "--target", "target", *QUICK)
    assert "target 'target': 3 classes." in fitted.stdout
    assert "column 'id': its name and its values say that it numbers the rows." in fitted.stdout
    assert "of 2 trials." in fitted.stdout
    assert f"Saved: {wine.with_suffix('.model')}" in fitted.stdout
    assert "Accuracy" in fitted.stdout
    assert "validation rows" in fitted.stderr
    shown = run("show", wine.with_suffix(".model")).output
    for name, kind in (
        ("proline", "number"),
        ("vineyard", "category"),
        ("organic", "boolean"),
        ("picked", "date"),
        ("country", "dropped"),
    ):
        assert any(line.split()[:2] == [name, kind] for line in shown.splitlines()), shown
    predicted = run("predict", wine.with_suffix(".model"), wine, "--probabilities").stdout
    rows = list(csv.DictReader(io.StringIO(predicted)))
    assert list(rows[0]) == ["target", "P(barbera)", "P(barolo)", "P(grignolino)"]
    truth = pd.read_csv(wine, sep=";")["target"]
    assert np.mean([row["target"] == one for row, one in zip(rows, truth, strict=True)]) > 0.85
    assert sum(float(rows[0][f"P({name})"]) for name in set(truth)) == pytest.approx(1, abs=1e-5)
    written = run("predict", wine.with_suffix(".model"), wine, "--out", "found.csv").output
    assert "Written: found.csv, 178 rows" in written
    assert (wine.parent / "found.csv").read_text().splitlines()[0] == "target"


def test_plots(wine):
    run("fit", wine, "--target", "target", *QUICK, "--plot", "found.svg")
    run("show", "wine.model", "--plot", "found.html")
    assert (wine.parent / "found.svg").read_text("utf-8") in (wine.parent / "found.html").read_text("utf-8")
    refused = run("fit", wine, "--target", "target", "--plot", "found.png", code=1).output
    assert "ends in .svg (the picture) or .html" in refused


def test_rows_without_the_target_and_with_unseen_values(wine):
    run("fit", wine, "--target", "target", *QUICK)
    frame = pd.read_csv(wine, sep=";").drop(columns="target").head(3)
    frame["vineyard"], frame["alcohol"] = "Atlantis", "?"
    frame.to_parquet("new.parquet")
    assert len(run("predict", "wine.model", "new.parquet").stdout.splitlines()) == 4
    frame.drop(columns="proline").to_csv("less.csv", index=False)
    assert (
        "lacks the column 'proline' of the training table"
        in run("predict", "wine.model", "less.csv", code=1).output
    )


def test_regression_without_a_header(folder):
    X, y = datasets.load_diabetes(return_X_y=True)
    np.savetxt("diabetes.csv", np.column_stack([X, y]), delimiter="\t")
    assert "--no-header" in run("fit", "diabetes.csv", "--target", "column 11", code=1).output
    reading = ("--no-header", "--delimiter", "tab")
    shown = run(
        "fit",
        "diabetes.csv",
        "--target",
        "column 11",
        *reading,
        "--out",
        "d.model",
        "--algorithm",
        "random",
        *QUICK,
    )
    assert "R²" in shown.stdout
    found = run("predict", "d.model", "diabetes.csv", *reading).stdout.splitlines()
    assert found[0] == "column 11"
    assert np.corrcoef(list(map(float, found[1:])), y)[0, 1] > 0.4
    refused = run("predict", "d.model", "diabetes.csv", *reading, "--probabilities", code=1).output
    assert "a regression has no classes" in refused


def test_a_study_and_a_time_limit(wine):
    options = ("--target", "target", "--epochs", 5, "--top", 0, "--study", "wine.study.db")
    run("fit", wine, *options, "--trials", 2)
    assert "of 3 trials" in run("fit", wine, *options, "--trials", 3).output
    assert "Accuracy" in run("fit", wine, "--target", "target", "--time-limit", "4s", "--epochs", 5).output


def test_a_formula_is_not_written_for_a_spreadsheet(folder):
    pd.DataFrame({"x": np.arange(40.0), "y": ["=1+1"] * 20 + ["b"] * 20}).to_csv("a.csv", index=False)
    run("fit", "a.csv", "--target", "y", *QUICK)
    assert "\n'=1+1\n" in run("predict", "a.model", "a.csv").stdout


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("fit", "wine.csv", "--target", "Target"), 1, "did you mean 'target'?"),
        (("fit", "wine.csv", "--target", "country"), 1, "has one class, 'Italy', in all 178 rows"),
        (
            ("fit", "wine.csv", "--target", "vineyard", "--task", "regression"),
            1,
            "Write task='classification'",
        ),
        (
            ("fit", "wine.csv", "--target", "target", "--time-limit", "soon"),
            1,
            "such as '90s', '5m' or '1.5h'; got 'soon'",
        ),
        (("fit", "wine.csv", "--target", "target", "--algorithm", "tpee"), 1, "tpe"),
        (
            ("fit", "wine.csv", "--target", "target", "--out", "no/where.model"),
            2,
            "the folder of 'no/where.model' does not exist",
        ),
        (("fit", "none.csv", "--target", "target"), 1, "'none.csv' cannot be used: No such file"),
        (("fit", "wine.csv"), 2, "Missing option '--target'"),
        (("show", "wine.csv"), 1, "'wine.csv' is not a saved predictor"),
        (("predict", "none.model", "wine.csv"), 1, "'none.model' cannot be used: No such file"),
    ],
)
def test_errors(wine, args, code, message):
    assert message in run(*args, code=code).output
