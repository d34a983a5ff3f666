"""Times the dashboard on a large study: its first page, and each screen and figure the first time and again.

    python benchmarks/dashboard.py --trials 100000 --study /tmp/large.db

It makes the study where it does not exist.  CPU time is what matters on a machine that does other things.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from pathlib import Path

from starlette.testclient import TestClient

import pliant as pg
from pliant.dashboard import make_app
from pliant.study import Study

SPACE = pg.Dict(
    stem=pg.oneof(["conv3x3", "conv7x7", "patch"], name="stem"),
    block=pg.oneof(
        [pg.Dict(kind="mbconv", expansion=pg.oneof([3, 4, 6], name="expansion")), "bottleneck"], name="block"
    ),
    depth=pg.intv(2, 12, name="depth"),
    width=pg.oneof([16, 32, 48, 64, 96, 128], name="width"),
    lr=pg.floatv(1e-4, 1e-1, scale="log", name="lr"),
    act=pg.oneof(["relu", "swish", "gelu"], name="act"),
)
SCREENS = (
    "",
    "/trials",
    "/trials?filter=stem%3Dconv3x3+reward%3E0.8&sort=-reward",
    "/trial/500",
    "/decisions",
    "/tradeoff",
)
FIGURES = ("history", "throughput", "tradeoff", "importance", "effects", "choices", "parallel")


def make_study(path: Path, trials: int) -> None:
    rng = random.Random(0)
    with Study.create(
        path, pg.abstract_search_space(SPACE), pg.algorithms.Random(), trials=trials, seed=0
    ) as study:
        for start in range(0, trials, 2000):
            with study.together():
                for _ in range(min(2000, trials - start)):
                    trial = study.ask(worker=f"process {rng.randrange(4)}")
                    params = trial.decisions.params
                    reward = (
                        0.62
                        + 0.012 * params["depth"]
                        - 0.04 * abs(math.log10(params["lr"]) + 2.3)
                        + rng.gauss(0, 0.01)
                    )
                    if rng.random() < 0.04:
                        study.fail(trial.id, "RuntimeError: CUDA out of memory")
                    else:
                        study.tell(
                            trial.id, reward, metrics={"latency": params["depth"] * params["width"] / 40}
                        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--study", type=Path, default=Path("/tmp/large.db"))
    options = parser.parse_args()
    if not options.study.exists():
        make_study(options.study, options.trials)
    client = TestClient(make_app([str(options.study)]), base_url="http://localhost")
    key = client.get("/studies.json").json()[0]["key"]
    client = TestClient(
        make_app([str(options.study)]), base_url="http://localhost"
    )  # without what the first has read

    def measure(path: str) -> str:
        wall, cpu = time.perf_counter(), time.process_time()
        size = len(client.get(f"/s/{key}{path}").content)
        return f"{time.perf_counter() - wall:7.3f} s {time.process_time() - cpu:7.3f} s CPU {size:9,} bytes"

    print("first page          ", measure(""))
    print("first figure        ", measure("/figure/history?width=800"))
    start = time.process_time()
    while not client.get(f"/s/{key}.json").json()["is_read"]:
        time.sleep(0.5)
    print(f"all trials read after {time.process_time() - start:.1f} s CPU")
    for path in (*SCREENS, *(f"/figure/{name}?width=800" for name in FIGURES)):
        print(f"{path or '/':60} first {measure(path)}   again {measure(path)}")


if __name__ == "__main__":
    main()
