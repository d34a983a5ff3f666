"""``sample`` and ``Search``: a search as a for-loop over programs, each with its ``Feedback``."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, final, overload

from pliant.algorithms import Algorithm, to_algorithm
from pliant.algorithms.options import check_maximize
from pliant.hyper.partition import Where, to_where
from pliant.hyper.template import Template, check_selection
from pliant.hyper.tracing import Trace
from pliant.space import Decisions, Space
from pliant.values.errors import FeedbackError, FieldTypeError
from pliant.values.missing import MISSING_VALUE
from pliant.values.slips import check_names

from .arguments import REMEDIES, check_callbacks, check_ends, check_holes, check_trials
from .feedback import Feedback, Reward
from .result import Found
from .source import Callback, MemorySource, Source

if TYPE_CHECKING:
    from pliant.study import Study, Trial
    from pliant.study.artifacts import Artifacts, Keep
    from pliant.study.callbacks import Callback as Watcher

    from .stopping import Rule

T = TypeVar("T")


@final
class Search(Found[T], Iterator[tuple[T, Feedback]]):
    """A search loop: yields ``(program, feedback)``.  Made by ``pg.sample``.

    It ends after its trials, when the algorithm has nothing left, when its time is over, or when a rule stops it.  An algorithm that has no first
    trial raises Exhausted.  What was found can be read during the loop and after it: ``best_program``, ``best_reward``,
    ``best_decisions``, ``front``, ``trials``.
    """

    def __init__(self, space: Space, source: Source, make: Callable[[Decisions], T]) -> None:
        super().__init__(space, make, maximize=source.tally.maximize)
        self._source = source
        self._open: Feedback | None = None
        self._ended = False
        weakref.finalize(self, source.finish)  # a loop that is left gives the terminal back

    def __next__(self) -> tuple[T, Feedback]:
        if self._open is not None and not self._open.is_told:
            raise FeedbackError(
                f"the loop moved on without feedback for trial {self._open.id} ({self._open.decisions.to_params_str()}). "
                "In every turn call `feedback(reward)`, or `feedback.skip('why')` for a trial that failed."
            )
        self._open = None
        asked = None if self._ended else self._source.take()
        if asked is None:
            self._ended = True
            raise StopIteration
        self._open = asked
        self._source.running = program = self._make(asked.decisions)
        return program, asked

    def close(self) -> None:
        """Ends the search; closes a study that was opened for it, so that other processes may write it.

        What was found stays readable.  An open study that was passed stays open.
        """
        self._ended = True
        self._open = None
        self._source.finish()
        self._source.close()

    def __enter__(self) -> Search[T]:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def ended(self) -> str | None:
        """How the loop ended, as of ``pg.search``: ``complete``, ``timeout`` or ``stopped``; None while it runs, or if it was left."""
        return self._source.how

    @property
    def trials(self) -> list[Trial]:
        return self._source.trials()

    @property
    def artifacts(self) -> Artifacts:
        return self._source.storage.open()

    @property
    def _has_weights(self) -> bool:
        return self._source.storage.keep is not None

    def _front_ids(self) -> list[int]:
        return self._source.tally.front_ids

    def _trial(self, id: int) -> Trial:
        return self._source.trial(id)

    def _best(self) -> list[tuple[Decisions, Reward]]:
        return self._source.tally.front()

    def _kept(self) -> tuple[tuple[int, Any] | None, int | None]:
        return self._source.tally.kept, self._source.tally.best_id

    def _counts(self) -> tuple[int, int]:
        return self._source.tally.done, self._source.tally.failed


class Options(TypedDict, total=False):
    """The arguments of ``sample`` by keyword, as type checkers see them."""

    seed: int | None
    maximize: bool | None
    study: Study | Path | str | None
    timeout_seconds: float | None
    stop: Rule | str | None
    callbacks: Sequence[Callback | Watcher]
    progress: bool
    attempts: int | None
    artifacts: Path | str | None
    keep: Keep | str | None
    search_space: Any
    where: Any
    num_examples: int | None


@overload
def sample(
    space: Trace,
    algorithm: Algorithm | str | None = None,
    trials: int | None = None,
    partition_fn: object = None,
    **options: Unpack[Options],
) -> Search[Callable[[], AbstractContextManager[None]]]: ...
@overload
def sample(
    space: T,
    algorithm: Algorithm | str | None = None,
    trials: int | None = None,
    partition_fn: object = None,
    **options: Unpack[Options],
) -> Search[T]: ...
@overload
def sample(
    *,
    algorithm: Algorithm | str | None = None,
    trials: int | None = None,
    partition_fn: object = None,
    **options: Unpack[Options],
) -> Search[Any]: ...
@check_names(REMEDIES["sample"])
def sample(
    space: object = MISSING_VALUE,
    algorithm: Algorithm | str | None = None,
    trials: int | None = None,
    partition_fn: object = None,
    *,
    seed: int | None = None,
    maximize: bool | None = None,
    study: Study | Path | str | None = None,
    timeout_seconds: float | None = None,
    stop: Rule | str | None = None,
    callbacks: Sequence[Callback | Watcher] = (),
    progress: bool = True,
    attempts: int | None = 3,
    artifacts: Path | str | None = None,
    keep: Keep | str | None = None,
    search_space: object = MISSING_VALUE,
    where: object = None,
    num_examples: int | None = None,
) -> Search[Any]:
    """Searches a space: ``for program, feedback in pg.sample(space, trials=100): feedback(reward)``.

    Args:
      space: a program with holes, a hole, plain containers with holes, or a ``pg.trace``.
      algorithm: an algorithm, or its name such as ``"tpe"``; the default ``Auto`` when None. Used again, it continues.
      trials: how many turns; None until the algorithm has nothing left (as a ``Sweep``) or the time is over.
      partition_fn: which holes to decide: a function of the hole, or a regular expression of paths; others stay open.
      seed: replaces the algorithm's seed, unless it was used before; same seed, same search.
      maximize: whether higher rewards are better; None for True, or for what an open study has.
      study: the path of a file that stores every trial, so that the same call resumes the search later; or an open study.
      timeout_seconds: wall-clock limit from the first trial: no trial starts after it, the running one is finished.
      stop: a rule that ends the search, such as ``"no_improvement(trials=50)"`` or ``pg.tune.RegretBound(0.01)``.
      callbacks: functions that are called with each trial that ended; an exception ends the search. Or ``pliant.study.callbacks``.
      progress: whether progress and a summary are shown on standard error; of searches inside a search, only of the outermost.
      attempts: how often a ``study`` tries a trial whose process ends or whose turn raises an error; None for no limit.
      artifacts: a folder or URL for the files that trials save; None for one beside the study.
      keep: which trials keep their files: ``"best"``, ``"front"``, ``"all"``, a ``Keep``; weights of networks are then saved.
      search_space: another name of ``space``.
      where: another name of ``partition_fn``.
      num_examples: another name of ``trials``.

    Raises:
      SpaceError: the space has no hole to decide.
      SpaceChangedError: the study has another space; the message shows the difference.
      FeedbackError, EvaluationError: from the loop: a turn had no feedback; the study is complete, and all its trials failed.

    >>> import pliant as pg
    >>> for program, feedback in (search := pg.sample(pg.Dict(x=pg.intv(0, 9)), "sweep", progress=False)):
    ...     feedback(-(program.x - 3) ** 2)
    >>> search.best_program, search.best_reward
    ({x=3}, 0.0)
    """
    space = _only(space, search_space, MISSING_VALUE, "space", "search_space")
    trials = check_trials(_only(trials, num_examples, None, "trials", "num_examples"))
    given = None if algorithm is None else to_algorithm(algorithm)
    template, make = _prepare(space, to_where(_only(partition_fn, where, None, "partition_fn", "where")))
    ends, called = check_ends(timeout_seconds, stop, "sample", attempts=attempts), check_callbacks(callbacks)
    source = _open(template, given, study, trials=trials, seed=seed, maximize=maximize)
    source.watch(progress=progress, callbacks=called, files=(artifacts, keep), **ends)
    return Search(template.space, source, make)


def _open(template: Template, algorithm: Algorithm | None, study: object, **options: Any) -> Source:
    """Returns where the trials come from: a study, or an algorithm in memory."""
    if study is not None:
        from .opening import study_source

        return study_source(study, template, algorithm, **options)
    algorithm = algorithm or to_algorithm()
    algorithm.setup(template.space, seed=options["seed"], trials=options["trials"])
    template.space = algorithm.space  # an equal one, when the algorithm was used before
    return MemorySource(algorithm, options["trials"], maximize=check_maximize(options["maximize"]))


def _prepare(space: object, where: Where | None) -> tuple[Template, Callable[[Decisions], Any]]:
    """Returns the template of a space, and what turns decisions into what the loop yields."""
    if space is MISSING_VALUE:
        raise FieldTypeError(
            "sample needs a space: a program with holes, such as pg.Dict(x=pg.oneof([1, 2]))."
        )
    template = Template(space.space if isinstance(space, Trace) else space, where)
    if where is not None:
        check_selection(template)
    check_holes(template, space)
    if isinstance(space, Trace):  # the loop yields functions that open the context of one example
        return template, lambda decisions: partial(space.run, template.materialize(decisions))
    return template, template.materialize


def _only(value: object, alias: object, absent: object, name: str, alias_name: str) -> Any:
    """Returns whichever of an argument and its other name was given."""
    if alias is absent:
        return value
    if value is not absent:
        raise FieldTypeError(f"{name} and {alias_name} are one argument; give one of them.")
    return alias
