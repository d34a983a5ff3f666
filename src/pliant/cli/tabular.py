"""The commands ``pliant tabular fit``, ``predict`` and ``show``: networks for the tables of files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pliant.values.files import write_atomically
from pliant.values.text import rows_to_csv

if TYPE_CHECKING:
    from rich.console import Console

_TASKS = ("auto", "classification", "regression", "binary", "multiclass", "multilabel")
_PLOT = "Draw scores and choices over time into a file: .svg, or .html with the leaderboard."
_FILE = click.Path(path_type=Path, dir_okay=False)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of how a file is read; ``take_reading`` collects them."""
    for option in (
        click.option("--no-header", is_flag=True, help="The first line of a CSV file is a row, not names."),
        click.option("--encoding", metavar="NAME", help="Of a CSV file.  [default: detect]"),
        click.option("--delimiter", metavar="LETTER", help="Of a CSV file.  [default: detect]"),
    ):
        command = option(command)
    return command


def take_reading(options: dict[str, Any]) -> dict[str, Any]:
    """Returns how a file is read, and removes its options from ``options``."""
    delimiter = options.pop("delimiter")
    return {
        "delimiter": "\t" if delimiter in ("\\t", "tab") else delimiter,
        "encoding": options.pop("encoding"),
        "header": not options.pop("no_header"),
    }


@click.group()
def tabular() -> None:
    """Find networks that predict a column of a table."""


@tabular.command()
@click.argument("data", type=_FILE)
@click.option(
    "--target", "targets", required=True, multiple=True, metavar="COLUMN",
    help="The column to predict. May be repeated, for labels or for several numbers.",
)  # fmt: skip
@click.option(
    "--task", type=click.Choice(_TASKS), default="auto", show_default=True, help="What is predicted."
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help="How many networks to train.  [default: 40; until --time-limit, if given]",
)
@click.option("--time-limit", metavar="TIME", help="For everything, such as 90s, 5m or 1h.  [default: none]")
@click.option("--out", type=_FILE, help="The file for the predictor.  [default: DATA.model]")
@click.option(
    "--algorithm",
    default="auto",
    show_default=True,
    help="Its name, or NAME(OPTION=VALUE, ...), such as reinforce.",
)
@click.option("--study", metavar="PLACE", help="A file that stores every trial; the same command continues.")
@click.option("--balanced", is_flag=True, help="Each class has the same part in loss and score.")
@click.option(
    "--categorical", multiple=True, metavar="COLUMN",
    help="A column whose numbers are categories, such as postal codes. May be repeated.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Passes over the rows.  [default: by their number]"
)
@click.option(
    "--top", type=click.IntRange(min=0), default=5, show_default=True,
    help="How many of the best networks to train longer, and to average if that helps.",
)  # fmt: skip
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="How many processes train networks.  [default: this process]",
)
@click.option("--sample-rows", type=click.IntRange(min=1), help="Read so many rows, drawn at random.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same search."
)
@click.option("--plot", type=_FILE, help=_PLOT)
@reading_options
def fit(data: Path, *, targets: tuple[str, ...], out: Path | None, plot: Path | None, **options: Any) -> None:
    """Search networks that predict a column of DATA, a CSV or Parquet file, and save the best.

    A fifth of the rows is held back to score networks. The best ones are trained longer, averaged if that helps,
    trained again on all rows, and saved. Ctrl-C: finish the networks that are being trained, and save the best.
    """
    from pliant.study.interrupts import undisturbed

    from .console import make_console, print_line

    if not data.name:
        raise click.UsageError("DATA is the path of a CSV or Parquet file; got ''.")
    console, out = make_console(), out or data.with_suffix(".model")
    if not out.absolute().parent.is_dir():
        raise click.UsageError(
            f"--out: the folder of {str(out)!r} does not exist. Make it, or give another path."
        )
    reading = take_reading(options)
    reading |= {name: options.pop(name) for name in ("sample_rows", "categorical")}
    try:
        from pliant.tabular import search_table
        from pliant.tabular.plot.picture import check_path

        if plot is not None:
            check_path(plot)
        found = search_table(
            data, list(targets) if len(targets) > 1 else targets[0], reading=reading, **options
        )
    except KeyboardInterrupt:
        print_line(console, "\nStopped before the first network was trained; nothing is saved.")
        sys.exit(130)
    undisturbed(lambda: found.save(out))
    print_predictor(console, found, limit=5)
    if plot is not None:
        found.plot().save(plot)
    print_line(console, f"Saved: {out}. `pliant tabular predict {out} DATA` predicts rows.")


