"""NAS-Bench-101: its cells as graphs (validity, pruning, hash, counting), its official files, and the benchmark task.

The space as a symbolic program is ``pliant.zoo.nasbench101``.
"""

from .count import count_cells, unique_cells
from .graph import Graph, make_graph, prune_cell, structure
from .table import convert
from .task import nasbench101

__all__ = [
    "Graph",
    "convert",
    "count_cells",
    "make_graph",
    "nasbench101",
    "prune_cell",
    "structure",
    "unique_cells",
]
