"""Commands ``pliant zoo list`` and ``pliant zoo show``: the published spaces and networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click


@click.group()
def zoo() -> None:
    """Published search spaces and networks: list them, or show one."""


@zoo.command("list")
@click.argument("pattern", default="*")
def list_entries(pattern: str) -> None:
    """List the entries whose names match PATTERN, such as 'mobilenet*'."""
    from rich.table import Table

    from pliant import zoo

    from .console import make_console, print_line, to_text

    console, names = make_console(), zoo.list(pattern)
    if not names:
        raise click.ClickException(f"no entry matches {pattern!r}. `pliant zoo list` lists all.")
    table = Table("name", "what it is", box=None, pad_edge=False)
    for name in names:
        table.add_row(to_text(name), to_text(zoo.get(name).title))
    console.print(table)
    print_line(console, f"\n{len(names)} entries; `pliant zoo show NAME` shows one.")


@zoo.command()
@click.argument("name")
@click.option("--samples", type=click.IntRange(min=0), default=0, help="How many random programs to show.")
@click.option(
    "--programs",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="How many random programs to build; 0 if the networks are large, then without costs.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same programs.")
def show(name: str, *, samples: int, programs: int, seed: int) -> None:
    """Show the entry NAME: its paper, its size and decisions, and the cost of its reference network."""
    from pliant import zoo

    from .console import make_console, print_line

    console, entry = make_console(), zoo.get(name)
    print_line(console, f"{entry.name}: {entry.title}\n{entry.paper}")
    print_line(console, f"pliant.zoo.{entry.module}")
    if entry.network_name is not None:
        print_line(console, _describe_network(entry))
    for drawing in _draw(entry, seed):
        print_line(console, drawing)
    if entry.space_name is not None:
        from pliant.hyper.inspection import inspect

        structure, cost = _find_structure(entry), _find_cost(entry)
        found = inspect(
            entry.make_space(),
            structure=structure,
            cost=cost,
            samples=programs,
            examples=samples,
            seed=seed,
        )
        print_line(console, f"\n{found}")


def _find_cost(entry: Any) -> Any:
    """Returns the cost function of an entry whose programs are networks; None for data and policies."""
    if not entry.inputs:
        return None
    from pliant.cost import NetworkCosts

    return NetworkCosts(entry.make_input())


def _find_structure(entry: Any) -> Any:
    """Returns the function from a program to what programs that compute the same share; None where such are equal."""
    if entry.name.startswith("nasbench101"):  # published hashes, which need the tables' rules of valid cells
        from pliant.bench import nasbench101

        return lambda program: nasbench101.structure(program.nodes, program.edges)
    return entry.read_structure if entry.structure else None


def _draw(entry: Any, seed: int) -> Iterator[str]:
    """Yields the drawings of the reference network, or of a random program where there is none."""
    if entry.graphs is None:
        return
    if entry.network_name is not None:
        program, of = entry.make_network(), "of the reference network"
    else:
        from pliant.hyper import random_sample

        program, of = random_sample(entry.make_space(), seed=seed), f"of a random program (seed {seed})"
    for name, graph in entry.read_graphs(program).items():
        yield f"\n{name} {of}: * makes a tensor, o takes it\n{graph.draw()}"


def _describe_network(entry: Any) -> str:
    """Returns the costs of the reference network as a line."""
    from pliant.cost import count

    found = count(entry.make_network(), entry.make_input())
    size = " x ".join(map(str, entry.inputs))
    line = f"Reference network: {found.parameters:,} parameters, {found.multiply_adds:,} multiply-adds for an input of {size}"
    return f"{line}; at most {_show_bytes(found.peak_bytes)} of activations"


def _show_bytes(size: int) -> str:
    """Returns a number of bytes in the unit that fits.

    >>> _show_bytes(950), _show_bytes(6_900), _show_bytes(999_960), _show_bytes(14_450_688)
    ('950 B', '6.9 kB', '1.0 MB', '14.5 MB')
    """
    for power, unit in enumerate(("B", "kB", "MB", "GB")):
        shown = size / 1000**power
        if shown < (999.5 if not power else 999.95) or unit == "GB":
            break
    return f"{shown:.1f} {unit}" if power else f"{size} B"
