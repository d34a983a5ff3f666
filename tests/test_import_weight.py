"""`import pliant` stays light: no heavy third party, and not much of anything else.

Counts modules instead of seconds, so that a busy machine changes nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "scipy",
    "pandas",
    "sklearn",
    "torch",
    "keras",
    "ray",
    "sqlalchemy",
    "click",
    "rich",
    "optuna",
    "matplotlib",
)
MAX_OURS, MAX_OTHERS = 120, 150

PROGRAM = """
import json, sys
before = set(sys.modules)
import pliant
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.fixture(scope="module")
def loaded():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_package_is_not_loaded(loaded, name):
    culprits = [module for module in loaded if module.partition(".")[0] == name]
    assert not culprits, f"import pliant loads {culprits[0]}; import it inside the function that needs it"


def test_only_the_standard_library_is_loaded(loaded):
    tops = {module.partition(".")[0] for module in loaded} - {"pliant"}
    assert tops <= set(sys.stdlib_module_names), f"import pliant loads {tops - set(sys.stdlib_module_names)}"


def test_few_modules_are_loaded(loaded):
    ours = [module for module in loaded if module.partition(".")[0] == "pliant"]
    others = [module for module in loaded if module.partition(".")[0] != "pliant"]
    assert len(ours) <= MAX_OURS, ours
    assert len(others) <= MAX_OTHERS, others
