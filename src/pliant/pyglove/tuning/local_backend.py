"""The back-end in memory: searches by name that the workers (threads) of this process share."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, final

from pliant.values.errors import FieldValueError, quote

from ..geno.dna import DNA
from .backend import Backend, add_backend
from .protocols import Feedback, Measurement, Result, Trial
from .study import MemoryStudy

_studies: dict[str, MemoryStudy] = {}
_lock = threading.Lock()


@final
class MemoryFeedback(Feedback):
    """What one trial of a search in memory reports to."""

    def __init__(self, study: MemoryStudy, trial: Trial) -> None:
        super().__init__(study.metrics_to_optimize)
        self._study, self._trial = study, trial

    @property
    def id(self) -> int:
        return self._trial.id

    @property
    def dna(self) -> DNA:
        return self._trial.dna

    @property
    def checkpoint_to_warm_start_from(self) -> str | None:
        return None

    def get_trial(self) -> Trial:
        return self._trial

    def set_metadata(self, key: str, value: Any, per_trial: bool = True) -> None:
        with self._study.lock:
            (self._trial if per_trial else self._study).metadata[key] = value

    def get_metadata(self, key: str, per_trial: bool = True) -> Any:
        return (self._trial if per_trial else self._study).metadata.get(key)

    def add_link(self, name: str, url: str) -> None:
        with self._study.lock:
            self._trial.related_links[name] = url

    def done(
        self, metadata: dict[str, Any] | None = None, related_links: dict[str, str] | None = None
    ) -> None:
        with self._study.lock:
            self._trial.metadata.update(metadata or {})
            self._trial.related_links.update(related_links or {})
            self._study.complete(self._trial)

    def skip(self, reason: str | None = None) -> None:
        self._study.skip(self._trial, reason)

    def should_stop_early(self) -> bool:
        return self._study.should_stop_early(self._trial)

    def end_loop(self) -> None:
        self._study.end()

    def _add_measurement(self, measurement: Measurement) -> None:
        self._study.add_measurement(self._trial, measurement)

    def _elapsed(self) -> float:
        return self._study.elapsed(self._trial)


@final
class MemoryResult(Result):
    """What a search in memory has found."""

    def __init__(self, study: MemoryStudy) -> None:
        self._study = study

    @property
    def metadata(self) -> dict[str, Any]:
        return self._study.metadata

    @property
    def is_active(self) -> bool:
        return self._study.is_active

    @property
    def last_updated(self) -> Any:
        return self._study.last_updated

    @property
    def trials(self) -> list[Trial]:
        return list(self._study.trials)

    @property
    def best_trial(self) -> Trial | None:
        return self._study.find_best()

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        trials = self.trials
        counts: dict[str, int] = {}
        for trial in trials:
            counts[trial.status] = counts.get(trial.status, 0) + 1
        shown: dict[str, Any] = {"name": self._study.name}
        shown["status"] = {status: f"{count}/{len(trials)}" for status, count in counts.items()}
        infeasible = sum(trial.infeasible for trial in trials)
        if infeasible:
            shown["infeasible"] = f"{infeasible}/{len(trials)}"
        best = self.best_trial
        if best is not None and best.final_measurement is not None:
            shown["best_trial"] = {
                "id": best.id,
                "reward": best.final_measurement.reward,
                "step": best.final_measurement.step,
                "dna": repr(best.dna),
            }
        return repr(shown) if compact else _write(shown, root_indent)


def _write(shown: dict[str, Any], level: int) -> str:
    """Returns nested dicts as text, an item on each line."""
    lines = [
        f"{'  ' * (level + 1)}{key!r}: {_write(value, level + 1) if isinstance(value, dict) else repr(value)}"
        for key, value in shown.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n" + "  " * level + "}"


@final
@add_backend("in-memory")
class MemoryBackend(Backend):
    """Keeps trials in memory: workers that give ``pg.sample`` one name share a search.

    Args:
      name: the name of the search; None for one that no other worker shares.
      group: workers of a group work on the same trials; None is a group for each thread.
      dna_spec: the genotype.
      algorithm: the algorithm; used by the first worker of a name, whose algorithm serves all.
      metrics_to_optimize: names of metrics.
      early_stopping_policy: a policy, or None.
      num_examples: the most trials; None for no limit.
    """

    def __init__(
        self,
        name: str | None,
        group: Any,
        dna_spec: Any,
        algorithm: Any,
        *,
        metrics_to_optimize: Sequence[str],
        early_stopping_policy: Any = None,
        num_examples: int | None = None,
    ) -> None:
        self._group = f"thread {threading.get_ident()}" if group is None else group
        with _lock:
            study = _studies.get(name) if name is not None else None
            if study is None:
                set_up(algorithm, dna_spec)
                if early_stopping_policy is not None:
                    set_up(early_stopping_policy, dna_spec)
                study = MemoryStudy(
                    name,
                    dna_spec,
                    algorithm,
                    metrics_to_optimize,
                    policy=early_stopping_policy,
                    num_examples=num_examples,
                )
                if name is not None:
                    _studies[name] = study
            elif not dna_spec.sym_eq(study.dna_spec):
                raise FieldValueError(
                    f"the search {quote(name)} has been set up with a different DNASpec. Give another name to the search of another space."
                )
            else:
                study.num_examples = num_examples
        self._study = study

    @classmethod
    def poll_result(cls, name: str, **kwargs: Any) -> Result:
        if name not in _studies:
            raise FieldValueError(
                f"Result {quote(name)} does not exist. Give name={quote(name)} to pg.sample first."
            )
        return MemoryResult(_studies[name])

    def next(self) -> Feedback:
        return MemoryFeedback(self._study, self._study.next_trial(self._group))


def set_up(part: Any, dna_spec: Any) -> None:
    """Sets up an algorithm or a policy with a genotype; one that is set up with an equal genotype goes on.

    Raises:
      FieldValueError: it is set up with another genotype.
    """
    known = getattr(part, "_dna_spec", None)
    if known is None:
        part.setup(dna_spec)
    elif not dna_spec.sym_eq(known):
        raise FieldValueError(
            f"{quote(part)} has been set up with a different DNASpec. Existing: {quote(known)}, New: {quote(dna_spec)}. "
            "Make a new one for another space."
        )
