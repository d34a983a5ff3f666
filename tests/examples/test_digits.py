"""The example of the README: short, repeatable, fair, and searched by the command that it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

import pliant as pg
from pliant.cli.target import load_target
from pliant.tune.text import to_code

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples" / "digits.py"


@pytest.fixture(scope="module")
def digits():
    return load_target(str(FILE)).module


def families(layers):
    return {type(layer).__name__ for layer in layers}


def test_is_short():
    assert len(FILE.read_text("utf-8").splitlines()) <= 80


def test_splits_are_disjoint(digits):
    splits = [set(digits.TRAIN), set(digits.VALIDATION), set(digits.TEST)]
    assert [len(split) for split in splits] == [300, 700, 797]
    assert set.union(*splits) == set(range(1797))
    for split in splits:
        assert len({int(digits.labels[i]) for i in split}) == 10


def test_space_is_conditional(digits):
    space = digits.search_space()
    points = [point.path for point in pg.abstract_search_space(space).points]
    assert "layers[=0/2][0][=0/2].width" in points  # asked for where a dense layer is chosen
    assert "layers[=1/2][3][=0/3].filters" in points
    found = [families(program.layers) for program in pg.random_sample(space, 0, num_examples=100)]
    assert set().union(*found) == {"Dense", "Conv", "MaxPool2d", "Identity"}
    assert not any({"Dense", "Conv"} <= names for names in found)


def test_sampling_allocates_no_weights(digits):
    for program in pg.random_sample(digits.search_space(), 0, num_examples=20):
        assert not any(pg.is_realized(layer) for layer in program.layers)


def test_any_program_of_either_family_learns(digits):
    space = digits.search_space()
    programs = list(pg.random_sample(space, 3, num_examples=12))
    for program in programs:
        assert 0.0 < digits.evaluate(program.rebind(epochs=1)) < 1.0
    assert {"Dense", "Conv"} <= set().union(*(families(program.layers) for program in programs))


def test_same_program_same_reward(digits):
    def reward():
        return digits.evaluate(digits.handmade().rebind(epochs=2))

    assert reward() == reward() > 0.5


def test_code_of_a_program_makes_it_again(digits):
    for program in pg.random_sample(digits.search_space(), 0, num_examples=20):
        assert pg.eq(eval(to_code(program), {**vars(nn), **vars(digits)}), program)


def test_search(tmp_path):
    def search():
        paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "error",
                "-W",
                "ignore:Implicitly cleaning up:ResourceWarning",  # a folder that PyTorch 2.6 makes
                "-m",
                "pliant",
                "search",
                str(FILE),
                "--baseline",
                "--trials",
                "2",
                "--seed",
                "0",
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    first = search()
    assert "Study: digits.study.db (new)" in first
    assert re.search(r"The winner, trial [12]:\n\n  Experiment\(\n    layers=\[", first)
    for label in ("search +2", "random search +2", "hand-made +1"):
        assert re.search(rf"{label} +0\.\d\d\d\d +0\.\d\d\d\d\n", first)
    again = search()
    assert "Study: digits.study.db (complete: 2 of 2 trials)" in again
    assert again.partition("Comparison")[2] == first.partition("Comparison")[2]


def test_the_winner_has_its_trained_network(digits):
    search = pg.sample(digits.handmade().rebind(epochs=pg.oneof([1, 2])), "sweep", progress=False)
    for program, feedback in search:
        feedback(digits.evaluate(program))
    network = search.best_program.network
    found = network(digits.images[digits.VALIDATION]).argmax(1) == digits.labels[digits.VALIDATION]
    assert found.double().mean().item() == search.best_reward > 0.5
