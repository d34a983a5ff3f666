"""Command ``pliant space``: shows a space and some of its programs, or writes it as a search-space file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("target", metavar="FILE")
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="How many random programs to show.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same programs.")
@click.option(
    "--json", "as_json", is_flag=True, help="Only print the space of a network, as a search-space file."
)
def space(target: str, *, samples: int, seed: int, as_json: bool) -> None:
    """Show the space that FILE defines: its decisions, its size and some of its programs.

    FILE is as for `pliant search`, or a search-space file (JSON) in the format of NNI.
    """
    from pliant.tune import sample

    from .console import make_console, print_line
    from .opening import open_file, open_space, to_data, to_text
    from .target import load_target

    console = make_console()
    is_file = target.endswith(".json")
    if as_json and not is_file:
        print_line(console, to_text(to_data(load_target(target).make_space())))
        return
    opened = open_file(Path(target)) if is_file else open_space(load_target(target).make_space())
    if as_json:
        print_line(console, Path(target).read_text("utf-8").rstrip())
        return
    search = sample(opened.program, "random", max(samples, 1), seed=seed, progress=False)
    print_line(console, search.space.describe())
    for child, feedback in search:
        if samples:
            print_line(console, f"\nProgram {feedback.id}:\n{opened.write(child)}")
        feedback.skip()
