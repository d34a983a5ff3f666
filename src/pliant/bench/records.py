"""``Archive``: stores the curves of runs, as JSON lines in one file for each task and label."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, final

from pliant.values.lines import read_json

from .curves import Curve
from .entrant import Entrant
from .task import Task

FORMAT = 1


@final
class Archive:
    """A folder of runs, so that a benchmark can be resumed or extended.

    A run is reused for the same task (name, space and optimum), entrant (label and stamp) and seed, if it has at least
    as many trials: algorithms do not know the number of trials, so a shorter run is the start of a longer one.  For
    one writing process.  Lines that a crash cut off are skipped.

    Args:
      folder: where; created with the first run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, task: Task, label: str) -> Path:
        """Returns the file of a task and a label."""
        return self.folder / slug(task.name) / f"{slug(label)}.jsonl"

    def read(self, task: Task, entrant: Entrant, *, trials: int) -> dict[int, Curve]:
        """Returns the runs of at least ``trials`` trials, cut to ``trials``, by seed."""
        try:
            lines = self.path(task, entrant.label).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return {}
        key, found = self._key(task, entrant), {}
        for line in lines:
            curve = _read_line(line, key)
            if curve is not None and curve.trials >= trials:
                found[curve.seed] = cut(curve, trials)
        return found

    def add(self, task: Task, entrant: Entrant, curve: Curve) -> None:
        """Stores a run."""
        path = self.path(task, entrant.label)
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({**self._key(task, entrant), **curve.to_json()}, separators=(",", ":"))
        with path.open("a", encoding="utf-8") as file:
            if file.tell() and not _ends_line(path):
                file.write("\n")
            file.write(line + "\n")

    def _key(self, task: Task, entrant: Entrant) -> dict[str, Any]:
        content = f"{task.name} {task.space.fingerprint} {task.optimum!r}"
        return {
            "format": FORMAT,
            "stamp": entrant.stamp,
            "task": hashlib.sha256(content.encode()).hexdigest()[:16],
            "label": entrant.label,
        }


def cut(curve: Curve, trials: int) -> Curve:
    """Returns the first ``trials`` trials of a run; failures and seconds are scaled in proportion."""
    if curve.trials == trials:
        return curve
    share = min(1.0, trials / max(curve.evaluated, 1))
    return Curve(
        curve.seed,
        trials,
        tuple(step for step in curve.steps if step.trial <= trials),
        min(curve.evaluated, trials),
        round(curve.failed * share),
        curve.seconds * share,
    )


def slug(text: str) -> str:
    """Returns a file name for a text: the text itself if possible, else its valid characters and a hash.

    >>> slug("local-search"), slug("nasbench201/cifar10")
    ('local-search', 'nasbench201-cifar10')
    >>> slug("re(population_size=20)")
    're-population_size-20-4929'
    """
    plain = re.sub(r"[^\w.-]+", "-", text).strip("-.")[:60]
    if plain == text.replace("/", "-"):
        return plain
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:4]}"


def _read_line(line: str, key: dict[str, Any]) -> Curve | None:
    try:
        data = read_json(line)
        if any(data[name] != value for name, value in key.items()):
            return None
        return Curve.from_json(data)
    except (KeyError, TypeError, ValueError):  # cut off by a crash, or another format
        return None


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
