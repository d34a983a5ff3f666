"""Trainer side of a NAS job: read the decisions of a trial, report its metrics.

The names are those of the cloud service, so that one of its trainers only changes an import.  Using them is optional: a
trainer can read its flags and write the metrics file itself.
"""

from __future__ import annotations

from .metrics import MetricsReporter, report
from .params import (
    get_finetune_nas_params_str,
    parse_and_save_nas_params_str,
    serialize_and_save_tunable_object,
)
from .status import JOB_STATUSES, get_model_dir, get_parent_dir, get_trial_id, should_stop, write_job_status

__all__ = [
    "JOB_STATUSES",
    "MetricsReporter",
    "get_finetune_nas_params_str",
    "get_model_dir",
    "get_parent_dir",
    "get_trial_id",
    "parse_and_save_nas_params_str",
    "report",
    "serialize_and_save_tunable_object",
    "should_stop",
    "write_job_status",
]
