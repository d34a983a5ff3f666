"""Command ``pliant report``: writes a page about a study, or its figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pliant.values.errors import StudyError, quote

_POINTS = 60  # decision points of a space that is drawn without its program
FORMS = ("html", "md", "png", "svg", "pdf")


@click.command()
@click.argument("place", metavar="STUDY")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: report.html]",
)
@click.option(
    "--format", "form", type=click.Choice(FORMS), help="The format.  [default: the ending of OUTPUT, or html]"
)
@click.option(
    "--program",
    metavar="FILE",
    help="The file that defines the space, as for `pliant search`: shows the winner as Python, and its drawing. Its code runs.",
)
def report(place: str, *, output: Path | None, form: str | None, program: str | None) -> None:
    """Write a page about a study: what was found, how sure it is, figures, failures.

    STUDY is the file of a study, or an address. The page is one file that loads nothing. The formats png and svg write a
    file for each figure, md writes text with such files, and pdf writes a page for each figure. Only --program runs
    code of yours.
    """
    from pliant.study import Study
    from pliant.study.plot.axes import write_pdf
    from pliant.study.plot.report import make_report, to_html, to_markdown
    from pliant.values.files import write_atomically

    path = output or Path(f"report.{form or 'html'}")
    kind = form or _find_form(path)
    with Study.open(place) as opened:
        made = make_report(opened, *_make_writers(program, opened))
    if kind == "html":
        write_atomically(path, to_html(made))
        written = [path]
    elif kind == "pdf":
        write_pdf([figure for _, figure in made.figures], path)
        written = [path]
    else:
        written = _write_figures(made, path, "svg" if kind == "md" else kind)
        if kind == "md":
            winner = path.with_name(f"{path.stem}-winner.svg") if made.drawing else None
            if winner is not None:
                write_atomically(winner, made.drawing)
            pictures = [file.name for file in written]
            write_atomically(path, to_markdown(made, pictures, winner.name if winner is not None else ""))
            written = [path, *written, *([winner] if winner is not None else [])]
    for file in written:
        click.echo(f"wrote {quote(str(file), 400)[1:-1]}")


def _find_form(path: Path) -> str:
    ending = path.suffix.lower()[1:]
    if ending not in FORMS:
        raise click.UsageError(
            f"--output {quote(str(path))}: a report ends in .{', .'.join(FORMS[:-1])} or .{FORMS[-1]}; or say which with --format."
        )
    return ending


def _make_writers(program: str | None, study: Any) -> tuple[Any, Any]:
    """Returns functions from a trial to its program as Python (None if it is not known), and to its drawing (None if too large).

    Raises:
      StudyError: the file defines another space.
    """
    from pliant.drawing import draw
    from pliant.hyper.template import template_of
    from pliant.space import Decisions

    from .opening import open_space
    from .target import load_target

    if program is None:
        is_small = len(study.space.points) <= _POINTS
        return None, (lambda trial: draw(study.space, trial.decisions).svg) if is_small else None
    opened = open_space(load_target(program).make_space())
    template = template_of(opened.program, None)
    if template.space.fingerprint != study.space.fingerprint:
        raise StudyError(
            f"{program} defines another space than the study has, so the winner cannot be shown as its program. "
            "Leave --program out, or name the file with which the search ran."
        )

    def read(trial: Any) -> Decisions:
        return Decisions.from_json(template.space, trial.decisions.to_json())

    return (
        lambda trial: opened.write(template.materialize(read(trial))),
        lambda trial: draw(opened.program, read(trial)).svg,
    )


def _write_figures(made: Any, path: Path, kind: str) -> list[Path]:
    from pliant.study.plot.axes import write_png
    from pliant.study.plot.svg import to_svg
    from pliant.values.files import write_atomically

    found = []
    for name, figure in made.figures:
        file = path.with_name(f"{path.stem}-{name}.{kind}")
        if kind == "svg":
            write_atomically(file, to_svg(figure))
        else:
            write_png(figure, file)
        found.append(file)
    return found
