"""Callbacks that are objects: what they receive, errors, resumed searches; and what the ones of other packages show."""

from __future__ import annotations

import csv

import pytest

import pliant as pg
from pliant.study import Study, callbacks
from pliant.study.callbacks.mlflow import _clean_all
from pliant.study.export import decided
from pliant.values.errors import FieldTypeError, FieldValueError

SPACE = pg.Dict(op=pg.oneof(["=conv", pg.Dict(k=pg.oneof([3, 5]))]), rate=pg.floatv(1e-4, 1e-1, name="rate"))


class Log(callbacks.Callback):
    """Notes its calls; fails in some trials."""

    def __init__(self, *wrong):
        self.ids, self.calls, self.wrong = [], [], wrong

    def start(self, search):
        self.calls.append(("start", search.name, search.total, search.maximize))
        if "start" in self.wrong:
            raise OSError("the server \x1b[31mis gone")
        return set(self.ids)

    def add(self, trial):
        if trial.id in self.wrong:
            raise RuntimeError(f"no room for {trial.id}")
        self.ids.append(trial.id)

    def finish(self):
        self.calls.append("finish")


def run(count, *logs, study=None, trials=6):
    """Evaluates some trials of a search; the second fails."""
    search = pg.sample(SPACE, "random", trials, seed=3, study=study, callbacks=logs, progress=False)
    for program, feedback in search:
        if feedback.id == 2:
            feedback.skip("@no memory")
        else:
            feedback.report(0.5, step=1)
            feedback(program.rate, metrics={"=latency": feedback.id / 2})
        if feedback.id == count:
            break
    search.close()
    return search


def test_calls():
    log, other = Log(), []
    run(6, log, other.append)
    assert log.calls == [("start", "search", 6, True), "finish"]
    assert log.ids == [trial.id for trial in other] == [1, 2, 3, 4, 5, 6]
    log = Log()
    result = pg.search(SPACE, lambda program: program.rate, "random", 4, callbacks=[log], progress=False)
    assert (log.ids, log.calls[-1], len(result.trials)) == ([1, 2, 3, 4], "finish", 4)


def test_an_error_is_reported_and_the_search_goes_on(capsys):
    bad, absent, good = Log(3, 4), Log("start"), Log()
    search = run(6, bad, absent, good)
    assert (bad.ids, absent.ids, good.ids) == ([1, 2, 5, 6], [], [1, 2, 3, 4, 5, 6])
    assert len(search.trials) == 6
    assert capsys.readouterr().err.splitlines() == [
        "search: the callback Log failed at the start, so it records nothing: OSError: the server \\x1b[31mis gone",
        "search: the callback Log failed 3 times",
    ]


def test_a_resumed_search_passes_on_what_is_lacking(tmp_path):
    log = Log(2)
    run(3, log, study=tmp_path / "a.db")
    assert log.ids == [1, 3]
    log.wrong = ()
    run(6, log, study=tmp_path / "a.db")
    assert sorted(log.ids) == [1, 2, 3, 4, 5, 6]


