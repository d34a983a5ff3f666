"""``MLflow``: records the trials of a search as runs of an MLflow experiment."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, final

from pliant.values.packages import require

from ..trials.trial import Trial
from .base import Beginning, Callback, read_decisions, read_numbers

_DONE = ("FINISHED", "FAILED")


@final
class MLflow(Callback):
    """Records each trial as a run, with its decisions as parameters; ``mlflow ui`` shows them.

    Args:
      place: a folder for MLflow's file store; or the URI of a server or database, such as ``http://localhost:5000``.
      experiment: the name of the experiment; that of the study when None.

    Raises:
      MissingLibraryError: MLflow is not installed; ``mlflow-skinny`` is enough.
    """

    def __init__(self, place: str | Path = "mlruns", experiment: str | None = None) -> None:
        require("callbacks.MLflow", "mlflow", instead="use callbacks.CSV")
        self.place, self.experiment = place, experiment

    def start(self, search: Beginning) -> Container[int]:
        uri = str(self.place)
        if "://" not in uri:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 asks for it
            uri = Path(uri).resolve().as_uri()
        from mlflow import MlflowClient

        self._client, self._key = MlflowClient(tracking_uri=uri), search.key
        name = self.experiment or _clean(search.name, {})
        found = self._client.get_experiment_by_name(name)
        self._id = self._client.create_experiment(name) if found is None else found.experiment_id
        known, page = set[int](), None
        while page != "":
            runs = self._client.search_runs(
                [self._id], f"tags.study = '{self._key}'", max_results=1000, page_token=page
            )
            page = runs.token or ""
            known |= {int(run.data.tags["trial"]) for run in runs if run.info.status in _DONE}
            for run in runs:
                if run.info.status not in _DONE:  # its process was killed
                    self._client.delete_run(run.info.run_id)
        return known

    def add(self, trial: Trial) -> None:
        from mlflow.entities import Metric, Param

        start, end = (_to_ms(time) for time in (trial.started, trial.ended or trial.started))
        tags = {
            "study": self._key,
            "trial": str(trial.id),
            "status": trial.status,
            "reason": trial.reason or "",
        }
        run = self._client.create_run(
            self._id,
            start_time=start,
            tags={k: v[:500] for k, v in tags.items()},
            run_name=f"trial {trial.id}",
        )
        values = {name: str(value)[:500] for name, value in read_decisions(trial).items()}
        params = [Param(name, value) for name, value in _clean_all(values)]
        for place in range(0, len(params), 100):  # as many as MLflow takes at once
            self._client.log_batch(run.info.run_id, params=params[place : place + 100])
        metrics = [Metric(name, value, end, trial.id) for name, value in _clean_all(read_numbers(trial))]
        metrics += [Metric("reported", one.reward, end, round(one.step)) for one in trial.reports]
        for place in range(0, len(metrics), 500):
            self._client.log_batch(run.info.run_id, metrics=metrics[place : place + 500])
        self._client.set_terminated(run.info.run_id, _DONE[trial.told is None], end)


def _clean_all(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Returns values by names that MLflow allows, each once."""
    names: dict[str, int] = {}
    return [(_clean(name, names), value) for name, value in found.items()]


def _clean(name: str, used: dict[str, int]) -> str:
    plain = re.sub(r"[^\w. :-]", "_", name, flags=re.ASCII)[:200] or "_"
    plain = f"_{plain}" if plain.startswith(".") else plain
    used[plain] = used.get(plain, 0) + 1
    return plain if used[plain] == 1 else f"{plain} {used[plain]}"


def _to_ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
