"""Every command gets texts that no option expects, as each of its arguments and options in turn.

What it prints is printable and short, without a traceback: texts that act on a terminal, are huge, have a NUL or are not
UTF-8, a file that is missing, a folder in place of a file.
"""

from __future__ import annotations

import traceback

import click
import pytest
from click.testing import CliRunner

from pliant.algorithms import Random
from pliant.cli.main import main
from pliant.space import choice, flatten, integer
from pliant.study import Study

VALUES = {
    "digits": "1" + "0" * 5000,
    "escapes": "\x1b[31m\u202e\n",
    "long": "x" * 10**7,
    "NUL": "a\0b",
    "not UTF-8": "\udcff",
    "missing": "none/none.x",
    "folder": "dir",
    "empty": "",
}
BROKEN_TARGET = "darts.py:none"  # fails after all options were checked, so that no search runs
NAS = ("--search_space_module=space_module.none", "--local_binary=train.py", "--seed=1")
# What each command needs besides the option that is tried; commands that run long end at the last check before.
NEEDED = {
    "bench run": ("--task", "branin", "--algorithms", "random", "--trials", "1", "--runs", "1", "--no-plot"),
    "dashboard": ("--host", "203.0.113.1"),  # of no machine
    "nas build": ("--trainer_docker_id", "a", "--trainer_docker_file", "none"),
    "nas list-trials": ("--job_id", "dir"),
    "nas measure-proxy-variance": (*NAS, "--root_output_dir=dir", "--job_name=a"),
    "nas resume": ("--job_id", "dir"),
    "nas search": (*NAS, "--root_output_dir=dir", "--job_name=a", "--nas_target_reward_metric=a"),
    "nas search-in-local": (*NAS, "--local_output_dir=dir/job"),
    "nas search-proxy-task": (*NAS, "--root_output_dir=dir", "--job_name=a"),
    "nas select-proxy-models": (*NAS, "--root_output_dir=dir", "--job_name=a"),
    "nas train": ("--search_job_id", "dir"),
    "search": (BROKEN_TARGET, "--trials", "1"),
    "space": (BROKEN_TARGET,),
    "study backup": ("a.db", "copy.db"),
    "study enqueue": ("a.db", "[1, 0]"),
    "study list": ("dir",),
    "study resume": ("a.db", BROKEN_TARGET),
    "study rm": ("none.db", "--yes"),
    "tabular fit": ("table.csv", "--target", "none"),
    "tabular predict": ("a.db", "table.csv"),
    "tabular show": ("a.db",),
    "zoo list": ("none*",),
    "zoo show": ("none",),
}
SAME = "target_device_type train_num_mirror_machines train_master_machine_type train_num_gpus train_accelerator_type num_mirror_machines master_machine_type num_gpus accelerator_type service_account service_endpoint region project_id".split()  # accepted, and ignored


def find_commands(command, path=()):
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from find_commands(command.get_command(click.Context(command), name), (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(find_commands(main))


def list_calls(name, command, value):
    """Yields the words of a call for each argument and option of a command that takes a text."""
    needed = list(NEEDED.get(name, ("a.db",) if name.startswith("study") else ()))
    places = [param for param in command.params if isinstance(param, click.Argument)]
    for number, param in enumerate(places):
        words = list(needed)
        words[number : number + 1] = [value]
        yield (
            param.name,
            [*name.split(), "--", *words]
            if not any(w.startswith("--") for w in words)
            else [*name.split(), *words],
        )
    for param in command.params:
        if isinstance(param, click.Option) and not param.is_flag and param.name not in SAME:
            yield param.opts[0], [*name.split(), *needed, f"{param.opts[0]}={value}"]


@pytest.fixture
def files(folder, darts):
    (folder / "dir").mkdir()
    (folder / "train.py").write_text("print(1)\n")
    (folder / "table.csv").write_text("x,y\n1,a\n2,b\n3,a\n4,b\n")
    space = flatten([integer("x", 0, 9), choice("op", 2, literals=["a", "b"])])
    with Study.create("a.db", space, Random(), trials=3) as study:
        study.tell(study.ask().id, 1.0)
    return folder


def find_faults(result):
    error = result.exception
    if error is not None and not isinstance(error, SystemExit):
        return ["".join(traceback.format_exception(error)[-3:])]
    found = []
    if "Traceback" in result.output:
        found.append("a traceback")
    if result.exit_code and len(result.output) > 6000:
        found.append(f"{len(result.output)} characters")
    if not result.output.replace("\n", "").isprintable():
        found.append("output that is not printable")
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_no_text_breaks_a_command(files, name):
    found, before = [], sorted(files.rglob("*"))
    for kind, value in VALUES.items():
        for where, words in list_calls(name, COMMANDS[name], value):
            result = CliRunner().invoke(main, words, prog_name="pliant")
            found += [f"{kind} {where}: {one} ({result.output[:200]!r})" for one in find_faults(result)]
    assert not found, "\n".join(found)
    assert [file for file in before if not file.exists()] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["zoo", "show", "a\0b"], r"Error: no argument has a NUL character; got 'a\x00b'."),
        (["tabular", "fit", "", "--target", "y"], "Error: DATA is the path of a CSV or Parquet file; got ''."),
        (["search", "x.py", "--workers", "1", "--memory", "9" * 400], "is not a size; write 500M or 2G"),
    ],
)  # fmt: skip
def test_the_lesson(files, words, message):
    assert message in " ".join(CliRunner().invoke(main, words, prog_name="pliant").output.split())
