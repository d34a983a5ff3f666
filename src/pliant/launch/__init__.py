"""Runs a call or a command somewhere, and says how it went: in place, in worker processes, as commands.

Knows nothing of trials, decisions or studies: a job is a function of JSON, or a command line.
"""

from __future__ import annotations

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
from .place import InPlace
from .processes import Processes

__all__ = [
    "Call",
    "Channel",
    "Command",
    "Commands",
    "Container",
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
    "Started",
]
