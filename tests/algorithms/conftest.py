"""Lets the shipped suite of algorithms show values where it fails."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("pliant.testing.algorithms")
