"""Evaluates one trial of ``pg.search``, in a worker process: what is sent to it, and what it returns, as JSON."""

from __future__ import annotations

import inspect
import json
import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, final
from uuid import uuid4

from pliant.hyper.template import Template
from pliant.launch import Call, Channel, Job, Limits
from pliant.launch.functions import name_of, resolve
from pliant.space import Decisions
from pliant.symbolic.json.documents import from_json, to_json
from pliant.symbolic.read.compare import equal
from pliant.values.errors import (
    LaunchError,
    LoadError,
    PliantError,
    RewardError,
    StudyError,
    UnregisteredTypeError,
    quote,
)
from pliant.values.exceptions import Types, describe
from pliant.values.signature import read_signature
from pliant.values.text import to_printable

from .feedback import Feedback, Told, check_reward
from .files import open_files
from .progress import silence

MAIN, LOADED_MAIN = "__main__.", "__pliant_main__."  # what a worker calls the main file that it loads


@final
class ChannelReceiver:
    """Receives the feedback of a trial that runs elsewhere: reports go through a channel, the reward is kept."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.told: dict[str, Any] | None = None  # as ``evaluate_one`` returns it

    def report(self, trial: Feedback, reward: float, step: float) -> bool:
        """Passes an intermediate reward on; returns whether to stop."""
        answer = self.channel.report({"reward": reward, "step": step})
        if "error" in answer:
            raise StudyError(f"the report of trial {trial.id} is refused: {answer['error']}")
        return bool(answer["stop"])

    def tell(self, trial: Feedback, told: Told) -> bool:
        """Keeps the reward."""
        if told.reward is None:
            self.told = {"failed": told.reason, "cause": told.cause}
        else:
            self.told = read_result((told.reward, dict(told.metrics or {})))
        return told.reward is not None

    def end(self, trial: Feedback, told: Told, *, counts: bool) -> None:
        """Does nothing: the search notes its trials itself."""


def evaluate_one(payload: Any, channel: Channel) -> dict[str, Any]:
    """Evaluates one program in a worker; returns its reward and metrics, or why it failed, as ``read_call`` reads it."""
    try:
        evaluate = resolve(payload["evaluate"])
        template = _template_of(json.dumps(payload["space"]))
        catch: Any = None if payload["catch"] is None else tuple(map(resolve, payload["catch"]))
    except LaunchError as error:  # its message is enough
        return {"unloadable": str(error), "trace": ""}
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a file does as it is imported
        return {"unloadable": describe(error), "trace": "".join(traceback.format_exception(error)[-8:])}
    return _run_caught(Lent(evaluate, template, catch), payload, channel)


@final
@dataclass(slots=True)
class Lent:
    """What is evaluated: a function of the programs of a space; and what the last evaluation in this process left."""

    evaluate: Callable[..., Any]
    template: Template
    catch: Types | None  # the exceptions that fail only their trial; None for all
    error: BaseException | None = None  # another exception of the function
    program: tuple[Any, ...] = ()  # what was evaluated; empty without

    def take_program(self) -> tuple[Any, ...]:
        """Returns the program that was evaluated last, and forgets it; nothing if there is none."""
        found, self.program = self.program, ()
        return found


_lent: dict[str | None, Lent] = {}  # of the searches of this process


@contextmanager
def lend(lent: Lent) -> Iterator[str]:
    """Gives the trials of a search in this process a function and a space, under the key that is returned."""
    key = uuid4().hex
    _lent[key] = lent
    try:
        yield key
    finally:
        del _lent[key]


def evaluate_lent(payload: Any, channel: Channel) -> dict[str, Any]:
    """Evaluates one program in the process of the search, with a function that has no name."""
    return _run_caught(_lent[payload["lent"]], payload, channel)


def _run_caught(lent: Lent, payload: Any, channel: Channel) -> dict[str, Any]:
    """Evaluates one program; with ``catch``, says of an exception whether it is one of those."""
    try:
        found, told = run_one(lent.evaluate, lent.template, payload, channel)
    except LaunchError:  # of the channel
        raise
    except (Exception, SystemExit) as error:
        if lent.catch is None:
            raise
        is_caught, here = isinstance(error, lent.catch), _lent.get(payload.get("lent"))
        if here is not None and not is_caught:
            here.error = error
        return {**describe_failure(error), "caught": is_caught, "type": type(error).__qualname__}
    return read_result(found) if told is None else told


def describe_failure(error: BaseException) -> dict[str, Any]:
    """Returns an exception of an evaluation as the failure of its trial: the reason, the cause and the trace."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    return {
        "failed": to_printable(describe(error)),
        "cause": "reward" if isinstance(error, RewardError) else "error",
        "trace": to_printable("".join(lines), keep="\n"),
    }


def run_one(
    evaluate: Callable[..., Any], template: Template, payload: Any, channel: Channel
) -> tuple[Any, dict[str, Any] | None]:
    """Evaluates the program of the payload's decisions; returns the result, and the feedback it gave, if any."""
    decisions = Decisions(template.space, payload["decisions"])
    parent = None if payload["parent"] is None else Decisions(template.space, payload["parent"])
    files = open_files(payload)
    source = ChannelReceiver(channel)
    feedback = Feedback(source, payload["id"], decisions, parent=parent, files=files)
    program = template.materialize(decisions)
    if (here := _lent.get(payload.get("lent"))) is not None:
        here.program = (program,)
    with silence():  # of searches in the function
        found = evaluate(program, feedback) if takes_feedback(evaluate) else evaluate(program)
    if files is not None and (found is not None or source.told is not None):
        files.keep_weights(program)
        files.synchronize()
    return found, source.told if found is None else None


