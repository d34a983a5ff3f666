"""How fast many small networks are trained: 200 candidates on digits and on Fashion-MNIST, by five ways that do the same work.

    python benchmarks/tabular.py                        # both sets
    python benchmarks/tabular.py --sets digits --candidates 50 --rounds 1
    python benchmarks/tabular.py --ways "plain loop" batched        # by CPU seconds, on a busy machine

All candidates have one shape (784-128-64-10 on Fashion-MNIST, 64-64-64-10 on digits) and differ in learning rate and weight decay, so
this is the best case of batched training.  Every way trains the same epochs of the same network with AdamW and scores it after each
epoch; their mean best accuracies stand in the table.

``spawned`` is a new Python process for each candidate, two at a time.  It, the plain loop and the pool are measured on some of the
candidates, evenly spaced, and the time of all is extrapolated; the accuracies are those of the same candidates.
On a busy machine, compare the spawned processes, the pool and ``batched in workers``, which have sessions of their own, with each other by
wall clock, and the plain loop and ``batched``, which run in this process, by CPU seconds: Linux shares time between sessions.
Times are wall clock, interleaved, medians of the rounds; the load of the machine is printed, as others may use it.  CPU seconds, which
depend on the load less, are those of this process, so only of the ways that compute in it.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pliant.launch import Call, Ended, Job, Launcher, Processes
from pliant.tabular import Encoded, Task
from pliant.tabular.training.train import train_networks
from pliant.tabular.training.workers import PRELOAD
from pliant.zoo.tabular import Columns, Dense, TableModel, TableNetwork, Training

WAYS = ("spawned", "plain loop", "warm pool", "batched", "batched in workers")
FASHION_ROWS = 6000  # to train on; 1,000 to score on


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=["digits", "fashion"], choices=["digits", "fashion"])
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=10, help="on digits; a third of them on Fashion-MNIST")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--sample", type=int, default=20, help="candidates of a round that the plain ways train"
    )
    parser.add_argument(
        "--spawned", type=int, default=4, help="candidates of a round that get a process of their own"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{platform.node()}: {_find_processor()}, {os.cpu_count()} processors, torch {torch.__version__}, 1 thread each"
    )
    print(
        "| set | way | s for all | CPU s | candidates/s | batched in workers is faster by | mean best accuracy |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in options.sets:
        with (
            tempfile.TemporaryDirectory() as folder,
            Processes(options.workers, preload=(PRELOAD, "torch.optim")) as pool,
        ):
            measure(name, options, Path(folder) / "data.npz", pool)


def measure(name: str, options: argparse.Namespace, file: Path, pool: Launcher) -> None:
    """Measures one set and prints its rows."""
    data = load_digits() if name == "digits" else load_fashion()
    np.savez(file, **data)
    epochs = options.epochs if name == "digits" else max(1, options.epochs // 3)
    hidden = (64, 64) if name == "digits" else (128, 64)
    size = 64 if name == "digits" else 128
    tasks = [
        {"file": str(file), "rate": rate, "decay": 0.01, "hidden": hidden, "size": size, "epochs": epochs}
        for rate in np.geomspace(3e-4, 1e-2, options.candidates).tolist()
    ]
    sample = spread(len(tasks), options.sample)
    ways: dict[str, tuple[list[int], Callable[[list[Any]], list[float]]]] = {
        "spawned": (spread(len(tasks), options.spawned), lambda some: run_spawned(some, options.workers)),
        "plain loop": (sample, lambda some: [train_plain(task, data) for task in some]),
        "warm pool": (sample, lambda some: run_pool(some, pool)),
        "batched": (list(range(len(tasks))), lambda some: run_batched(some, data, None)),
        "batched in workers": (list(range(len(tasks))), lambda some: run_batched(some, data, pool)),
    }
    ways = {way: ways[way] for way in options.ways}
    if "warm pool" in ways:
        run_pool(tasks[:4], pool)  # warms up
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    cpu: dict[str, list[float]] = {way: [] for way in ("plain loop", "batched") if way in ways}
    scores: dict[str, float] = {}
    loads = []
    for number in range(options.rounds):
        for way in list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]:
            some, run = ways[way]
            begun, used = time.perf_counter(), time.process_time()
            found = run([tasks[i] for i in some])
            taken, used = time.perf_counter() - begun, time.process_time() - used
            seconds[way].append(taken * len(tasks) / len(some))
            if way in cpu:
                cpu[way].append(used * len(tasks) / len(some))
            print(
                f"{name}, round {number + 1}, {way}: {taken:.1f} s for {len(some)}",
                file=sys.stderr,
                flush=True,
            )
            if way != "spawned":
                scores[way] = statistics.mean(found[some.index(i)] for i in sample)
            loads.append(os.getloadavg()[0])
    for way, times in seconds.items():
        fastest = seconds.get("batched in workers")
        ratio = (
            f"{statistics.median(a / b for a, b in zip(times, fastest, strict=True)):.1f}x"
            if fastest
            else "-"
        )
        taken = statistics.median(times)
        count = len(ways[way][0])
        note = f" (from {count})" if count < len(tasks) else ""
        score = f"{scores[way]:.4f}" if way in scores else "-"
        processor = f"{statistics.median(cpu[way]):.1f}" if way in cpu else "-"
        print(
            f"| {name} | {way}{note} | {taken:.1f} | {processor} | {len(tasks) / taken:.2f} | {ratio} | {score} |",
            flush=True,
        )
    print(
        f"| {name} | load {min(loads):.1f} to {max(loads):.1f}, {options.rounds} rounds | | | | | |",
        flush=True,
    )


def spread(count: int, chosen: int) -> list[int]:
    """Returns that many indices below a count, evenly spaced."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, chosen)).tolist()})


