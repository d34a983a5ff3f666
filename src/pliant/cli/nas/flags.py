"""Spelling of flags as in the cloud client: ``-`` or ``_``, and lists of ``key=value``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from pliant.nas.errors import NasError
from pliant.values.errors import quote

LISTS = ("search_docker_flags", "train_docker_flags", "local_binary_flags", "latency_docker_flags")
"""Flags that are followed by any number of ``key=value``."""
RESERVED = ("nas_params_str", "job_dir", "retrain_search_job_dir", "retrain_search_job_trials")
"""Flags of a trainer that the search sets for each trial."""
MACHINES = ("accelerator_type", "num_gpus", "master_machine_type", "num_mirror_machines")
SERVICE = (
    "service_endpoint",
    "service_account",
    *MACHINES,
    *(f"train_{name}" for name in MACHINES),
    "target_device_type",
)
"""Flags that choose machines of the cloud: accepted and ignored."""
Function = TypeVar("Function", bound=Callable[..., Any])


class NasCommand(click.Command):
    """A command whose flags are spelled with ``-`` or ``_``, and whose lists end at the next flag."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See ``click.Command``."""
        return super().parse_args(ctx, spread(args))


def spread(args: Sequence[str]) -> list[str]:
    """Returns arguments with ``_`` in names, and lists as repeated flags, the first of which is empty.

    >>> spread(["--search-docker-flags", "a=1", "b=2", "--job-name=x"])
    ['--search_docker_flags=', '--search_docker_flags=a=1', '--search_docker_flags=b=2', '--job_name=x']
    """
    spelled: list[str] = []
    prefix = ""
    for position, token in enumerate(args):
        if token == "--":  # noqa: S105 - no password
            return [*spelled, *args[position:]]
        if token.startswith("--"):
            name, equals, value = token[2:].partition("=")
            name = name.replace("-", "_")
            prefix = f"--{name}=" if name in LISTS else ""
            spelled.append(prefix + value if prefix else f"--{name}{equals}{value}")
        else:
            spelled.append(prefix + token)
    return spelled


def split_flags(items: Iterable[str], name: str = "search_docker_flags") -> dict[str, str]:
    """Returns flags for a trainer by name; the first ``=`` splits name and value.

    >>> split_flags(["search_space=basic", "filter=a=b--c"])
    {'search_space': 'basic', 'filter': 'a=b--c'}
    """
    found: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        key = key.removeprefix("--")
        if not equals or not key or key.split() != [key]:
            raise NasError(
                f"--{name} takes flags of the form 'flag=value', such as `--{name} epochs=3 lr=0.1`; got {quote(item)}. "
                "Quote a value with spaces: 'note=a b'."
            )
        if key.replace("-", "_") in RESERVED:
            raise NasError(
                f"--{name}: the search sets --{key} for each trial; got {quote(item)}. Leave it out."
            )
        if key in found:
            raise NasError(
                f"--{name} has {key!r} twice: {quote(found[key], 60)} and {quote(value, 60)}. Leave one out."
            )
        found[key] = value
    return found


def flag(name: str, **settings: Any) -> Callable[[Function], Function]:
    """Returns the decorator of an option with underscores in its name; help shows its default, unless that is empty."""
    settings.setdefault("show_default", settings.get("default") not in (None, ""))
    return click.option(f"--{name}", name, **settings)


def add(*options: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Returns a decorator that adds options to a command."""

    def decorate(function: Function) -> Function:
        """Adds the options to a command."""
        for option in options:
            function = option(function)
        return function

    return decorate


def hidden(*names: str) -> Callable[[Function], Function]:
    """Returns the decorator of options that are accepted and not shown."""
    return add(*(flag(name, hidden=True) for name in names))


def flag_list(name: str, text: str) -> Callable[[Function], Function]:
    """Returns the decorator of an option with any number of ``key=value``; its value is None if not given."""

    def read(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
        return split_flags([value for value in values if value], name) if values else None

    return click.option(f"--{name}", name, multiple=True, metavar="KEY=VALUE ...", help=text, callback=read)


cloud_flags = hidden("project_id", "region", *SERVICE)
"""Adds the hidden flags that choose machines of the cloud."""


def drop_ignored(options: dict[str, Any]) -> list[str]:
    """Removes the flags of the cloud from options, except those that name an image; returns the flags that were given."""
    return [f"--{name}" for name in SERVICE if options.pop(name, None) not in (None, "")]
