"""Spaces, and places for studies: what concerns no files is tested on SQLite and on PostgreSQL alike.

The server is named by the environment variable PLIANT_POSTGRES, such as postgresql://postgres@127.0.0.1:5432/postgres;
each study there gets a name of its own, and is removed after its test.  Without it, test_postgres.py says so.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing

import pytest
import sqlalchemy as sa

from pliant.algorithms import Random
from pliant.space import choice, flatten, floating, integer
from pliant.study import Study
from pliant.study.store.migrate import seal_rows
from pliant.study.store.record import Record

POSTGRES = os.environ.get("PLIANT_POSTGRES", "")
NO_POSTGRES = (
    "PLIANT_POSTGRES is not set: it names a server, such as postgresql://postgres@127.0.0.1:5432/postgres"
)


@pytest.fixture
def space():
    """Conditional, with a number on a log scale: 3 kinds of points."""
    conv = [choice("kernel", 3, values=[1, 3, 5]), floating("lr", 1e-4, 1.0, scale="log")]
    return flatten(
        [choice("op", [conv, None, integer("size", 1, 4)], literals=["conv", "id", "pool"]), choice("act", 2)]
    )


@pytest.fixture
def flat():
    """Finite: 27 decision vectors."""
    return flatten([choice("a", 3), choice("b", 3), choice("c", 3)])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


@pytest.fixture
def server():
    """Returns a function that gives a new study on the server a place."""
    if not POSTGRES:
        pytest.skip(NO_POSTGRES)
    names = []

    def make(name="study"):
        names.append(f"{name}_{uuid.uuid4().hex[:12]}")
        return f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}study={names[-1]}"

    yield make
    import psycopg

    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '5s'")
        for name in names:
            connection.execute(f'DROP SCHEMA IF EXISTS "study_{name}" CASCADE')


@pytest.fixture(params=["sqlite", "postgres"] if POSTGRES else ["sqlite"])
def make_place(request, tmp_path):
    """Returns a function that gives a new study a place: the path of a file, or the address of a database."""
    if request.param == "postgres":
        return request.getfixturevalue("server")
    return lambda name="study": tmp_path / f"{name}.db"


@pytest.fixture
def place(make_place):
    return make_place()


@pytest.fixture
def study(place, space):
    with Study.create(place, space, Random(), trials=9) as study:
        yield study


@pytest.fixture
def execute():
    """Returns a function that runs a statement in the database of a study, past Pliant; returns the rows."""

    def run(place, statement):
        if "://" not in str(place):
            with closing(sqlite3.connect(place)) as connection, connection:
                return connection.execute(statement).fetchall()
        import psycopg

        url, _, name = str(place).rpartition("study=")
        with psycopg.connect(url.rstrip("?&")) as connection:
            connection.execute(f'SET search_path TO "study_{name}"')
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def change(execute):
    """Returns a function like ``execute``, which then writes the digests of all rows anew, as Pliant would."""

    def run(place, statement):
        execute(place, statement)
        url, _, name = str(place).rpartition("study=")
        engine = sa.create_engine(url.rstrip("?&") if url else f"sqlite:///{place}", poolclass=sa.NullPool)
        with engine.begin() as connection:
            if url:
                connection.exec_driver_sql(f'SET search_path TO "study_{name}"')
            seal_rows(Record(connection, str(place)))
        engine.dispose()

    return run
