"""Types that a checker sees: a space of type T yields programs of type T."""

from __future__ import annotations

import subprocess
import sys

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
    (tmp_path / "net.py").write_text(CODE)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file=",
        "--strict",
        "--cache-dir",
        str(tmp_path / "cache"),
    ]
    done = subprocess.run(
        [*command, "--follow-imports=silent", "net.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    found = [line.replace("builtins.", "").partition("  [")[0] for line in lines]
    for expected in EXPECTED:
        assert expected in found, done.stdout + done.stderr
