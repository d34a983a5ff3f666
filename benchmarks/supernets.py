"""What ``oneshot.py`` times: steps of super-networks and of what they are compared with, as jobs; and their memory.

Every pair is first shown to compute the same.  Prints nothing, and knows no targets.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from networks import EDGES, PlainDarts, darts_network, mobile_alone, mobile_largest, mobile_space
from remote import Asked, Peer
from steps import make_batch, make_step, order
from timing import Job
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from pliant import oneshot

DRAWN = 6
SAME_AS_OURS = ("NNI 3.0, channels first", "NNI 3.0, channels last")
NNI_SPACE = "NNI 3.0's own space, channels first"
KINDS = (
    "largest alone",
    "sampled",
    "sampled, always the largest",
    "mixture",
    "mixture, checkpointed",
    "one path",
)


def require_equal(a: nn.Module, b: nn.Module, images: Tensor, *, within: float = 0.0) -> None:
    """Ends the run when two networks compute different things."""
    with torch.no_grad():
        far = float((a(images) - b(images)).abs().max())
    if far > within:
        sys.exit(f"{type(a).__name__} and {type(b).__name__} differ by {far}: there is nothing to compare.")


def sampled_jobs() -> dict[str, Job]:
    """Returns a sampled step of the MobileNetV2-like super-network, and a step of the same architectures alone.

    The first draws, selects, and trains; in each round both train the same architecture.
    """
    batch = make_batch()
    net = oneshot.supernet(mobile_space())
    order(net).train()
    drawn = [net.space.sample(seed) for seed in range(DRAWN)]
    alone = []
    for decisions in drawn:
        network = mobile_alone(decisions.values)
        network.load_state_dict({name: tensor.clone() for name, tensor in net.inherited(decisions).items()})
        order(network).train()
        net.activate(decisions)
        require_equal(net, network, batch[0])
        alone.append(make_step(network, batch))
    shared, turn = make_step(net, batch), {"shared": 0, "alone": 0}

    def on_shared() -> None:
        i = turn["shared"] = (turn["shared"] + 1) % DRAWN
        net.activate(net.space.sample(i))
        shared()

    def on_alone() -> None:
        i = turn["alone"] = (turn["alone"] + 1) % DRAWN
        alone[i]()

    largest = make_step(order(mobile_largest()).train(), batch)
    found = {"super-network": on_shared, "alone": on_alone, "largest alone": largest}
    for _ in range(DRAWN):
        on_shared(), on_alone()
    largest()
    return {side: Job("step()", {"step": step}, number=1) for side, step in found.items()}


def darts_jobs(cells: int, channels: int, size: int) -> dict[str, Job]:
    """Returns a weight step of DARTS: ours, and the plain implementation's, each with channels last and first."""
    net = oneshot.supernet(darts_network(cells, channels))
    sampler = oneshot.DARTS()
    sampler.bind(net)
    plain = PlainDarts(cells, channels)
    plain.load_state_dict(dict(zip(plain.state_dict(), net.state_dict().values())))
    rows = sampler.architecture.parameters
    for kind, alpha in plain.alphas.items():
        alpha.data.copy_(torch.stack([rows[f"{kind}_{edge}"] for edge in range(EDGES)]))
    require_equal(net.train(), plain.train(), make_batch(size=4, last=False)[0], within=1e-4)
    steps: dict[str, Callable[[], None]] = {}
    for name, kind in (("ours", net), ("plain", plain)):
        for last in (False, True):
            network = kind if not last else order(_again(kind, cells, channels))
            label = f"{name}, channels {'last' if last else 'first'}"
            steps[label] = make_step(network.train(), make_batch(size=size, last=last))
            steps[label]()
    return {side: Job("step()", {"step": step}, number=1) for side, step in steps.items()}


def prove_nni_equal(peer: Peer, cells: int, channels: int) -> str:
    """Ends the run unless NNI's network has our parameters, multiply-adds and outputs; returns how many there are, in words."""
    net = oneshot.supernet(darts_network(cells, channels)).train()
    sampler = oneshot.DARTS()
    sampler.bind(net)
    images = make_batch(size=4, last=False)[0]
    alphas = {key: row.detach().float() for key, row in sampler.architecture.parameters.items()}
    given = {"weights": list(net.state_dict().values()), "alphas": alphas, "images": images}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / "given.pt"
        torch.save(given, path)
        theirs = {side: torch.tensor(peer.ask("output", side=side, path=str(path))) for side in SAME_AS_OURS}
        with FlopCounterMode(display=False) as counter:
            out = net(images)
    count = {
        "parameters": sum(p.numel() for p in net.parameters()),
        "multiply_adds": counter.get_total_flops() // 2 // len(images),
    }
    for side, other in theirs.items():
        far, found = float((out - other).abs().max()), peer.ask("count", side=side)
        if far > 1e-4 or found != count:
            sys.exit(
                f"{side} differs by {far} and has {found}, ours has {count}: there is nothing to compare."
            )
    text = "{parameters:,} parameters and {multiply_adds:,} multiply-adds an image"
    own = text.format(**peer.ask("count", side=NNI_SPACE))
    return f"both have {text.format(**count)}, and the same outputs; NNI's own space has {own}"


