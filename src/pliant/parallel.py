"""``search``: a search whose trials run in worker processes, or wherever a launcher runs them.

The loop of ``pg.sample`` evaluates one program after another, where it stands.  Here a function evaluates them, many at
once, and a study keeps what it says.  A worker gets decisions, and builds the program itself.
"""

from __future__ import annotations

import inspect
import json
import math
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

from pliant.algorithms import Algorithm
from pliant.algorithms.base import check_algorithm
from pliant.hyper.template import Template
from pliant.launch import Call, Channel, Job, Launcher, Limits, Outcome, Processes
from pliant.launch.functions import name_of, resolve
from pliant.launch.worker import describe
from pliant.space import Decisions
from pliant.symbolic.json.documents import from_json, to_json
from pliant.symbolic.read.compare import equal
from pliant.tune import Feedback, Metrics, Reward, Source, check_reward, study_source
from pliant.values.errors import FieldTypeError, LaunchError, LoadError, PliantError, SpaceError, StudyError

MAIN, LOADED_MAIN = "__main__.", "__pliant_main__."  # what a worker calls the main file that it loads
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


@final
class ChannelSource(Source):
    """The feedback of a trial that runs elsewhere: reports go through a channel, the reward is kept."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(maximize=True)
        self.channel = channel
        self.told: dict[str, Any] | None = None  # as ``evaluate_one`` returns it

    def ask(self) -> Feedback | None:
        """Returns None: the one trial that there is was given."""
        return None

    def report(self, id: int, decisions: Decisions, reward: float, step: float) -> bool:
        """Passes an intermediate reward on; returns whether to stop."""
        answer = self.channel.report({"reward": reward, "step": step})
        if "error" in answer:
            raise StudyError(f"what trial {id} reported was refused: {answer['error']}")
        return bool(answer["stop"])

    def tell(
        self, id: int, decisions: Decisions, reward: Reward | None, reason: str, *, metrics: Metrics
    ) -> bool:
        """Keeps the reward."""
        if reward is None:
            self.told = {"failed": reason, "skipped": True}
        else:
            self.told = read_result((reward, dict(metrics or {})))
        return reward is not None


def announce(count: int) -> None:
    """Says on stderr, after the first Ctrl-C, what is waited for."""
    sys.stderr.write(
        f"waiting for {count} evaluation{'s' if count != 1 else ''}; Ctrl-C again ends {'them' if count != 1 else 'it'}\n"
    )
    sys.stderr.flush()


def evaluate_one(payload: Any, channel: Channel) -> dict[str, Any]:
    """Evaluates one program, in a worker; returns its reward, metrics, or why it failed, as ``read_call`` takes it."""
    try:
        evaluate, template = resolve(payload["evaluate"]), _template_of(json.dumps(payload["space"]))
    except LaunchError as error:  # a lesson, which needs no traceback
        return {"unloadable": str(error), "trace": ""}
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a file does as it is imported
        return {"unloadable": describe(error), "trace": "".join(traceback.format_exception(error)[-8:])}
    found, told = run_one(evaluate, template, payload, channel)
    return read_result(found) if told is None else told


def run_one(
    evaluate: Callable[..., Any], template: Template, payload: Any, channel: Channel
) -> tuple[Any, dict[str, Any] | None]:
    """Evaluates the program of the payload's decisions; returns what that returned, and what it told its feedback, if any."""
    decisions = Decisions(template.space, payload["decisions"])
    parent = None if payload["parent"] is None else Decisions(template.space, payload["parent"])
    source = ChannelSource(channel)
    feedback = Feedback(source, payload["id"], decisions, parent=parent)
    program = template.materialize(decisions)
    found = evaluate(program, feedback) if takes_feedback(evaluate) else evaluate(program)
    return found, source.told if found is None else None


def read_result(found: Any) -> dict[str, Any]:
    """Returns what ``evaluate`` returned, as JSON."""
    if found is None:
        return {"failed": "evaluate returned None: there is no reward"}
    reward, metrics = split_metrics(found)
    numbers: dict[str, float] = {}
    try:
        numbers, fault = _to_floats(metrics)
        good = _to_json(check_reward(reward))
        if fault is None:
            return {"reward": good, "metrics": numbers}
        named = (
            {f"reward {i}": one for i, one in enumerate(good, 1)}
            if isinstance(good, list)
            else {"reward": good}
        )
        numbers = {**named, **numbers}
    except (PliantError, TypeError, ValueError) as error:
        fault = str(error)
    return {
        "failed": f"evaluate returned {' '.join(repr(found).split()):.80}: {fault}",
        "metrics": numbers,
    }


