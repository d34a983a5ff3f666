"""The command line as a whole: its commands, and how an error reaches the person who typed."""

from __future__ import annotations

import sys
from typing import Any

import click

from pliant.values.errors import PliantError

from .bench.command import bench
from .nas.group import nas
from .search import search
from .space import space
from .study.group import study


class Commands(click.Group):
    """Commands whose errors are lessons: the message is shown, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PliantError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(sys.modules["pliant"].__version__, prog_name="pliant")
def main() -> None:
    """Search programs: architectures, hyper-parameters, whole experiments."""


main.add_command(bench)
main.add_command(nas)
main.add_command(search)
main.add_command(space)
main.add_command(study)
