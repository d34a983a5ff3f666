"""A program with a launcher and a container of long duration, for test_launcher.py to kill.

Prints the keeper's pid once the container runs.
"""

from __future__ import annotations

import sys

from container_store import IMAGE

from pliant.launch import Container, Containers, Job, Mount, Started
from pliant.testing.launchers import Suite, wait_until

if __name__ == "__main__":
    launcher = Containers(1, owner=sys.argv[1])
    launcher.start(Job("a", Container(IMAGE, ("sleep", "600"), mounts=(Mount("/usr", "/usr"),))))
    (started,) = Suite().wait_for(launcher, Started)
    name = started.where.split()[1]
    inside = ("inspect", "--format", "{{.State.Status}}", name)
    assert wait_until(lambda: launcher.engine.ask(*inside)[1].strip() == "running")
    print(launcher.keeper_pid, flush=True)
    launcher.poll(600)
