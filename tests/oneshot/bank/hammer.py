"""Processes that store and fetch at once in the folder of the first argument, one of them killed again and again.

Every network has one number in all weights, so a mixture of two networks shows.  Prints how often each process read a layer.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import torch
from torch import nn

from pliant.oneshot.bank import WeightBank

KILLS = 25


def make(value: float) -> nn.Sequential:
    """Returns a network whose weights and biases all are ``value``."""
    network = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 3))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)
    return network


def read(bank: WeightBank) -> int:
    """Fetches weights, and returns for how many layers; raises AssertionError at a mixture."""
    network = make(-1.0)
    names = bank.load_into(network)
    for name in names:
        layer = network.get_submodule(name)
        values = torch.cat([layer.weight.reshape(-1), layer.bias]).unique()
        assert len(values) == 1, f"a mixture of {len(values)} networks"
        assert values.item() >= 1000
    return len(names)


def start(folder: str, number: int) -> int:
    """Returns the process id of a child that stores and fetches until a file ``stop`` is there; its status is 0 if all went well."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        bank, count, step = WeightBank(folder), 0, 0
        while not os.path.exists(f"{folder}/../stop"):
            step += 1
            bank.store(make(1000 * number + step % 500))
            count += read(bank)
        os.write(1, f"read {count}\n".encode())  # in one piece, whatever the others write
        status = 0 if count else 2
    finally:
        os._exit(status)


def main(folder: str) -> None:
    """Runs two children to the end, and kills a third one again and again."""
    torch.set_num_threads(1)
    others = [start(folder, number) for number in (1, 2)]
    for kill in range(KILLS):
        victim = start(folder, 3)
        time.sleep(0.005 + 0.004 * kill)
        os.kill(victim, signal.SIGKILL)
        status = os.waitpid(victim, 0)[1]
        assert os.WIFSIGNALED(status), f"the child ended by itself: {status}"
        read(WeightBank(folder))
    open(f"{folder}/../stop", "x").close()
    for other in others:
        assert os.waitpid(other, 0)[1] == 0
    print("read", read(WeightBank(folder)))


if __name__ == "__main__":
    main(sys.argv[1])