def nni_jobs(peer: Peer) -> dict[str, Asked]:
    """Returns the same step by NNI, as jobs that have run once."""
    sides = (*SAME_AS_OURS, NNI_SPACE)
    for side in sides:
        peer.ask("step", side=side)
    return {side: Asked(peer, side) for side in sides}


def _again(network: nn.Module, cells: int, channels: int) -> nn.Module:
    """Returns another network of the same kind, ready to be trained."""
    if isinstance(network, PlainDarts):
        return PlainDarts(cells, channels)
    made = oneshot.supernet(darts_network(cells, channels))
    oneshot.DARTS().bind(made)
    return made


def resample_jobs() -> dict[str, Job]:
    """Returns sampling and selecting another network, on 8 cells: with tied cells, with each cell for itself, and by the mutator."""
    jobs = {}
    for side, tied in (("tied cells", True), ("free cells", False)):
        net = oneshot.supernet(darts_network(8, 16, tied=tied))
        names = {"net": net, "space": net.space, "random": random.Random(0)}
        jobs[f"{side}, {len(net.space.points)} decisions"] = Job("net.activate(space.sample(random))", names)
        if not tied:
            jobs["free cells, by RandomMutator"] = Job(
                "mutator.reset()", {"mutator": oneshot.RandomMutator(net)}
            )
    return jobs


# ------------------------------------------------------------------ memory


def ask_memory(kind: str) -> dict[str, Any]:
    """Returns what training steps take, each found in a fresh process.

    ``tensors`` is the largest sum of bytes in tensors, exact and the same each time; ``resident`` the peak of the process
    above what was there before, with what kernels and allocator keep for themselves; ``seconds`` the CPU time of a step.
    """
    found: dict[str, Any] = {}
    for how in ("resident", "tensors"):
        command = [sys.executable, __file__, how, kind]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
        if done.returncode:
            return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
        found |= json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _steps_of(kind: str) -> Callable[[], None]:
    batch = make_batch()
    if kind == "largest alone":
        return make_step(order(mobile_largest()).train(), batch)
    if kind.startswith("sampled"):
        net = oneshot.supernet(mobile_space())
        step, draw = make_step(order(net).train(), batch), random.Random(0)
        points = net.space.points
        largest = [len(point.literals) - 1 if point.values else 0 for point in points]

        def train() -> None:
            net.activate(net.space.sample(draw) if kind == "sampled" else largest)
            step()

        return train
    net = oneshot.supernet(darts_network(4, 8))
    if kind == "one path":
        step, draw = make_step(order(net).train(), batch), random.Random(0)

        def train_path() -> None:
            net.activate(net.space.sample(draw))
            step()

        return train_path
    oneshot.DARTS(checkpoint=kind.endswith("checkpointed")).bind(net)
    return make_step(order(net).train(), batch)


def _read_status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _take_steps(kind: str) -> list[float]:
    """Builds the network of a kind, and trains it; returns the CPU seconds of the steps."""
    step, seconds = _steps_of(kind), []
    for _ in range(8 if kind == "sampled" else 3):
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    return seconds


def count_tensors(work: Callable[[], Any]) -> int:
    """Returns the most bytes that tensors of some work held at a time; what it did not allocate counts nothing."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    assert profiler.profiler is not None
    left, changes = list(profiler.profiler.kineto_results.experimental_event_tree()), []
    while left:
        event = left.pop()
        left += event.children
        if event.name == "[memory]":
            changes.append((event.start_time_ns, event.extra_fields.alloc_size))
    return max(itertools.accumulate(size for _, size in sorted(changes, key=lambda change: change[0])))


def main() -> None:
    """Takes some steps of one kind, and prints what they took."""
    how, kind = sys.argv[1:]
    torch.set_num_threads(1)
    nn.Conv2d(3, 3, 3)(make_batch(size=1)[0])  # what the first convolution loads is counted for no network
    if how == "tensors":
        print(json.dumps({"tensors": count_tensors(lambda: _take_steps(kind))}))
        return
    before = _read_status("VmRSS")
    seconds = _take_steps(kind)
    print(json.dumps({"resident": _read_status("VmHWM") - before, "seconds": min(seconds[1:])}))


if __name__ == "__main__":
    main()
