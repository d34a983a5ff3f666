"""Runs calls and programs somewhere, and says how it went: in place, in processes, in containers, on a cluster.

Knows nothing of trials, decisions or studies: a job is a function of JSON, or a program and its arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import (
    Call,
    Channel,
    Command,
    Container,
    Ended,
    Event,
    Job,
    Launcher,
    Limits,
    Message,
    Mount,
    Outcome,
    Started,
)
from .commands import Commands
from .containers.launcher import Containers
from .in_place import InPlace
from .processes import Processes

if TYPE_CHECKING:
    from .ray_tasks import RayTasks

__all__ = [
    "Call",
    "Channel",
    "Command",
    "Commands",
    "Container",
    "Containers",
    "Ended",
    "Event",
    "InPlace",
    "Job",
    "Launcher",
    "Limits",
    "Message",
    "Mount",
    "Outcome",
    "Processes",
    "RayTasks",
    "Started",
]


def __getattr__(name: str) -> Any:
    if name == "RayTasks":  # for those who have a cluster
        from .ray_tasks import RayTasks

        return RayTasks
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
