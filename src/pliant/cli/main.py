"""The command ``pliant``: its subcommands, and how errors are shown."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from pliant.values.errors import NoStudyError, PliantError, StudyInUseError, quote
from pliant.values.text import shorten_lines, to_printable

from .bench.command import bench
from .dashboard import dashboard
from .nas.group import nas
from .search import search
from .shrink import shrink
from .space import space
from .study.group import study
from .summary import report
from .tabular import tabular
from .watch.command import watch
from .zoo import zoo

_NO_STUDY = "`pliant study list FOLDER` shows the studies that exist, and `pliant search FILE --study PLACE` makes one."
_IN_USE = (
    "One process writes a study: end that one, or wait for it. `pliant study show PLACE` and the other commands that "
    "only read work meanwhile; `--study PLACE` of `pliant search` names another study."
)


@contextmanager
def _explaining() -> Iterator[None]:
    """Shows the message of an error without a traceback, as printable text."""
    try:
        yield
    except NoStudyError as error:
        raise click.ClickException(f"{error.fault} {_NO_STUDY}") from error
    except StudyInUseError as error:
        raise click.ClickException(f"{error.fault} {_IN_USE}") from error
    except PliantError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # click ends without a message
        if error.filename is None:
            raise click.ClickException(f"the output cannot be written: {error.strerror or error}.") from error
        raise click.ClickException(
            f"{quote(str(error.filename), 200)} cannot be used: {error.strerror}. Give another path."
        ) from error
    except click.ClickException as error:
        error.message = shorten_lines(to_printable(error.message, keep="\n"))  # type: ignore[misc]  # final only for readers
        raise


class Commands(click.Group):
    """The commands of Pliant: their errors are explained, and their output can be printed on any stream."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """See ``click.Command``."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError, OSError):  # a stream of another kind
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        return super().main(*args, **extra)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """See ``click.Command``."""
        with _explaining():
            for word in args:
                if "\0" in word:  # only from a program; click raises an error of its own for paths
                    raise click.UsageError(f"no argument has a NUL character; got {quote(word)}.")
            return super().make_context(info_name, args, parent, **extra)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Finds a command; the error for a command of ``pliant study`` names it in full."""
        if args and args[0] in study.commands and args[0] not in self.commands:
            ctx.fail(f"No such command {args[0]!r}. Write `{ctx.command_path} study {args[0]}`.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """See ``click.Command``."""
        with _explaining():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(sys.modules["pliant"].__version__, prog_name="pliant")
def main() -> None:
    """AutoML and neural architecture search over Python programs."""


main.add_command(bench)
main.add_command(dashboard)
main.add_command(nas)
main.add_command(report)
main.add_command(search)
main.add_command(shrink)
main.add_command(space)
main.add_command(study)
main.add_command(tabular)
main.add_command(watch)
main.add_command(zoo)
