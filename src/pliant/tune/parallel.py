"""``search``: evaluates programs of a space with a function, many at once in worker processes, or in this process."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, final

from pliant.algorithms import Algorithm, to_algorithm
from pliant.hyper.template import Template
from pliant.launch import InPlace, Job, Launcher, Limits, Outcome, Processes
from pliant.launch.functions import resolve
from pliant.symbolic.tree.realize import hole_paths
from pliant.values.errors import EvaluationError, FieldTypeError, LaunchError, quote, quote_typed
from pliant.values.exceptions import Types, check_exceptions
from pliant.values.slips import check_names

from .arguments import REMEDIES, check_callbacks, check_ends, check_holes, check_trials
from .files import Storage
from .opening import study_source
from .progress import write_line
from .ranks import Ranks, find_ranks
from .result import Result
from .source import CONTINUES as OTHERWISE
from .source import Callback, StudySource, find_reason, remove_files
from .worker import (
    Lent,
    describe_call,
    evaluate_lent,
    evaluate_one,
    is_importable,
    lend,
    make_job,
    program_of,
)

if TYPE_CHECKING:
    from pliant.study import Study, Trial
    from pliant.study.artifacts import Keep
    from pliant.study.callbacks import Callback as Watcher

    from .stopping import Rule

T = TypeVar("T")
ADVICE = "Fix this and run again{}. If many failures are expected, set max_failures=N."
CONTINUES = ": with the same `study`, the search continues with the next trial, up to `trials` in all"


@check_names(REMEDIES["search"])
def search(
    space: T | Callable[[], T],
    evaluate: Callable[..., Any] | str,
    algorithm: Algorithm | str | None = None,
    trials: int | None = None,
    *,
    workers: int | None = None,
    study: Study | Path | str | None = None,
    seed: int | None = None,
    maximize: bool | None = None,
    timeout_seconds: float | None = None,
    stop: Rule | str | None = None,
    callbacks: Sequence[Callback | Watcher] = (),
    progress: bool = True,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    attempts: int | None = 3,
    catch: type[Exception] | Iterable[type[Exception]] | None = None,
    max_failures: int | None = None,
    on_end: Callback | None = None,
    launcher: Launcher | None = None,
    artifacts: Path | str | None = None,
    keep: Keep | str | None = None,
    gpus_per_trial: float | None = None,
) -> Result[T]:
    """Searches a space: ``pg.search(space, evaluate, trials=100)`` evaluates programs and returns what was found.

    Args:
      space: a program with holes; or a function at the top of a module that returns it.
      evaluate: returns a reward, several, or ``(reward, metrics)``; raises or returns None where it fails; may take a ``Feedback``
        as well. At the top of a file that calls ``search`` under ``if __name__ == "__main__":``; else it runs in this process.
      algorithm: an algorithm, or its name such as ``"tpe"``; the default ``Auto`` when None.
      trials: how many in all; None until the algorithm has nothing left or the time is over.
      workers: how many processes; None for one for each processor.
      study: a file or address that stores every trial, so that the same call continues it, or joins it; or an open study.
      seed: replaces the algorithm's seed.
      maximize: whether higher rewards are better; None for True, or for what an open study has.
      timeout_seconds: wall-clock limit: no evaluation starts after it, and those that run are finished.
      stop: a rule that ends the search, such as ``"no_improvement(trials=50)"`` or ``pg.tune.RegretBound(0.01)``.
      callbacks: functions that are called with each trial that ended; an exception ends the search. Or ``pliant.study.callbacks``.
      progress: whether progress and a summary are shown on standard error.
      limits: time and memory of one evaluation; beyond them, it has failed.
      attempts: how often a trial is tried whose worker, or this process, is lost; None for no limit.
      catch: types of exceptions of ``evaluate`` that fail only their trial; others end the search. None catches all.
      max_failures: how many failed trials end the search, skipped ones aside; None: an error when the first five, or all, fail.
      on_end: one more callback.
      launcher: runs the evaluations instead of ``workers`` processes; the caller closes it.
      artifacts: a folder or URL for the files that trials save; None for one beside the study.
      gpus_per_trial: GPUs that each worker has for itself, a whole number or a part such as 0.5; ``workers`` follows from it.
      keep: which trials keep their files: ``"best"``, ``"front"``, ``"all"``, a ``Keep``; weights of networks are then saved.

    Raises:
      SpaceError, LaunchError, EvaluationError, StudyError: no hole; no import in workers; all trials fail; no study there.
    """
    settings = {"trials": check_trials(trials), "seed": seed, "maximize": maximize}
    given, types = None if algorithm is None else to_algorithm(algorithm), _check_catch(catch)
    ends = check_ends(timeout_seconds, stop, "search", attempts=attempts, max_failures=max_failures)
    where = {"launcher": launcher, "seats": _Seats(workers, gpus_per_trial), "limits": limits, "catch": types}
    opened = {"study": study, "algorithm": given, "files": (artifacts, keep), **settings}
    shown = {"callbacks": _join(callbacks, on_end), "progress": progress}
    return _search(space, evaluate, where=where, opened=opened, shown=shown, ends=ends)


def _join(callbacks: object, on_end: Callback | None) -> tuple[Any, ...]:
    return (*check_callbacks(callbacks), *check_callbacks([] if on_end is None else [on_end]))


def _search(
    space: Any,
    evaluate: Any,
    *,
    where: dict[str, Any],
    opened: dict[str, Any],
    shown: dict[str, Any],
    ends: dict[str, Any],
) -> Result[Any]:
    """Searches with arguments that were checked: alone, or as one of several processes that evaluate each trial together."""
    names = {"workers": where["seats"].workers, "gpus_per_trial": where["seats"].gpus}
    ranks = find_ranks(**names, launcher=where["launcher"], limits=where["limits"] != Limits())
    if ranks is not None and ranks.rank:
        return ranks.follow(_make(space), _to_function(evaluate, space), opened["files"][1])
    with ExitStack() as stack:
        if ranks is not None:
            stack.enter_context(ranks.leading())
            evaluate = ranks.share(_to_function(evaluate, space))
        work = _prepare(stack, space, evaluate, **where)
        watch = _open(stack, work, ends=ends, **opened)
        return watch.run(**shown, **ends) if ranks is None else watch.run_in_ranks(ranks, **shown, **ends)


class _Seats(NamedTuple):
    """How many worker processes there are, and how many GPUs each of them has."""

    workers: int | None = None
    gpus: float | None = None


class _Work(NamedTuple):
    """How the trials of a search are evaluated."""

    template: Template
    launcher: Launcher
    make: Callable[..., Job]  # the job of a trial
    sent: dict[str, Any]  # with each job
    name: str  # of the function
    why: str | None  # it is called in this process
    lent: Lent | None  # where trials run in this process


def _prepare(
    stack: ExitStack,
    space: object,
    evaluate: Any,
    *,
    limits: Limits,
    launcher: Launcher | None,
    seats: _Seats,
    catch: Types | None,
) -> _Work:
    """Returns how to evaluate trials: in the launcher that was given, in worker processes, or in this process."""
    from pliant.study.interrupts import undisturbed  # brings SQLAlchemy

    _check_known(launcher, seats)
    _check_evaluate(evaluate, space)
    sent: dict[str, Any] = {"space": {}}
    may_stay = launcher is None and seats == _Seats() and limits == Limits() and callable(evaluate)
    try:
        sent = describe_call(space, evaluate, catch)
        why = _find_unguarded(sent) if may_stay else None
    except LaunchError as error:
        if not may_stay and callable(evaluate) and not is_importable(evaluate):
            file = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
            if getattr(evaluate, "__module__", "") == "__main__" and not file.is_file():
                raise LaunchError(
                    f"{error} Or leave out workers, limits and launcher: then it runs in this process."
                ) from error
            raise LaunchError(
                f"worker processes cannot import evaluate, {quote(evaluate, 100)}. Define it with `def` at the top level of a "
                "module, and load its data inside it; or leave out workers, limits and launcher: then it runs in this process."
            ) from error
        if not may_stay:
            raise
        why = str(error)
    call, name, lent = evaluate_one, sent.get("evaluate", repr(evaluate)), None
    if why is not None:
        template = Template(_make(space))
        call, sent = evaluate_lent, {"space": {}}
    else:
        template = Template(program_of(sent["space"]) if "name" in sent["space"] else space)
    if why is not None or isinstance(launcher, InPlace):
        lent = Lent(evaluate, template, catch)
        sent["lent"] = stack.enter_context(lend(lent))
    check_holes(template, space)
    if launcher is None:  # raises in a worker that imports a script only for a function of it
        launcher = Processes(seats.workers, gpus_per_worker=seats.gpus) if why is None else InPlace()
        stack.callback(undisturbed, launcher.close)
    if "text" in sent["space"] and isinstance(launcher, (Processes, InPlace)):
        file = Path(stack.enter_context(TemporaryDirectory()), "space.json")
        file.write_text(sent["space"].pop("text"), encoding="utf-8")
        sent["space"]["file"] = str(file)
    return _Work(template, launcher, partial(make_job, call, sent, limits), sent, name, why, lent)


def _find_unguarded(sent: dict[str, Any]) -> str | None:
    """Returns why workers cannot load the main script: it would call ``search`` again; None where they can."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    home = file and str(Path(file).resolve()) if spec is None else spec.name
    if not any(name.rpartition(":")[0] == home for name in (sent["evaluate"], sent["space"].get("name", ""))):
        return None
    frame = sys._getframe()
    while frame.f_globals is not main.__dict__ or frame.f_code.co_name != "<module>":
        if frame.f_back is None:
            return None
        frame = frame.f_back
    for node in ast.parse(Path(str(file)).read_text("utf-8")).body:
        is_guard = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
        if is_guard and node.lineno <= frame.f_lineno <= (node.end_lineno or node.lineno):
            return None
    return "to use worker processes, call pg.search under `if __name__ == '__main__':`"


