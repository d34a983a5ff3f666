"""``pliant shrink``: from a file with a network and batches to a file with a smaller network."""

from __future__ import annotations

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from pliant import oneshot
from pliant.cli.main import main

FILE = """
import torch
from torch import nn

torch.manual_seed(0)
batches = [(torch.randn(16, 4), torch.randint(3, (16,))) for _ in range(4)]


def network():
    return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))


def loader():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(64, 4), torch.arange(64) % 3), batch_size=16)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "trained.py"
    path.write_text(FILE, "utf-8")
    return path


def run(*args, code=0):
    done = CliRunner().invoke(main, ["shrink", *map(str, args)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize("data", ["batches", "loader"])
def test_network_is_written(file, tmp_path, data):
    out = tmp_path / "small.pt"
    shown = run(f"{file}:network", "--data", f"{file}:{data}", "--limit", "multiply_adds <= 0.5x", "-o", out)
    assert "<- chosen" in shown
    assert f"written: {out}" in shown
    made = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
    small = oneshot.load_shrunk(made, out)
    assert sum(p.numel() for p in small.parameters()) < 0.6 * sum(p.numel() for p in made.parameters())
    assert small(torch.ones(2, 4)).shape == (2, 3)


def test_wrong_commands(file, tmp_path):
    out, given = tmp_path / "small.pt", ["--data", f"{file}:batches", "--limit", "multiply_adds <= 0.5x"]
    assert "name the network in the file: `" in run(file, *given, "-o", out, code=1)
    assert "defines no 'netwrok'" in run(f"{file}:netwrok", *given, "-o", out, code=1)
    assert "of --out does not exist" in run(f"{file}:network", *given, "-o", tmp_path / "no" / "x.pt", code=2)
    given[-1] = "multiply_adds <= 0.0001x"
    assert "the smallest has" in run(f"{file}:network", *given, "-o", out, code=1)
    assert not out.exists()