def read_result(found: object) -> dict[str, Any]:
    """Returns what ``evaluate`` returned, as JSON."""
    if found is None:
        return {"failed": "evaluate returned None instead of a reward: return the number", "cause": "reward"}
    reward, metrics = split_metrics(found)
    numbers: dict[str, float] = {}
    try:
        numbers, fault = _to_floats(metrics)
        good: Any = check_reward(reward)
        good = list(good) if isinstance(good, tuple) else good
        if fault is None:
            return {"reward": good, "metrics": numbers}
        several = good if isinstance(good, list) else ()
        numbers = ({f"reward {i}": one for i, one in enumerate(several, 1)} or {"reward": good}) | numbers
    except (PliantError, TypeError, ValueError) as error:
        fault = str(error)
    return {
        "failed": f"evaluate returned {' '.join(repr(found).split()):.80}: {fault}",
        "cause": "reward",
        "metrics": numbers,
    }


def _to_floats(metrics: dict[Any, Any]) -> tuple[dict[str, float], str | None]:
    """Returns those metrics that are finite numbers, and what is wrong with another."""
    found, fault = {}, None
    for name, value in metrics.items():
        try:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError(f"the metric {quote(str(name))} is {number}, which is not finite")
            found[str(name)] = number
        except (TypeError, ValueError) as error:
            fault = fault or str(error)
    return found, fault


def split_metrics(found: object) -> tuple[Any, dict[Any, Any]]:
    """Returns the reward and the metrics in what a function returned: ``(reward, {name: number})``, or a reward alone."""
    if isinstance(found, (tuple, list)) and len(found) == 2 and isinstance(found[1], dict):
        return found[0], found[1]
    return found, {}


def make_job(
    function: Callable[[Any, Channel], Any],
    sent: dict[str, Any],
    limits: Limits,
    trial: Any,
    *,
    parent_id: int | None = None,
) -> Job:
    """Returns the job of a trial: a call of a function such as ``evaluate_one`` with ``sent`` and the trial."""
    parent = None if trial.parent is None else list(trial.parent.values)
    payload = {**sent, "id": trial.id, "decisions": list(trial.decisions.values), "parent": parent}
    payload |= {"attempt": trial.attempts, "parent_id": parent_id}
    return Job(f"{trial.id}.{trial.token}", Call(function, payload), limits, trial.attempts)


def is_importable(function: Any) -> bool:
    """Returns whether another process can import a function by its name."""
    with suppress(LaunchError):
        return bool(name_of(function))
    return False


def describe_call(space: Any, evaluate: Any, catch: Types | None) -> dict[str, Any]:
    """Returns how a worker finds the function, the space and the types of exceptions, as JSON."""
    name = name_of(evaluate)
    sent = {"evaluate": name, "catch": None if catch is None else list(map(name_of, catch))}
    if inspect.isfunction(space):
        return {**sent, "space": {"name": name_of(space)}}
    try:
        data = to_json(space)
        text = json.dumps(data)
        again = from_json(json.loads(text))
        if not equal(again, space):
            raise LoadError("what is read back is not equal to it")
    except (PliantError, TypeError, ValueError) as error:
        raise LaunchError(
            f"this {type(space).__name__} cannot be sent to another process as JSON: {str(error).rstrip('.')}. Give the space as a function "
            "at the top of a module that returns it: `pg.search(make_space, evaluate, ...)`."
        ) from error
    return {
        **sent,
        "space": {"text": json.dumps(_rename(data)) if ".py:" in name else text, "after": name},
    }


def _rename(data: object) -> Any:
    """Returns the JSON of a program with the types of the main file named as a worker loads it."""
    if isinstance(data, dict):
        return {
            key: LOADED_MAIN + value.removeprefix(MAIN)
            if key == "_type" and isinstance(value, str) and value.startswith(MAIN)
            else _rename(value)
            for key, value in data.items()
        }
    return [_rename(value) for value in data] if isinstance(data, list) else data


def program_of(space: dict[str, str]) -> Any:
    """Returns the program that a payload describes: by the name of a function, as JSON text, or in a file of that."""
    if "name" in space:
        return resolve(space["name"])()
    resolve(space["after"])  # imports the module whose classes the program has
    text = space["text"] if "text" in space else Path(space["file"]).read_text("utf-8")
    try:
        return from_json(json.loads(text))
    except UnregisteredTypeError as error:
        raise LaunchError(
            f"the space has the type {quote(error.type_name)}, and {space['after']!r} does not import the module that declares it. "
            "Import that module where `evaluate` is defined; or pass the function that makes the space, which workers import as well: "
            "`pg.search(make_space, evaluate, ...)`."
        ) from error


@lru_cache(maxsize=4)
def _template_of(space: str) -> Template:
    return Template(program_of(json.loads(space)))


def takes_feedback(evaluate: Callable[..., Any]) -> bool:
    """Returns whether a function has a second parameter for feedback: one without a default, or of this name."""
    try:
        parameters = list(read_signature(evaluate).parameters.values())[1:2]
    except (TypeError, ValueError):
        return False
    return any(
        one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        and (one.default is one.empty or one.name == "feedback")
        for one in parameters
    )
