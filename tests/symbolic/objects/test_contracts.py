"""``pg.List`` and ``pg.Dict`` keep the contracts of ``list`` and ``dict``: the same operations have the same results."""

from __future__ import annotations

import copy
import operator
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg

ITEMS = st.integers(-2, 3) | st.none() | st.text("ab", max_size=1) | st.lists(st.integers(0, 2), max_size=2)
PLACES = st.integers(-6, 6)
SLICES = st.builds(
    slice, st.none() | PLACES, st.none() | PLACES, st.none() | st.sampled_from([-2, -1, 1, 2, 3])
)
LISTS = st.lists(ITEMS, max_size=4)


def own(value):
    """A copy of a value, as a tree takes it."""
    return copy.deepcopy(value)


LIST_STEPS = st.one_of(
    st.tuples(st.sampled_from(["append", "remove", "count", "index", "__contains__"]), st.tuples(ITEMS)),
    st.tuples(st.sampled_from(["extend", "__iadd__", "__add__", "__eq__"]), st.tuples(LISTS)),
    st.tuples(st.just("insert"), st.tuples(PLACES, ITEMS)),
    st.tuples(st.sampled_from(["pop", "__getitem__", "__delitem__"]), st.tuples(PLACES)),
    st.tuples(st.sampled_from(["__getitem__", "__delitem__"]), st.tuples(SLICES)),
    st.tuples(st.just("__setitem__"), st.tuples(PLACES, ITEMS) | st.tuples(SLICES, LISTS)),
    st.tuples(st.sampled_from(["pop", "clear", "reverse", "copy", "sort", "__len__", "__reversed__", "__iter__"]), st.just(())),
    st.tuples(st.sampled_from(["__mul__", "__rmul__", "__imul__"]), st.tuples(st.integers(-1, 2))),
)  # fmt: skip
KEYS = st.sampled_from(["a", "b", "c", 1, (1, 2), None])
DICTS = st.dictionaries(KEYS, ITEMS, max_size=3)
DICT_STEPS = st.one_of(
    st.tuples(st.sampled_from(["pop", "__getitem__", "__delitem__", "get", "__contains__", "setdefault"]), st.tuples(KEYS)),
    st.tuples(st.sampled_from(["pop", "get", "setdefault", "__setitem__"]), st.tuples(KEYS, ITEMS)),
    st.tuples(st.sampled_from(["update", "__or__", "__ior__", "__eq__"]), st.tuples(DICTS)),
    st.tuples(st.just("update"), st.tuples(st.lists(st.tuples(KEYS, ITEMS), max_size=3))),
    st.tuples(st.sampled_from(["popitem", "clear", "copy", "keys", "values", "items", "__len__", "__reversed__"]), st.just(())),
)  # fmt: skip


def run(holder, name, arguments):
    """The result of an operation, or the class of its error."""
    try:
        found = getattr(holder, name)(*own(arguments))
    except (TypeError, ValueError, LookupError) as error:
        return next(kind for kind in (IndexError, KeyError, TypeError, ValueError) if isinstance(error, kind))
    return list(found) if hasattr(found, "__next__") or type(found).__name__.startswith("dict_") else found


@given(LISTS, st.lists(LIST_STEPS, max_size=6))
def test_a_list_does_what_a_list_does(items, steps):
    plain, symbolic = own(items), pg.List(own(items))
    for name, arguments in steps:
        wanted, found = run(plain, name, arguments), run(symbolic, name, arguments)
        assert found == wanted, (name, arguments)
        if name in ("__add__", "__mul__", "__rmul__", "copy", "__iadd__", "__imul__"):
            assert type(found) is pg.List
        if name == "sort" and wanted is TypeError:
            return  # a list is in any order then; a List is unchanged
        check(symbolic, plain)


@given(DICTS, st.lists(DICT_STEPS, max_size=6))
def test_a_dict_does_what_a_dict_does(entries, steps):
    plain, symbolic = own(entries), pg.Dict(own(entries))
    for name, arguments in steps:
        wanted, found = run(plain, name, arguments), run(symbolic, name, arguments)
        assert found == wanted, (name, arguments)
        if name in ("__or__", "__ior__", "copy"):
            assert type(found) is pg.Dict
        assert list(symbolic) == list(plain)
        check(symbolic, plain)


