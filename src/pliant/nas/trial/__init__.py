"""For the program that trains one trial of a NAS job: read what was decided, report how good it is.

The names that trainers of the cloud service know are here, so that such a trainer changes an import. None of it is needed: a
trainer may as well read its flags and write the metrics file by itself.  Searches nothing, and knows no study.
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
