"""``search``: evaluates many programs of a space at once, in worker processes or with a launcher."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

from pliant.algorithms import Algorithm
from pliant.algorithms.base import check_algorithm
from pliant.hyper.template import Template
from pliant.launch import Launcher, Limits, Outcome, Processes
from pliant.values.errors import FieldTypeError, LaunchError, SpaceError

from .feedback import Reward
from .source import study_source
from .worker import describe_call, evaluate_one, make_job, program_of

ADVICE = (
    "Mend that, and call again: with the same `study` it goes on with the next trial. Where so many programs are bound to "
    "fail, give max_failures=..., the number that may."
)


def search(
    space: Any,
    evaluate: Callable[..., Any],
    algorithm: Algorithm | None = None,
    trials: int | None = None,
    *,
    workers: int | None = None,
    study: Any = None,
    seed: int | None = None,
    maximize: bool | None = None,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    attempts: int = 3,
    max_failures: int | None = None,
    on_end: Callable[[Any], object] | None = None,
    launcher: Launcher | None = None,
) -> Result:
    """Evaluates programs of a space in worker processes until there are ``trials`` of them; returns what was found.

    ``evaluate(program)`` returns the reward, a number or a tuple of them; or ``(reward, metrics)`` with numbers by name. It
    raises, or returns None, where there is none. A second parameter (without a default, or called ``feedback``) gets a
    ``Feedback`` to report how good the program is on its way: ``if feedback.report(accuracy, step=epoch): break``. A worker
    finds it by its name, so it stands at the top of a module or script. The trial of a worker that died is tried again.
    Ctrl-C once waits for what runs, twice ends at once; with a ``study``, the same call goes on from there.

    Args:
      space: a program with holes; or a function at the top of a module that returns it.
      evaluate: see above.
      algorithm: who decides; random search when None.
      trials: how many in all; None until the algorithm has nothing left.
      workers: how many processes; None for one a processor.
      study: as in ``sample``: where every trial is kept, or an open study; None keeps them while this runs.
      seed: replaces the algorithm's own.
      maximize: whether higher rewards are better; they are when None, but an open study says so itself.
      limits: what one evaluation may take; beyond, it has failed.
      attempts: how often a trial is tried whose worker is lost.
      max_failures: after so many failed trials the search ends; None: an error when the first five fail, not skipped.
      on_end: called here with each ``Trial`` that ended; when it raises, the search ends with that.
      launcher: where evaluations run, in place of ``workers`` processes here; closed by who made it.

    Raises:
      SpaceError: there is no hole to decide.
      LaunchError: ``evaluate`` or the space cannot be found by another process, or not be loaded there.
      EvaluationError: the first trials all failed.
      StudyError, KeyboardInterrupt: the study cannot be opened or written; a second Ctrl-C.
    """
    from pliant.study.interrupt import undisturbed  # brings SQLAlchemy

    _check_known(launcher, workers)
    sent, template = _prepare(space, evaluate, algorithm)
    with ExitStack() as stack:
        path = Path(stack.enter_context(TemporaryDirectory()), "search.db") if study is None else study
        if (
            launcher is None
        ):  # first: it says so when a worker runs this that only wants a function of the file
            stack.callback(undisturbed, (launcher := Processes(workers)).close)
        source = study_source(path, template, algorithm, trials=trials, seed=seed, maximize=maximize)
        stack.callback(undisturbed, source.close)
        watch = _Watch(source.study, sent["evaluate"], on_end, is_patient=max_failures is not None)
        how = watch.run(launcher, sent, limits, attempts=attempts, max_failures=max_failures)
        return Result(template, source.study, how)


@final
class Result:
    """What a search found.

    Attributes:
      ended: ``complete``, ``interrupted`` or ``failures``.
      trials: those that ended, in the order of proposal.
    """

    def __init__(self, template: Template, study: Any, ended: str) -> None:
        self.ended = ended
        self.trials: list[Any] = [trial for trial in study.trials() if trial.ended is not None]
        self._template = template
        self._front = study.front()

    @property
    def front(self) -> list[tuple[Any, Reward]]:
        """The programs, made anew, that no other beats in all objectives, with their rewards."""
        return [(self._template.materialize(trial.decisions), trial.told) for trial in self._front]

    @property
    def best_program(self) -> Any:
        """The best program, made anew; None without a reward."""
        return self._template.materialize(self._front[0].decisions) if self._front else None

    @property
    def best_reward(self) -> Reward | None:
        """Its reward; of several objectives, that of the program that is best in the first one."""
        return self._front[0].told if self._front else None

    def __repr__(self) -> str:
        failures = sum(trial.reason is not None for trial in self.trials)
        failed = f"{failures} of them failed, " if failures else ""
        return f"<search of {len(self.trials)} trials, {failed}{self.ended}, best reward {self.best_reward}>"


@final
class _Watch:
    """Tells faults of the set-up from failures of programs, as outcomes come in."""

    def __init__(
        self, study: Any, evaluate: str, on_end: Callable[[Any], object] | None, *, is_patient: bool
    ) -> None:
        from pliant.study.patience import Patience

        self._study, self._evaluate, self._on_end = study, evaluate, on_end
        self._patience = None if is_patient else Patience(study, ADVICE)
        self._skipped: set[int] = set()  # trials that ended without reward as they should
        self._traces: dict[int, str] = {}

    def run(self, launcher: Launcher, sent: dict[str, Any], limits: Limits, **options: Any) -> str:
        """Runs what is left of the study; returns how it ended."""
        from pliant.study.run import run

        make = partial(make_job, evaluate_one, sent, limits)
        return run(
            self._study, launcher, make, read=self.read, on_end=self.end, on_interrupt=announce, **options
        ).how

    def read(self, trial: Any, outcome: Outcome) -> Any:
        """Says what an outcome means; raises where the worker could not load what it is to call."""
        from pliant.study.run import read_call

        said = outcome.value if isinstance(outcome.value, dict) else {}
        if "unloadable" in said:
            raise LaunchError(
                f"a worker cannot load {self._evaluate!r} or the space: {said['unloadable']}\n{said['trace']}"
                "Mend that, and call again: no trial was spent on it."
            )
        if said.get("skipped"):
            self._skipped.add(trial.id)
        self._traces[trial.id] = outcome.tail
        return read_call(trial, outcome)

    def end(self, trial: Any) -> None:
        """Passes a trial on that ended; raises where it is one of too many failures."""
        trace = self._traces.pop(trial.id, "")
        if self._on_end is not None:
            self._on_end(trial)
        if self._patience is not None and trial.id not in self._skipped:
            self._patience.note(trial, trace)


def announce(count: int) -> None:
    """Says on stderr, after the first Ctrl-C, what is waited for."""
    sys.stderr.write(
        f"waiting for {count} evaluation{'s' if count != 1 else ''}; Ctrl-C again ends {'them' if count != 1 else 'it'}\n"
    )
    sys.stderr.flush()


def _prepare(space: Any, evaluate: Any, algorithm: Algorithm | None) -> tuple[dict[str, Any], Template]:
    """Returns what a worker is sent, and the template of the space."""
    if algorithm is not None:
        check_algorithm(algorithm, "search")
    sent = describe_call(space, evaluate)
    template = Template(program_of(json.dumps(sent["space"])) if "name" in sent["space"] else space)
    if not template.space.points:
        raise SpaceError(
            f"there is nothing to search: this {type(space).__name__} has no hole. Put one in, such as pg.oneof([...])."
        )
    return sent, template


def _check_known(launcher: Any, workers: Any) -> None:
    if launcher is None:
        return
    if not isinstance(launcher, Launcher):
        raise FieldTypeError(
            f"launcher takes a launcher, such as pliant.launch.Processes(4); got {launcher!r:.80} of type "
            f"{type(launcher).__name__}."
        )
    if workers is not None:
        raise FieldTypeError("a launcher has its own number of workers; leave out `workers`.")
