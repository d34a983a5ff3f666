"""``pliant search``: a durable search of the space that a file defines.  What it does is in ``contest``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import make_pool, pool_options, stop

ALGORITHM = "re(population_size=12, tournament_size=6)"


@click.command()
@click.argument("target", metavar="FILE")
@click.option("--trials", type=click.IntRange(min=1), help="How many programs to evaluate.  [default: 40]")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same search.")
@click.option(
    "--algorithm", default=ALGORITHM, show_default=True, help="Its name, or NAME(OPTION=VALUE, ...)."
)
@click.option(
    "--study",
    metavar="PLACE",
    help="The file of the trials, or postgresql://...?study=NAME.  [default: NAME.study.db]",
)
@click.option(
    "--space", type=click.Path(path_type=Path), help="A search-space file (JSON), in place of search_space()."
)
@click.option("--maximize/--minimize", default=True, help="Which rewards are better.  [default: maximize]")
@click.option(
    "--top", type=click.IntRange(min=1), default=5, show_default=True, help="How many trials to list."
)
@click.option(
    "--baseline/--no-baseline", default=True, help="Search at random, too, and compare.  [default: yes]"
)
@click.option("--restart", is_flag=True, help="Delete the study first.")
@click.option(
    "--constraint",
    "constraints",
    multiple=True,
    metavar="TEXT",
    help="A limit on a metric, such as 'latency <= 10'; a program that breaks it has failed. May be repeated.",
)
@click.option("--reuse", is_flag=True, help="Programs that were evaluated before keep their reward.")
@pool_options
def search(
    target: str, *, study: str | None, space: Path | None, constraints: tuple[str, ...], **options: Any
) -> None:
    """Search the space that FILE defines.

    FILE is a Python file, or a module such as package.digits, that defines

    \b
      search_space()     -> a program with holes (FILE:name takes another function),
                            or a network with LayerChoice and such in it
      evaluate(program)  -> its reward: a number, or several in a tuple;
                            with what else it measured: (reward, {"latency": 9.5})
      test(program)      -> its score on data that the search never sees (optional)
      handmade()         -> a program to compare with (optional)

    Of a network with choices in it, and of a search-space file, a program is an answer in the form
    of NNI: {"KEY": {"_value": "conv", "_idx": 0}}; `pliant space FILE --json` writes such a file.

    Every trial is kept in the study. Stop at any time: the same command goes on from there, and with a
    higher --trials beyond its end.
    """  # noqa: D301  # click is to see the escape, which keeps the lines of the list
    from .console import make_console

    console, place = make_console(), None
    try:
        from pliant.study.store.location import to_location

        from .contest import Contest
        from .target import load_target

        loaded = load_target(target)
        place = to_location(study or f"{loaded.name}.study.db")
        pool = make_pool(options)
        Contest(loaded, space, place, pool=pool, constraints=constraints, **options).run(console)
    except KeyboardInterrupt:
        stop(console, place, "The same command, without --restart, goes on from there.")
