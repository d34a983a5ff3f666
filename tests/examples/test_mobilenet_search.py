"""The example of the paper's case study: its spaces, the lines that each step changes, and that each row runs."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch

import pliant as pg
from pliant.cli.target import load_target
from pliant.zoo import mobilenet_v2 as zoo

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples" / "mobilenet_search.py"
DATA = Path(os.environ.get("PLIANT_DATA") or ROOT.parent / "shared" / "data")
SPACES = {2: "S1", 5: "S2", 6: "S3"}

needs_data = pytest.mark.skipif(
    not (DATA / "fashion_mnist_prefix.npz").is_file(),
    reason=f"needs images of Fashion-MNIST; set PLIANT_DATA to their folder (none at {DATA})",
)


@pytest.fixture(scope="module")
def study():
    """The benchmark that counts the lines."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        spec = importlib.util.spec_from_file_location("case_study", ROOT / "benchmarks" / "case_study.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def example():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLIANT_DATA", str(DATA))
        return load_target(str(FILE)).module


@pytest.fixture
def short(example, monkeypatch):
    """The example with little to learn from."""
    for name in ("TRAIN", "VALID", "TEST"):
        monkeypatch.setattr(example, name, getattr(example, name)[:2])
    return example


def test_each_step_changes_at_most_as_many_lines_as_in_the_paper(study):
    changed = study.count_lines(FILE.read_text("utf-8"))
    assert changed == {2: 8, 3: 1, 4: 1, 5: 10, 6: 1}
    assert all(lines <= int(study.PAPER[row][0]) for row, lines in changed.items())  # +23, +1, +1, +10, +1


def test_counted_lines_are_not_wide():
    """Long lines would make few of many; formatters break lines at 88 columns by default."""
    text = FILE.read_text("utf-8")
    parts = [
        part
        for part in ast.parse(text).body
        if getattr(part, "name", "").startswith("relax")
        or (isinstance(part, ast.Assign) and isinstance(part.value, ast.Dict))
    ]
    assert len(parts) == 4  # both functions, POLICY and ROWS
    lines = [
        line
        for part in parts
        for line in text.splitlines()[part.lineno - 1 : part.end_lineno]
        if not line.strip().startswith('"""')
    ]
    assert len(lines) > 20
    assert [line for line in lines if len(line) > 88] == []


def test_what_counts_as_a_line(study):
    text = '''\
def first(x):
    """A docstring."""
    # a comment

    return x


def second(x):
    return (
        x
    )


ROWS = {
    2: ([first], None),
    3: ([first], 1),
    5: (
        [first, second],
        1,
    ),
}
'''
    assert study.count_lines(text) == {2: 3, 3: 1, 5: 8}


def test_is_short():
    assert len(FILE.read_text("utf-8").splitlines()) <= 150


@needs_data
def test_splits_are_disjoint(example):
    assert [sum(len(y) for _, y in split) for split in (example.TRAIN, example.VALID, example.TEST)] == [
        6208,
        1984,
        6978,
    ]
    assert example.TRAIN[0][0].shape == (64, 3, 32, 32)
    assert 0 <= example.TRAIN[0][0].min() < example.TRAIN[0][0].max() <= 1


@needs_data
@pytest.mark.parametrize("row", SPACES)
def test_spaces_are_those_of_the_zoo(example, row):
    mine = example.network.clone().rebind(example.ROWS[row][0])
    theirs = zoo.make_space(SPACES[row], example.network)
    for seed in range(3):
        decisions = pg.random_sample(theirs, seed)
        assert example.count(pg.materialize(mine, pg.encode(theirs, decisions).values)) == example.count(
            decisions
        )
    found, wanted = map(pg.abstract_search_space, (mine, theirs))
    assert [p.count for p in found.points] == [p.count for p in wanted.points]
    assert found.size == wanted.size


@needs_data
@pytest.mark.parametrize("row", [2, 3, 4, 5, 6])
def test_each_row_runs(short, row):
    torch.manual_seed(0)
    found = short.search(*short.ROWS[row], seed=0, epochs=4, trials=2)
    assert not pg.is_realized(found)
    limits = {2: 0.02, 3: 0.1}
    assert abs(short.count(found.clone()) / short.LIMIT - 1) <= limits.get(row, 2.0)
    assert 0.0 <= short.test(short.train(found, 1), short.TEST) <= 1.0
    assert not pg.is_realized(short.network)


@needs_data
def test_a_search_depends_on_its_seed_alone(short, monkeypatch):
    """Also the weights of the super-network: not on what the process drew before."""
    weights = []

    class Halted(Exception):  # ends a search
        pass

    def halt(net, *_, **__):
        weights.append(next(net.parameters()).detach().clone())
        raise Halted("before training")

    monkeypatch.setattr(short.oneshot, "Trainer", halt)
    for before, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(before)
        with pytest.raises(Halted, match="before training"):
            short.search(*short.ROWS[4], seed=seed)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@needs_data
def test_a_network_learns(example, monkeypatch):
    monkeypatch.setattr(example, "TRAIN", example.TRAIN[:48])
    assert example.test(example.train(example.network.clone(), 1), example.VALID[:4]) > 0.4


def test_the_table(study):
    runs = [
        {
            "row": row,
            "seed": seed,
            "search_seconds": 30.0,
            "train_seconds": 10.0,
            "accuracy": 0.8 + row / 100 + seed / 500,
        }
        | {"multiply_adds": 500_000 + seed, "limit": 500_000}
        for row in (1, 2, 4)
        for seed in (0, 1)
    ]
    table = study.format_rows(runs, {2: 9, 3: 1, 4: 1, 5: 11, 6: 1})
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert lines[2][:8] == ["1", "(static)", "-", "-", "-", "81.1 ± 0.1", "500 ± 0", "2"]
    assert lines[3][:8] == ["2", "(static) -> S1", "random search", "+9", "3.0", "82.1 ± 0.1", "500 ± 0", "2"]
    assert lines[4][4:8] == ["-", "-", "-", "0"]  # not run
    assert study.compare_orders(runs) == ["- row 2 over row 1: +1.0, in the paper +0.6: agrees"]
