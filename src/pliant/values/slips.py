"""Names of other libraries: which argument or function to write instead, for error messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from .errors import FieldTypeError, suggest
from .signature import read_signature

P = ParamSpec("P")
R = TypeVar("R")

_HOLES = {  # what to write: arguments of other functions that make holes
    "scale='log' instead of log=True": "log",
    "min_value=N, or the least value first": "low min lower start minimum",
    "max_value=N, or the largest value second": "high max upper stop end maximum",
    "step=N of pg.intv, or a list of values for pg.oneof": "q step",
    "the list of candidates first": "choices values options items categories sequence",
    "pg.manyof(k, candidates)": "k num_choices n",
}
HOLES = {name: right for right, names in _HOLES.items() for name in names.split()}
_WORDS = {  # what to write: functions of other libraries
    "pg.oneof([...])": "choice categorical Categorical suggest_categorical one select ValueChoice",
    "pg.manyof(k, [...])": "choices subset",
    "pg.permute([...])": "permutation shuffle",
    "pg.floatv(min_value, max_value)": "uniform Uniform suggest_float suggest_uniform Float Real real",
    "pg.floatv(min_value, max_value, scale='log')": "loguniform log_uniform suggest_loguniform LogUniform",
    "pg.intv(min_value, max_value)": "randint suggest_int Integer integer uniformint quniform Int",
    "pg.search(space, evaluate, trials=N, maximize=False)": "minimize fmin",
    "pg.search(space, evaluate, trials=N)": "maximize optimize run fit",
    "pg.search(space, evaluate, 'sweep')": "grid grid_search",
    "pg.search(space, evaluate, 'random', trials=N)": "random_search",
    "pg.search(space, evaluate, trials=N, study='search.db'), which stores every trial": "create_study",
    "pg.Study.open('search.db')": "load_study",
}
FUNCTIONS = {name: right for right, names in _WORDS.items() for name in names.split()}


def explain_argument(
    function: str, name: str, remedies: Mapping[str, str], known: Iterable[str] = ()
) -> FieldTypeError:
    """Returns the error for an argument that a function does not have, with the argument to write instead.

    >>> explain_argument("pg.floatv", "log", HOLES)
    FieldTypeError("pg.floatv has no argument 'log'. Write scale='log' instead of log=True.")
    """
    right = f". Write {remedies[name]}." if name in remedies else suggest(name, known) or "."
    return FieldTypeError(f"{function} has no argument {name!r}{right}")


_FRAME = "pandas.DataFrame([{**trial.decisions.params, 'reward': trial.reward} for trial in search.trials])"
SEARCH = {  # what to write: attributes of the result of a search
    **dict.fromkeys(("best_params", "best_params_", "best_config"), ".best_decisions.params"),
    **dict.fromkeys(("best_value", "best_values", "best_score", "best_score_", "best_loss"), ".best_reward"),
    **dict.fromkeys(("best_model", "best_estimator_"), ".best_program"),
    "best_trial": ".best_program, .best_reward and .best_decisions",
    "best_trials": ".front",
    **dict.fromkeys(("trials_dataframe", "get_dataframe", "cv_results_"), _FRAME),
}
STUDY = {  # of a study
    "best_params": ".best()[0].decisions.params",
    **dict.fromkeys(("best_value", "best_reward"), ".best()[0].reward"),
    "best_values": ".best()[0].rewards",
    "best_trial": ".best()[0]",
    "best_trials": ".front()",
    "trials_dataframe": "pliant.study.export.to_pandas(study)",
    "optimize": "pg.search(space, evaluate, study=study)",
    "direction": ".maximize",
    "enqueue_trial": ".enqueue(decisions)",
}
TRIAL = {  # of a trial
    **dict.fromkeys(("params", "config"), ".decisions.params"),
    **dict.fromkeys(("value", "score"), ".reward"),
    "values": ".rewards",
    "state": ".status",
    "number": ".id, which starts at 1",
    "user_attrs": ".metrics",
    "duration": ".seconds",
    "datetime_start": ".started",
    "datetime_complete": ".ended",
    "intermediate_values": ".reports",
}


def explain_attributes(remedies: Mapping[str, str]) -> Callable[[object, str], Any]:
    """Returns a ``__getattr__`` whose error says what to write instead of a name of another library."""

    def __getattr__(self: object, name: str) -> Any:  # noqa: N807  # installed on a class
        owner = type(self).__name__
        right = f". Write {remedies[name]}." if name in remedies else ""
        raise AttributeError(f"{owner!r} object has no attribute {name!r}{right}", name=name, obj=self)

    return __getattr__


def check_names(remedies: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function of ``pg`` point to the right argument, where it is called with one that it does not have."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        known = list(read_signature(function).parameters)

        @wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            for name in options:
                if name not in known:
                    raise explain_argument(f"pg.{function.__name__}", name, remedies, known)
            return function(*args, **options)

        return call

    return decorate


def explain_function(name: str, known: Iterable[str]) -> str:
    """Returns what is wrong with a name that the package does not have, and what to write instead.

    >>> explain_function("randint", [])
    "module 'pliant' has no attribute 'randint'. Write pg.intv(min_value, max_value)."
    """
    right = f". Write {FUNCTIONS[name]}." if name in FUNCTIONS else suggest(name, known)
    return f"module 'pliant' has no attribute {name!r}{right}"