def load_digits() -> dict[str, Any]:
    """Returns scikit-learn's digits, 1,400 to train on and 397 to score on."""
    from sklearn import datasets

    digits = datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    return _split((digits.data[order] / 8 - 1), digits.target[order], 1400, len(order))


def load_fashion() -> dict[str, Any]:
    """Returns images of Fashion-MNIST from the folder that PLIANT_DATA names."""
    with np.load(Path(os.environ["PLIANT_DATA"]) / "fashion_mnist_prefix.npz") as found:
        images, labels = found["x_train"].reshape(-1, 784) / 127.5 - 1, found["y_train"]
    return _split(images, labels, FASHION_ROWS, FASHION_ROWS + 1000)


def _split(x: Any, y: Any, first: int, last: int) -> dict[str, Any]:
    x, y = x.astype(np.float32), y.astype(np.int64)
    return {"x": x[:first], "y": y[:first], "x_valid": x[first:last], "y_valid": y[first:last]}


def train_plain(task: dict[str, Any], data: dict[str, Any]) -> float:
    """Trains one candidate by plain PyTorch, without a DataLoader, which would be slower; returns its best accuracy."""
    x, y, x_valid, y_valid = (torch.from_numpy(data[name]) for name in ("x", "y", "x_valid", "y_valid"))
    first, second = task["hidden"]
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(x.shape[1], first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 10)
    )
    optimizer = torch.optim.AdamW(network.parameters(), task["rate"], weight_decay=task["decay"])
    best = 0.0
    for _ in range(task["epochs"]):
        for chosen in torch.randperm(len(x)).split(task["size"]):
            loss = nn.functional.cross_entropy(network(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            best = max(best, (network(x_valid).argmax(1) == y_valid).float().mean().item())
    return best


_loaded: dict[str, dict[str, Any]] = {}


def train_in_pool(task: dict[str, Any], channel: Any) -> float:
    """Trains one candidate in a worker of the pool, which keeps the data."""
    torch.set_num_threads(1)
    if task["file"] not in _loaded:
        _loaded[task["file"]] = dict(np.load(task["file"]))
    return train_plain(task, _loaded[task["file"]])


def run_pool(tasks: list[dict[str, Any]], pool: Launcher) -> list[float]:
    """Trains each candidate by plain PyTorch as a call of a warm pool."""
    for number, task in enumerate(tasks):
        pool.start(Job(f"plain{number}", Call(train_in_pool, task)))
    found: dict[str, float] = {}
    while len(found) < len(tasks):
        found |= {event.job: event.outcome.value for event in pool.poll(None) if isinstance(event, Ended)}
    return [found[f"plain{number}"] for number in range(len(tasks))]


def run_spawned(tasks: list[dict[str, Any]], workers: int) -> list[float]:
    """Trains each candidate by plain PyTorch in a new process, some at a time."""
    found: list[float] = []
    running: list[subprocess.Popen[str]] = []
    waiting = list(tasks)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    while waiting or running:
        while waiting and len(running) < workers:
            code = f"import tabular; print(tabular.train_in_pool({waiting.pop(0)!r}, None))"
            folder = Path(__file__).parent
            running.append(
                subprocess.Popen(
                    [sys.executable, "-c", code],
                    cwd=folder,
                    env=env,
                    stdout=subprocess.PIPE,
                    start_new_session=True,  # as the workers have: systems that share time by session treat all alike
                    text=True,
                )
            )
        for process in [one for one in running if one.poll() is not None]:
            running.remove(process)
            found.append(float(process.communicate()[0]))
        time.sleep(0.005)
    return found


def run_batched(tasks: list[dict[str, Any]], data: dict[str, Any], pool: Launcher | None) -> list[float]:
    """Trains all candidates by Pliant; returns the accuracies of the best epochs."""
    first, second = tasks[0]["hidden"]
    columns = data["x"].shape[1]
    programs = [
        TableModel(
            TableNetwork(Columns(columns, (), first), [Dense(first, second), Dense(second, 10)]),
            Training(learning_rate=task["rate"], weight_decay=task["decay"], batch_size=task["size"]),
        )
        for task in tasks
    ]
    rows, validation = (Encoded(x, np.zeros((len(x), 0), np.int64), ()) for x in (data["x"], data["x_valid"]))
    epochs = tasks[0]["epochs"]
    found = train_networks(
        programs,
        rows,
        data["y"],
        Task("multiclass", 10),
        validation=validation,
        validation_targets=data["y_valid"],
        epochs=epochs,
        patience=epochs,
        seed=0,
        launcher=pool,
    )
    return [one.score or 0.0 for one in found]


def _find_processor() -> str:
    lines = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in lines.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