def _open(
    stack: ExitStack,
    work: _Work,
    *,
    study: object,
    algorithm: Algorithm | None,
    ends: dict[str, Any],
    files: tuple[object, object],
    **settings: Any,
) -> _Watch:
    """Opens the study of a search: the one that was given, or one in a temporary folder."""
    from pliant.study.interrupts import undisturbed

    path = Path(stack.enter_context(TemporaryDirectory()), "search.db") if study is None else study
    team = None if study is None else {"attempts": ends["attempts"]}
    source = study_source(path, work.template, algorithm, team=team, **settings)
    stack.callback(undisturbed, source.close)
    stack.callback(source.finish)
    source.storage = Storage(*files, source.study._location if study is not None else None)
    work.sent["files"] = source.storage.describe()  # workers find it in the payload of each job
    return _Watch(source, work, is_patient=ends["max_failures"] is not None, is_stored=study is not None)


@final
class _Watch:
    """Runs the trials of a search; tells faults of the set-up from failures of programs, as outcomes come in."""

    def __init__(self, source: StudySource, work: _Work, *, is_patient: bool, is_stored: bool) -> None:
        from pliant.study.run import Patience

        self.source, self._work = source, work
        self._continues = CONTINUES if is_stored else ""
        self._patience = None if is_patient else Patience(source.study, ADVICE.format(self._continues))
        self._traces: dict[int, str] = {}
        self._said: dict[int, dict[str, Any]] = {}  # of exceptions, with `catch`
        self._has_run = False  # whether a trial has ended

    def run(self, callbacks: tuple[Callback, ...], *, progress: bool, **options: Any) -> Result[Any]:
        """Runs what is left of the study; returns what was found."""
        from pliant.study.run import explain_failures, run
        from pliant.study.walltime import Walltime

        source, work = self.source, self._work
        rule = options.pop("stop")
        source.watch(
            progress=progress, callbacks=callbacks, timeout_seconds=options["timeout_seconds"], stop=rule
        )
        if source.begin(sys._getframe()) and work.why is not None:
            write_line(f"search: evaluations run in this process, one at a time: {work.why}")
        ending = run(
            source.study,
            work.launcher,
            lambda trial: work.make(trial, parent_id=source.find_parent(trial)),
            read=self.read,
            on_end=self.end,
            on_interrupt=announce,
            walltime=Walltime.of_environment(),
            stop=partial(find_reason, source),
            **options,
        )
        remove_files(source)
        if ending.how != "complete":
            why = "Stopped by Ctrl-C" if ending.how == "interrupted" else ending.message
            source.ended = why.replace("Stopped", "stopped", 1).rstrip(".")
            source.ended += OTHERWISE if ending.how == "stopped" and self._continues else ""
        else:
            source.ended = source.study.exhaustion
            if self._patience is not None:
                if not self._has_run and (hopeless := explain_failures(source.study)):
                    raise EvaluationError(hopeless)
                self._patience.finish()
        return Result(
            work.template.space,
            work.template.materialize,
            source.trials(),
            front=source.study.front(),
            kept=source.tally.kept,
            ended=ending.how,
            storage=source.storage,
            maximize=source.study.maximize,
        )

    def run_in_ranks(self, ranks: Ranks, callbacks: tuple[Callback, ...], **options: Any) -> Result[Any]:
        """As ``run``, in rank 0 of several processes that evaluate each trial together."""
        ranks.files = self._work.sent["files"]
        self._work = self._work._replace(why=f"each of them uses {ranks.size} processes")
        result = self.run(callbacks, **options)
        ranks.publish(result, maximize=self.source.study.maximize)
        return result

    def read(self, trial: Trial, outcome: Outcome) -> Any:
        """Returns what an outcome means; raises where the worker could not load what it should call."""
        from pliant.study.run import read_call

        said = outcome.value if isinstance(outcome.value, dict) else {}
        if "unloadable" in said:
            raise LaunchError(
                f"a worker cannot load {self._work.name!r} or the space: {said['unloadable']}\n{said['trace']}"
                "Fix this and run again: no trial was spent on it."
            )
        self._traces[trial.id] = outcome.tail
        if "caught" in said:
            self._said[trial.id] = said
        return read_call(trial, outcome)

    def end(self, trial: Trial) -> None:
        """Passes a trial on that ended; raises where it is one of too many failures."""
        trace, self._has_run = self._traces.pop(trial.id, ""), True
        said = self._said.pop(trial.id, None)
        self.source.add(
            self.source.with_files(trial), () if self._work.lent is None else self._work.lent.take_program()
        )
        if said is not None and not said["caught"]:
            self._raise(trial, said)
        if self._patience is not None:
            self._patience.note(trial, trace, is_expected=said is not None)

    def _raise(self, trial: Trial, said: dict[str, Any]) -> None:
        """Raises an exception of the function that ``catch`` does not list."""
        lent = self._work.lent
        if lent is not None and lent.error is not None:
            lent.error.add_note(f"evaluate raised this in trial {trial.id}, which is recorded as failed.")
            raise lent.error
        raise EvaluationError(
            f"trial {trial.id} failed, and `catch` does not list {said['type']}: {trial.reason}\n{said['trace']}"
            f"Fix this and run again{self._continues}; or list it in `catch`."
        )


