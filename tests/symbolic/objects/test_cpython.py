"""CPython's own tests of ``list`` and ``dict`` run with ``pg.List`` and ``pg.Dict``, but for the deviations listed here."""

from __future__ import annotations

import unittest
from typing import Any

import pytest

import pliant as pg

test_list = pytest.importorskip("test.test_list", reason="this Python has no `test` package")
mapping_tests = pytest.importorskip("test.mapping_tests")

DEVIATIONS = {
    # A tree cannot contain itself, so that each node has one path: `x.append(x)` is refused.
    ("PgListTest", "test_repr"),
    # The one-line form of a Dict is {a=1}, as in PyGlove.
    ("PgDictTest", "test_repr"),
}


def adapt(name: str, base: Any, kind: type) -> Any:
    """Returns CPython's test class for a container; a deviation that is none is an error."""
    members: dict[str, Any] = {"type2test": kind, "__module__": __name__, "__qualname__": name}
    for test in dir(base):
        if (name, test) in DEVIATIONS:
            members[test] = unittest.expectedFailure(getattr(base, test))
    return type(name, (base,), members)


PgListTest = adapt("PgListTest", test_list.ListTest, pg.List)
PgDictTest = adapt("PgDictTest", mapping_tests.TestHashMappingProtocol, pg.Dict)
