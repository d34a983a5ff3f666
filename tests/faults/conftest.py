"""The programs of this folder import each other by name, as `make faults` runs them; so do the tests of them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
