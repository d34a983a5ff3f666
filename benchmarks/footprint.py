"""What an import, a trial and a child cost: each measured in a process of its own.

    python benchmarks/footprint.py trial pliant       bytes that each evolution trial leaves behind
    python benchmarks/footprint.py children pliant    memory of 1,000 children of a MobileNet-sized space

``core.py`` runs these and reads the one line of JSON that each prints.  An import is timed in an
interpreter that has imported nothing else, so that it pays for all that it needs; its modules are compiled before, as
an installed package's are.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

HEAVY = ("numpy", "scipy", "torch", "ray", "sqlalchemy", "click", "rich", "pandas", "matplotlib")
CHILDREN = {"pliant": 1_000, "pyglove": 5}
"""How many children to keep at once: PyGlove's hold their weights, 17 MB each."""

# (expansions to choose from, channels, repeats, first stride) of MobileNetV2's stages.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


_IMPORT = """
import sys, time
known, wall, cpu = set(sys.modules), time.perf_counter(), time.process_time()
import {module}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
came = set(sys.modules) - known
import json
heavy = sorted(came & set({heavy!r}))
print(json.dumps(dict(wall_seconds=wall, cpu_seconds=cpu, modules=len(came), heavy=heavy)))
"""


def ask(what: str, module: str) -> dict[str, Any]:
    """Runs one measurement in a fresh process and returns what it found (or why not, under ``error``)."""
    return _read_process([__file__, what, module], module)


def time_import(module: str, *, rounds: int) -> dict[str, Any]:
    """Returns the median wall and CPU seconds of an import in a fresh process, and what heavy came along."""
    code = _IMPORT.format(module=module, heavy=HEAVY)
    _read_process(["-c", code], module)  # the first one may have to compile
    found = [_read_process(["-c", code], module) for _ in range(rounds)]
    broken = [one for one in found if "error" in one]
    if broken:
        return broken[0]
    medians = {key: statistics.median(one[key] for one in found) for key in ("wall_seconds", "cpu_seconds")}
    return {**found[-1], **medians}


def _read_process(args: list[str], module: str) -> dict[str, Any]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    spec = importlib.util.find_spec(module)
    if spec is not None and spec.origin is not None:
        env["PYTHONPATH"] = str(Path(spec.origin).parent.parent)
    found = subprocess.run([sys.executable, *args], capture_output=True, text=True, check=False, env=env)
    if found.returncode:
        return {"error": (found.stderr.strip().splitlines() or ["no message"])[-1]}
    return json.loads(found.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]  # a dict, printed above


def measure_trial(module: str) -> dict[str, Any]:
    """Runs one evolution and returns the bytes that each trial left behind after the first tenth."""
    from symbolic import define_cell  # not when an import is timed

    dialect = _dialect(module)
    first, last = (1_000, 10_000) if module == "pliant" else (20, 60)
    kept: dict[int, int] = {}

    def on_trial(trial: int, child: Any) -> float:
        if trial in (first, last):
            gc.collect()
            kept[trial] = tracemalloc.get_traced_memory()[0]
        return float(sum(child.edges))

    program = define_cell(dialect.pg)
    tracemalloc.start()
    dialect.evolve(program, last + 1, on_trial)
    return {"bytes_per_trial": (kept[last] - kept[first]) / (last - first), "trials": last + 1}


def _dialect(module: str) -> Any:
    adapter = importlib.import_module("subject" if module == "pliant" else "peer")
    return adapter.dialect(importlib.import_module(module))


def define_mobilenet(pg: Any, nn: Any) -> Any:
    """Returns a MobileNetV2-sized space over symbolized ``torch.nn`` classes: 17 blocks, kernel and expansion."""
    conv, norm, relu = pg.symbolize(nn.Conv2d), pg.symbolize(nn.BatchNorm2d), pg.symbolize(nn.ReLU6)
    chain, linear = pg.symbolize(nn.Sequential), pg.symbolize(nn.Linear)
    pool, flatten = pg.symbolize(nn.AdaptiveAvgPool2d), pg.symbolize(nn.Flatten)

    def block(channels: int, out: int, stride: int, expansion: int) -> Any:
        wide = channels * expansion
        kernels = [
            conv(wide, wide, kernel, stride=stride, padding=kernel // 2, groups=wide, bias=False)
            for kernel in (3, 5, 7)
        ]
        return chain(
            conv(channels, wide, 1, bias=False), norm(wide), relu(),
            pg.oneof(kernels), norm(wide), relu(),
            conv(wide, out, 1, bias=False), norm(out),
        )  # fmt: skip

    layers = [conv(3, 32, 3, stride=2, padding=1, bias=False), norm(32), relu()]
    channels = 32
    for expansion, out, repeats, first_stride in STAGES:
        for i in range(repeats):
            stride = first_stride if i == 0 else 1
            expansions = (expansion,) if expansion == 1 else (expansion // 2, expansion)
            layers.append(pg.oneof([block(channels, out, stride, wide) for wide in expansions]))
            channels = out
    layers += [
        conv(channels, 1280, 1, bias=False),
        norm(1280),
        relu(),
        pool(1),
        flatten(),
        linear(1280, 1000),
    ]
    return chain(*layers)


def measure_children(module: str) -> dict[str, Any]:
    """Draws children of a MobileNet-sized space and keeps them; returns their memory and how many tensors they made.

    Tensor operations are counted by a dispatch mode that sees every one, the allocation of a weight
    among them; that it can see them is shown by realizing one child at the end and running it.
    """
    import torch  # only this measurement needs it
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counter(TorchDispatchMode):
        """Counts tensor operations."""

        seen = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.seen += 1
            return func(*args, **(kwargs or {}))

    torch.set_num_threads(1)
    dialect, count = _dialect(module), CHILDREN[module]
    counter = Counter()
    with counter:
        program = define_mobilenet(dialect.pg, torch.nn)
        samples = dialect.samples(program, 1)
        next(samples)
        gc.collect()
        resident, started = read_resident_bytes(), time.perf_counter()
        children = [next(samples) for _ in range(count)]
        seconds = time.perf_counter() - started
        gc.collect()
        resident = read_resident_bytes() - resident
        children.clear()
        gc.collect()
        tracemalloc.start()
        children = [next(samples) for _ in range(count)]
        gc.collect()
        traced = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    drawing = counter.seen
    with counter:
        output = children[0].eval()(torch.zeros(1, 3, 64, 64))
    weights = sum(p.numel() * p.element_size() for p in children[0].parameters())
    return {
        "children": count,
        "resident_bytes_per_child": resident / count,
        "traced_bytes_per_child": traced / count,
        "seconds_per_child": seconds / count,
        "tensor_operations": drawing,
        "tensor_operations_of_one_realized": counter.seen - drawing,
        "weight_bytes_of_one_realized": weights,
        "output": list(output.shape),
    }


def read_resident_bytes() -> int:
    """Returns the resident memory of this process (0 where /proc does not tell)."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


MEASURES = {"trial": measure_trial, "children": measure_children}

if __name__ == "__main__":
    print(json.dumps(MEASURES[sys.argv[1]](sys.argv[2])))
