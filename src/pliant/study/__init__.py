"""Searches that outlive their process: trials, the record that holds them, and the durable loop.

A study holds decisions and numbers only.  Programs, and what is done with them, are the floor above.
"""

from __future__ import annotations

from .study import Study
from .trials.trial import STATUSES, Report, StudyInfo, Trial
from .view import View

__all__ = ["STATUSES", "Report", "Study", "StudyInfo", "Trial", "View"]
