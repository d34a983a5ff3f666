"""What ``oneshot.py`` times: steps of super-networks and of what they are compared with, as jobs; and their memory.

Every pair is first shown to compute the same.  Prints nothing, and knows no targets.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from networks import EDGES, PlainDarts, darts_network, mobile_alone, mobile_largest, mobile_space
from timing import Job
from torch import Tensor, nn

from pliant import oneshot

BATCH, CLASSES, DRAWN = 32, 10, 6
KINDS = (
    "largest alone",
    "sampled",
    "sampled, always the largest",
    "mixture",
    "mixture, checkpointed",
    "one path",
)


def make_batch(*, size: int = BATCH, last: bool = True) -> tuple[Tensor, Tensor]:
    """Returns random images of 32 x 32 and labels, with channels last or first."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, 32, 32, generator=generator)
    labels = torch.randint(0, CLASSES, (size,), generator=generator)
    return (images.contiguous(memory_format=torch.channels_last) if last else images), labels


def make_step(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Callable[[], None]:
    """Returns a whole training step: forward, backward, SGD with momentum."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4)
    images, labels = batch

    def step() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(network(images), labels))
        optimizer.step()

    return step


def order(network: nn.Module) -> nn.Module:
    """Returns a network with channels last."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


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


def _again(network: nn.Module, cells: int, channels: int) -> nn.Module:
    """Returns another network of the same kind, ready to be trained."""
    if isinstance(network, PlainDarts):
        return PlainDarts(cells, channels)
    made = oneshot.supernet(darts_network(cells, channels))
    oneshot.DARTS().bind(made)
    return made


def resample_jobs() -> dict[str, Job]:
    """Returns drawing and selecting anew, on 8 cells: with tied cells, with each cell for itself, and by the mutator."""
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
    """Returns the peak memory of training steps in a fresh process: ``bytes`` above what was there, CPU ``seconds`` a step."""
    command = [sys.executable, __file__, kind]
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    if found.returncode:
        return {"error": (found.stderr.strip().splitlines() or ["no message"])[-1]}
    return json.loads(found.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]  # a dict, printed below


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


def main() -> None:
    """Takes some steps of one kind, and prints what they took."""
    torch.set_num_threads(1)
    nn.Conv2d(3, 3, 3)(make_batch(size=1)[0])  # what the first convolution loads is nobody's
    before = _read_status("VmRSS")
    step = _steps_of(sys.argv[1])
    seconds = []
    for _ in range(8 if sys.argv[1] == "sampled" else 3):
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    print(json.dumps({"bytes": _read_status("VmHWM") - before, "seconds": min(seconds[1:])}))


if __name__ == "__main__":
    main()
