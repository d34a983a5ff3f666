"""Command ``pliant space``: inspects a space and shows some of its programs, or writes it as a search-space file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


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
    found = inspect(opened.program, samples=programs, examples=samples, seed=seed, **functions)
    print_line(console, str(found))
