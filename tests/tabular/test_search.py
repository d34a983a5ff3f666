"""Searches of networks for tables: what they find, their budget, what is repeatable, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from pliant.algorithms import Deduplicate
from pliant.algorithms.predictor import PredictorSearch
from pliant.hyper.functions import oneof
from pliant.study import Study
from pliant.tabular import Settings, TablePredictor, read_table, search_table
from pliant.tabular import search as module
from pliant.tabular.settings import read_seconds
from pliant.values.errors import EvaluationError, FieldTypeError, FieldValueError, UnknownFieldError
from pliant.zoo import mlp
from pliant.zoo.tabular import OneHot, TableModel, TableNetwork, Training

SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize(
    ("load", "least"),
    [("iris", 0.85), ("wine", 0.9), ("breast_cancer", 0.9), ("diabetes", 0.3), ("digits", 0.9)],
)
def test_real_tables(load, least, small):
    frame = getattr(datasets, f"load_{load}")(as_frame=True).frame
    order = np.random.default_rng(0).permutation(len(frame))
    test, train = frame.iloc[order[: len(frame) // 4]], frame.iloc[order[len(frame) // 4 :]]
    found = search_table(train, "target", **{**small, "epochs": 40, "trials": 6})
    assert found.target.kind == {"breast_cancer": "binary", "diabetes": "regression"}.get(load, "multiclass")
    assert found.measure(test) > least


def test_what_is_found(people, fitted):
    assert fitted.score > 0.85
    assert fitted.measure(people) > 0.85
    assert fitted.predict(people).tolist()[:3] == [
        fitted.classes[int(p[1] > 0.5)] for p in fitted.predict_proba(people)[:3]
    ]
    assert sum(member.share for member in fitted.members) == pytest.approx(1)
    scores = [entry.score for entry in fitted.leaderboard]
    assert scores == sorted(scores, reverse=True)
    assert sorted(entry.trial for entry in fitted.leaderboard) == [1, 2, 3, 4, 5, 6]
    assert sum(entry.share for entry in fitted.leaderboard) == pytest.approx(1)
    assert all("learning rate" in entry.network and entry.parameters > 0 for entry in fitted.leaderboard)
    assert fitted.notes == ("target 'rich': two classes.",)


def test_same_seed_same_search(people, small):
    first, second, other = (search_table(people, "rich", **small, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.predict_proba(people), second.predict_proba(people))
    assert [(one.trial, one.score, one.network) for one in first.leaderboard] == [
        (one.trial, one.score, one.network) for one in second.leaderboard
    ]
    assert (first.predict_proba(people) != other.predict_proba(people)).any()


def test_worker_processes_find_the_same(people, small):
    here, there = (search_table(people, "rich", **small, workers=workers) for workers in (None, 1))
    assert [one.score for one in there.leaderboard] == pytest.approx([one.score for one in here.leaderboard])
    assert [one.choices for one in there.leaderboard] == [one.choices for one in here.leaderboard]
    np.testing.assert_allclose(there.predict_proba(people), here.predict_proba(people), atol=1e-3)


def test_no_global_random_state(people, small):
    np.random.seed(0)  # noqa: NPY002  # what a search must not use
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    search_table(people, "rich", **small)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("algorithm", ["random", "reinforce", "re(population_size=2, tournament_size=2)"])
def test_algorithms_by_name(people, small, algorithm):
    assert search_table(people, "rich", **small, algorithm=algorithm).score > 0.7


def test_regression_with_rows_without_a_target(people, small):
    income = people["income"].copy()
    income[:5] = np.nan
    found = search_table({**people, "income": income}, "income", **{**small, "epochs": 60})
    assert found.notes[0] == "left out: 5 rows without a target."
    assert found.score > 0.5
    assert found.predict(people).shape == (200,)
    with pytest.raises(FieldTypeError, match="a regression has no classes"):
        found.predict_proba(people)


def test_labels(people, small):
    table = {**people, "rich": people["rich"] == "yes", "old": np.nan_to_num(people["age"], nan=40) > 40}
    found = search_table(table, ["rich", "old"], **small)
    assert found.target.kind == "multilabel"
    assert found.predict(table).shape == found.predict_proba(table).shape == (200, 2)
    assert set(found.predict(table).ravel()) <= {"False", "True"}
    assert found.score > 0.7


def test_imbalanced_classes(small):
    draw = np.random.default_rng(1)
    x = draw.normal(size=600)
    table = {
        "x": x,
        "z": draw.normal(size=600),
        "y": np.where(x + 0.7 * draw.normal(size=600) > 2.3, "rare", "usual"),
    }
    plain = search_table(table, "y", **small)
    assert any("'rare' has" in note and "balanced=True, `--balanced`" in note for note in plain.notes)
    balanced = search_table(table, "y", **small, balanced=True)
    hits = {one: (balanced.predict(table) == one)[table["y"] == one].mean() for one in ("rare", "usual")}
    assert min(hits.values()) > 0.6
    assert (plain.predict(table) == "rare").sum() < (balanced.predict(table) == "rare").sum()


def test_weights_of_rows(people, small):
    """Rows without weight are not learned from: here those say the opposite."""
    wrong = np.arange(200) % 2 == 0
    rich = np.where(wrong, np.where(people["rich"] == "yes", "no", "yes"), people["rich"])
    found = search_table(
        {**people, "rich": rich}, "rich", **{**small, "epochs": 40}, weights=np.where(wrong, 0.0, 1.0)
    )
    agrees = found.predict(people) == people["rich"]
    assert agrees.mean() > 0.8
    with pytest.raises(
        FieldValueError, match=r"one for each of the 200 rows, and not all 0; got shape \(3,\)"
    ):
        search_table(people, "rich", weights=[1, 1, 1], **small)


def test_weights_of_rows_count_in_the_score(small):
    """Rows whose class nothing tells have little weight: the score is that of the others."""
    draw = np.random.default_rng(0)
    x, is_noise = draw.normal(size=400), np.arange(400) % 2 == 0
    y = np.where(np.where(is_noise, draw.random(400) > 0.5, x > 0), "b", "a")
    weights = np.where(is_noise, 1e-3, 1.0)
    plain, weighted = (
        search_table({"x": x, "y": y}, "y", **{**small, "epochs": 40}, weights=one) for one in (None, weights)
    )
    assert plain.score < 0.85 < 0.95 < weighted.score
    assert max(entry.score for entry in weighted.leaderboard) > 0.95


def test_a_small_or_strange_table(small):
    found = search_table({"x": [1.0, 2.0, 8.0, 9.0], "y": ["a", "a", "b", "b"]}, "y", **small)
    assert found.predict({"x": [np.inf, None]}).shape == (2,)
    assert found.predict({"x": []}).shape == (0,)
    with pytest.raises(FieldValueError, match=r"n_samples = 1\. Add rows"):
        module.search_rows(read_table({"x": [1.0]}), found.target, np.array([0]), Settings(**small))


@pytest.mark.parametrize(
    ("target", "options", "error", "message"),
    [
        ("ritch", {}, UnknownFieldError, r"no column 'ritch'; did you mean 'rich'\?"),
        ([], {}, FieldTypeError, r"target is the name of a column, or names of several; got \[\]"),
        ("rich", {"trails": 3}, UnknownFieldError, r"no argument 'trails'; did you mean 'trials'\?"),
        ("rich", {"trials": 0}, FieldValueError, "trials is at least 1; got 0"),
        ("rich", {"top": 1.5}, FieldTypeError, "top is a whole number; got 1.5"),
        ("rich", {"validation_share": 1}, FieldValueError, "above 0 and below 1, such as 0.2; got 1"),
        (
            "rich",
            {"time_limit": "5 parsecs"},
            FieldValueError,
            "such as '90s', '5m' or '1.5h'; got '5 parsecs'",
        ),
        ("rich", {"time_limit": 0}, FieldValueError, "a number of seconds above 0"),
        ("rich", {"algorithm": "tpee"}, FieldValueError, "tpe"),
        ("rich", {"reading": {"categorical": ["town"]}}, UnknownFieldError, "no column 'town'"),
    ],
)
def test_impossible_arguments(people, target, options, error, message):
    with pytest.raises(error, match=message):
        search_table(people, target, **{"progress": False, **options})


def test_spaces_around_names(people, small):
    table = {"age ": people["age"], "city": people["city"], " rich": people["rich"]}
    found = search_table(table, "rich ", **{**small, "trials": 1})
    assert found.target.names == ("rich",)
    assert [column.name for column in found.encoder.columns] == ["age", "city"]
    assert found.predict({"age": [50], " city": ["Rome"]}).shape == (1,)


def test_classes_that_are_large_numbers(small):
    y = np.int64(2**60) + np.arange(40) % 2
    found = search_table({"x": np.arange(40.0) % 2, "y": y}, "y", **small)
    assert found.classes == (str(2**60), str(2**60 + 1))


def test_notes_on_many_columns_are_few(people, small):
    table = {**people, **{f"same{i}": [1] * 200 for i in range(30)}, "empty": [None] * 200}
    notes = search_table(table, "rich", **{**small, "trials": 1}).notes
    assert [note for note in notes if "same" in note] == [
        "30 columns, 'same0', 'same1', 'same2', 'same3', 'same4' and 25 more: all rows have the same value."
    ]
    assert "column 'empty': it has no values." in notes


def test_a_table_of_a_target_only():
    with pytest.raises(FieldValueError, match=r"no column but the target 'y'\. Add columns"):
        search_table({"y": ["a", "b"] * 10}, "y", progress=False)


def test_times():
    assert [read_seconds(one) for one in ("90", "90s", "5m", "5 min", "1.5h", 3)] == [
        90,
        90,
        300,
        300,
        5400,
        3,
    ]
    assert (Settings().budget, Settings(time_limit=5).budget, Settings(time_limit=5, trials=3).budget) == (
        40,
        None,
        3,
    )


def test_what_is_plotted(people, small, tmp_path):
    found = search_table(
        people,
        "rich",
        **{**small, "trials": 7, "together": 1},
        algorithm=Deduplicate(PredictorSearch(random_trials=3, batch_size=2)),
    )
    predicted = {entry.trial: entry.predicted for entry in found.leaderboard}
    assert [trial for trial in sorted(predicted) if predicted[trial] is not None] == [4, 5, 6, 7]
    for entry in found.leaderboard:
        assert {"network", "learning rate", "batch size"} <= set(entry.choices)
        assert f"learning rate {entry.choices['learning rate']}," in entry.network
    picture = found.plot().to_svg()
    assert "Error of the accuracy predictor" in picture
    assert "Accuracy on validation rows" in picture
    found.save(tmp_path / "a.model")
    assert TablePredictor.load(tmp_path / "a.model").plot().to_html() == found.plot().to_html()


def test_choices_of_another_space(people, small):
    def own(numbers, cardinalities, outputs):
        layers = [mlp.Layer(8, oneof(["relu", "tanh"])), mlp.Layer(0)]
        body = mlp.Perceptron(layers, inputs=numbers + sum(cardinalities), classes=outputs)
        return TableModel(TableNetwork(OneHot(numbers, cardinalities), [body]), Training())

    found = search_table(people, "rich", **{**small, "space": own, "algorithm": "sweep", "trials": 2})
    chosen = [value for entry in found.leaderboard for value in entry.choices.values()]
    assert sorted(chosen) == ["relu", "tanh"]
    assert "tanh" in found.plot().to_svg()


# --- a study file ----------------------------------------------------------------------------------------------


def test_a_study_continues(people, small, tmp_path):
    file = tmp_path / "people.study.db"
    first = search_table(people, "rich", **small, study=file)
    more = search_table(people, "rich", **{**small, "trials": 6}, study=file)
    with Study.open(file) as study:
        assert study.counts()["completed"] == 6
        assert {one.id: one.reward for one in study.trials()} == {
            one.trial: one.score for one in more.leaderboard
        }
    assert len(more.leaderboard) == 6
    before = {one.trial: one.score for one in first.leaderboard}
    assert before.items() <= {one.trial: one.score for one in more.leaderboard}.items()
    again = search_table(
        people, "rich", **{**small, "trials": 6}, study=file
    )  # all trials are stored; their weights are not
    assert again.score > 0.8


# --- how a search ends -----------------------------------------------------------------------------------------


def test_a_time_limit_ends_the_search(people, small):
    start = time.monotonic()
    found = search_table(people, "rich", **{**small, "trials": None}, time_limit=6)
    assert found.score > 0.7
    assert time.monotonic() - start < 200  # far below what endless trials would take, also on a busy machine


def test_a_time_limit_that_is_too_short(people, small):
    with pytest.raises(
        EvaluationError,
        match=r"no network was trained for one epoch within .* of 1e-06 seconds. Give more time",
    ):
        search_table(people, "rich", **small, time_limit=1e-6)


def test_networks_that_cannot_be_trained(people, small, monkeypatch):
    monkeypatch.setattr(
        module.Rows,
        "train",
        lambda self, programs, *_, **__: [module.Trained(one, 0, reason="not finite") for one in programs],
    )
    with pytest.raises(
        EvaluationError,
        match="none of the 4 networks could be trained; the first failed: its outputs were not finite",
    ):
        search_table(people, "rich", **small)


def test_progress_and_summary(people, small, capsys):
    search_table(people, "rich", **{**small, "progress": True})
    said = capsys.readouterr().err
    assert "tabular: training the best 2 of 4 networks longer" in said
    assert "again on all rows" in said
    assert "validation rows, by" in said


INTERRUPTED = """
import sys
import numpy as np
from pliant.tabular import search_table
x = np.random.default_rng(0).normal(size=2000)
found = search_table({"x": x, "y": np.where(x > 0, "a", "b")}, "y", trials=100_000, together=2, epochs=2)
print(len(found.leaderboard), found.score, found.predict({"x": [-1, 1]}).tolist())
"""


def test_ctrl_c_keeps_the_best(until):
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    ) as process:
        assert process.stderr is not None
        assert "trial" in process.stderr.readline()  # the first lines come after a few seconds
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    count, score, *predicted = out.split(maxsplit=2)
    assert 0 < int(count) < 100_000
    assert float(score) > 0.8
    assert predicted == ["['b', 'a']\n"]
    assert "tabular: score" in err  # "finishing ..." comes only if networks train at that moment


def test_second_ctrl_c_keeps_the_best(people, small, monkeypatch):
    train, calls = module.Rows.train, []

    def stop_later(self, *args, **options):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(self, *args, **options)

    monkeypatch.setattr(module.Rows, "train", stop_later)
    found = search_table(people, "rich", **small)
    assert len(calls) == 2
    assert len(found.members) == 1
    assert found.score > 0.6


def test_ctrl_c_before_the_first_network(people, small, monkeypatch):
    def stop(self, *args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.Rows, "train", stop)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        search_table(people, "rich", **small)
