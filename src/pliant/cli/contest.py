"""Runs ``pliant search``: the search; if asked for, random search as a baseline; a hand-made program; and their tests.

Search and baseline evaluate equally many programs with the same function, and the hand-made program is evaluated once with
it.  ``test`` is called once for each, after all programs are chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from rich.console import Console

from pliant.study import Study, View
from pliant.study.artifacts.keep import Keep, to_keep
from pliant.study.store.location import Location, Server
from pliant.study.store.opening import is_free
from pliant.study.team.member import join
from pliant.study.writable import Writable
from pliant.tune.progress import Display, open_display
from pliant.tune.recorded import change_options
from pliant.tune.stopping import Rule
from pliant.tune.text import say, say_count
from pliant.values.errors import EvaluationError, SpaceChangedError, StudyChangedError, StudyError, quote
from pliant.values.text import to_printable

from .console import print_line, to_text
from .opening import open_file, open_space
from .removal import remove_studies
from .report import make_table, print_front, print_table, print_top, print_winner
from .target import Target, explain
from .trials import Pool, describe_target, run_in_workers, run_trials

Function = Callable[[Any], Any]
Runner = Callable[[Any, Writable, Display], None]  # of what `sample` returned for a study
TRIALS = 40  # of a new study


def make_algorithm(text: str) -> Any:
    """Returns the algorithm that ``text`` names; ``pliant.algorithms.naming`` says how it is written."""
    from pliant.algorithms import to_algorithm

    return to_algorithm(text)


@final
@dataclass(frozen=True, slots=True)
class Contender:
    """A way to choose a program, and its result."""

    label: str  # its name in the report
    evaluations: int  # how often ``evaluate`` was called for it
    make: Callable[[], Any]  # builds its program, a new one in each call: calls do not affect each other
    reward: float | None = None  # by ``evaluate``; None without one
    score: float | None = None  # by ``test``; None without one
    note: str = ""  # why a number is missing


@final
@dataclass(frozen=True, slots=True)
class Contest:
    """The options of ``pliant search``; ``run`` runs the search."""

    target: Target
    space: Path | None
    path: Location
    algorithm: str
    trials: int | None
    seed: int | None
    maximize: bool
    baseline: bool
    top: int
    restart: bool
    pool: Pool | None = None  # None: in this process, one at a time
    constraints: tuple[str, ...] = ()
    reuse: bool = False
    time_limit: float | None = None  # seconds of each search
    stop: Rule | str | None = None  # a rule that ends the search
    artifacts: str | None = None  # where trials save files
    keep: Keep | str | None = None  # which of them keep theirs
    goes_on: bool = False  # continue the study that exists, whatever its settings are
    make: Callable[[str], Any] = make_algorithm

    def run(self, console: Console) -> None:
        """Runs the trials that are left, and prints the report.

        Raises:
          TargetError: the file lacks a function, or a function of it fails.
          StudyError: the study at the path belongs to another search.
          EvaluationError: no program could be evaluated.
        """
        from pliant.tune import sample

        target, _ = self.target, to_keep(self.keep)
        evaluate = target.function("evaluate")
        test = target.function("test") if target.has("test") else None
        by_hand = target.make_handmade() is not None  # so that a mistake in it shows before the search
        opened = open_space(target.make_space()) if self.space is None else open_file(self.space)
        program = opened.program
        space = sample(program, "random", stop=self.stop).space
        print_line(console, f"{target.label}: {str(space).splitlines()[0]}")

        if self.restart:  # after all that could be wrong with what was typed, as this cannot be undone
            make_algorithm(self.algorithm).setup(space, seed=self.seed)
            remove_studies(self.path, baseline_path(self.path))

        given: dict[str, Any] = {
            "runs": self._choose_runner(evaluate),
            "console": console,
            "time_limit": self.time_limit,
        }
        if self.pool is not None:
            print_line(
                console,
                f"{say_count(self.pool.workers, 'worker')}. Ctrl-C once: finish running trials, then stop. Twice: stop now.",
            )
        trials = self.trials or (TRIALS if is_free(self.path) else None)
        with self._open(self.path, space, self.algorithm, trials) as study:
            self._begin(console, study)
            found = choose_by_search("search", program, study, **self._options, **given)
            more = " with more --trials" if study.is_complete else ""
            end = f"All trials are in {self.path}; run the same command{more} to continue."
            if found is None:
                print_front(console, study)
                print_line(console, end)
                return
            print_top(console, study, self.top)
            print_winner(console, study, found.make(), opened.write)
            contenders, count = [found], study.info().proposed
        budget = None
        if self.baseline and type(make_algorithm(self.algorithm)).__name__ != "Random":
            with self._open(baseline_path(self.path), space, "random", count) as study:
                at_random = choose_by_search("random search", program, study, **given)
                contenders += [] if at_random is None else [at_random]
                budget = find_budget(make_algorithm(self.algorithm))
        if by_hand:
            contenders.append(choose_by_hand(target.make_handmade, evaluate))
        print_contest(
            console, [measure(c, test) for c in contenders], has_test=test is not None, budget=budget
        )
        print_line(console, end)

    def _begin(self, console: Console, study: Writable) -> None:
        """Says what is searched by what; a study keeps the options of its last search only."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        print_line(console, f"Algorithm: {self.algorithm}{seed}")
        print_line(console, f"Study: {study.path} ({say_progress(study)})")
        if not self.goes_on:
            change_options(study, {name: None for name in ("stop", "keep") if not getattr(self, name)})

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "files": {"artifacts": self.artifacts, "keep": self.keep},
            "stop": self.stop,
            "without": "with --stop none" if self.goes_on else "without",
        }

    def _choose_runner(self, evaluate: Function) -> Runner:
        if self.pool is None:
            return lambda search, study, display: run_trials(search, study, evaluate, display)
        sent, pool, limit = describe_target(self.target, self.space), self.pool, self.time_limit
        return lambda search, _, display: run_in_workers(search, sent, pool, display, time_limit=limit)

    @contextmanager
    def _open(self, path: Location, space: Any, algorithm: str, trials: int | None) -> Iterator[Writable]:
        """Opens a study; where it belongs to another search, the error says what to type."""
        made = self.make(algorithm)
        try:
            study: Writable = (
                Study.open(path, space, made, trials=trials)
                if self.goes_on
                else join(
                    path,
                    space,
                    made,
                    trials=trials,
                    seed=self.seed,
                    maximize=self.maximize,
                    constraints=self.constraints,
                    reuse=self.reuse,
                )
            )
        except (StudyChangedError, SpaceChangedError) as error:
            if self.goes_on:
                raise
            raise StudyError(
                f"{error}\nUse --study PATH for another study, or --restart to delete this one and start again."
            ) from error
        with closing(study):
            yield study


