"""Keys of a ``pg.Dict`` of any type: their paths lead back, also as text, and JSON and decisions keep them."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import pickle
from typing import Any

import pytest

import pliant as pg
from pliant.values.errors import PathError


class Colour(enum.Enum):
    RED = 1


KEYS: list[Any] = [
    (1, 2), (1, "x"), ((), ("a]", (None,))), (), 3, -1, None, 1.5, 2.0, True, 1 + 2j, b"x]", "a.b", "a b", "", "[0]", "0", "'",
    '"]', "_type", "self", "items", "_x", "_sym_x", "__class__", "\u00fc", "None", "\n",
]  # fmt: skip
OTHERS = [frozenset({1}), Colour.RED, dt.date(2020, 1, 2), int]  # no literal of Python


@pytest.mark.parametrize("key", [*KEYS, *OTHERS], ids=[*map(repr, KEYS), "frozenset", "enum", "date", "type"])
def test_a_path_leads_to_the_entry(key):
    d = pg.Dict({key: [1], "other": 2})
    d[key] = [2]
    node = d[key]
    assert node.sym_path.keys == (key,)
    assert pg.get(d, node.sym_path) is node
    assert list(pg.query(d, where=lambda v: v is node)) == [str(node.sym_path)]
    assert d.rebind({node.sym_path: [3]})[key] == [3]
    assert d.rebind(lambda k, v: [4] if v == [3] else v)[key] == [4]
    for twin in (
        d.clone(),
        copy.deepcopy(d),
        pickle.loads(pickle.dumps(d)),
        pg.from_json_str(d.to_json_str(), allow=[Colour]),
    ):
        assert twin == d
        assert twin[key].sym_path == d[key].sym_path
    d |= {key: {key: (1, [5])}}
    assert d[key][key][1].sym_path.keys == (key, key, 1)
    del d[key]
    assert d == {"other": 2}


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_the_text_of_a_path_leads_to_the_entry(key):
    d = pg.Dict(a={key: [[1]]})
    text = str(d.a[key][0].sym_path)
    assert pg.get(d, text) is d.a[key][0]
    assert d.rebind({text + "[0]": 5}).a[key] == [[5]]
    assert eval(str(d), {"Dict": pg.Dict}) == d


@pytest.mark.parametrize("key", [k for k in KEYS if k != "_type"], ids=repr)
def test_decisions_at_any_key(key):
    space = pg.Dict({key: pg.oneof([1, 2])})
    assert [p[key] for p in pg.iter(space)] == [1, 2]
    assert pg.encode(space, pg.Dict({key: 2})).values == (1,)


@pytest.mark.parametrize(
    "text", ["a[x]", "a[", "a[]", "a[{1}]", "a[f()]", "a['x]", "a[1, [2]]", "[" + "(" * 300 + ")" * 300 + "]"]
)
def test_other_text_in_brackets_is_no_path(text):
    with pytest.raises(PathError, match=r"is not a path: cannot read .* other keys as in Python"):
        pg.get(pg.Dict(a=1), text)


def test_nodes_that_move_between_tuple_keys_stay_the_same():
    d = pg.Dict({(1, 2): [1], (3,): [2]})
    first = d[1, 2]
    d.rebind({"[(1, 2)]": d[3,], "[(3,)]": first})
    assert d == {(1, 2): [2], (3,): [1]}
    assert d[3,] is first
    assert first.sym_path.keys == ((3,),)
