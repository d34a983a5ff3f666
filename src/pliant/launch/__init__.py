"""Launchers: run calls and commands in this process, in worker processes, in containers or on a Ray cluster.

A job is a function of JSON data, or a program with its arguments.  Trials and studies are built on top of jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def __getattr__(name: str) -> object:
    if name == "RayTasks":  # needs Ray
        from .ray_tasks import RayTasks

        return RayTasks
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
