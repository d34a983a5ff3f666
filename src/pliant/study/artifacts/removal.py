"""Removes the artifacts of trials that a search does not keep; never those of the best trial, nor of one that runs."""

from __future__ import annotations

from collections.abc import Iterable

from ..trials.trial import Trial
from .keep import Keep, choose
from .shelf import Artifacts


def list_trials(artifacts: Artifacts, keep: Keep, *, folders: bool) -> list[int]:
    """Returns the trials whose files may have to be removed; read their records afterwards, so that none is missed."""
    if keep.which == "all" and keep.max_bytes is None:
        return []
    return artifacts.trials(folders=folders)


def remove_others(
    artifacts: Artifacts,
    keep: Keep,
    trials: Iterable[Trial],
    front: list[int],
    *,
    maximize: bool,
    folders: bool,
) -> list[int]:
    """Removes the files of the trials that are not kept; returns their ids.

    Args:
      artifacts: the files.
      keep: which trials keep theirs.
      trials: the records of the trials of ``list_trials``, read after it.
      front: the ids of the Pareto-optimal trials, the best in the first objective first, read after the trials.
      maximize: whether higher rewards are better.
      folders: whether their working folders are removed as well.
    """
    known = list(trials)
    sizes = {} if keep.max_bytes is None else {trial.id: artifacts.size(trial.id) for trial in known}
    best = front if keep.which == "front" else front[:1]
    gone = choose(keep, known, best, sizes, maximize=maximize)
    if gone:
        artifacts.remove(gone, folders=folders)
    return gone