def test_mistakes(tmp_path):
    with pytest.raises(FieldTypeError, match=r"write callbacks=\[CSV\(\.\.\.\)\]"):
        pg.sample(SPACE, callbacks=callbacks.CSV("a.csv"))
    with pytest.raises(
        FieldTypeError, match=r"takes functions and objects, and got the class CSV\. Write CSV\(\.\.\.\)"
    ):
        pg.sample(SPACE, callbacks=[callbacks.CSV])
    beginning = callbacks.Beginning("a", "2026", pg.abstract_search_space(SPACE), True)
    for content in (b"x,y\n1,2\n", b"\xff\xfe\n\0"):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(FieldValueError, match=r"is not a log of callbacks\.CSV\. Give another path"):
            callbacks.CSV(tmp_path / "a.csv").start(beginning)
        assert (tmp_path / "a.csv").read_bytes() == content
    (tmp_path / "a.csv").write_bytes("study,id\na 2026,1\na 2026,2é".encode()[:-1])  # cut inside a letter
    callbacks.CSV(tmp_path / "a.csv").start(beginning)
    assert (tmp_path / "a.csv").read_text() == "study,id\na 2026,1\n"


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv(tmp_path):
    """Also after a process was killed while it wrote; another study has rows of its own."""
    path, study = tmp_path / "log.csv", tmp_path / "a.db"
    run(4, callbacks.CSV(path), study=study)
    path.write_text(path.read_text()[:-5])
    run(6, callbacks.CSV(path), study=study)
    with Study.open(study) as opened:
        trials = {str(trial.id): trial for trial in opened.trials()}
    rows = {row["id"]: row for row in read(path)}
    assert sorted(rows) == sorted(trials)
    assert len(read(path)) == 6
    for key, row in rows.items():
        trial, found = trials[key], decided(trials[key])
        assert (row["status"], row["cause"]) == (trial.status, trial.cause or "")
        assert row["reward"] == ("" if trial.reward is None else str(trial.reward))
        assert row["decisions.rate"] == str(found["rate"])
    assert rows["2"]["reason"] == "'@no memory"
    assert rows["1"]["metrics.=latency"] == "0.5"
    assert any(row["decisions.op"] == "'=conv" for row in rows.values())
    run(6, callbacks.CSV(path), study=tmp_path / "b.db")
    assert len(read(path)) == 12
    assert len({row["study"] for row in read(path)}) == 2


def test_tensorboard(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    study = tmp_path / "a.db"
    for count in (4, 6):
        run(count, callbacks.TensorBoard(tmp_path / "runs"), study=study)
    (home,) = (tmp_path / "runs").iterdir()
    found = accumulator.EventAccumulator(str(home / "search"))
    found.Reload()
    with Study.open(study) as opened:
        trials = list(opened.trials())
    rewards = [(trial.id, pytest.approx(trial.reward)) for trial in trials if trial.reward is not None]
    assert [(event.step, event.value) for event in found.Scalars("reward")] == rewards
    assert [event.step for event in found.Scalars("failed")] == [1, 2, 3, 4, 5, 6]
    one = accumulator.EventAccumulator(str(home / "trial-3"))
    one.Reload()
    assert one.Scalars("reported")[0].value == 0.5
    content = one.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    values = HParamsPluginData.FromString(content).session_start_info.hparams
    assert values["rate"].number_value == pytest.approx(trials[2].decisions.params["rate"])


def test_mlflow(tmp_path):
    pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    from mlflow import MlflowClient

    study = tmp_path / "a.db"
    for count in (4, 6):
        run(count, callbacks.MLflow(tmp_path / "mlruns"), study=study)
    client = MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("a")
    runs = {int(one.data.tags["trial"]): one for one in client.search_runs([experiment.experiment_id])}
    assert len(client.search_runs([experiment.experiment_id])) == 6
    with Study.open(study) as opened:
        trials = list(opened.trials())
    for trial in trials:
        one = runs[trial.id]
        assert one.info.status == ("FAILED" if trial.id == 2 else "FINISHED")
        assert one.data.params["rate"] == str(decided(trial)["rate"])
        assert one.data.metrics.get("reward") == trial.reward


def test_names_that_mlflow_allows():
    assert _clean_all({"op[=0/2].k": 1, "op[=0_2].k": 2, "..": 3, "é": 4}) == [
        ("op__0_2_.k", 1), ("op__0_2_.k 2", 2), ("_..", 3), ("_", 4)
    ]  # fmt: skip


def test_wandb(tmp_path):
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    log, search = callbacks.WandB(folder=tmp_path), run(3)
    log.start(callbacks.Beginning("a", "2026-12-01", search.space, True))
    for trial in search.trials:
        log.add(trial)
    shown = dict(log._run.summary)
    assert (shown["trial"], shown["reward"], shown["=latency"]) == (3, search.trials[2].reward, 1.5)
    assert shown["decisions/rate"] == decided(search.trials[2])["rate"]
    log.finish()
    run(2, callbacks.WandB(folder=tmp_path))
    assert wandb.run is None
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2
    with pytest.raises(FieldValueError, match=r"mode=\.\.\.\) is 'offline' or 'online'; got 'dryrun'"):
        callbacks.WandB(mode="dryrun")
