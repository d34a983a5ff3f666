"""A side of a comparison that runs in another environment: a process that is asked, and times itself.

Its libraries need not live with ours.  It is started once, and waits between questions, so that its steps can
stand in the same rounds as all others'.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, final

HERE = Path(__file__).parent


class PeerError(Exception):
    """The other process did not start, or ended."""


@final
class Peer:
    """A process that answers questions, one JSON line each.

    Args:
      python: of its environment.
      script: beside this file; it may import what is here, and ours.
      arguments: of the script.

    Raises:
      PeerError: it ended before its greeting; the text has its last words.
    """

    def __init__(self, python: Path, script: str, *arguments: int) -> None:
        paths = os.pathsep.join([str(HERE.parent / "src"), str(HERE)])
        self._words = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on exit; a pipe without a reader would fill up
        self._process = subprocess.Popen(
            [str(python), str(HERE / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"},
        )
        self.greeting: dict[str, Any] = self._read()

    def ask(self, question: str, **fields: Any) -> Any:
        """Returns the answer to a question."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"ask": question, **fields}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *reason: object) -> None:
        self._process.communicate()  # without more questions it ends
        self._words.close()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            self._words.seek(0)
            words = self._words.read().strip().splitlines()
            raise PeerError(words[-1] if words else f"ended with {self._process.returncode}")
        return json.loads(line)


@final
class Asked:
    """A job of another process, for ``timing.measure``: asked for a step, it answers how many seconds that took."""

    units, number = 1, 1

    def __init__(self, peer: Peer, side: str) -> None:
        self.peer, self.side = peer, side

    def timer(self) -> Asked:
        """Returns what is asked."""
        return self

    def timeit(self, number: int) -> float:
        """Returns the CPU seconds of some steps."""
        return sum(self.peer.ask("step", side=self.side) for _ in range(number))
