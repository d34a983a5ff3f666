"""Old module paths still import, with a warning that names the new path.  Each test needs a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

TRIAL = "DeprecationWarning: pliant.trial is now pliant.nas.trial: import that instead."
EVOLVE = "DeprecationWarning: The module pliant.evolve is now pliant.open_ended: import that instead."
CALL = "assert [p for p, feedback in pg.evolve(pg.Dict(x=1), [pg.edits.Replace(int, [2])], 2) if feedback(0) is None]\n"


def run(program: str, *options: str) -> str:
    """Returns the warnings of a program, which must succeed."""
    command = [sys.executable, "-W", "always", *options, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("program", "warning"),
    [
        ("import pliant.trial\nassert callable(pliant.trial.report)", TRIAL),
        (
            "from pliant.trial import report\nimport pliant.nas.trial as new\nassert report is new.report",
            TRIAL,
        ),
        ("import pliant.evolve, types\nassert isinstance(pliant.evolve, types.ModuleType)", EVOLVE),
        ("from pliant.evolve import Edit, edits\nassert issubclass(edits.Swap, Edit)", EVOLVE),
    ],
)
def test_old_path_imports_and_warns(program, warning):
    assert warning in run(program)


def test_warning_names_the_line_that_imports():
    assert f"<string>:2: {TRIAL}" in run("\nimport pliant.trial")


def test_import_of_the_package_warns_of_nothing():
    assert run("import pliant; pliant.evolve") == ""


def test_evolve_is_callable_before_and_after_its_module_is_imported():
    program = (
        "import pliant as pg\n"
        f"function = pg.evolve\n{CALL}"
        f"import pliant.evolve\n{CALL}"
        "assert pliant.evolve is pg.evolve is not function\n"
    )
    assert EVOLVE in run(program)
