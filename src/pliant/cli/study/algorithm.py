"""An algorithm as a study records it, such as ``Evolution(reproduce=Top(count=1) >> Mutate(times=1), ...)``, made again.

Only the names of Pliant's own algorithms and their parts are called, with literals: nothing of a study's text is run.
``pliant.cli.algorithm`` reads what people type.
"""

from __future__ import annotations

import ast
from importlib import import_module
from typing import Any

from pliant.values.errors import PliantError, StudyError

_PLACES = ("generators", "evolution", "policy", "predictor")  # in pliant.algorithms; what they list as public


def read_algorithm(text: str) -> Any:
    """Returns the algorithm of a study.

    Raises:
      StudyError: it has parts that are not Pliant's, or cannot be told from their text.

    >>> read_algorithm("Deduplicate(algorithm=Sweep(seed=0), attempts=5)").attempts
    5
    """
    try:
        return _read(ast.parse(text, mode="eval").body)
    except (PliantError, ImportError, TypeError, ValueError, SyntaxError, RecursionError) as error:
        raise StudyError(
            f"the algorithm of this study is {text}, which cannot be made from that text ({error}). Name the one that the study "
            "was made with by --algorithm; or go on from the program that made it, by pg.sample or pg.search with study=..."
        ) from error


def _read(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        options = {option.arg: _read(option.value) for option in node.keywords if option.arg is not None}
        return _find(node.func.id)(**options)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
        return _read(node.left) >> _read(node.right)
    if isinstance(node, ast.List | ast.Tuple):
        found = [_read(item) for item in node.elts]
        return found if isinstance(node, ast.List) else tuple(found)
    return ast.literal_eval(node)


def _find(name: str) -> Any:
    """Returns the class of a name; no other thing that can be called."""
    for place in _PLACES:
        module = import_module(f"pliant.algorithms.{place}")
        found = getattr(module, name, None) if name in module.__all__ else None
        if isinstance(found, type):
            return found
    raise ValueError(f"Pliant has no {name!r}")
