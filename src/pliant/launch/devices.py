"""GPUs of this machine, and which of them each worker sees (``CUDA_VISIBLE_DEVICES``).  Loads no GPU library."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Mapping

from pliant.values.errors import LaunchError, quote
from pliant.values.numbers import to_real

VISIBLE = "CUDA_VISIBLE_DEVICES"
_SECONDS = 30  # for the driver's program, which is slow when it starts


def find_gpus(environment: Mapping[str, str] | None = None) -> list[str]:
    """Returns the names of the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` takes them.

    Where that variable is set, such as by Slurm, they are those in it; else all that ``nvidia-smi`` lists.

    >>> find_gpus({"CUDA_VISIBLE_DEVICES": "2,3"}), find_gpus({"CUDA_VISIBLE_DEVICES": ""})
    (['2', '3'], [])
    """
    given = (os.environ if environment is None else environment).get(VISIBLE)
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(  # noqa: S603  # no shell; found on PATH
            [program, "--query-gpu=index", "--format=csv,noheader"],
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip().isdecimal()]


def share_gpus(gpus: list[str], each: object, workers: int | None) -> list[str]:
    """Returns the GPUs of each worker, as a value of ``CUDA_VISIBLE_DEVICES``.

    >>> share_gpus(["0", "1", "2", "3"], 2, None)
    ['0,1', '2,3']
    >>> share_gpus(["0", "1"], 0.5, 3)
    ['0', '0', '1']

    Args:
      gpus: their names.
      each: how many each worker has: a whole number; or a part of one, such as 0.5 for two workers on each GPU.
      workers: how many workers; None for as many as the GPUs suffice for.

    Raises:
      LaunchError: it is another number, or there are too few GPUs.
    """
    number = to_real(each)
    if number is None or not 0 < number < math.inf or (number > 1 and number != int(number)):
        raise LaunchError(
            f"the GPUs of a worker are a whole number, or a part of one such as 0.5; got {quote(each)}."
        )
    if number >= 1:
        size = int(number)
        seats = [",".join(gpus[at : at + size]) for at in range(0, len(gpus) - size + 1, size)]
    else:
        seats = [gpu for gpu in gpus for _ in range(int(1 / number + 1e-9))]
    if len(seats) < (workers or 1):
        asked = (
            f"{workers} workers with {number:g} GPUs each" if workers else f"a worker with {number:g} GPUs"
        )
        raise LaunchError(
            f"{asked} need more than the {len(gpus)} GPUs that this process may use. Give fewer workers or GPUs; {VISIBLE} and "
            "`nvidia-smi` say which GPUs there are."
        )
    return seats if workers is None else seats[:workers]
