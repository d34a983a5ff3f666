"""Trains groups of networks in the workers of a launcher, such as ``pliant.launch.Processes`` (PyTorch).

Rows and weights go through files of a temporary folder, all else through JSON.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from pliant.launch.base import Call, Channel, Ended, Job, Launcher, Message
from pliant.symbolic.json.documents import from_json, to_json
from pliant.values.errors import FieldTypeError, LaunchError, LoadError, UnregisteredTypeError

from ..task import Task
from .batches import Rows
from .group import STACKED_NETWORKS, group_programs, train_group
from .loop import Plan
from .trained import Trained

PRELOAD = "pliant.tabular.training.workers:warm_up"
"""What ``Processes(preload=PRELOAD)`` loads once for all workers."""

UNKNOWN = "unknown"
_COLUMNS = ("numbers", "categories", "targets")
ASK_SECONDS = 0.1  # between two questions of a worker whether to stop


def warm_up() -> None:
    """Performs one step of training, so that workers begin with everything loaded."""
    from pliant.zoo.tabular import make_model

    rows = Rows(torch.zeros(2, 1), torch.zeros(2, 0, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    plan = Plan(rows, rows, Task("binary", 1), 1, 1, lambda: False)
    train_group([make_model(1, width=2)], [0], plan)


def train_in_workers(
    programs: Sequence[Any], seeds: Sequence[int], plan: Plan, launcher: Launcher
) -> dict[int, Trained]:
    """Trains programs in the workers of a launcher, and returns the networks by the indices of the programs.

    Groups are small enough that each worker has one.  Programs that JSON does not hold, such as those with a network of a class
    that is not registered, train in this process.

    A group whose worker crashes or is killed has no scores.

    Raises:
      LaunchError: the training raised an error.
    """
    results: dict[int, Trained] = {}
    turns = -(
        -len(programs) // (launcher.slots * STACKED_NETWORKS)
    )  # of each worker, if all have one structure
    largest = max(1, -(-len(programs) // (launcher.slots * max(1, turns))))
    groups = group_programs(programs, seeds, len(plan.rows), largest=largest)
    here: list[Sequence[int]] = []
    with TemporaryDirectory(prefix="pliant-") as folder:
        waiting = _start(programs, seeds, groups, plan, launcher, Path(folder))
        here += [group for group in groups if group not in waiting.values()]
        while waiting:
            for event in launcher.poll(ASK_SECONDS):
                if isinstance(event, Message):
                    launcher.reply(event.job, plan.should_stop())
                elif isinstance(event, Ended):
                    group = waiting.pop(event.job)
                    if event.outcome.value == UNKNOWN:
                        here.append(group)
                        continue
                    own = [programs[i] for i in group], [seeds[i] for i in group]
                    results.update(zip(group, _read(event, *own, Path(folder)), strict=True))
    for group in here:
        found = train_group([programs[i] for i in group], [seeds[i] for i in group], plan)
        results.update(zip(group, found, strict=True))
    return results


def _start(
    programs: Sequence[Any],
    seeds: Sequence[int],
    groups: Sequence[Sequence[int]],
    plan: Plan,
    launcher: Launcher,
    folder: Path,
) -> dict[str, Sequence[int]]:
    """Starts a job for each group of programs that JSON holds; returns these groups by the names of their jobs."""
    data = _write_rows(plan, folder / "rows.npz")
    waiting: dict[str, Sequence[int]] = {}
    for number, group in enumerate(groups):
        try:
            written = [to_json(programs[i]) for i in group]
        except FieldTypeError:
            continue
        payload = {
            "programs": written,
            "seeds": [seeds[i] for i in group],
            "task": asdict(plan.task),
            "epochs": plan.epochs,
            "patience": plan.patience,
            "rows": str(data),
            "result": str(folder / f"{number}.npz"),
        }
        waiting[f"train{number}"] = group
        launcher.start(Job(f"train{number}", Call(work, payload)))
    return waiting


def work(payload: Any, channel: Channel) -> str:
    """Trains a group; called in a worker.

    Returns:
      ``UNKNOWN`` where the programs have classes that this process does not know.
    """
    try:
        programs = [from_json(one) for one in payload["programs"]]
    except (LoadError, UnregisteredTypeError):
        return UNKNOWN
    arrays = {
        name: torch.from_numpy(value) for name, value in np.load(payload["rows"], allow_pickle=False).items()
    }

    def read(part: str) -> Rows:
        numbers, categories, targets = (arrays[f"{part}.{name}"] for name in _COLUMNS)
        return Rows(numbers, categories, targets, arrays.get(f"{part}.weights"))

    asked, stops = -ASK_SECONDS, False

    def should_stop() -> bool:
        nonlocal asked, stops
        if not stops and time.monotonic() - asked > ASK_SECONDS:
            stops = bool(channel.report("stop?"))
            asked = time.monotonic()
        return stops

    plan = Plan(
        read("rows"),
        read("validation"),
        Task(**payload["task"]),
        payload["epochs"],
        payload["patience"],
        should_stop,
    )
    trained = train_group(programs, payload["seeds"], plan)
    found: dict[str, Any] = {}
    for number, one in enumerate(trained):
        found |= {f"{number}.state.{name}": value.numpy() for name, value in one.state.items()}
        found[f"{number}.curve"], found[f"{number}.losses"] = np.array(one.curve), np.array(one.losses)
        found[f"{number}.end"] = np.array([np.nan if one.score is None else one.score, one.best_epoch])
        found[f"{number}.reason"] = np.array(one.reason)
    with Path(payload["result"]).open("wb") as file:
        np.savez(file, **found)
    return "trained"


def _write_rows(plan: Plan, file: Path) -> Path:
    arrays = {}
    for part, rows in (("rows", plan.rows), ("validation", plan.validation)):
        for name in (*_COLUMNS, "weights"):
            value = getattr(rows, name)
            if value is not None:
                arrays[f"{part}.{name}"] = value.numpy()
    with file.open("wb") as stream:
        np.savez(stream, **arrays)
    return file


def _read(event: Ended, programs: list[Any], seeds: list[int], folder: Path) -> list[Trained]:
    outcome = event.outcome
    if outcome.how == "raised":
        raise LaunchError(f"training in a worker failed: {outcome.reason}\n{outcome.tail}")
    if not outcome.ok:
        return [Trained(one, own, reason=outcome.reason) for one, own in zip(programs, seeds, strict=True)]
    found = np.load(folder / f"{event.job.removeprefix('train')}.npz", allow_pickle=False)
    results = []
    for number, (program, seed) in enumerate(zip(programs, seeds, strict=True)):
        start = f"{number}.state."
        state = {
            name.removeprefix(start): torch.from_numpy(found[name])
            for name in found
            if name.startswith(start)
        }
        score, best_epoch = found[f"{number}.end"].tolist()
        curve, losses = found[f"{number}.curve"].tolist(), found[f"{number}.losses"].tolist()
        reason = str(found[f"{number}.reason"])
        results.append(
            Trained(
                program,
                seed,
                state,
                None if np.isnan(score) else score,
                tuple(curve),
                tuple(losses),
                int(best_epoch),
                reason,
            )
        )
    return results
