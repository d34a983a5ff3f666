from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.open_ended import Crossover, Delete, Edit, Insert, Replace, Rewire, Swap
from pliant.open_ended.edits import find, make, put
from pliant.values.errors import FieldTypeError, FieldValueError


class Layer(pg.Object):
    units: int
    act: pg.typing.Enum("relu", ["relu", "tanh"]) = "relu"


class Net(pg.Object):
    layers: pg.typing.List(pg.typing.Object(Layer), max_size=6)
    rate: float = 0.1


def net(*units):
    return Net([Layer(n) for n in units])


def seeds():
    return [random.Random(seed) for seed in range(30)]


def results(edit, program, *others):
    return [edit(program.clone(), draw, *others) for draw in seeds()]


EDITS = [
    Replace(int, [8, 16, 32]),
    Replace(Layer, lambda layer, random: Layer(layer.units + 1, act="tanh")),
    Replace("rate", lambda random: random.random()),
    Insert(list, [Layer(4), Layer(5)]),
    Insert("layers", lambda random: Layer(int(random.random() * 100))),
    Delete(),
    Delete(lambda k, v: k == "rate"),
    Rewire(Layer),
    Rewire(r".*units"),
    Swap(Layer),
    Swap(lambda value, parent: isinstance(value, int)),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: type(edit).__name__)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(0, 1000))
def test_same_seed_same_child_and_the_whole_is_valid(edit, units, seed):
    children = [edit(net(*units), random.Random(seed)) for _ in range(2)]
    assert pg.eq(*children)
    if children[0] is None:
        assert isinstance(edit, (Swap, Rewire))  # no two values that differ
        return
    child = children[0]
    assert isinstance(child, Net)
    assert child.sym_parent is None
    assert all(layer.sym_parent is child.layers for layer in child.layers)
    assert pg.eq(pg.from_json(pg.to_json(child), allow=[Net, Layer]), child)


def test_replace_takes_a_candidate_that_differs():
    assert {child.rate for child in results(Replace("rate", [0.1, 0.2, 0.3]), net(1))} == {0.2, 0.3}
    assert set(results(Replace("rate", [0.1]), net(1))) == {None}
    assert set(results(Replace(bytes, [b""]), net(1))) == {None}


def test_replace_reaches_every_place_about_equally():
    changed = [
        tuple(layer.units == 9 for layer in child.layers)
        for child in results(Replace(int, [9]), net(1, 2, 3))
    ]
    assert {sum(one) for one in changed} == {1}
    assert len(set(changed)) == 3


def test_replace_may_wrap_and_may_replace_the_root():
    class Residual(pg.Object):
        inner: pg.typing.Any()

    wrap = Replace(Layer, lambda layer, random: Residual(layer))
    assert wrap(Layer(3), random.Random(0)) == Residual(Layer(3))
    inside = wrap(pg.Dict(a=Layer(3)), random.Random(0))
    assert inside == pg.Dict(a=Residual(Layer(3)))
    assert inside.a.inner.sym_parent is inside.a


def test_candidates_are_not_shared():
    candidate = Layer(4)
    edit = Insert("layers", [candidate])
    first = edit(net(1), random.Random(0))
    next(layer for layer in first.layers if layer.units == 4).units = 99
    assert candidate == Layer(4)
    assert candidate.sym_parent is None


def test_insert_reaches_every_position():
    children = results(Insert("layers", [Layer(9)]), net(1, 2))
    assert {tuple(layer.units for layer in child.layers) for child in children} == {
        (9, 1, 2),
        (1, 9, 2),
        (1, 2, 9),
    }
    assert set(results(Insert("rate", [1]), net(1))) == {None}  # no list there
    assert Insert(None, ["x"])(pg.List(), random.Random(0)) == ["x"]  # the program itself is a list
    full = net(1, 2, 3, 4, 5, 6)
    with pytest.raises(pg.PliantError, match="6"):
        Insert("layers", [Layer(9)])(full, random.Random(0))


def test_insert_hands_the_list_to_a_function_of_two():
    edit = Insert("layers", lambda layers, random: Layer(len(layers)))
    assert sorted(layer.units for layer in edit(net(7, 7, 7), random.Random(0)).layers) == [3, 7, 7, 7]


def test_delete():
    children = results(Delete(), net(1, 2))
    assert {tuple(layer.units for layer in child.layers) for child in children} == {(1,), (2,)}
    assert Delete("rate")(Net([], rate=0.5), random.Random(0)).rate == 0.1  # its default
    assert Delete("a")(pg.Dict(a=1, b=2), random.Random(0)) == {"b": 2}
    assert set(results(Delete(), net())) == {None}
    assert set(results(Delete(Net), net(1))) == {None}  # never the program itself


