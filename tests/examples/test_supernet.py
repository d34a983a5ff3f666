"""The example of super-networks: short, fair, and searched by another algorithm with another line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import pliant as pg
from pliant.cli.target import load_target

FILE = Path(__file__).parents[2] / "examples" / "supernet.py"


@pytest.fixture(scope="module")
def example():
    return load_target(str(FILE)).module


@pytest.fixture
def short(example, monkeypatch):
    """The example with little to learn from."""
    real = example.batches
    monkeypatch.setattr(example, "batches", lambda split, size: real(split, size)[:2])
    quick = {"SPOS": lambda: pg.oneshot.SPOS(search=pg.generators.Random(), evaluations=2, batches=1)}
    monkeypatch.setattr(example, "SAMPLERS", {**example.SAMPLERS, **quick})
    return example


def test_is_short():
    assert len(FILE.read_text("utf-8").splitlines()) <= 100


def test_splits_are_disjoint(example):
    splits = [set(example.TRAIN), set(example.VALIDATION), set(example.TEST)]
    assert [len(split) for split in splits] == [800, 400, 597]
    assert set.union(*splits) == set(range(1797))


def test_each_algorithm_is_one_line():
    text = FILE.read_text("utf-8")
    for name in ("SPOS", "TuNAS", "DARTS"):
        assert len(re.findall(rf"^.*oneshot\.{name}\(.*$", text, re.MULTILINE)) == 1


def test_space(example):
    assert pg.abstract_search_space(example.search_space()).size == 625


@pytest.mark.parametrize("name", ["SPOS", "TuNAS", "DARTS"])
def test_search(short, name):
    report, trained, network = short.search(name, epochs=1)
    assert "found" in str(report)
    assert report.decisions == pg.encode(short.search_space(), network)
    assert short.test(trained) > 0.0
    assert short.train_alone(network, epochs=1) > 0.0


def test_a_network_learns(example):
    network = pg.materialize(example.search_space(), [1, 1, 1, 1])
    torch.manual_seed(0)
    assert example.train_alone(network, epochs=3) > 0.8
