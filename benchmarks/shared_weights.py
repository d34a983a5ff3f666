"""Three questions about shared weights that a walk-through leaves open, by experiments on digits and Fashion-MNIST.

``python benchmarks/shared_weights.py measure FOLDER --seeds 6 --until 17:50`` appends a line for each experiment to files in a
folder, and continues where it was interrupted; ``python benchmarks/shared_weights.py show FOLDER`` prints the tables.  Fashion-MNIST is
read from PLIANT_DATA.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from scipy.stats import t as student

sys.path.append(str(Path(__file__).parents[1] / "examples"))
from mlp_walkthrough import read_digits, train  # the example

import pliant as pg
from pliant.algorithms import Algorithm, Random
from pliant.algorithms.policy import REINFORCE
from pliant.oneshot import WeightBank, kendall_tau
from pliant.zoo.mlp_vocabulary import Vocabulary

VOCABULARY = Vocabulary(10, units=(8, 16, 32, 64, 128))
MAX_LENGTH = 4
NETWORKS, ORDERS, LONG = 20, 3, 12  # networks of a set, orders of it, epochs of a long training
TRIALS, DRAWN = 80, 10  # trials of a controller, networks drawn from it afterwards
EPOCHS = {"digits": 4, "fashion": 3}

Data = dict[str, tuple[torch.Tensor, torch.Tensor]]


def read_fashion() -> Data:
    """Returns 1,000 images of Fashion-MNIST to train on, 500 to validate on."""
    arrays = np.load(Path(os.environ["PLIANT_DATA"]) / "fashion_mnist_prefix.npz")
    x = torch.tensor(arrays["x_train"][:1500]).float().reshape(1500, -1) / 255
    y = torch.tensor(arrays["y_train"][:1500]).long()
    return {"train": (x[:1000], y[:1000]), "valid": (x[1000:], y[1000:])}


def evaluate(
    sequence: Sequence[int], data: Data, epochs: int, seed: int, bank: WeightBank | None = None
) -> float:
    """Trains the network of a sequence; equal seeds have equal initial weights and batches, except for what is transferred."""
    torch.manual_seed(seed)
    network = VOCABULARY.make_network(sequence, inputs=data["train"][0].shape[1])
    network.body  # noqa: B018  # draws the initial weights now
    return train(network, data, epochs=epochs, batch=128, seed=seed, bank=bank)


def measure_orders(data: Data, epochs: int, seed: int) -> dict[str, Any]:
    """Trains one set of networks alone, and in several orders with a bank that starts empty in each."""
    space = VOCABULARY.make_space(MAX_LENGTH)
    luck = random.Random(seed)
    chosen: dict[tuple[int, ...], None] = {}
    while len(chosen) < NETWORKS:
        program = pg.random_sample(space, seed=luck.getrandbits(32))
        chosen[tuple(VOCABULARY.read_network(program))] = None
    sequences = [list(one) for one in chosen]

    def alone(epochs: int, first: int) -> list[float]:
        return [evaluate(one, data, epochs, first + at) for at, one in enumerate(sequences)]

    found: dict[str, Any] = {
        "sequences": sequences,
        "alone": alone(epochs, 1000),
        "again": alone(epochs, 5000),
        "long": alone(LONG, 1000),
        "orders": [],
        "shared": [],
    }
    for _ in range(ORDERS):
        order = luck.sample(range(NETWORKS), NETWORKS)
        bank, scores = WeightBank(), [0.0] * NETWORKS
        for at in order:
            scores[at] = evaluate(sequences[at], data, epochs, 1000 + at, bank)
        found["orders"].append(order)
        found["shared"].append(scores)

    class Frozen:
        """The last bank, which the long trainings read and do not change."""

        load_into = staticmethod(bank.load_into)

        @staticmethod
        def store(network: object) -> None: ...

    found["long_shared"] = [
        evaluate(one, data, LONG, 1000 + at, Frozen)
        for at, one in enumerate(sequences)  # type: ignore[arg-type]
    ]
    return found


def measure_controllers(data: Data, epochs: int, seed: int) -> dict[str, Any]:
    """Runs a controller without and with a bank, and random proposals with a bank; then trains drawn networks alone."""
    found: dict[str, Any] = {}
    for name, shares in (("alone", False), ("shared", True), ("random, shared", True)):
        program = VOCABULARY.make_space(MAX_LENGTH)
        space = pg.abstract_search_space(program)
        algorithm: Algorithm = (
            Random(seed)
            if name.startswith("random")
            else REINFORCE(policy="lstm", learning_rate=0.01, discount=0.9, seed=seed)
        )
        algorithm.setup(space)
        bank, rewards = (WeightBank() if shares else None), []
        for trial in range(TRIALS):
            decisions = algorithm.propose()
            sequence = VOCABULARY.read_network(pg.materialize(program, decisions))
            rewards.append(evaluate(sequence, data, epochs, 1000 * seed + trial, bank))
            algorithm.feedback(decisions, rewards[-1])
        drawn = [VOCABULARY.read_network(pg.materialize(program, algorithm.propose())) for _ in range(DRAWN)]
        found[name] = {
            "rewards": rewards,
            "drawn": drawn,
            "drawn_alone": [evaluate(one, data, epochs, 9000 + at) for at, one in enumerate(drawn)],
        }
    return found


MEASURES: dict[str, Callable[[Data, int, int], dict[str, Any]]] = {
    "orders": measure_orders,
    "controllers": measure_controllers,
}


def measure(folder: Path, seeds: int, until: str | None) -> None:
    """Runs what is not in the folder yet, seed by seed, until a time of this day."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    data = {"digits": read_digits(), "fashion": read_fashion()}
    done = {(row["kind"], row["data"], row["seed"]) for row in read(folder)}
    for seed in range(seeds):
        for kind, function in MEASURES.items():
            for name in data:
                if (kind, name, seed) in done:
                    continue
                if until is not None and time.strftime("%H:%M") >= until:
                    return
                start = time.process_time()
                row = {
                    "kind": kind,
                    "data": name,
                    "seed": seed,
                    "found": function(data[name], EPOCHS[name], seed),
                }
                with (folder / "rows.jsonl").open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(kind, name, seed, f"{time.process_time() - start:.0f} s of CPU", flush=True)


