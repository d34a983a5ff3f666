"""Every launcher keeps the contract that ships with the package."""

from __future__ import annotations

from pliant.launch import Commands, InPlace, Processes
from pliant.testing.commands import CommandSuite
from pliant.testing.launchers import LauncherSuite


class TestInPlaceCalls(LauncherSuite):
    forced = False
    captures = False

    def make(self, slots):
        return InPlace()


class TestInPlaceCommands(CommandSuite):
    def make(self, slots):
        return InPlace()


class TestProcesses(LauncherSuite):
    def make(self, slots):
        return Processes(slots, grace_seconds=0.5)


class TestFreshProcesses(LauncherSuite):
    def make(self, slots):
        return Processes(slots, reuse=False, grace_seconds=0.5)


class TestCommands(CommandSuite):
    def make(self, slots):
        return Commands(slots, grace_seconds=2)