def check(symbolic, plain):
    """Equal content, also in copies; and every node knows its place."""
    assert symbolic == plain
    assert plain == symbolic
    for twin in (
        copy.copy(symbolic),
        copy.deepcopy(symbolic),
        pickle.loads(pickle.dumps(symbolic)),
        symbolic.clone(),
    ):
        assert type(twin) is type(symbolic)
        assert twin == plain
    for value in symbolic.values() if isinstance(symbolic, dict) else symbolic:
        if isinstance(value, (pg.List, pg.Dict)):
            assert value.sym_parent is symbolic


@given(LISTS, LISTS)
def test_lists_compare_as_lists(a, b):
    for compare in (operator.lt, operator.le, operator.eq, operator.ne):
        try:
            wanted = compare(a, b)
        except TypeError:
            continue
        assert compare(pg.List(own(a)), pg.List(own(b))) is wanted
        assert compare(pg.List(own(a)), b) is wanted


def test_a_sum_has_copies_and_leaves_its_parts_as_they_were():
    left, right = pg.List([pg.Dict(a=1)]), pg.List([pg.Dict(b=2)])
    made = left + right + [{"c": 3}]
    made[0].a = 5
    assert (left, right, made) == ([{"a": 1}], [{"b": 2}], [{"a": 5}, {"b": 2}, {"c": 3}])
    assert isinstance(made[2], pg.Dict)
    assert all(item.sym_parent is made for item in made)
    merged = pg.Dict(a=[1]) | {"b": [2]}
    merged.a.append(3)
    assert merged == {"a": [1, 3], "b": [2]}
    assert type(merged.b) is pg.List
    with pytest.raises(TypeError, match=r"concatenate|unsupported operand"):
        operator.add(left, (1,))


def test_errors_are_those_of_a_list_and_a_dict():
    with pytest.raises(IndexError, match=r"a List at the root has 1 items; item 3 does not exist"):
        pg.List([1])[3] = 2
    with pytest.raises(KeyError, match=r"has no 'z' to delete"):
        del pg.Dict(a=1)["z"]
    with pytest.raises(KeyError, match=r"dictionary is empty"):
        pg.Dict().popitem()


def test_copies_of_a_subclass_are_of_that_class():
    class Layers(pg.List):
        def total(self):
            return sum(self)

    class Sizes(pg.Dict):
        def total(self):
            return sum(self.values())

    for x in (Layers([1, 2]), Sizes(a=1, b=2)):
        for made in (
            x.clone(),
            copy.copy(x),
            copy.deepcopy(x),
            x.copy(),
            pg.Dict(x=x).clone().x,
            pg.Dict(x=x).x,
        ):
            assert type(made) is type(x)
            assert made.total() == 3


def test_deleting_an_attribute_that_is_no_key():
    d = pg.Dict(a=1)
    with pytest.raises(AttributeError, match="Dict has no key 'b'"):
        del d.b
    del d.a
    assert d == {}


@pytest.mark.parametrize("kind", [pg.List, pg.Dict])
@pytest.mark.parametrize("spec", [int, list[int], 3, "int"])
def test_a_value_spec_is_a_spec(kind, spec):
    with pytest.raises(
        TypeError, match=rf"value_spec of a {kind.__name__} must be a spec such as pg.typing.{kind.__name__}"
    ):
        kind([], value_spec=spec)
    assert pg.List([1], value_spec=pg.typing.List(pg.typing.Int())) == [1]
    assert pg.Dict({"value_spec": 3}).value_spec == 3


