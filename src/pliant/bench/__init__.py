"""Floor 5: tasks with known optima, to measure search algorithms by: tables of published results, and formulas.

``get_task("nasbench201/cifar10")`` makes one; ``task_names()`` lists them.  Not a runner of searches: that is
``pliant bench run``.
"""

from .registry import get_task, task_names
from .tables import TableError
from .task import Optimum, Result, Task

__all__ = ["Optimum", "Result", "TableError", "Task", "get_task", "task_names"]
