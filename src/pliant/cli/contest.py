"""Runs ``pliant search``: the search; if asked for, random search as a baseline; a hand-made program; and their tests.

Search and baseline evaluate equally many programs with the same function, and the hand-made program is evaluated once with
it.  ``test`` is called once for each, after all programs are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from rich.console import Console

from pliant.study import Study
from pliant.study.store.location import Location, Server
from pliant.study.store.opening import is_free
from pliant.tune.text import say_count
from pliant.values.errors import SpaceChangedError, StudyChangedError, StudyError

from .algorithm import find_budget, make_algorithm
from .console import print_line
from .contender import Function, Runner, choose_by_hand, choose_by_search, measure
from .opening import Opened, open_file, open_space
from .removal import remove_studies
from .report import print_contest, print_front, print_top, print_winner
from .target import Target
from .trials import run_trials
from .workers import Pool, describe_target, run_in_workers

TRIALS = 40  # of a new study


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

        target = self.target
        evaluate = target.function("evaluate")
        test = target.function("test") if target.has("test") else None
        by_hand = target.make_handmade() is not None  # so that a mistake in it shows before the search
        opened = self._open_space()
        program = opened.program
        space = sample(program, "random").space
        print_line(console, f"{target.label}: {str(space).splitlines()[0]}")

        if self.restart:  # after all that could be wrong with what was typed, as this cannot be undone
            make_algorithm(self.algorithm).setup(space, seed=self.seed)
            remove_studies(self.path, baseline_path(self.path))

        given: dict[str, Any] = {"runs": self._choose_runner(evaluate), "console": console}
        if self.pool is not None:
            print_line(
                console,
                f"{say_count(self.pool.workers, 'worker')}. Ctrl-C once: finish running trials, then stop. Twice: stop now.",
            )
        trials = self.trials or (TRIALS if is_free(self.path) else None)
        with self._open(self.path, space, self.algorithm, trials) as study:
            seed = "" if self.seed is None else f", seed {self.seed}"
            print_line(console, f"Algorithm: {self.algorithm}{seed}")
            print_line(console, f"Study: {study.path} ({say_progress(study)})")
            found = choose_by_search("search", program, study, **given)
            if found is None:
                print_front(console, study)
                print_line(console, self._say_end())
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
        print_line(console, self._say_end())

    def _open_space(self) -> Opened:
        return open_space(self.target.make_space()) if self.space is None else open_file(self.space)

    def _say_end(self) -> str:
        return f"All trials are in {self.path}; run the same command with more --trials to continue."

    def _choose_runner(self, evaluate: Function) -> Runner:
        if self.pool is None:
            return lambda search, study, display: run_trials(search, study, evaluate, display)
        sent, pool = describe_target(self.target, self.space), self.pool
        return lambda _, study, display: run_in_workers(study, sent, pool, display)

    @contextmanager
    def _open(self, path: Location, space: Any, algorithm: str, trials: int | None) -> Iterator[Study]:
        """Opens a study; where it belongs to another search, the error says what to type."""
        made = self.make(algorithm)
        try:
            study = (
                Study.open(path, space, made, trials=trials)
                if self.goes_on
                else Study.open_or_create(
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
        with study:
            yield study


def baseline_path(path: Location) -> Location:
    """Returns where the random search for comparison is stored.

    >>> baseline_path(Path("digits.study.db")).name
    'digits.study.random.db'
    """
    if isinstance(path, Server):
        return replace(path, study=f"{path.study}_random")
    return path.with_name(f"{path.stem}.random{path.suffix}")


def say_progress(study: Study) -> str:
    """Returns how far a study is, as text."""
    info, counts = study.info(), study.counts()
    ended = counts["completed"] + counts["failed"]
    trials = f"{ended} trials" if info.budget is None else f"{ended} of {info.budget} trials"
    if info.is_complete:
        return f"complete: {trials}"
    return f"continues after {trials}" if ended else "new"
