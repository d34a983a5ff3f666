"""What weight sharing costs: steps of super-networks beside the same networks alone, and beside a plain implementation.

    python benchmarks/oneshot.py                      everything (some minutes)
    python benchmarks/oneshot.py --rounds 12          more rounds; a round is one step of each side
    python benchmarks/oneshot.py --only sampled       sampled, darts, darts-large, resample, memory
    python benchmarks/oneshot.py --json out.json      also every round's numbers

``README.md`` beside this file says how it is measured.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import supernets
import torch
from core import describe_machine, tell
from quality import format_table
from remote import Asked, Peer, PeerError
from table import format_bytes, format_seconds, judge
from timing import Job, Timing, measure

PARTS = ("sampled", "darts", "darts-large", "resample", "memory")
Cells = list[str]


def read_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's arguments."""
    parser = argparse.ArgumentParser(description="What weight sharing costs.")
    parser.add_argument(
        "--rounds", type=int, default=12, help="interleaved rounds (of DARTS: a third of them)"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=[p for p in PARTS if p != "darts-large"])
    parser.add_argument(
        "--nni-python",
        type=Path,
        metavar="PYTHON",
        help="of an environment with nni==3.0 and pytorch_lightning",
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every round's numbers to a file")
    return parser.parse_args(argv)


def report_sampled(timing: Timing) -> list[Cells]:
    """Returns the rows about a sampled step."""
    ratio = timing.ratio("super-network", "alone") or 0.0
    largest = timing.ratio("largest alone", "alone") or 0.0
    quickest = sum_of_fastest(timing, "super-network") / sum_of_fastest(timing, "alone")
    text, shown = "MobileNetV2-like: a sampled step", format_seconds(timing.median("super-network"))
    return [
        [text, shown, f"{ratio:.2f}x (<= 1.10x)", judge([ratio <= 1.10])],
        ["  by the fastest step of each architecture", "-", f"{quickest:.2f}x", "-"],
        ["  the same architectures alone", format_seconds(timing.median("alone")), "1.00x", "-"],
        ["  the largest alone", format_seconds(timing.median("largest alone")), f"{largest:.2f}x", "-"],
    ]


def sum_of_fastest(timing: Timing, side: str) -> float:
    """Returns the sum over the architectures of their fastest steps; round ``r`` is of architecture ``r`` modulo ``DRAWN``."""
    seconds = timing.seconds[side]
    return sum(min(seconds[i :: supernets.DRAWN]) for i in range(min(supernets.DRAWN, len(seconds))))


def report_darts(timing: Timing, title: str) -> list[Cells]:
    """Returns the rows about a weight step of DARTS: ours beside the plain implementation, and beside NNI where it is."""
    ours, plain, nni = "ours, channels last", "plain, channels first", "NNI 3.0, channels first"
    beside = {"plain": plain, **({"NNI": nni} if nni in timing.seconds else {})}
    rows = []
    for name, base in beside.items():
        ratio = timing.ratio(ours, base) or 0.0
        text = f"{title}: a weight step, ours beside {name}"
        verdict = judge([ratio <= 0.60])
        rows.append([text, format_seconds(timing.median(ours)), f"{ratio:.2f}x (<= 0.60x)", verdict])
    for side in timing.seconds:
        ratios = ", ".join(f"{timing.ratio(side, base) or 0.0:.2f}x {name}" for name, base in beside.items())
        rows.append([f"  {side}", format_seconds(timing.median(side)), ratios, "-"])
    return rows


def report_resample(timing: Timing) -> list[Cells]:
    """Returns the rows about sampling and selecting another network."""
    rows = []
    for side in timing.seconds:
        median = timing.median(side) or 0.0
        rows.append(
            [f"resampling 8 cells: {side}", format_seconds(median), "(<= 1 ms)", judge([median <= 1e-3])]
        )
    return rows


def report_memory(found: dict[str, dict[str, Any]]) -> list[Cells]:
    """Returns the rows about peak memory: of tensors, which is exact, and of the process, which is not."""
    rows = []
    for kind, one in found.items():
        is_mobile = kind == "largest alone" or kind.startswith("sampled")
        base = found["largest alone" if is_mobile else "one path"]
        if "error" in one or "error" in base:
            rows.append([f"memory, {kind}", one.get("error", "-"), "-", "not measured"])
            continue
        ratio, resident, slower = (one[key] / base[key] for key in ("tensors", "resident", "seconds"))
        target = kind.startswith("sampled")
        shown = (
            f"{ratio:.2f}x{' (<= 1.00x)' if target else ''}, process {resident:.2f}x, a step {slower:.2f}x"
        )
        title = f"peak memory, {'MobileNetV2-like' if is_mobile else 'DARTS'}: {kind}"
        verdict = judge([one["tensors"] <= base["tensors"]] if target else [])
        rows.append([title, format_bytes(one["tensors"]), shown, verdict])
    return rows


def time_darts(sizes: tuple[int, int, int], args: argparse.Namespace) -> tuple[Timing, str]:
    """Returns the times of a weight step of DARTS, and a line about NNI, which is among the sides where it can be."""
    with ExitStack() as stack:
        jobs: dict[str, Job | Asked] = {}
        about = add_nni(jobs, sizes, args.nni_python, stack)
        jobs |= supernets.darts_jobs(*sizes)
        return measure(jobs, rounds=max(3, args.rounds // 3), budget=0), about


def add_nni(
    jobs: dict[str, Job | Asked], sizes: tuple[int, int, int], python: Path | None, stack: ExitStack
) -> str:
    """Adds NNI's jobs if it can be run; returns a line about it."""
    if python is None:
        return "NNI 3.0 was not asked for (--nni-python), so it has no row"
    try:
        peer = stack.enter_context(Peer(python, "nni_peer.py", *sizes))
        tell(supernets.prove_nni_equal(peer, *sizes[:2]))
        jobs |= supernets.nni_jobs(peer)
    except (PeerError, OSError) as error:
        return f"NNI has no row: {error}"
    return "NNI {nni} with torch {torch}, in a process of its own".format(**peer.greeting)


def main(argv: list[str] | None = None) -> None:
    """Measures, prints, and writes the numbers where asked to."""
    args = read_arguments(argv)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    machine = describe_machine()
    rows: list[Cells] = []
    timings: dict[str, Timing] = {}
    about_nni = "NNI 3.0 has no row: no part with it was asked for"
    if "sampled" in args.only:
        tell("a sampled step")
        timings["sampled"] = measure(supernets.sampled_jobs(), rounds=args.rounds, budget=0)
        rows += report_sampled(timings["sampled"])
    for part, sizes in (("darts", (4, 8, 32)), ("darts-large", (8, 16, 24))):
        if part in args.only:
            tell(part)
            timings[part], about_nni = time_darts(sizes, args)
            rows += report_darts(timings[part], "DARTS, {} cells, {} channels, batch {}".format(*sizes))
    if "resample" in args.only:
        tell("resampling")
        timings["resample"] = measure(supernets.resample_jobs(), rounds=7, budget=0.05)
        rows += report_resample(timings["resample"])
    memory = {}
    if "memory" in args.only:
        for kind in supernets.KINDS:
            tell(f"memory: {kind}")
            memory[kind] = supernets.ask_memory(kind)
        memory = {k: memory[k] for k in sorted(memory, key=supernets.KINDS.index)}
        rows += report_memory(memory)
    print(
        f"\n{machine}\ntorch {torch.__version__}, 1 thread, {args.rounds} interleaved rounds; CPU time, medians; ratios are"
    )
    print(f"medians of the rounds' ratios. {about_nni}.\n")
    print(format_table(["what", "measured", "ratio (target)", "met"], rows))
    if args.json:
        seconds = {part: timing.seconds for part, timing in timings.items()}
        args.json.write_text(
            json.dumps({"machine": machine, "seconds": seconds, "memory": memory}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