@tabular.command()
@click.argument("model", type=_FILE)
@click.argument("data", type=_FILE)
@click.option("--out", type=_FILE, help="The CSV file for the predictions.  [default: print them]")
@click.option("--probabilities", is_flag=True, help="Also the probability of each class.")
@reading_options
def predict(model: Path, data: Path, *, out: Path | None, probabilities: bool, **options: Any) -> None:
    """Predict the rows of DATA with MODEL, which `pliant tabular fit` saved: a CSV line for each row, in order."""
    from pliant.tabular import TablePredictor
    from pliant.tabular.reading.read import read_table

    predictor = TablePredictor.load(model)
    table = read_table(data, **take_reading(options))
    values, names = predictor.predict(table), list(predictor.target.names)
    columns = [values] if values.ndim == 1 else list(values.T)
    if probabilities:
        found = predictor.predict_proba(table)
        is_labels = predictor.target.kind == "multilabel"
        names += [f"P({name})" for name in (names if is_labels else predictor.classes)]
        columns += list(found.T.astype(float).round(6))
    rows = zip(*[column.tolist() for column in columns])
    text = rows_to_csv(names, rows)
    if out is None:
        click.echo(text, nl=False)
        return
    from .console import make_console, print_line

    write_atomically(out, text)
    print_line(make_console(), f"Written: {out}, {len(values)} rows")


@tabular.command()
@click.argument("model", type=_FILE)
@click.option("--count", type=click.IntRange(min=1), default=10, show_default=True, help="Trials to list.")
@click.option("--plot", type=_FILE, help=_PLOT)
def show(model: Path, *, count: int, plot: Path | None) -> None:
    """Show what MODEL predicts, how it reads columns, and the trials of its search."""
    from rich import box
    from rich.table import Table

    from pliant.tabular import TablePredictor

    from .console import make_console, to_text
    from .report import print_table

    console, found = make_console(), TablePredictor.load(model)
    if plot is not None:
        found.plot().save(plot)
    print_predictor(console, found, limit=count)
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("column", "read as", "note"):
        table.add_column(name)
    for column in found.encoder.columns:
        about = f"{len(column.values)} categories" if column.kind == "category" else ""
        why = "; ".join(filter(None, (about, column.why)))
        table.add_row(to_text(column.name), column.kind, to_text(why))
    print_table(console, table)


def print_predictor(console: Console, found: Any, *, limit: int) -> None:
    """Prints what a predictor predicts, how well, and the best trials of its search."""
    from rich import box
    from rich.table import Table

    from pliant.tune.text import say

    from .console import print_line, to_text
    from .report import print_table

    for note in found.notes:
        print_line(console, f"- {note}")
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("trial", "score", "epochs", "parameters", "share"):
        table.add_column(name, justify="right")
    table.add_column("network", overflow="fold")
    for entry in found.leaderboard[:limit]:
        share = f"{entry.share:.0%}" if entry.share else ""
        text = entry.network if entry.score is not None else f"failed: {entry.reason}"
        numbers = (say(entry.score), str(entry.epochs), f"{entry.parameters:,}", share)
        table.add_row(str(entry.trial), *numbers, to_text(text))
    print_table(console, table)
    count, networks = len(found.leaderboard), len(found.members)
    print_line(
        console,
        f"{found.target.task.metric} {say(found.score)} on validation rows, by {networks} network{'s' * (networks > 1)} "
        f"of {count} trial{'s' * (count != 1)}.",
    )
