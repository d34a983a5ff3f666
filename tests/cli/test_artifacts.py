"""`pliant study artifacts`: lists, copies and checks the files that trials saved; writes nowhere else."""

from __future__ import annotations

import json

import pytest

from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study


@pytest.fixture
def made(folder):
    """A study of three trials with files; the second is the best."""
    with Study.create("a.db", flatten([integer("x", 0, 9)]), Random(seed=1)) as study:
        for reward in (1.0, 3.0, 2.0):
            trial = study.ask()
            study.artifacts.save(trial.id, "weights.pt", f"weights {reward}".encode())
            study.artifacts.save(trial.id, "plots/loss.png", b"png")
            study.tell(trial.id, reward)
    return "a.db"


def test_list(pliant, made):
    output = pliant("study", "artifacts", made).output
    assert output.count("weights.pt") == 3
    found = json.loads(pliant("study", "artifacts", made, "--best", "--format", "json").output)
    assert [(one["trial"], one["name"], one["size"]) for one in found] == [
        (2, "plots/loss.png", 3),
        (2, "weights.pt", 11),
    ]
    lines = pliant("study", "artifacts", made, "--trial", "3", "--format", "csv").output.splitlines()
    assert (lines[0], len(lines)) == ("trial,name,size,sha256,attempt,saved", 3)


def test_copy(pliant, made, folder):
    assert pliant("study", "artifacts", made, "--best", "--copy-to", "out").output == "out: 2 files\n"
    assert (folder / "out" / "weights.pt").read_text() == "weights 3.0"
    assert (folder / "out" / "plots" / "loss.png").read_bytes() == b"png"
    pliant("study", "artifacts", made, "--copy-to", "all")
    assert (folder / "all" / "3" / "weights.pt").read_text() == "weights 2.0"
    output = pliant("study", "artifacts", made, "--best", "--copy-to", "out", status=1).output
    assert "exists, and is not overwritten. Give another folder by --copy-to." in output


def test_nothing_is_written_through_a_link(pliant, made, folder):
    (folder / "outside").mkdir()
    (folder / "out").mkdir()
    (folder / "out" / "plots").symlink_to(folder / "outside")
    output = pliant("study", "artifacts", made, "--best", "--copy-to", "out", status=1).output
    assert "leads out of 'out' by a link" in output
    assert list((folder / "outside").iterdir()) == []


def test_check(pliant, made, folder):
    place = str((folder / "a.db-artifacts").resolve())
    assert pliant("study", "artifacts", made, "--check").output == f"{place}: sound, 6 artifacts\n"
    file = Study.open(made).trial(1).artifact("weights.pt")
    file.chmod(0o600)
    file.write_text("damaged")
    output = pliant("study", "artifacts", made, "--check", status=1).output
    assert "the artifact 'weights.pt' of trial 1 is damaged" in output


def test_a_study_without_artifacts(pliant, folder):
    Study.create("b.db", flatten([integer("x", 0, 9)]), Random()).close()
    assert "Trials save them by feedback.save(name, path)." in pliant("study", "artifacts", "b.db").output
    assert (
        "give one of them" in pliant("study", "artifacts", "b.db", "--best", "--trial", "1", status=2).output
    )
    assert "no trial 1" in pliant("study", "artifacts", "b.db", "--trial", "1", status=1).output


def test_another_place(pliant, made, folder):
    (folder / "a.db-artifacts").rename(folder / "moved")
    assert pliant("study", "artifacts", made, "--at", "moved", "--best").output.count("weights.pt") == 1


def test_a_deleted_study_leaves_no_files(pliant, made, folder):
    pliant("study", "rm", made, "--yes")
    assert not (folder / "a.db-artifacts").exists()
