"""The path encoding: an architecture as the set of its paths from input to output."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Choice, Decisions, Space
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed

from ..options import check_count, keep_checked
from .encoding import Encoder, Encoding, tree_encoder

Paths = Callable[[Decisions], Iterable[Hashable]]


@final
@dataclass(frozen=True, slots=True)
class PathEncoding(Encoding):
    """Path encoding: one number per path, 1 if the architecture has it.

    White, Neiswanger and Savani, "BANANAS: Bayesian optimization with neural architectures for neural
    architecture search", AAAI 2021, section 4: a path is the sequence of operations from the input
    of a cell to its output.  Cells that compute the same function are encoded alike.

    Without ``paths``, the paths are those through the tree of decisions: from an always active decision down to a
    candidate without further decisions, or to a number.  (Without conditional decisions, that is the one-hot
    encoding.)  With ``paths``, a function returns the paths of the graph that the decisions describe; ``graph_paths``
    helps to write it:

    >>> from pliant.space import choice, flatten
    >>> edges = [(0, 1), (0, 2), (1, 2)]
    >>> space = flatten([choice(f"op{i}", 3) for i in range(3)])
    >>> def paths(decisions):
    ...     '''Paths of cells with one of 3 operations on each edge; operation 0 means that the edge is absent.'''
    ...     return graph_paths([(a, b, op) for (a, b), op in zip(edges, decisions) if op != 0], 0, 2)
    >>> cells = [space.parse([1, 0, 2]), space.parse([1, 1, 2])]
    >>> PathEncoding(paths).prepare(space, cells)(cells).tolist()
    [[1.0, 0.0], [1.0, 1.0]]

    As there may be exponentially many paths, only the ``limit`` most frequent ones among recorded trials are encoded.
    This is the paper's truncation (section 4.1: drop unlikely paths), with frequencies in the search instead of in
    random sampling.

    Args:
      paths: returns the paths of decisions, as hashable objects; None for the tree of decisions.
      limit: the largest number of paths.

    Raises:
      FieldTypeError: ``paths`` is not a function.
      FieldValueError: (the encoder) its result is not a collection of hashable paths.
    """

    paths: Paths | None = None
    limit: int = 512

    def __post_init__(self) -> None:
        if self.paths is not None and not callable(self.paths):
            raise FieldTypeError(
                f"PathEncoding takes a function from decisions to their paths, or None for the paths through the "
                f"tree of decisions; got {quote_typed(self.paths)}."
            )
        keep_checked(self, "limit", check_count)

    def prepare(self, space: Space, decisions: Sequence[Decisions]) -> Encoder:
        paths = self.paths
        if paths is None:
            return tree_encoder(space, _is_leaf)
        count = Counter(path for one in decisions for path in _paths_of(paths, one))
        columns = {path: column for column, (path, _) in enumerate(count.most_common(self.limit))}

        def encode(decisions: Sequence[Decisions]) -> NDArray[np.float32]:
            table = np.zeros((len(decisions), max(len(columns), 1)), dtype=np.float32)
            for row, one in zip(table, decisions):
                for path in _paths_of(paths, one):
                    column = columns.get(path)
                    if column is not None:
                        row[column] = 1.0
            return table

        return encode


def graph_paths(
    edges: Iterable[tuple[Any, Any, Hashable]], source: object, target: object
) -> list[tuple[Hashable, ...]]:
    """Returns the sequences of labels of all paths from ``source`` to ``target``, each once.

    >>> graph_paths([(0, 1, "conv"), (1, 2, "pool"), (0, 2, "skip")], 0, 2)
    [('conv', 'pool'), ('skip',)]

    If operations are on nodes, label each edge with the operation of the node that it leads to.

    Args:
      edges: ``(from, to, label)`` of a graph without cycles.
      source: the first node of the paths.
      target: the last node of the paths.

    Raises:
      FieldValueError: the graph has a cycle.
    """
    leaving = defaultdict(list)
    for start, end, label in edges:
        leaving[start].append((end, label))
    found: dict[Any, list[tuple[Hashable, ...]]] = {target: [()]}
    under_way: set[Any] = set()

    def walk(node: object) -> list[tuple[Hashable, ...]]:
        if node not in found:
            if node in under_way:
                raise FieldValueError(
                    f"paths end only in a graph without cycles; the node {quote(node)} leads to itself."
                )
            under_way.add(node)
            ways = [(label, *rest) for end, label in leaving[node] for rest in walk(end)]
            found[node] = list(dict.fromkeys(ways))
        return found[node]

    return walk(source)


def _paths_of(paths: Paths, decisions: Decisions) -> list[Hashable]:
    found: Any = paths(decisions)
    try:
        return list(dict.fromkeys(found))
    except TypeError as error:
        raise FieldValueError(
            f"the paths of decisions are a list of hashable things, such as tuples of operations; got {quote(found)} "
            f"({error})."
        ) from error


def _is_leaf(point: Choice, candidate: int) -> bool:
    return not point.branches[candidate]
