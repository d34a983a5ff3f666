"""What counting the costs of a network takes: first call, known layers, new architectures a second.

    python benchmarks/costs.py

Medians, beside PyTorch's ``FlopCounterMode`` (multiply-adds only, on the device ``meta``) and a real forward pass.
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

SPACES = ("mobilenet_v2/s3", "mnasnet/mobilenet_v2", "once_for_all")
KNOWN = 100
"""How many architectures of a space are counted before the rate is measured."""


def measure(function: Any, repeats: int, prepare: Any = lambda: None) -> float:
    """Returns the median milliseconds of a call."""
    found = []
    for _ in range(repeats):
        prepare()
        started = time.perf_counter()
        function()
        found.append(time.perf_counter() - started)
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
        for _ in range(2 * KNOWN):
            program = pg.materialize(space, points.sample(seeds))
            times.append(measure(lambda program=program: pg.cost.count(program, image), 1))
        first, later = (1e3 / statistics.median(part) for part in (times[:20], times[KNOWN:]))
        print(f"{name}: new architectures a second {first:6.0f} at first, {later:6.0f} after {KNOWN}")


if __name__ == "__main__":
    main()
