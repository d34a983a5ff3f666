"""Names of other libraries: which argument or function to write instead, for error messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .errors import FieldTypeError, suggest

HOLES = {  # arguments of functions that make holes
    "log": "scale='log' instead of log=True",
    "low": "min_value=N, or the least value first",
    "high": "max_value=N, or the largest value second",
    "q": "step=N of pg.intv, or a list of values for pg.oneof",
    "step": "step=N of pg.intv, or a list of values for pg.oneof",
    "choices": "the list of candidates first",
    "values": "the list of candidates first",
    "k": "pg.manyof(k, candidates)",
}
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


def explain_function(name: str, known: Iterable[str]) -> str:
    """Returns what is wrong with a name that the package does not have, and what to write instead.

    >>> explain_function("randint", [])
    "module 'pliant' has no attribute 'randint'. Write pg.intv(min_value, max_value)."
    """
    right = f". Write {FUNCTIONS[name]}." if name in FUNCTIONS else suggest(name, known)
    return f"module 'pliant' has no attribute {name!r}{right}"
