"""The command ``pliant``: its subcommands, and how errors are shown."""

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
    """Shows the message of an error of Pliant without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PliantError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(sys.modules["pliant"].__version__, prog_name="pliant")
def main() -> None:
    """AutoML and neural architecture search over Python programs."""


main.add_command(bench)
main.add_command(nas)
main.add_command(search)
main.add_command(space)
main.add_command(study)
