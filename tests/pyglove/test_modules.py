"""``install``: an unchanged ``import pyglove`` finds ``pliant.pyglove``."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pliant.pyglove.modules import find_ours


def run(code: str) -> str:
    """Runs a program in a fresh process and returns what it printed, or its error."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return done.stdout.strip() or done.stderr.strip()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("pyglove", "pliant.pyglove"),
        ("pyglove.core", "pliant.pyglove"),
        ("pyglove.core.utils", "pliant.pyglove.values"),
        ("pyglove.core.typing.value_specs", "pliant.pyglove.typing.value_specs"),
        ("pyglove.ext.evolution", "pliant.pyglove.evolution"),
    ],
)
def test_paths(theirs, ours):
    assert find_ours(theirs) == ours


def test_there_is_one_module_for_both_paths():
    code = """
import pliant.pyglove, sys
pliant.pyglove.install()
import pyglove as pg, pyglove.core.geno, pyglove.ext.evolution
from pyglove.core import typing
assert pg is pliant.pyglove and typing is pg.typing, pg
assert pg.geno.__spec__.name == 'pliant.pyglove.geno'
print(pg.__name__)
"""
    assert run(code) == "pliant.pyglove"


def test_a_module_that_is_not_here_is_not_found():
    code = "import pliant.pyglove as p; p.install(); import pyglove.core.nothing"
    assert run(code).endswith("No module named 'pyglove.core.nothing'")


def test_the_core_does_not_load_it():
    assert run("import pliant, sys; print('pliant.pyglove' in sys.modules)") == "False"


def test_install_after_the_real_package_is_refused():
    code = """
import sys, types
sys.modules['pyglove'] = types.ModuleType('pyglove')
import pliant.pyglove as p
p.install()
"""
    assert "call install() before the first `import pyglove`" in run(code)


def test_uninstall():
    code = """
import pliant.pyglove as p, sys
p.install()
import pyglove
p.uninstall(); p.uninstall()
print([n for n in sys.modules if n.startswith('pyglove')])
"""
    assert run(code) == "[]"