def find_budget(algorithm: Any) -> str | None:
    """Returns the name of the budget that an algorithm, or the one inside it, decides itself; None if none does.

    >>> find_budget(make_algorithm("median_stopping(algorithm='asha')")), find_budget(make_algorithm("re"))
    ('budget', None)
    """
    from pliant.algorithms.fidelity.budget import find_budgeted

    found = find_budgeted(algorithm)
    return None if found is None else found.budget


def baseline_path(path: Location) -> Location:
    """Returns where the random search for comparison is stored.

    >>> baseline_path(Path("digits.study.db")).name
    'digits.study.random.db'
    """
    if isinstance(path, Server):
        return replace(path, study=f"{path.study}_random")
    return path.with_name(f"{path.stem}.random{path.suffix}")


def say_progress(study: View) -> str:
    """Returns how far a study is, as text."""
    info, counts = study.info(), study.counts()
    ended = sum(counts.values()) - counts["running"]
    trials = (
        f"{ended} trials"
        if info.budget is None or ended > info.budget
        else f"{ended} of {info.budget} trials"
    )
    if info.is_complete:
        return f"complete: {trials}"
    return f"continues after {trials}" if ended else "new"


def choose_by_search(
    label: str,
    program: object,
    study: Writable,
    *,
    runs: Runner,
    console: Console,
    time_limit: float | None = None,
    stop: Rule | str | None = None,
    files: dict[str, Any] | None = None,
    without: str = "without",
) -> Contender | None:
    """Runs what is left of a study, and returns its best; None of several rewards; raises EvaluationError without rewards.

    Args:
      label: what the display calls it.
      program: the space.
      study: open for writing.
      runs: runs the trials.
      console: for the display.
      time_limit: seconds after which no trial starts.
      stop: a rule that ends the search.
      files: the ``artifacts`` and ``keep`` of the search.
      without: how a command is run without a rule.
    """
    opened: Any = study  # alone or in a team
    from pliant.tune import sample

    kept: dict[str, Any] = files or {}
    search = sample(program, study=opened, progress=False, timeout_seconds=time_limit, stop=stop, **kept)
    if not study.is_complete:
        with open_display(console, label, study) as display:
            runs(search, study, display)
        if search.ended == "stopped" and (why := search._source.ended) is not None:
            why = why.removesuffix(search._source.continues)
            print_line(
                console,
                f"The {label} was {why}. The same command with another --stop, or {without}, continues it.",
            )
        elif time_limit is not None and not study.is_complete:
            print_line(console, f"The {label} was stopped after its time limit of {time_limit:g} s.")
        search = sample(program, study=opened, progress=False, **kept)  # with the trials that workers ran
    best = search.best_reward
    if isinstance(best, tuple):  # of several objectives, none is the best
        return None
    if best is None:
        last = list(study.trials("failed"))[-1]
        raise EvaluationError(
            f"all {last.id} trials of {study.path} failed; the last one: {last.reason}. "
            "Fix this, and run again with --restart."
        )
    return Contender(label, study.info().proposed, lambda: search.best_program, best)


