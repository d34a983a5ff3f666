"""Evaluations that save files, go on after a crash, and continue a parent; worker processes import them by name."""

from __future__ import annotations

import os
from pathlib import Path

import pliant as pg


def make_space():
    return pg.Dict(x=pg.intv(1, 5))


def save(program, feedback):
    feedback.save("notes/x.txt", str(program.x).encode())
    (feedback.folder / "log.txt").write_text(f"trained {program.x}")
    feedback.save("log.txt", feedback.folder / "log.txt")
    return float(program.x)


def traverse(program, feedback):
    feedback.save("../../outside.txt", b"x")
    return 1.0


def crash_once(program, feedback):
    """Trains 4 epochs with a checkpoint after each; the process of each first attempt dies after two."""
    checkpoint = feedback.folder / "checkpoint.txt"
    done = checkpoint.read_text().split() if checkpoint.exists() else []
    for epoch in range(len(done), 4):
        done.append(str(epoch))
        checkpoint.write_text(" ".join(done))
        if epoch == 1:
            os._exit(1) if os.environ.get("PLIANT_TEST_EXIT") else os.kill(os.getpid(), 9)
    feedback.save("epochs.txt", f"{' '.join(done)} in {Path(checkpoint).parent.name}".encode())
    return float(program.x)


def continue_parent(program, feedback):
    """Adds its id to the list in its folder, which starts as its parent's."""
    file = feedback.folder / "line.txt"
    line = file.read_text().split() if file.exists() else []
    parents = "" if feedback.parent_id is None else str(feedback.parent_id)
    assert (line[-1:] or [""])[0] == parents, (line, parents)
    file.write_text(" ".join([*line, str(feedback.id)]))
    return program.x + len(line) / 100
