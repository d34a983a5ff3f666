"""Durable searches: a study stores the trials of a search in a file or database, and continues it after any crash.

A study holds decisions and numbers only, not programs.
"""

from __future__ import annotations

from .exceptions import catch
from .study import Study
from .trials.trial import STATUSES, Cause, Report, SpaceChange, StudyInfo, Trial
from .view import View

__all__ = ["STATUSES", "Cause", "Report", "SpaceChange", "Study", "StudyInfo", "Trial", "View", "catch"]
