"""Metrics of a trial, reported to the search: one line of JSON per report in the metrics file.

The format is that of the cloud service: all values except the time are text, and further metrics are pairs ``key_0``,
``value_0``.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from pliant.values.errors import FieldTypeError, RewardError, check_file, listing, quote, quote_typed, suggest

from ..reports import MAX_BYTES, read_end
from .status import TRIAL_ID, write_file

METRIC_FILE, METRIC_TAG = "CLOUD_ML_HP_METRIC_FILE", "CLOUD_ML_HP_METRIC_TAG"
DEFAULT_TAG = "training/hptuning/metric"
MAX_NAME = 64
KEPT = 1000  # lines
_ZERO = 1e-8  # the service reads a reward of exactly 0 as a missing one
_log = logging.getLogger(__name__)


@final
class MetricsReporter:
    """Writes the metrics file of this trial.  Only one process of a trial may report.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     reporter = MetricsReporter(f"{folder}/output.metrics")
    ...     reporter.report_metrics("top_1_accuracy", 0.983, global_step=2, other_metrics={"latency": 3.5})
    ...     line = json.loads(reporter.path.read_text())
    >>> line["top_1_accuracy"], line["global_step"], line["key_0"], line["value_0"]
    ('0.983', '2', 'latency', '3.5')

    Attributes:
      path: of the file.

    Args:
      path: by default the value of ``CLOUD_ML_HP_METRIC_FILE``; if it is not set, ``hypertune/output.metrics`` in the
        folder for temporary files, which must then be a folder of this user.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        given = check_file(path, "MetricsReporter") if path else os.environ.get(METRIC_FILE)
        self.path = Path(given or Path(tempfile.gettempdir(), "hypertune", "output.metrics"))
        self._is_given = bool(given)

    def report_metrics(
        self,
        hyperparameter_metric_tag: str | None,
        metric_value: object,
        global_step: int | None = None,
        checkpoint_path: str = "",
        *,
        model_flops: float = 0.0,
        other_metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Adds a report to the file, which keeps the last 1000.

        Args:
          hyperparameter_metric_tag: the name of the reward.
          metric_value: the reward, a number or an array of one element; ``nan`` means that training diverged. 0 is
            written as 1e-8.
          global_step: the current step of training.
          checkpoint_path: a checkpoint from which training can continue.
          model_flops: floating-point operations of the model.
          other_metrics: numbers by name; a name of more than 64 characters is left out with a warning.

        Raises:
          RewardError: a value is not a number.
          TrialFileError: the file cannot be written.
        """
        tag = hyperparameter_metric_tag or DEFAULT_TAG
        entry: dict[str, Any] = {
            "timestamp": time.time(),
            "trial": os.environ.get(TRIAL_ID, "0"),
            tag: str(_to_number(metric_value, tag) or _ZERO),
            "global_step": str(int(global_step or 0)),
            "checkpoint_path": str(checkpoint_path),
            "model_flops": str(_to_number(model_flops, "model_flops")),
        }
        others = {name: value for name, value in (other_metrics or {}).items() if _is_usable(name, tag)}
        for index, (name, value) in enumerate(others.items()):
            entry[f"key_{index}"], entry[f"value_{index}"] = name, str(_to_number(value, name))
        self._add(json.dumps(entry, sort_keys=True))

    def report_hyperparameter_tuning_metric(
        self,
        hyperparameter_metric_tag: str | None,
        metric_value: object,
        global_step: int | None = None,
        checkpoint_path: str = "",
    ) -> None:
        """Adds a report, with the signature of the service's ``hypertune`` package; see ``report_metrics``."""
        self.report_metrics(hyperparameter_metric_tag, metric_value, global_step, checkpoint_path)

    def _add(self, line: str) -> None:
        before, is_cut = read_end(self.path, MAX_BYTES)
        lines = (before or b"").decode("utf-8", "replace").split("\n")
        kept = [old for old in lines[is_cut:] if old][1 - KEPT :]
        write_file(self.path, "\n".join([*kept, line]) + "\n", shared=self._is_given)


def report(
    metrics: Mapping[str, Any],
    *,
    step: int | None = None,
    checkpoint_path: str = "",
    model_flops: float = 0.0,
) -> bool:
    """Reports metrics of this trial; the search uses one of them as the reward.

    >>> report({"top_1_accuracy": 0.98, "latency": 3.5}, step=10)  # outside of a search
    False

    Args:
      metrics: numbers by name.
      step: the current step of training; it grows from report to report.
      checkpoint_path: a checkpoint from which training can continue.
      model_flops: floating-point operations of the model.

    Returns:
      Whether the report was written: False outside of a search, where ``CLOUD_ML_HP_METRIC_TAG`` is not set.

    Raises:
      RewardError: the reward of the search is missing, or a metric is not a number.
      TrialFileError: the metrics file cannot be written.
    """
    if not isinstance(metrics, Mapping):
        raise FieldTypeError(
            f"metrics must be numbers by name; got {quote(metrics)}. Write report({{'top_1_accuracy': 0.98}})."
        )
    tag = os.environ.get(METRIC_TAG, "")
    if not tag:
        return False
    if tag not in metrics:
        raise RewardError(
            f"the metric {quote(tag)} is missing, which the search uses as reward (CLOUD_ML_HP_METRIC_TAG); got "
            f"{listing(metrics)}{suggest(tag, metrics) or '.'} Report it, or start the search with "
            "--nas_target_reward_metric=NAME."
        )
    others = {name: value for name, value in metrics.items() if name != tag}
    MetricsReporter().report_metrics(
        tag, metrics[tag], step, checkpoint_path, model_flops=model_flops, other_metrics=others
    )
    return True


def _to_number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise RewardError(
            f"the metric {name!r} must be a number; got {quote_typed(value)}. "
            "From a tensor or an array, pass one element: `float(x)`."
        ) from None


def _is_usable(name: object, tag: str) -> bool:
    protected = name in (tag, "model_flops", "global_step")
    if protected or not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        why = "it is reported separately" if protected else f"a name is text of at most {MAX_NAME} characters"
        _log.warning("The metric %s is left out: %s.", quote(name), why)
        return False
    return True
