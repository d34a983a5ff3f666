"""``Walltime``: the end of the job of a cluster that a search runs in, so that no trial starts that cannot end before it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from time import time
from typing import Self, final

VARIABLES = ("PLIANT_JOB_END", "SLURM_JOB_END_TIME")
"""Environment variables with the end of the job, in seconds since 1970: the first one that is set counts."""
MARGIN = 1.1  # a trial may take so many times the longest one before it
RESERVE = 5.0  # seconds to record the last results


@final
class Walltime:
    """The time that is left in a job, compared with the longest trial so far.

    >>> from time import time
    >>> walltime = Walltime(time() + 100)
    >>> walltime.may_start(), walltime.note(10.0), walltime.may_start(), walltime.note(99.0), walltime.may_start()
    (True, None, True, None, False)

    Args:
      end: of the job, in seconds since 1970.
    """

    def __init__(self, end: float) -> None:
        self._end, self._longest = end, 0.0

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Self | None:
        """Returns the time of the job that this process runs in; None outside of one, or where its end is not known."""
        given = os.environ if environment is None else environment
        for name in VARIABLES:
            try:
                end = float(given.get(name, ""))
            except ValueError:
                continue
            if math.isfinite(end):
                return cls(end)
        return None

    def note(self, seconds: float | None) -> None:
        """Notes how long a trial took; None where that is not known."""
        self._longest = max(self._longest, seconds or 0.0)

    def may_start(self) -> bool:
        """Returns whether a trial that takes as long as the longest one, and a little more, ends before the job."""
        return time() + MARGIN * self._longest + RESERVE < self._end
