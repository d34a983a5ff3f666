"""Style and types, as `make lint` checks them; and the types that a checker of programs that use the package sees."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
(PINNED,) = re.findall(r"^torch==(\S+)", (ROOT / "constraints.txt").read_text("utf-8"), flags=re.M)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--no-fix", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
    ],
    ids=" ".join,
)
def test_passes(command):
    if command == ("mypy",) and (here := torch.__version__.partition("+")[0]) != PINNED:
        pytest.skip(f"types are checked with PyTorch {PINNED}, whose annotations differ from those of {here}")
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout}{run.stderr}"


CODE = """
import pliant as pg


class Net(pg.Object):
    layers: int


space = Net(layers=pg.intv(1, 9))
search = pg.sample(space, "tpe", trials=3, seed=1, progress=False)
for net, feedback in search:
    reveal_type(net)
    reveal_type(feedback)
reveal_type(search.best_program)
reveal_type(search.front)
reveal_type(search.trials)
for run, _ in pg.sample(pg.trace(lambda: pg.intv(1, 9))):
    reveal_type(run)
for number, _ in pg.sample(pg.intv(1, 9)):
    reveal_type(number)


def evaluate(net: Net) -> float:
    return net.layers


reveal_type(pg.search(space, evaluate, trials=3).best_program)
pg.sample(space, n_trials=3)
pg.search(space, evaluate, n_jobs=3)
"""
EXPECTED = [
    'note: Revealed type is "net.Net"',
    'note: Revealed type is "pliant.tune.feedback.Feedback"',
    'note: Revealed type is "net.Net | None"',
    'note: Revealed type is "list[tuple[net.Net, float | tuple[float, ...]]]"',
    'note: Revealed type is "list[pliant.study.trials.trial.Trial]"',
    'note: Revealed type is "def () -> contextlib.AbstractContextManager[None, bool | None]"',
    'note: Revealed type is "Any"',
    'note: Revealed type is "net.Net | None"',
    'error: No overload variant of "sample" matches argument types "Net", "int"',
    'error: Unexpected keyword argument "n_jobs" for "search"',
]


def test_a_search_has_the_type_of_its_space(tmp_path):
    """A space of type T yields programs of type T. The settings are those above, so that mypy reads the cache of that run."""
    (tmp_path / "net.py").write_text(CODE)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", str(tmp_path / "net.py")],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    found = [line.replace("builtins.", "").partition("  [")[0] for line in lines]
    for expected in EXPECTED:
        assert expected in found, done.stdout + done.stderr


def test_every_expected_error_has_a_match():
    """Ruff's rule covers the broad classes only; another error of the same class would pass such a test."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pytest.raises"
        and not any(word.arg in ("match", "check") for word in node.keywords)
    ]
    assert found == []


REPRS = ("__repr__", "extra_repr", "__str__")
KEEP_REPR = {"src/pliant/values/path.py: key"}  # a path is read back, so that its keys are written whole


def unquoted(text: str) -> list[str]:
    """The given values that a module formats by their repr, which may raise, be huge, or act on a terminal.

    Each is a repr that is cut, or that of a parameter which is not declared as text.
    """
    found = []

    def visit(node: ast.AST, kinds: dict[str, str]) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            if getattr(node, "name", "") in REPRS:
                return
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            kinds = kinds | {one.arg: ast.unparse(one.annotation) if one.annotation else "" for one in given}
        if isinstance(node, ast.FormattedValue) and node.conversion == ord("r"):
            value = ast.unparse(node.value)
            if node.format_spec or kinds.get(value, "str") != "str":
                found.append(value)
        for child in ast.iter_child_nodes(node):
            visit(child, kinds)

    visit(ast.parse(text), {})
    return found


def test_messages_quote_given_values():
    """`quote` of `values/errors.py` writes any value; a repr is for our own names and for `__repr__`."""
    found = [
        f"{path.relative_to(ROOT)}: {value}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for value in unquoted(path.read_text("utf-8"))
    ]
    assert sorted(set(found) - KEEP_REPR) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("raise E(f'got {x!r}')", ["x"]),
        ("why = f'{x!r:.80}'", ["x"]),
        ("why = f'{x.y!r:.80}'", ["x.y"]),
        ("return lambda n: f'{n!r}{x!r}'", ["n", "x"]),
        ("raise E(f'{quote(x)} {name!r} {path!r}')", []),
        ("def __repr__(self): return f'{x!r}{self.y!r:.80}'", []),
    ],
)
def test_unquoted_values_are_found(body, found):
    assert unquoted(f"def f(x, name: str, *, y: object = 1):\n    path = 2\n    {body}") == found
