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
FUNCTIONS = {  # of the package
    **dict.fromkeys(
        ("choice", "categorical", "Categorical", "suggest_categorical", "one", "select", "ValueChoice"),
        "pg.oneof([...])",
    ),
    **dict.fromkeys(("choices", "subset", "sample_without_replacement"), "pg.manyof(k, [...])"),
    **dict.fromkeys(("permutation", "shuffle"), "pg.permute([...])"),
    **dict.fromkeys(
        ("uniform", "Uniform", "suggest_float", "suggest_uniform", "Float", "Real", "real"),
        "pg.floatv(min_value, max_value)",
    ),
    **dict.fromkeys(
        ("loguniform", "log_uniform", "suggest_loguniform", "LogUniform"),
        "pg.floatv(min_value, max_value, scale='log')",
    ),
    **dict.fromkeys(
        ("randint", "suggest_int", "Integer", "integer", "uniformint", "quniform", "Int"),
        "pg.intv(min_value, max_value)",
    ),
    **dict.fromkeys(("minimize", "fmin"), "pg.search(space, evaluate, trials=N, maximize=False)"),
    **dict.fromkeys(("maximize", "optimize", "run", "fit"), "pg.search(space, evaluate, trials=N)"),
    **dict.fromkeys(("grid", "grid_search"), "pg.search(space, evaluate, 'sweep')"),
    "random_search": "pg.search(space, evaluate, 'random', trials=N)",
    "create_study": "pg.search(space, evaluate, trials=N, study='search.db'), which stores every trial",
    "load_study": "pg.Study.open('search.db')",
}


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
