"""Command ``pliant space``: inspects a space and shows some of its programs, or writes it as a search-space file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_TRIED = 3  # programs, before an example is refused


@click.command()
@click.argument("target", metavar="FILE")
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many random programs to show.",
)
@click.option(
    "--programs",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="How many random programs to build; fewer if --cost is slow.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same programs.")
@click.option("--cost", metavar="NAME", help="A function in FILE from a program to its cost.")
@click.option(
    "--example",
    metavar="SHAPE",
    help="The shape of an input of the networks, such as 1x3x224x224 (1x128:long for indices): shows multiply-adds and parameters.",
)
@click.option(
    "--structure", metavar="NAME", help="A function in FILE from a program to what equal programs share."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Only print the space of a network, as a search-space file."
)
def space(
    target: str,
    *,
    samples: int,
    programs: int,
    seed: int,
    cost: str | None,
    example: str | None,
    structure: str | None,
    as_json: bool,
) -> None:
    """Inspect the space that FILE defines: its size by part, its decisions, some of its programs, and advice.

    FILE is as for `pliant search`, or a search-space file (JSON) in the format of NNI.
    """
    from pliant.hyper.inspection import inspect

    from .console import make_console, print_line
    from .opening import open_file, open_space, to_data, to_text
    from .target import load_target

    console = make_console()
    is_file = target.endswith(".json")
    if example is not None and (is_file or cost):
        raise click.UsageError(
            "--example counts the costs of networks; it goes with a Python file and without --cost."
        )
    if is_file and (cost or structure):
        raise click.UsageError("--cost and --structure name functions in a Python file; FILE is JSON.")
    if as_json and not is_file:
        print_line(console, to_text(to_data(load_target(target).make_space())))
        return
    loaded = None if is_file else load_target(target)
    opened = open_file(Path(target)) if loaded is None else open_space(loaded.make_space())
    if as_json:
        print_line(console, Path(target).read_text("utf-8").rstrip())
        return
    functions: dict[str, Any] = {
        key: loaded.function(name)
        for key, name in (("cost", cost), ("structure", structure))
        if loaded is not None and name
    }
    functions["write"] = opened.write
    if example is not None:
        functions["cost"] = _count_networks(opened.program, example)
    found = inspect(opened.program, samples=programs, examples=samples, seed=seed, **functions)
    print_line(console, str(found))


def _count_networks(program: Any, example: str) -> Any:
    """Returns the cost function for networks with an input of a shape, such as ``1x3x224x224`` or ``1x128:long``."""
    from pliant.hyper.template import random_sample
    from pliant.values.packages import require

    from .opening import is_module

    require("--example", "torch")
    from pliant.cost import ExampleError, NetworkCosts
    from pliant.cost.example import make_example

    cost = NetworkCosts(make_example(example))
    first = random_sample(program, seed=0)
    if not is_module(first):
        raise click.UsageError(
            f"--example is for spaces whose programs are networks (nn.Module); a program of this space is a {type(first).__name__}. "
            "Use --cost NAME with a function of FILE."
        )
    failed = []
    for seed in range(_TRIED):
        try:
            cost(random_sample(program, seed=seed))
        except ExampleError as error:
            failed.append(error)
    if len(failed) == _TRIED:
        raise click.UsageError(f"--example {example}: {failed[0]}")
    return cost
