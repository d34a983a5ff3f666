"""``pliant space``: what a space holds, as its author sees it best: by examples."""

from __future__ import annotations

import click


@click.command()
@click.argument("target", metavar="FILE")
@click.option(
    "--samples", type=click.IntRange(min=0), default=3, show_default=True, help="How many programs to draw."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same programs.")
def space(target: str, *, samples: int, seed: int) -> None:
    """Show the space that FILE defines: its decisions, its size, and a few of its programs."""
    from pliant.tune import sample

    from .console import make_console, print_line
    from .target import load_target
    from .text import to_code

    console = make_console()
    program = load_target(target).make_space()
    search = sample(program, trials=max(samples, 1), seed=seed)
    print_line(console, search.space.describe())
    for child, feedback in search:
        if samples:
            print_line(console, f"\nProgram {feedback.id}:\n{to_code(child)}")
        feedback.skip()