def _make(space: Any) -> Any:
    return space() if inspect.isfunction(space) else space


def _to_function(evaluate: Any, space: Any) -> Callable[..., Any]:
    _check_evaluate(evaluate, space)
    found: Callable[..., Any] = resolve(evaluate) if isinstance(evaluate, str) else evaluate
    return found


def announce(count: int) -> None:
    """Writes to standard error, after the first Ctrl-C, how many evaluations still run."""
    it, they = ("evaluation", "it") if count == 1 else ("evaluations", "them")
    write_line(f"finishing {count} {it}, then stopping; Ctrl-C again stops {they} now")


def _check_evaluate(evaluate: Any, space: Any) -> None:
    if not (callable(evaluate) or isinstance(evaluate, str)) or hole_paths(evaluate):
        swapped = " The space comes first: pg.search(space, evaluate)." if callable(space) else ""
        raise FieldTypeError(
            f"evaluate is a function that returns the reward of a program, or its name 'module:function'; got "
            f"{quote_typed(evaluate)}.{swapped}"
        )


def _check_catch(catch: object) -> Types | None:
    """Returns the types of exceptions that ``catch`` lists; None for None."""
    return None if catch is None else check_exceptions(catch, "search(catch=...)")


def _check_known(launcher: Any, seats: _Seats) -> None:
    if launcher is None:
        return
    if not isinstance(launcher, Launcher):
        raise FieldTypeError(
            f"launcher takes a launcher, such as pliant.launch.Processes(4); got {quote_typed(launcher)}."
        )
    if seats != _Seats():
        raise FieldTypeError(
            "a launcher has its own number of workers; leave out `workers` and `gpus_per_trial`."
        )
