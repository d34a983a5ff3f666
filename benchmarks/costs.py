"""What counting the costs of a network takes: first call, known layers, new architectures a second.

    python benchmarks/costs.py

CPU time, which other load on the machine changes less than time on the clock; medians of single counts.  Beside them PyTorch's
``FlopCounterMode`` (multiply-adds only, on the device ``meta``) and a real forward pass.
"""

from __future__ import annotations

import platform
import random
import statistics
import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

import pliant as pg
from pliant import zoo
from pliant.cost.memo import MEMO

SPACES = (
    "mobilenet_v2/s3",
    "mnasnet/mobilenet_v2",
    "once_for_all",
    "proxylessnas/mobile",
    "fbnet/a",
    "tunas/enlarged",
)
COUNTED = 300
"""How many random architectures of each space are counted, beginning without known layers."""


def measure(function: Any, repeats: int, prepare: Any = lambda: None) -> float:
    """Returns the median milliseconds of a call."""
    found = []
    for _ in range(repeats):
        prepare()
        started = time.thread_time()
        function()
        found.append(time.thread_time() - started)
    return statistics.median(found) * 1e3


def count_by_torch(network: Any, image: Any) -> None:
    """Runs PyTorch's counter."""
    with FlopCounterMode(display=False), torch.no_grad():
        network(image)


def main() -> None:
    """Prints the table."""
    print(f"{platform.processor() or platform.machine()}, PyTorch {torch.__version__}, 1 thread")
    torch.set_num_threads(1)
    image = torch.zeros(1, 3, 224, 224)
    program = zoo.get("mobilenet_v2").make_network()
    pg.cost.count(program, image)  # PyTorch loads its rules for the device meta
    real = pg.realize(pg.clone(program)).eval()
    with torch.device("meta"):
        on_meta = pg.realize(pg.clone(program)).eval()
    for title, network in (("program", program), ("network with weights", real)):

        def count(network: Any = network) -> None:
            pg.cost.count(network, image)

        print(f"MobileNetV2, {title}, first call     {measure(count, 5, MEMO.clear):9.2f} ms")
        print(f"MobileNetV2, {title}, known layers   {measure(count, 50):9.2f} ms")
    print(
        f"FlopCounterMode on meta              {measure(lambda: count_by_torch(on_meta, image.to('meta')), 5):9.2f} ms"
    )
    with torch.no_grad():
        print(f"forward pass on the CPU              {measure(lambda: real(image), 5):9.2f} ms")
    for name in SPACES:
        MEMO.clear()
        space, seeds = zoo.get(name).make_space(), random.Random(0)
        points = pg.abstract_search_space(space)
        times = []
        for _ in range(COUNTED):
            program = pg.materialize(space, points.sample(seeds))
            started = time.thread_time()
            pg.cost.count(program, image)
            times.append(time.thread_time() - started)
        parts = times[:20], times[-100:], times
        first, last, all_ = (len(part) / sum(part) for part in parts)
        print(
            f"{name:24} new architectures/s: {first:4.0f} at first, {last:4.0f} at last, {all_:4.0f} over {COUNTED}"
        )


if __name__ == "__main__":
    main()