def read(folder: Path) -> list[dict[str, Any]]:
    """Returns the whole lines of the file."""
    file = folder / "rows.jsonl"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


# --- tables ----------------------------------------------------------------------------------------------


def interval(values: Sequence[float]) -> str:
    """Returns the mean with its 95 % interval of Student's t distribution."""
    if len(values) < 3:
        return ", ".join(f"{one:.2f}" for one in values)
    half = student.ppf(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return f"{mean(values):.2f} ± {half:.2f} (n = {len(values)})"


def each(values: Sequence[float]) -> str:
    """Returns the value of each seed."""
    return ", ".join(f"{one:.1f}" for one in values)


def least(values: Sequence[float]) -> str:
    return f"{min(values):.1f}"


def describe_order(found: dict[str, Any]) -> dict[str, list[float]]:
    """Returns the observations of one set of networks: one for each network, or one for each order; accuracies are in percent."""
    count = len(found["sequences"])
    shared = np.array(found["shared"]) * 100
    place = np.array([np.argsort(order) for order in found["orders"]])
    alone, again, long, warm = (
        np.array(found[name]) * 100 for name in ("alone", "again", "long", "long_shared")
    )
    gain, third = shared - alone, count // 3
    early, late = place < third, place >= count - third

    def by_network(values: np.ndarray, where: np.ndarray) -> list[float]:
        """Returns the mean of each network over the orders in which it is at these places."""
        return [float(values[where[:, at], at].mean()) for at in range(count) if where[:, at].any()]

    both = [at for at in range(count) if early[:, at].any() and late[:, at].any()]
    tau = kendall_tau(alone.tolist(), long.tolist())
    taus = [kendall_tau(row.tolist(), long.tolist()) for row in shared]
    return {
        "gain early": by_network(gain, early),
        "gain late": by_network(gain, late),
        "late - early": [
            float(shared[late[:, at], at].mean() - shared[early[:, at], at].mean()) for at in both
        ],
        "place of the best": [
            float(place[row][np.argsort(-shared[row])[:third]].mean()) / (count - 1) * 100
            for row in range(len(shared))
        ],
        "tau alone": [tau],
        "tau shared": taus,
        "worse late": by_network((gain < -1) * 100.0, late),
        "worse again": ((again - alone < -1) * 100.0).tolist(),
        "much worse late": by_network((gain < -5) * 100.0, late),
        "much worse again": ((again - alone < -5) * 100.0).tolist(),
        "largest loss": [float(gain[late].min())],
        "gain long": (warm - long).tolist(),
        "worse long": ((warm - long < -1) * 100.0).tolist(),
        "largest loss long": [float((warm - long).min())],
        "best long": [float(warm.max() - long.max())],
    }


def describe_controller(found: dict[str, Any]) -> dict[str, list[float]]:
    """Returns the numbers of the three searches of a seed; accuracies are in percent."""
    out = {}
    for name, one in found.items():
        rewards = np.array(one["rewards"]) * 100
        out[f"{name}: first"] = float(rewards[:20].mean())
        out[f"{name}: last"] = float(rewards[-20:].mean())
        out[f"{name}: drawn"] = float(np.mean(one["drawn_alone"]) * 100)
        out[f"{name}: layers"] = mean(sum(number < 21 for number in sequence) for sequence in one["drawn"])
    return {name: [value] for name, value in out.items()}


Table = tuple[
    str, Callable[[dict[str, Any]], dict[str, list[float]]], dict[str, tuple[Callable[..., str], str]]
]

QUESTIONS: dict[str, Table] = {
    "Are early networks at a disadvantage?": (
        "orders",
        describe_order,
        {
            "gain early": (interval, "gain by transfer in the first third of an order (points of accuracy)"),
            "gain late": (interval, "gain by transfer in the last third"),
            "late - early": (interval, "the same network: last third minus first third (points)"),
            "place of the best": (
                interval,
                "place of the best third of an order (%; 50 without an advantage)",
            ),
            "tau alone": (interval, "rank correlation with long training: trained alone, by seed"),
            "tau shared": (interval, "rank correlation with long training: with transfer, in an order"),
        },
    ),
    "Can transfer hurt?": (
        "orders",
        describe_order,
        {
            "worse late": (interval, "last third: more than 1 point worse than alone (% of the networks)"),
            "worse again": (interval, "for comparison: alone with another seed, more than 1 point worse (%)"),
            "much worse late": (interval, "last third: more than 5 points worse than alone (%)"),
            "much worse again": (
                interval,
                "for comparison: alone with another seed, more than 5 points worse (%)",
            ),
            "largest loss": (least, "last third: largest loss (points)"),
            "gain long": (interval, f"after {LONG} epochs: gain by transfer (points)"),
            "worse long": (interval, f"after {LONG} epochs: more than 1 point worse than alone (%)"),
            "largest loss long": (least, f"after {LONG} epochs: largest loss (points)"),
            "best long": (
                each,
                f"after {LONG} epochs: the best network, with transfer minus alone (points), by seed",
            ),
        },
    ),
    "How does it change the controller? (a value for each seed)": (
        "controllers",
        describe_controller,
        {
            f"{name}: {key}": (each, f"{text}: {who}")
            for key, text in (
                ("first", "reward of the first 20 trials (% accuracy)"),
                ("last", "reward of the last 20 trials"),
                ("drawn", "10 networks drawn afterwards, trained alone"),
                ("layers", "dense layers of these"),
            )
            for name, who in (
                ("alone", "controller without transfer"),
                ("shared", "controller with transfer"),
                ("random, shared", "random proposals with transfer"),
            )
        },
    ),
}


def show(folder: Path) -> None:
    """Prints a table for each question: means with 95 % intervals over networks or orders, or a value for each seed."""
    rows = read(folder)
    for question, (kind, describe, lines) in QUESTIONS.items():
        found = {
            name: [describe(row["found"]) for row in rows if (row["kind"], row["data"]) == (kind, name)]
            for name in EPOCHS
        }
        print(f"\n{question}\n")
        print("| | " + " | ".join(f"{name}, {len(some)} seeds" for name, some in found.items()) + " |")
        print("|" + " --- |" * (len(found) + 1))
        for key, (write, text) in lines.items():
            cells = [write([value for one in some for value in one[key]]) for some in found.values()]
            print(f"| {text} | {' | '.join(cells)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["measure", "show"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--until", help="a time of this day, such as 17:50")
    options = parser.parse_args()
    if options.command == "measure":
        measure(options.folder, options.seeds, options.until)
    else:
        show(options.folder)