def choose_by_hand(make: Callable[[], Any], evaluate: Function) -> Contender:
    """Evaluates the hand-made program, once."""
    from pliant.tune.worker import split_metrics

    hand = Contender("hand-made", 1, make)
    try:
        reward = float(split_metrics(evaluate(make()))[0])
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the search is done, and its report is due
        return replace(hand, note=f"evaluate failed: {explain(error)}")
    return (
        replace(hand, reward=reward)
        if math.isfinite(reward)
        else replace(hand, note=f"evaluate returned {reward}")
    )


def measure(contender: Contender, test: Function | None) -> Contender:
    """Returns a contender with its score by ``test``, or with the reason why there is none."""
    if test is None or contender.reward is None:
        return contender
    try:
        return replace(contender, score=float(test(contender.make())))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the search is done, and its report is due
        return replace(contender, note=f"test failed: {explain(error)}")


def print_contest(
    console: Console, contenders: Sequence[Contender], *, has_test: bool, budget: str | None = None
) -> None:
    """Prints the cost and the reward of each way to choose a program; ``budget`` is the budget that the search decided."""
    if len(contenders) == 1 and not has_test:  # nothing to compare
        return
    table = make_table("Comparison")
    table.add_column("")
    for name in ("evaluations", "reward", *(["test"] if has_test else [])):
        table.add_column(name, justify="right")
    for entry in contenders:
        scores = [say(entry.reward), *([say(entry.score)] if has_test else [])]
        table.add_row(to_text(entry.label), str(entry.evaluations), *scores)
    print_table(console, table)
    if budget is None:
        print_line(console, "An evaluation is one call of evaluate(program), the same for all rows.")
    else:
        print_line(
            console,
            f"An evaluation is one call of evaluate(program). Their work differs: the search chooses {quote(budget)} for each trial, "
            "and random search draws it at random, so the totals are not the same.",
        )
    if has_test:
        print_line(console, "test(program) was called once for each row, after all programs had been chosen.")
    for entry in contenders:
        if entry.note:
            print_line(console, to_printable(f"{entry.label}: {entry.note}"))
