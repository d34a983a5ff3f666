"""Benchmark tasks with known optima for search algorithms: tables of published results, and synthetic functions.

``get_task("nasbench201/cifar10")`` makes one; ``task_names()`` lists them; ``pliant bench run`` runs searches on them.
"""

from .registry import get_task, task_names
from .tables import TableError
from .task import Optimum, Result, Task

__all__ = ["Optimum", "Result", "TableError", "Task", "get_task", "task_names"]
