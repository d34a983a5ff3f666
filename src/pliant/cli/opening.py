"""Opens a search space: a program with holes, a network with choices, or a search-space file in the format of NNI.

The programs of a network with choices, and of a search-space file, are the chosen values in the format of NNI, shown as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from pliant.tune.text import to_code

from .target import TargetError, find_nearest


@final
@dataclass(frozen=True, slots=True)
class Opened:
    """A space to search."""

    program: Any  # a program with holes
    write: Callable[[Any], str] = to_code  # shows what it became, as text


def open_space(made: Any) -> Opened:
    """Returns the space that a file of the user's made; raises errors of Pliant where it has no choices, or is not right."""
    if is_network(made):
        from pliant.oneshot import read_space, to_json
        from pliant.oneshot.rewrite.foreign import open_holes

        program = open_holes(made)
        return Opened(read_space(to_json(made)), to_text) if program is None else Opened(program)
    if _is_data(made):
        from pliant.oneshot import read_space

        return Opened(read_space(made), to_text)
    return Opened(made)


def open_file(path: Path) -> Opened:
    """Returns the space of a search-space file; raises TargetError if it is missing or cannot be read."""
    from pliant.oneshot import read_space

    if not path.is_file():
        others = path.parent.glob("*.json") if path.parent.is_dir() else ()
        raise TargetError(
            f"the search-space file {str(path)!r} does not exist{find_nearest(others, str(path))} "
            f"`pliant space FILE --json > {path.name}` writes one."
        )
    try:
        return Opened(read_space(path.read_text("utf-8")), to_text)
    except (ValueError, TypeError) as error:  # also for a file that is not text
        raise TargetError(f"{path} is not a search-space file: {error}") from error


def to_data(made: Any) -> Any:
    """Returns a space as the guide's search-space file has it; raises TargetError if it is not of networks."""
    if _is_data(made):
        from pliant.oneshot import read_space

        read_space(made)  # as it says what is wrong with it
        return made
    if is_network(made):
        from pliant.oneshot import supernet, to_json
        from pliant.oneshot.rewrite.foreign import open_holes

        return to_json(made if open_holes(made) is None else supernet(made))
    if not is_module(made):
        raise TargetError(
            f"a search-space file is about a network; this space is of a {type(made).__name__}. Return a module with LayerChoice "
            "in it, or one of symbolized classes with holes; any other space is searched by `pliant search` as it is."
        )
    from pliant.oneshot import supernet, to_json

    return to_json(supernet(made))


def to_text(answer: Any) -> str:
    """Returns data as JSON, a line per key.

    >>> print(to_text({"op": {"_value": "conv", "_idx": 0}, "lr": 0.1}))
    {
      "op": {"_value": "conv", "_idx": 0},
      "lr": 0.1
    }
    """
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in answer.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def is_network(made: object) -> bool:
    """Returns whether something is a network that choices may be written into, and not a program with holes."""
    from pliant.symbolic.tree.node import Node
    from pliant.symbolic.tree.realize import hole_paths

    if not is_module(made):
        return False
    if not isinstance(made, Node):
        return True
    from pliant.oneshot import Mutable

    network: Any = made
    return not hole_paths(made) and any(isinstance(module, Mutable) for module in network.modules())


def is_module(made: object) -> bool:
    """Returns whether something is a module of PyTorch, without importing it."""
    torch = sys.modules.get("torch")  # who made a module has imported it
    return torch is not None and isinstance(made, torch.nn.Module)


def _is_data(made: object) -> bool:
    """Returns whether each item has a ``_type``: data in the guide's form, right or wrong."""
    return (
        isinstance(made, dict)
        and bool(made)
        and all(isinstance(item, dict) and "_type" in item for item in made.values())
    )
