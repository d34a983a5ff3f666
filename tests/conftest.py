"""Settings for the whole suite; no fixtures that hide what a test does."""

from __future__ import annotations

import os
import re

# Set before anything imports numpy, torch or keras, which read these once.
# One thread per process: pytest-xdist runs a process per core.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest
from hypothesis import HealthCheck, settings

# Before any test imports them: messages of the suites that ship with the package show values, too.
pytest.register_assert_rewrite("pliant.testing.launchers", "pliant.testing.commands")

# No deadline: two workers share a machine with whatever else runs on it, and a slow example is no fault.
# `ci` repeats the same examples in every run; `explore` draws new ones (HYPOTHESIS_PROFILE=explore).
_quiet = [HealthCheck.too_slow]
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=_quiet)
settings.register_profile("explore", deadline=None, max_examples=1000, suppress_health_check=_quiet)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_make_parametrize_id(config, val):
    """Ids of parametrized tests without memory addresses: all workers must collect the same names."""
    text = repr(sorted(val, key=repr)) if isinstance(val, (set, frozenset)) else repr(val)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)[:80]