LIST_CODE = """
x.sort(reverse=True)|x.sort(key=lambda v: -v)|r = list(reversed(x))|x[::2] = [9, 9]|x[::2] = [9]|del x[::2]|x[5:2] = [1]|x[:] = x
x[:] = (i for i in 'ab')|x.extend(x)|x += x|x += (1, 2)|x += 'ab'|x *= 0|x *= -1|x *= 1.5|x = x * 2.0|x += 5|x.insert(100, 1)
x.insert('a', 1)|x.pop('a')|x.pop(10)|x.pop(-4)|x.remove(9)|r = x.index(1, 2)|x.sort(None)|x.sort(key=None, reverse=0)|x.append()
heapq.heapify(x); heapq.heappush(x, 0); r = heapq.heappop(x)|bisect.insort(x, 2)|random.Random(1).shuffle(x)|r = x > [1]
r = x == (3, 1, 2)|r = [3, 1] < x|x[0], x[1] = x[1], x[0]|del x[10]|del x['a']|x[1.0]|x[None] = 1|x[None]|r = [*x, *x]
a, *b = x; r = (a, b)|x.__init__('ab')|x.__init__()|x[numpy.int8(1)] = 5|x.insert(numpy.int64(0), 7)|r = x.pop(numpy.int64(-1))
del x[numpy.int8(0)]|r = x[numpy.uint8(1)]|x[numpy.int64(0):numpy.int64(2)] = [5]|x *= numpy.int64(2)|x[True] = 9|x.extend(5)
r = operator.concat(x, [1])|operator.iconcat(x, [1])|x.foo|x.sort(key=lambda v: x.append(1) or v)|x.reverse(); r = x
r = [x.count(3), x.index(2), 3 in x, max(x), sum(x), len(x)]|x.clear(); r = bool(x)|r = x[-1:]|x[slice(None, None, -1)] = [1, 2, 3]
"""
DICT_CODE = """
x.update(a=5, c=1)|x.update([('z', 1)], q=2)|x.update({'a': 3}, b=4)|x.update(5)|x.update([1])|x.update({}, {})|x |= {'z': 1}
x |= [('z', 1)]|x |= 5|r = x | {'z': 1}|r = {'z': 1} | x|r = x | 5|r = x.keys() & {'a'}|r = x.items() == {'a': 1, 'b': 2}.items()
r = list(reversed(x.items()))|r = x.pop('a')|r = x.pop('z')|r = x.pop('z', None)|x.pop()|r = x.popitem()|x.clear(); x.popitem()
del x['z']|r = x['z']|r = x.get('z', 5)|x.get()|r = x.setdefault('z')|r = x.setdefault('a', 9)|r = {'b': 2, 'a': 1} == x|r = x < {}
r = x != {}|r = x == [('a', 1)]|for k in x: x['n' + k] = 1|for k in x: del x[k]|for k in list(x): del x[k]|x[[]] = 1|x.get([])
r = [] in x|r = dict(**x)|r = {**x, 'c': 1}|r = x.fromkeys('ab')|r = x.fromkeys('ab', 0)|x.__init__(c=3)|x.__init__({'a': 5})
r = collections.ChainMap(x, {'q': 1})['q']|r = collections.OrderedDict(x).popitem()|x['a'] += 5|r = '{a}{b}'.format_map(x)
r = '%(a)s' % x|r = eval('a + b', {}, x)|exec('c = a + b', {}, x)|r = json.dumps(x)|r = json.dumps(x, sort_keys=True, indent=1)
r = x.keys().mapping['a']|r = sorted(x)|r = list(map(x.get, 'abc'))|x.update(x)|x |= x|del x['a']; x['a'] = 1; r = list(x)
"""


def outcome(x, code):
    """What is left of a container after some code, and its result or the kind of its error."""
    names = {
        n: __import__(n) for n in ("heapq", "bisect", "random", "operator", "collections", "json", "numpy")
    }
    names["x"] = x
    try:
        exec(code, names)
    except Exception as error:  # noqa: BLE001  # any error
        return (
            next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins"),
            None,
            list(names["x"]),
        )
    left = names["x"]
    return names.get("r"), dict(left) if isinstance(left, dict) else list(left), list(left)


@pytest.mark.parametrize("code", [c for line in LIST_CODE.split("\n") for c in line.split("|") if c])
def test_code_does_to_a_list_what_it_does_to_a_list(code):
    wanted = outcome([3, 1, 2], code)
    if "x.append" not in code:  # a plain list keeps what a key has added
        assert outcome(pg.List([3, 1, 2]), code) == wanted
    assert outcome(pg.List([3, 1, 2]), code)[0] == wanted[0]


@pytest.mark.parametrize(
    "code", [c for line in DICT_CODE.split("\n") for c in re.split(r"(?<! )\|(?! |=)", line) if c]
)
def test_code_does_to_a_dict_what_it_does_to_a_dict(code):
    wanted = outcome({"a": 1, "b": 2}, code)
    assert outcome(pg.Dict(a=1, b=2), code) == wanted


def test_a_dict_is_emptied_in_linear_time(monkeypatch):
    d = pg.Dict(dict.fromkeys(range(100)))
    monkeypatch.setattr("pliant.symbolic.edit.items._plan_entries", None)  # looks at all entries
    for i in range(50):
        assert d.popitem() == (99 - i, None)
    for i in range(50):
        del d[i]
    assert d == {}
