"""Command ``pliant shrink``: makes the trained network of a file smaller, within a limit, and writes it to a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .target import Target, TargetError, load_target


@click.command()
@click.argument("target", metavar="FILE:NETWORK")
@click.option(
    "--data", metavar="FILE:LOADER", required=True,
    help="Batches as in training: a function or a value in a file, such as train.py:loader.",
)  # fmt: skip
@click.option(
    "--valid", metavar="FILE:LOADER", help="Batches for the quality in the table.  [default: --data]"
)
@click.option(
    "--limit", "limits", required=True, multiple=True, metavar="LIMIT",
    help='What the network may cost, such as "multiply_adds <= 0.5x" or "latency_ms <= 5". May be repeated.',
)  # fmt: skip
@click.option(
    "--keep", multiple=True, metavar="PATTERN", help="Paths that stay as they are. May be repeated."
)
@click.option("--depth/--no-depth", default=True, show_default=True, help="Whether blocks may be left out.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="The file for the network: NAME.safetensors, or any other name for a file of torch.save.",
)  # fmt: skip
def shrink(
    target: str,
    *,
    data: str,
    valid: str | None,
    limits: tuple[str, ...],
    keep: tuple[str, ...],
    depth: bool,
    out: Path,
) -> None:
    """Make a trained network smaller, without training.

    FILE:NETWORK is a Python file and a function in it that returns the trained network, or the network itself. An input is the
    first one of --data. `pliant.oneshot.load_shrunk(network, OUT)` reads the result.
    """
    from pliant.oneshot import shrink as make_smaller
    from pliant.oneshot.pruning.shrink import first_example

    from .console import make_console, print_line

    if not out.parent.is_dir():
        raise click.UsageError(f"the folder {str(out.parent)!r} of --out does not exist.")
    loaded: dict[str, Target] = {}
    network = _make(target, "the network", "network", loaded)
    batches = _make(data, "the batches of --data", "loader", loaded)
    tested = None if valid is None else _make(valid, "the batches of --valid", "loader", loaded)
    result = make_smaller(
        network, first_example(batches), batches, list(limits), valid=tested, keep=keep, depth=depth
    )
    path = result.save(out)
    console = make_console()
    print_line(console, str(result))
    print_line(console, f"written: {path}")


def _make(text: str, what: str, name: str, loaded: dict[str, Target]) -> Any:
    """Returns what a function or a name in a file is; each file runs once."""
    place, colon, function = text.rpartition(":")
    if not (colon and function.isidentifier()):
        raise TargetError(
            f"name {what} in the file: `{text}:{name}`, where {name} is a function or a value in it."
        )
    if place not in loaded:
        loaded[place] = load_target(text)
    return replace(loaded[place], space_name=function).make_space()