def test_rewire_copies_one_value_over_another():
    graph = pg.Dict(nodes=[pg.Dict(inputs=[0]), pg.Dict(inputs=[0, 1])])
    found = {
        tuple(tuple(node.inputs) for node in child.nodes)
        for child in results(Rewire(r".*inputs\[\d\]"), graph)
    }
    assert found == {((1,), (0, 1)), ((0,), (1, 1)), ((0,), (0, 0))}
    assert set(results(Rewire(int), pg.Dict(a=1, b=1))) == {None}


def test_swap_exchanges_values_that_lie_apart():
    children = results(Swap(Layer), net(1, 2, 3))
    assert {tuple(layer.units for layer in child.layers) for child in children} == {
        (2, 1, 3),
        (3, 2, 1),
        (1, 3, 2),
    }
    nested = pg.Dict(a=pg.Dict(b=pg.Dict(c=1)))
    assert set(results(Swap(dict), nested)) == {None}  # each lies inside the other
    assert set(results(Swap(bytes), nested)) == {None}


def test_crossover_takes_a_part_of_the_mate_and_leaves_the_mate_alone():
    mate = net(7, 8)
    children = results(Crossover(Layer), net(1, 2), mate)
    assert {tuple(layer.units for layer in child.layers) for child in children} == {
        (7, 2),
        (8, 2),
        (1, 7),
        (1, 8),
    }
    assert mate == net(7, 8)
    assert Crossover(Layer).parents == 2
    assert Crossover(Layer)(net(1), random.Random(0), pg.Dict()) is None


def test_a_pattern_a_class_or_a_predicate_selects():
    program = net(1)
    assert set(find(program, None)) == {
        "",
        "layers",
        "layers[0]",
        "layers[0].units",
        "layers[0].act",
        "rate",
    }
    assert set(find(program, "layers")) == {"layers"}
    assert set(find(program, r"layers\[\d\]")) == {"layers[0]"}
    assert set(find(program, "rate|.*UNITS")) == {"rate"}  # the whole path, either way
    assert set(find(program, re.compile("rate|.*UNITS", re.IGNORECASE))) == {"rate", "layers[0].units"}
    assert set(find(program, (Layer, float))) == {"layers[0]", "rate"}
    assert set(find(program, lambda k, v: k == "act")) == {"layers[0].act"}
    assert set(find(program, lambda value, parent: isinstance(parent, Layer))) == {
        "layers[0].units",
        "layers[0].act",
    }


def test_put_and_make():
    assert put(pg.Dict(a=[1]), "a[0]", 2) == {"a": [2]}
    assert put(pg.Dict(), "", pg.Dict(b=1)) == {"b": 1}
    assert make(lambda old, random: old + 1, 1, random.Random(0)) == 2
    assert make(lambda random: 5, 1, random.Random(0)) == 5
    assert make((3,), 1, random.Random(0)) == 3


def test_a_space_may_say_what_comes_in():
    space = Layer(pg.intv(1, 3), act=pg.oneof(["relu", "tanh"]))
    edit = Insert("layers", lambda random: pg.random_sample(space, random))
    assert {child.layers[0].units for child in results(edit, net())} == {1, 2, 3}


@pytest.mark.parametrize(
    ("make_edit", "message"),
    [
        (
            lambda: Replace(3, [1]),
            r"Replace\(where=\.\.\.\) is a class, a regular expression .* got 3 of type int",
        ),
        (lambda: Delete(5), r"Delete\(where=\.\.\.\) is a class"),
        (lambda: Swap((Layer, "x")), r"Swap\(where=\.\.\.\) as a tuple holds classes"),
        (lambda: Rewire(()), r"Rewire\(where=\.\.\.\) as a tuple holds classes, at least one"),
        (
            lambda: Insert(list, 3),
            r"Insert\(values=\.\.\.\) is a list of candidates or a function; got 3.*Write \[3\]",
        ),
        (lambda: Insert(list, "relu"), r"got 'relu' of type str. Write \['relu'\]"),
        (
            lambda: Insert(list, Layer),
            r"as a function takes \(random\) or \(value, random\).*which is a class",
        ),
        (lambda: Replace(int, lambda a, b, c: 1), r"which takes 3 arguments. Write `lambda random"),
    ],
)
def test_bad_arguments(make_edit, message):
    with pytest.raises(FieldTypeError, match=message):
        make_edit()


def test_bad_values():
    with pytest.raises(FieldValueError, match=r"Insert\(values=\.\.\.\) is empty"):
        Insert(list, [])
    with pytest.raises(FieldValueError, match=r"'\[' is not a regular expression"):
        Crossover("[")


def test_edits_are_values():
    assert Replace(int, (1, 2)) == Replace(int, (1, 2))
    assert repr(Delete("x")) == "Delete(where='x')"
    assert issubclass(Replace, Edit)