def _to_floats(metrics: dict[Any, Any]) -> tuple[dict[str, float], str | None]:
    """Returns those metrics that are finite numbers, and what is wrong with another."""
    found, fault = {}, None
    for name, value in metrics.items():
        try:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError(f"the metric {str(name)!r:.80} is {number}, no finite number")
            found[str(name)] = number
        except (TypeError, ValueError) as error:
            fault = fault or str(error)
    return found, fault


def split_metrics(found: Any) -> tuple[Any, dict[Any, Any]]:
    """Returns the reward and the metrics in what a function returned: ``(reward, {name: number})``, or a reward alone."""
    if isinstance(found, (tuple, list)) and len(found) == 2 and isinstance(found[1], dict):
        return found[0], found[1]
    return found, {}


def _to_json(reward: Reward) -> Any:
    return list(reward) if isinstance(reward, tuple) else reward


def _prepare(space: Any, evaluate: Any, algorithm: Algorithm | None) -> tuple[dict[str, Any], Template]:
    """Returns what a worker is sent, and the template of the space."""
    if algorithm is not None:
        check_algorithm(algorithm, "search")
    sent = _describe(space, evaluate)
    template = Template(_program_of(json.dumps(sent["space"])) if "name" in sent["space"] else space)
    if not template.space.points:
        raise SpaceError(
            f"there is nothing to search: this {type(space).__name__} has no hole. Put one in, such as pg.oneof([...])."
        )
    return sent, template


def make_job(
    function: Callable[[Any, Channel], Any], sent: dict[str, Any], limits: Limits, trial: Any
) -> Job:
    """Returns the job of a trial: a call of a function such as ``evaluate_one``, with what is sent of the trial beside."""
    parent = None if trial.parent is None else list(trial.parent.values)
    payload = {**sent, "id": trial.id, "decisions": list(trial.decisions.values), "parent": parent}
    return Job(f"{trial.id}.{trial.token}", Call(function, payload), limits, trial.attempts)


def _describe(space: Any, evaluate: Any) -> dict[str, Any]:
    """Returns how a worker finds the function and the space, as JSON."""
    name = name_of(evaluate)
    if inspect.isfunction(space):
        return {"evaluate": name, "space": {"name": name_of(space)}}
    try:
        data = to_json(space)
        text = json.dumps(data)
        again = from_json(json.loads(text))
        if not equal(again, space):
            raise LoadError("what is read back is not equal to it")
    except (PliantError, TypeError, ValueError) as error:
        raise LaunchError(
            f"this {type(space).__name__} cannot be sent to another process as JSON: {error}. Give the space as a function "
            "at the top of a module that returns it: `pg.search(make_space, evaluate, ...)`."
        ) from error
    return {"evaluate": name, "space": {"json": _rename(data) if ".py:" in name else data, "after": name}}


def _rename(data: Any) -> Any:
    """Returns the JSON of a program with the types of the main file named as a worker loads it."""
    if isinstance(data, dict):
        return {
            key: LOADED_MAIN + value.removeprefix(MAIN)
            if key == "_type" and isinstance(value, str) and value.startswith(MAIN)
            else _rename(value)
            for key, value in data.items()
        }
    return [_rename(value) for value in data] if isinstance(data, list) else data


def _program_of(text: str) -> Any:
    """Returns the program that a payload describes."""
    space = json.loads(text)
    if "name" in space:
        return resolve(space["name"])()
    resolve(space["after"])  # imports the module whose classes the program has
    return from_json(space["json"])


@lru_cache(maxsize=4)
def _template_of(text: str) -> Template:
    return Template(_program_of(text))


def takes_feedback(evaluate: Callable[..., Any]) -> bool:
    """Returns whether a function has a second parameter for feedback: one without a default, or of this name."""
    try:
        parameters = list(inspect.signature(evaluate).parameters.values())[1:2]
    except (TypeError, ValueError):
        return False
    return any(
        one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        and (one.default is one.empty or one.name == "feedback")
        for one in parameters
    )


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
