"""A program with a launcher and jobs of long duration, for test_local.py to kill.

Prints the pids that must be gone afterwards: the keeper's and the jobs'.
"""

from __future__ import annotations

import os
import sys
import time

from pliant.launch import Command, Commands, Job, Message, Processes, Started
from pliant.testing.launchers import call

if __name__ == "__main__":
    kind, token = sys.argv[1:]
    if kind == "processes":
        launcher = Processes(2)
        for name in ("a", "b"):
            launcher.start(Job(name, call("spawn", {"token": token, "seconds": 600})))
    else:
        launcher = Commands(2)
        code = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); time.sleep(600)"
        for name in ("a", "b"):
            launcher.start(Job(name, Command((sys.executable, "-c", code, token))))
    pids = [launcher.keeper_pid]
    ready = Message if kind == "processes" else Started
    seen = 0
    while seen < 2:
        for event in launcher.poll(None):
            if isinstance(event, Started):
                pids.append(int(event.where.split()[1]))
            seen += isinstance(event, ready)
    if kind == "processes" and os.fork() == 0:  # a child that holds all our descriptors, and outlives us
        os.setsid()
        time.sleep(60)
        os._exit(0)
    print(*pids, flush=True)
    launcher.poll(600)
