"""Benchmark tasks by name; their modules are loaded on first use."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from pliant.values.errors import FieldValueError, UnknownFieldError, listing, quote, suggest
from pliant.values.signature import read_signature

from .task import Task

TASKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "nasbench101": (".nasbench101", "nasbench101", {}),
    "nasbench201/cifar10": (".nasbench201", "nasbench201", {"dataset": "cifar10"}),
    "nasbench201/cifar10-12": (".nasbench201", "nasbench201", {"dataset": "cifar10-12"}),
    "nasbench201/cifar100": (".nasbench201", "nasbench201", {"dataset": "cifar100"}),
    "nasbench201/imagenet16-120": (".nasbench201", "nasbench201", {"dataset": "imagenet16-120"}),
    "nasbench_macro": (".nasbench_macro", "nasbench_macro", {}),
    "ecnas_4v": (".ecnas", "ecnas_4v", {}),
    "ecnas_5v": (".ecnas", "ecnas_5v", {}),
    **{name: (".synthetic.functions", name, {}) for name in "branin hartmann6 ellipsoid tree tour".split()},
    "nk": (".synthetic.nk", "nk", {}),
    "nk/rugged": (".synthetic.nk", "nk", {"n": 30, "k": 6, "candidates": 3}),
    "curves": (".synthetic.functions", "Curves", {}),
}
"""For each name: the module, its function that makes the task, and the arguments."""


def task_names() -> list[str]:
    """Returns the names of all tasks.

    >>> "nasbench201/cifar10" in task_names()
    True
    """
    return list(TASKS)


def get_task(name: str, data: str | os.PathLike[str] | None = None, **options: Any) -> Task:
    """Returns a task by name.

    Args:
      name: one of ``task_names()``.
      data: for tasks that read a table: its file, or the folder that holds it; None for the folder in the
        environment variable ``PLIANT_DATA``.  Other tasks ignore it.
      options: of the task, such as ``n`` and ``k`` of ``"nk"``.

    Raises:
      FieldValueError: the name is unknown.
      UnknownFieldError: the task lacks such an option.
      TableError: its table was not found.
      LoadError: its table is damaged or another one.

    >>> get_task("branin").name
    'branin'
    """
    if name not in list(TASKS):  # also an unhashable one
        raise FieldValueError(
            f"unknown task {quote(name)}{suggest(name, TASKS) or '.'} Known: {listing(TASKS, limit=40)}."
        )
    module, function, fixed = TASKS[name]
    make = getattr(import_module(module, __package__), function)
    allowed = list(read_signature(make).parameters)
    for option in options:
        if option not in allowed or option == "data":
            known = [key for key in allowed if key not in ("data", *fixed)]
            raise UnknownFieldError(
                f"the task {name!r} has no option {option!r}{suggest(option, known) or '.'} It takes: {listing(known)}."
            )
    if "data" in allowed:
        options["data"] = data
    task: Task = make(**{**fixed, **options})
    given = ", ".join(f"{key}={value!r}" for key, value in options.items() if key != "data")
    task.name = f"{name}({given})" if given else name
    return task
