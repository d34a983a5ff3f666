"""What workers do in test_run.py: answer, report, fail and die as their payload says.  No tests here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def act(payload, channel):
    """Does what ``do`` says with ``value``."""
    do, value = payload["do"], payload.get("value")
    if do == "return":
        return value
    if do == "raise":
        raise ValueError(value)
    if do == "exit":
        os._exit(value)
    if do == "die":  # as often as the value says
        if channel.attempt <= value:
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0
    if do == "sleep":  # until there is a file "go"
        Path(payload["folder"], f"{os.getpid()}.pid").touch()
        end = time.monotonic() + value
        while time.monotonic() < end and not Path(payload["folder"], "go").exists():
            time.sleep(0.01)
        return value
    replies = []
    for message in value:
        replies.append(channel.report(message))
        if replies[-1].get("stop"):
            break
    return {"reward": len(replies), "metrics": {"errors": sum("error" in reply for reply in replies)}}
