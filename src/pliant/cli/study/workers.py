"""Prints the processes that work on a study, for ``pliant study workers``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich import box
from rich.table import Table

from pliant.study.team.workers import Worker
from pliant.values.text import rows_to_csv

from ..console import make_console, print_line, to_text
from ..report import print_table


def print_workers(workers: Sequence[Worker], form: str) -> None:
    """Prints one line per process."""
    rows = [asdict(worker) for worker in workers]
    if form == "json":
        click.echo(json.dumps(rows, indent=1))
        return
    if form == "csv":
        lines = [
            [row["name"], row["leads"], " ".join(map(str, row["trials"])), row["since"], row["silent"]]
            for row in rows
        ]
        click.echo(rows_to_csv(["name", "leads", "trials", "since", "silent"], lines), nl=False)
        return
    if not workers:
        print_line(make_console(), "No process works on this study.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("worker", "role", "trials", "since", "last seen"):
        table.add_column(name, overflow="fold")
    for worker in workers:
        table.add_row(
            to_text(worker.name),
            "leads" if worker.leads else "evaluates",
            ", ".join(map(str, worker.trials)) or "-",
            "-" if worker.since is None else worker.since[:19].replace("T", " "),
            "-" if worker.silent is None else f"{worker.silent:.0f} s ago",
        )
    print_table(make_console(), table)
