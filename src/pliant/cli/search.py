"""Command ``pliant search``: searches the space that a file defines, and stores every trial.  ``contest`` runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import make_pool, pool_options, stop, time_limit

ALGORITHM = "auto"  # of naming.DEFAULT, which would be slow to import here


def refuse_direction(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Points to the right flag, for the name that other libraries use."""
    if value is not None:
        raise click.UsageError(
            f"--direction is not an option. Write --{'min' if value[:3] == 'min' else 'max'}imize."
        )


@click.command()
@click.argument("target", metavar="FILE")
@click.option("--trials", type=click.IntRange(min=1), help="How many programs to evaluate.  [default: 40]")
@time_limit
@click.option(
    "--stop",
    metavar="RULE",
    help="Stop early by 'no_improvement(trials=50)', 'regret_bound(0.01)', 'cost_limit(3600)', or several with | or & between.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same search.")
@click.option(
    "--algorithm", default=ALGORITHM, show_default=True, help="Its name, or NAME(OPTION=VALUE, ...)."
)
@click.option(
    "--study",
    metavar="PLACE",
    help="The file that stores the trials, or postgresql://...?study=NAME.  [default: NAME.study.db]",
)
@click.option(
    "--space", type=click.Path(path_type=Path), help="A search-space file (JSON) instead of search_space()."
)
@click.option(
    "--maximize/--minimize",
    default=True,
    help="Whether higher or lower rewards are better.  [default: maximize]",
)
@click.option("--direction", hidden=True, callback=refuse_direction, expose_value=False)
@click.option(
    "--top", type=click.IntRange(min=1), default=5, show_default=True, help="How many trials to list."
)
@click.option(
    "--baseline/--no-baseline",
    default=False,
    help="Also run random search with as many trials, and compare: twice the cost.  [default: no]",
)
@click.option("--restart", is_flag=True, help="Delete the study first.")
@click.option(
    "--constraint",
    "constraints",
    multiple=True,
    metavar="TEXT",
    help="A limit on a metric, such as 'latency <= 10'; a program that breaks it counts as failed. May be repeated.",
)
@click.option(
    "--reuse",
    is_flag=True,
    help="Take the reward of a program that was evaluated before, instead of evaluating it again.",
)
@click.option(
    "--keep",
    metavar="WHICH",
    help="The trials that keep the files and weights that they saved: best, 'best(3)', front or all.  [default: all, without weights]",
)
@click.option(
    "--artifacts",
    metavar="PLACE",
    help="A folder or URL for the files that trials save.  [default: beside the study]",
)
@pool_options
@click.option(
    "--slurm",
    type=click.IntRange(min=1),
    help="Submit so many jobs of Slurm, which run this search together.",
)
@click.option(
    "--slurm-server",
    type=click.Path(),
    help="A folder that all machines see, in which the first job runs a database for the study.",
)
@click.option(
    "--slurm-option",
    "slurm_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of submitit, such as timeout_min=240 or slurm_partition=gpu. May be repeated.",
)
@click.option(
    "--slurm-cluster",
    type=click.Choice(("slurm", "local")),
    default="slurm",
    show_default=True,
    help="local: as processes of this machine, to try it.",
)
@click.pass_context
def search(
    ctx: click.Context,
    /,
    target: str,
    *,
    study: str | None,
    space: Path | None,
    constraints: tuple[str, ...],
    **options: Any,
) -> None:
    """Search the space that FILE defines.

    FILE is a Python file, or a module such as package.digits, that defines

    \b
      search_space()     -> a program with holes (FILE:name takes another function),
                            or a network with LayerChoice or InputChoice modules
      evaluate(program)  -> its reward: a number, or several in a tuple;
                            with other metrics: (reward, {"latency": 9.5})
      test(program)      -> its score on test data that the search does not use (optional)
      handmade()         -> a program to compare with (optional)

    If the space is a network with choices or a search-space file, evaluate receives the chosen values
    as NNI writes them: {"KEY": {"_value": "conv", "_idx": 0}}. `pliant space FILE --json` writes the file.

    The study stores every trial. Stop at any time: the same command continues the search, also after
    its end with a higher --trials.

    The same command may be started several times, also on several machines if the study is in a
    database: they search together, and any of them may end. --slurm does that on a cluster.

    With --workers, Ctrl-C once: finish running trials, then stop. Twice: stop now.
    """  # noqa: D301  # click is to see the escape, which keeps the lines of the list
    from .console import make_console

    console, place = make_console(), None
    if _submit(ctx, target, study, options):
        return
    try:
        from pliant.study.store.location import to_location

        from .contest import Contest
        from .target import load_target

        loaded = load_target(target)
        place = to_location(study or f"{loaded.name}.study.db")
        pool = make_pool(options)
        Contest(loaded, space, place, pool=pool, constraints=constraints, **options).run(console)
    except KeyboardInterrupt:
        stop(
            console,
            place,
            f"Run the same command{' without --restart' if options['restart'] else ''} to continue.",
        )


def _submit(ctx: click.Context, target: str, study: str | None, options: dict[str, Any]) -> bool:
    """Submits jobs of Slurm, if that was asked for; removes its options; returns whether it did."""
    jobs = {name: options.pop(f"slurm{name}") for name in ("", "_server", "_options", "_cluster")}
    if jobs[""] is None:
        if jobs["_server"] or jobs["_options"]:
            raise click.UsageError("--slurm-server and --slurm-option are for jobs of Slurm: add --slurm N.")
        return False
    from .slurm import submit

    default = Path(target).stem if jobs["_server"] else f"{Path(target).stem}.study.db"
    given = {"server": jobs["_server"], "cluster": jobs["_cluster"], "options": jobs["_options"]}
    submit(ctx, study or default, jobs=jobs[""], **given)
    return True
