"""Every reader of JSON, given text and data that are nested from a hundred to thousands of levels deep."""

from __future__ import annotations

import sqlite3

import pytest
from click.testing import CliRunner

import pliant as pg
from pliant.algorithms import Random
from pliant.cli.main import main
from pliant.nas.records import read_record
from pliant.nas.settings import Settings
from pliant.nas.trial import parse_and_save_nas_params_str, should_stop
from pliant.oneshot import read_space
from pliant.oneshot.cost import LatencyTable
from pliant.open_ended import read_records
from pliant.space import Decisions, Space, choice, flatten, floating
from pliant.study import Study
from pliant.values.errors import PliantError
from pliant.values.lines import MAX_DEPTH, read_json

DEPTHS = [90, MAX_DEPTH - 20, MAX_DEPTH + 1, 600, 990, 1100, 3000, 20_000]
SPACE = flatten([choice("op", 2, literals=["a", "b"]), floating("x", 0, 1)])
PROGRAM = pg.Dict(op=pg.oneof([1, 2]))
TEXTS = {
    "lists": lambda n: "[" * n + "]" * n,
    "objects": lambda n: '{"a":' * n + "1" + "}" * n,
    "both": lambda n: '[{"op":' * (n // 2) + "0" + "}]" * (n // 2),
    "types": lambda n: '{"_type":"dict","items":[["a",' * (n // 3) + "1" + "]]}" * (n // 3),
    "cut off": lambda n: "[" * n,
}
STEPS = {
    "lists": lambda x: [x],
    "objects": lambda x: {"a": x},
    "both": lambda x: {"op": [x]},
    "tuples": lambda x: ("__tuple__", x),
}


def run(*arguments):
    result = CliRunner().invoke(main, list(map(str, arguments)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code:
        raise PliantError(result.output)


def in_file(read, name):
    def check(text, folder):
        (folder / name).write_text(text)
        read(folder / name)

    return check


def in_study(table, column):
    """A study of which one cell is changed, opened for writing, read and continued."""

    def check(text, folder):
        for old in folder.glob("study.db*"):
            old.unlink()
        with Study.create(folder / "study.db", SPACE, Random(), trials=3) as study:
            study.tell(study.ask().id, 0.5, metrics={"a": 1})
            study.ask()
        connection = sqlite3.connect(folder / "study.db")
        with connection:
            assert connection.execute(f"UPDATE {table} SET {column} = ?", [text]).rowcount
        connection.close()
        with Study.open(folder / "study.db", SPACE, Random()) as study:
            list(study.trials())
            study.info()
            study.ask()

    return check


def enqueue(text, folder):
    (folder / "decisions.json").write_text(text)
    with Study.open_or_create(folder / "queue.db", SPACE, Random()):
        pass
    run("study", "enqueue", folder / "queue.db", f"@{folder / 'decisions.json'}")


def limits(text, folder):
    (folder / "DESIRED_TRAINING_PCT.json").write_text(text)
    assert not should_stop(folder, step=1, total_steps=10)
    raise PliantError


READERS = {
    "from_json_str": lambda text, _: pg.from_json_str(text),
    "load": in_file(pg.load, "a.json"),
    "Space.from_json": lambda text, _: Space.from_json(text),
    "Decisions.from_json": lambda text, _: Decisions.from_json(SPACE, text),
    "Space.parse": lambda text, _: SPACE.parse(text),
    "materialize": lambda text, _: pg.materialize(PROGRAM, text),
    "read_space": lambda text, _: read_space(text),
    "read_record": in_file(lambda path: read_record(path, Settings, "settings"), "record.json"),
    "nas_params_str": lambda text, _: parse_and_save_nas_params_str(PROGRAM, text),
    "nas_params_str of a file": in_file(
        lambda path: parse_and_save_nas_params_str(PROGRAM, str(path)), "p.json"
    ),
    "should_stop": limits,
    "read_records": in_file(read_records, "a.jsonl"),
    "LatencyTable": in_file(LatencyTable.load, "latency.json"),
    "pliant study enqueue": enqueue,
    "pliant space": in_file(lambda path: run("space", path), "space.json"),
    **{
        f"{table}.{column}": in_study(table, column)
        for table, columns in {
            "study": ["space", "algorithm", "constraints", "holder"],
            "trials": ["metrics", "decisions", "rewards"],
            "states": ["state"],
        }.items()
        for column in columns
    },
}
DATA_READERS = {
    "from_json": pg.from_json,
    "Space.from_json": Space.from_json,
    "Decisions.from_json": lambda data: Decisions.from_json(SPACE, data),
    "Space.parse": SPACE.parse,
    "materialize": lambda data: pg.materialize(PROGRAM, data),
    "read_space": read_space,
}


def check(read, *arguments):
    """It is read, or refused by an error of ours that is not as long as what it quotes."""
    said = ""
    try:
        read(*arguments)
    except PliantError as error:
        said = str(error)
    assert len(said) < 5000


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", READERS)
def test_deep_text(name, kind, tmp_path):
    for depth in DEPTHS if "." not in name else DEPTHS[1::3]:
        check(READERS[name], TEXTS[kind](depth), tmp_path)


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("name", [*DATA_READERS, "Algorithm.restore"])
def test_deep_data(name, kind):
    algorithm = Random()
    algorithm.setup(SPACE, seed=1)
    data = 1
    for depth in range(1, 5001):
        data = STEPS[kind](data)
        if depth in (90, 200, 280, 320, 500, 990, 1100, 5000):
            check(DATA_READERS.get(name, algorithm.restore), data)


@pytest.mark.parametrize("kind", ["lists", "objects"])
def test_the_limit(kind):
    assert read_json(TEXTS[kind](MAX_DEPTH)) is not None
    with pytest.raises(PliantError, match="it is nested more than 300 levels deep"):
        read_json(TEXTS[kind](MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "text", ["", "{", "nul", "\ud800", "9" * 5000, b"\xff", '{"a": 1}x', "[1,]", "'a'", b"\x00\x00\x00"]
)
def test_text_that_is_not_json(text):
    with pytest.raises(
        PliantError, match=r"Expecting|Illegal trailing comma|Exceeds the limit|can't decode|Extra data"
    ):
        read_json(text)
