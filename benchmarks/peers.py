"""The peers of ``algorithms.py``: other libraries' searches over a space of flat choices, as their own users
would call them.  Evaluates nothing itself: each is given ``tell``, which looks a candidate up in the table.

All see the same: a number of choices, each of a few unordered candidates; a reward to maximize; no noise.
What a library calls its default is used; where there is none, or where another setting is known to suit small
budgets better, that is a peer of its own, so that every library is measured at its best.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from pliant.bench.curves import Curve, Recorder
from pliant.bench.entrant import Entrant
from pliant.space import Decisions

Values = tuple[int, ...]
Tell = Callable[[Values], float]
Search = Callable[[Values, int, int, Tell], None]  # counts of candidates, trials, seed, tell


@dataclass(frozen=True)
class Peer(Entrant):
    """A search of another library.

    Args:
      label: what tables call it, and its name in ``PEERS``.
    """

    label: str

    @property
    def stamp(self) -> str:
        library = PEERS[self.label]
        return f"{library.distribution} {library.version()}"

    def check(self, task: Any) -> None:
        if any(not hasattr(point, "literals") for point in task.space.points):
            raise ValueError(f"{self.label} is written for flat choices; {task.name} has other decisions too")

    def run(self, task: Any, *, trials: int, seed: int) -> Curve:
        space, recorder, seconds = task.space, Recorder(seed=seed, trials=trials), 0.0

        def tell(values: Values) -> float:
            nonlocal seconds
            seconds += time.thread_time() - started[0]
            result = task.evaluate(Decisions(space, [int(v) for v in values]))
            recorder.add(result.reward, result.test)
            started[0] = time.thread_time()
            return result.reward

        started = [time.thread_time()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental features, ill-conditioned fits: theirs to tell
            PEERS[self.label].search(tuple(p.count for p in space.points), trials, seed, tell)
        return recorder.curve(seconds=seconds)


@dataclass(frozen=True)
class Library:
    """A peer's search, the distribution that it is from, and what a table says about its settings."""

    search: Search
    distribution: str
    note: str

    def version(self) -> str | None:
        """Returns the version that is installed, or None."""
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return None


# ---------------------------------------------------------------------------------------- PyGlove


def _pyglove(population: int, tournament: int) -> Search:
    def search(counts: Values, trials: int, seed: int, tell: Tell) -> None:
        pg = importlib.import_module("pyglove")
        program = pg.List([pg.oneof(range(count)) for count in counts])
        algorithm = pg.evolution.regularized_evolution(
            population_size=population, tournament_size=tournament, seed=seed
        )
        for child, feedback in pg.sample(program, algorithm, trials):
            feedback(tell(tuple(child)))

    return search


# ---------------------------------------------------------------------------------------- Optuna


def _optuna(sampler: str, **options: Any) -> Search:
    def search(counts: Values, trials: int, seed: int, tell: Tell) -> None:
        optuna = importlib.import_module("optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        _one_thread()
        study = optuna.create_study(
            direction="maximize", sampler=getattr(optuna.samplers, sampler)(seed=seed, **options)
        )

        def objective(trial: Any) -> float:
            return tell(
                tuple(trial.suggest_categorical(f"x{i}", range(count)) for i, count in enumerate(counts))
            )

        study.optimize(objective, n_trials=trials)

    return search


# ---------------------------------------------------------------------------------------- SMAC


def _smac(counts: Values, trials: int, seed: int, tell: Tell) -> None:
    """SMAC's facade for hyper-parameters, its defaults: a random forest, log expected improvement."""
    configspace, smac = importlib.import_module("ConfigSpace"), importlib.import_module("smac")
    space = configspace.ConfigurationSpace(seed=seed)
    space.add(
        [configspace.Categorical(f"x{i}", list(range(count)), default=0) for i, count in enumerate(counts)]
    )
    names = [f"x{i}" for i in range(len(counts))]

    def objective(config: Any, seed: int = 0) -> float:
        return -tell(tuple(config[name] for name in names))

    logging.disable(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory() as folder:
            scenario = smac.Scenario(
                space, output_directory=folder, deterministic=True, n_trials=trials, seed=seed
            )
            facade = smac.HyperparameterOptimizationFacade(
                scenario, objective, overwrite=True, logging_level=False
            )
            facade.optimize()
    finally:
        logging.disable(logging.NOTSET)


# ---------------------------------------------------------------------------------------- BoTorch


def _botorch(counts: Values, trials: int, seed: int, tell: Tell) -> None:
    """BoTorch has parts, not a search: here its Gaussian process for categorical inputs, fitted again for every trial,
    and the logarithm of expected improvement, maximized by its own local search from the best of 1,024 random
    candidates, past what was evaluated.  10 random candidates come first.
    """
    torch = importlib.import_module("torch")
    _one_thread()
    models = importlib.import_module("botorch.models")
    fit = importlib.import_module("botorch.fit").fit_gpytorch_mll
    optimize = importlib.import_module("botorch.optim").optimize_acqf_discrete_local_search
    standardize = importlib.import_module("botorch.models.transforms").Standardize
    improvement = importlib.import_module("botorch.acquisition").LogExpectedImprovement
    likelihood = importlib.import_module("gpytorch.mlls").ExactMarginalLogLikelihood
    dims = list(range(len(counts)))
    choices = [torch.arange(count, dtype=torch.float64) for count in counts]
    random = Random(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        chosen: list[Values] = []
        rewards: list[float] = []
        for trial in range(trials):
            if trial < 10:
                pick = tuple(random.randrange(count) for count in counts)
            else:
                x = torch.tensor(chosen, dtype=torch.float64)
                y = torch.tensor(rewards, dtype=torch.float64)[:, None]
                model = models.MixedSingleTaskGP(x, y, cat_dims=dims, outcome_transform=standardize(m=1))
                fit(likelihood(model.likelihood, model))
                found, _ = optimize(
                    improvement(model, best_f=y.max()),
                    discrete_choices=choices,
                    q=1,
                    num_restarts=10,
                    raw_samples=1024,
                    X_avoid=x,
                )
                pick = tuple(int(value) for value in found[0])
            chosen.append(pick)
            rewards.append(tell(pick))


def _one_thread() -> None:
    """Keeps PyTorch, where a peer uses it, to one thread: runs are spread over processes."""
    with contextlib.suppress(ImportError):
        importlib.import_module("torch").set_num_threads(1)


PEERS = {
    "pyglove-re": Library(
        _pyglove(100, 10), "pyglove", "regularized evolution; its defaults: P = 100, S = 10"
    ),
    "pyglove-re-20-5": Library(_pyglove(20, 5), "pyglove", "regularized evolution; P = 20, S = 5"),
    "optuna-tpe": Library(
        _optuna("TPESampler"), "optuna", "TPESampler; its defaults (multivariate since Optuna 5)"
    ),
    "optuna-tpe-single": Library(
        _optuna("TPESampler", multivariate=False), "optuna", "TPESampler(multivariate=False)"
    ),
    "optuna-gp": Library(
        _optuna("GPSampler", deterministic_objective=True),
        "optuna",
        "GPSampler(deterministic_objective=True)",
    ),
    "smac": Library(_smac, "smac", "HyperparameterOptimizationFacade, deterministic; its defaults"),
    "botorch": Library(
        _botorch, "botorch", "MixedSingleTaskGP, LogExpectedImprovement, optimize_acqf_discrete_local_search"
    ),
}
"""The peers by label."""
