"""Programs with holes and their decisions: names, partitions, copies, encoding, size and depth."""

from __future__ import annotations

import enum
import re
import time
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import pliant as pg
from pliant.hyper.match import assign
from pliant.testing.programs import Box, Opaque, Pair
from pliant.values.errors import DecisionError, FieldTypeError, SpaceError


def test_one_name_is_one_decision():
    program = pg.Dict(a=pg.oneof([1, 2], name="n"), b=[pg.oneof([1, 2], name="n")])
    assert pg.abstract_search_space(program).size == 2
    assert [(p.a, p.b[0]) for p in pg.iter(program)] == [(1, 1), (2, 2)]
    assert pg.materialize(program, {"n": "1/2 (2)"}).a == 2
    with pytest.raises(
        DecisionError, match=r"at path 'b\[0\]' is 2; the hole named 'n' was decided as 1 before"
    ):
        pg.encode(program, pg.Dict(a=1, b=[2]))


def test_tied_holes_become_copies():
    program = pg.Dict(a=pg.oneof([pg.Dict(x=1)], name="n"), b=pg.oneof([pg.Dict(x=1)], name="n"))
    child = pg.random_sample(program)
    assert child.a is not child.b
    assert (pg.path(child.a), pg.path(child.b)) == ("a", "b")


@pytest.mark.parametrize(
    ("program", "where", "message"),
    [
        (
            pg.Dict(a=pg.oneof([1, 2], name="n"), b=pg.oneof([1, 3], name="n")),
            None,
            "two holes have the name 'n' but differ: OneOf(candidates=[1, 2], name='n') at 'a'",
        ),
        (
            pg.Dict(a=pg.oneof([pg.oneof([1, 2], name="n"), 2]), b=pg.oneof([1, 2], name="n")),
            None,
            "'n' at 'b' repeats the one at 'a.candidates[0]', which is active only for some decisions",
        ),
        (
            pg.Dict(a=pg.oneof([1, 2], name="n"), b=pg.oneof([1, 2], name="n")),
            pg.by_path("a"),
            "the partition selects the hole named 'n' at 'a', but not the one at 'b'",
        ),
        (
            pg.Dict({k: pg.oneof([pg.oneof([1, 2], hints="in"), 3], name="n") for k in "ab"}),
            pg.by_hints(None),
            "selects the hole named 'n' at 'a', but not the hole at 'a.candidates[0]' in it",
        ),
        (
            pg.Dict({k: pg.oneof([pg.oneof([1, 2], hints="in"), 3], name="n") for k in "ab"}),
            pg.by_hints("in"),
            "does not select the hole named 'n' at 'a', but does the hole at 'a.candidates[0]' in it",
        ),
    ],
)
def test_names_that_contradict_each_other(program, where, message):
    with pytest.raises(SpaceError, match=re.escape(message)):
        pg.abstract_search_space(program, where=where)


def test_one_name_in_exclusive_candidates_is_two_decisions():
    program = pg.oneof([pg.oneof([1, 2], name="n"), [pg.oneof([1, 2], name="n")]])
    assert list(pg.iter(program)) == [1, 2, [1], [2]]


def test_partitions_by_hint_path_and_function():
    program = pg.Dict(ops=[pg.oneof([1, 2], hints="op")] * 2, edge=pg.oneof([0, 1], hints="edge"))
    for where in (pg.by_hints("op"), pg.by_path(r"ops\["), lambda h: h.hints == "op"):
        assert pg.abstract_search_space(program, where=where).size == 4
    child = pg.materialize(program, [0, 1], where=pg.by_hints("op"))
    assert child == {"ops": [1, 2], "edge": pg.oneof([0, 1], hints="edge")}


def test_a_partition_by_path_reaches_into_plain_containers():
    program = {"a": pg.oneof([1, 2]), "b": (Pair(pg.oneof([3, 4])), pg.oneof([5, pg.oneof([6, 7])]))}
    assert pg.abstract_search_space(program, where=pg.by_path(r"b\[0\].left")).size == 2
    assert pg.abstract_search_space(program, where=pg.by_path(r"b\[1\].candidates\[1\]")).size == 2
    assert repr(pg.by_path("a.*")) == "by_path('a.*')"


def test_a_partition_is_asked_about_the_holes_themselves():
    hole = pg.oneof([1, 2])
    program = pg.Dict(a=hole, b=pg.oneof([3, 4]))
    assert pg.abstract_search_space(program, where=lambda h: h is hole).points[0].path == "a"


@pytest.mark.parametrize(
    ("child", "message"),
    [
        (pg.Dict(x=1, y=6), "the value at path 'y' is 6; the space has 5 there."),
        (pg.Dict(x=1), "the value at the root has the keys ['x']; the space has ['x', 'y'] there."),
        (pg.Dict(x=9, y=5), "the value at path 'x' is 9; the candidates there are [1, 2]."),
        (Box(1), "the value at the root is of type Box; the space has Dict there."),
    ],
)
def test_a_program_that_the_space_does_not_hold(child, message):
    with pytest.raises(DecisionError, match=re.escape("this program is not in the space: " + message)):
        pg.encode(pg.Dict(x=pg.oneof([1, 2]), y=5), child)


@pytest.mark.parametrize(
    ("hole", "value", "message"),
    [
        (pg.manyof(2, [1, 2, 3], sorted=True), [3, 1], "the 2 distinct and sorted picks of ManyOf"),
        (pg.manyof(2, [1, 2, 3]), [1], "is [1]; the space has a list of 2 picks there"),
        (pg.manyof(2, [1, 2, 3]), [1, 4], "the value at path '[1]' is 4; the candidates there are [1, 2, 3]"),
        (pg.intv(0, 8, step=4), 3, "is 3, which Intv(min_value=0, max_value=8, step=4) does not reach"),
        (pg.intv(0, 8), 2.5, "does not reach"),
        (pg.intv(0, 8), 9, "is 9; allowed: Intv(min_value=0, max_value=8)"),
        (pg.floatv(0, 1), "x", "is 'x'; allowed: Floatv"),
        (pg.floatv(0, 1), True, "is True; allowed: Floatv"),
        (pg.oneof([(1, 2)]), [1, 2], "is [1, 2]; the candidates there are [(1, 2)]"),
        ((1, pg.oneof([1, 2])), [1, 2], "is of type list; the space has tuple there"),
        (pg.oneof([Box(1, [2])]), Box(1, [3]), "the value at path 'right[0]' is 3; the space has 2 there"),
    ],
)
def test_values_that_a_hole_does_not_become(hole, value, message):
    with pytest.raises(DecisionError, match=re.escape(message)):
        pg.encode(hole, value)


def test_encode_tells_true_from_one_and_takes_numbers_of_other_libraries():
    assert [pg.encode(pg.oneof([1, True, 0, False]), v).values for v in (1, True, 0, False)] == [
        (0,),
        (1,),
        (2,),
        (3,),
    ]
    assert pg.encode(pg.Dict(x=pg.floatv(0, 1)), {"x": np.float32(0.5)}).values == (0.5,)
    assert pg.encode(pg.Dict(x=pg.floatv(0, 1)), {"x": 1}).values == (1.0,)


def test_encode_does_not_try_every_order():
    program = pg.manyof(12, [pg.oneof([1, 2, 3]) for _ in range(12)])
    child = pg.random_sample(program, 3)
    assert pg.materialize(program, pg.encode(program, child)) == child
    with pytest.raises(DecisionError, match=r"at path '\[11\]' is 9"):
        pg.encode(program, [1] * 11 + [9])


@pytest.mark.parametrize(
    ("fits", "rules", "picked"),
    [
        ([[0, 1], [0]], {"distinct": True, "sorted": False}, [1, 0]),
        ([[0, 1, 2], [1], [0, 1]], {"distinct": True, "sorted": False}, [2, 1, 0]),
        ([[0, 1], [0, 1], [0, 1]], {"distinct": True, "sorted": False}, None),
        ([[0, 1], [0]], {"distinct": True, "sorted": True}, None),
        ([[1, 2], [1, 2]], {"distinct": True, "sorted": True}, [1, 2]),
        ([[1, 2], [0, 1]], {"distinct": False, "sorted": True}, [1, 1]),
        ([[1, 2], [0]], {"distinct": False, "sorted": False}, [1, 0]),
    ],
)
def test_assigning_candidates_to_items(fits, rules, picked):
    assert assign(fits, **rules) == picked


def test_what_can_change_is_copied_and_what_is_data_is_shared():
    rows, ref, private = np.ones(3), pg.Ref([1]), Opaque(1)
    program = pg.Dict(
        a=pg.oneof([1]), b=[rows, ref, private], c=pg.oneof([Opaque(2)]), d=(Opaque(3), {4: [5]})
    )
    first, second = pg.random_sample(program), pg.random_sample(program)
    assert first.b[0] is second.b[0] is rows
    assert first.b[1] is second.b[1] is ref.value
    assert first.b[2] is not second.b[2] is not private
    assert first.c is not second.c
    assert first.d[0] is not second.d[0]
    assert (first.b[2].value, first.c.value, first.d[0].value) == (1, 2, 3)


def test_plain_containers_inside_nodes_are_not_shared_by_children():
    program = pg.Dict(a=pg.oneof([1]), pair=Pair(1, 2), map=OrderedDict(x=1))
    first, second = pg.random_sample(program), pg.random_sample(program)
    first.pair.left = 9
    first.map["x"] = 9
    assert (second.pair.left, second.map["x"], program.pair.left, program.map["x"]) == (1, 1, 1, 1)


def test_a_template_does_not_see_later_changes():
    program = pg.Dict(a=pg.oneof([1, 2]), b=pg.Dict(c=1))
    template = pg.Template(program)
    walk = pg.iter(program)
    assert next(walk).b.c == 1
    program.b.c = 5
    program.a = 0
    assert next(walk).b.c == 1
    assert template.materialize([1]) == {"a": 2, "b": {"c": 1}}
    assert pg.abstract_search_space(program).size == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.rebind({"layers[0].left": 7}),
        lambda p: p.layers.append(pg.oneof([1, 2, 3])),
        lambda p: setattr(p.layers[0], "left", pg.oneof([7, 8, 9])),
        lambda p: p.layers.pop(),
        lambda p: p.layers[0].left.candidates.append(11),
        lambda p: p.rebind(layers=[]),
        lambda p: p.update(more=pg.oneof([1, 2])),
    ],
)
def test_the_kept_template_is_dropped_by_a_change_below(change):
    program = pg.Dict(layers=[Box(pg.oneof([1, 2])), Box(pg.oneof([3, 4]))])
    size = pg.abstract_search_space(program).size
    assert pg.template(program) is pg.template(program)
    change(program)
    assert pg.abstract_search_space(program).size != size
    assert pg.abstract_search_space(program) == pg.abstract_search_space(program.clone())


def test_no_template_is_kept_where_changes_go_unnoticed():
    program = pg.Dict(a=pg.oneof([1, 2]), pair=Pair(pg.oneof([1, 2])))
    assert pg.abstract_search_space(program).size == 4
    program.pair.left = 3
    assert pg.abstract_search_space(program).size == 2

    @dataclass(frozen=True)
    class Fixed:
        x: int = 1

    fixed = pg.Dict(a=pg.oneof([1, 2]), b=Fixed())
    assert pg.template(fixed) is pg.template(fixed)


@pytest.mark.parametrize("seed", ["a", 1.5, True])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(
        SpaceError, match=r"seed must be a whole number, a random\.Random, or None for seed 0"
    ):
        pg.random_sample(pg.oneof([1]), seed)


def test_a_space_of_ten_thousand_holes():
    program = pg.Dict({f"x{i}": pg.oneof([1, 2, pg.Dict(a=i)]) for i in range(10_000)})
    start = time.process_time()
    child = pg.random_sample(program, 1)
    assert pg.materialize(program, pg.encode(program, child)) == child
    assert time.process_time() - start < 20  # 1.5 s on an idle machine


@pytest.mark.parametrize(
    "wrap",
    [
        lambda p: pg.oneof([p, 3]),
        lambda p: pg.manyof(1, [p, 3]),
        lambda p: pg.Dict(a=p),
        lambda p: Box(p),
        lambda p: [p],
        lambda p: (p,),
        lambda p: {"a": p},
        Pair,
    ],
    ids=["oneof", "manyof", "Dict", "Object", "list", "tuple", "dict", "dataclass"],
)
def test_a_space_sixty_levels_deep(wrap):
    program = pg.oneof([1, 2])
    for _ in range(60):
        program = wrap(program)
    child = pg.random_sample(program, 1)
    assert pg.eq(pg.materialize(program, pg.encode(program, child)), child)


def test_a_space_that_is_too_deep_says_so():
    program = pg.oneof([1, 2])
    for _ in range(2000):
        program = {"a": program}
    with pytest.raises(SpaceError, match=r"this dict is nested too deeply .* Nest it less"):
        pg.abstract_search_space(program)


def test_a_trace_has_a_space_and_no_programs():
    traced = pg.trace(lambda: pg.oneof([1, 2]) + pg.intv(0, 2, hints="n"))
    assert pg.abstract_search_space(traced).size == 6
    assert pg.abstract_search_space(traced, where=pg.by_hints("n")).size == 3
    for make in (
        lambda: pg.materialize(traced, [0, 0]),
        lambda: pg.random_sample(traced),
        lambda: pg.iter(traced),
    ):
        with pytest.raises(
            SpaceError, match=r"a traced program is run, not built: .*pg\.sample.*traced\.apply"
        ):
            make()


USES = {
    "abstract_search_space": lambda program, where: pg.abstract_search_space(program, where=where),
    "materialize": lambda program, where: pg.materialize(program, [1], where=where),
    "encode": lambda program, where: pg.encode(program, pg.materialize(program, [1], where="a"), where=where),
    "iter": lambda program, where: list(pg.iter(program, where=where)),
    "random_sample": lambda program, where: pg.random_sample(program, where=where),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_partition_may_be_a_pattern_and_selects_something(use):
    program = pg.Dict(a=pg.oneof([1, 2]), b=pg.floatv(0, 1))
    assert pg.eq(use(program, "a"), use(program, pg.by_path("a")))
    with pytest.raises(
        FieldTypeError, match=r"a function of a hole, or a regular expression for paths; got 3 of type int"
    ):
        use(program, 3)
    with pytest.raises(
        SpaceError, match=r"the partition selects none of the holes; the outermost ones are at .*a.*b"
    ):
        use(program, "c")


def test_a_template_takes_a_pattern_and_may_select_nothing():
    program = pg.Dict(a=pg.oneof([1, 2]), b=pg.floatv(0, 1))
    assert pg.hyper.Template(program, where="a").space.size == 2
    assert pg.hyper.Template(program, where="c").space.size == 1
    assert pg.abstract_search_space(pg.Dict(a=1), where="c").size == 1


class Net(pg.Object):
    width: int
    depth: int = 1


PROGRAMS = [
    (pg.Dict(batch=pg.oneof([1, 2, 4]), k=pg.intv(0, 3)), pg.Dict(batch=2, k=0)),
    (pg.Dict(flag=pg.oneof([True, False]), n=pg.oneof([3, 1])), pg.Dict(flag=False, n=1)),
    (pg.List([pg.oneof([1, 0]), pg.intv(0, 3)]), pg.List([1, 2])),
    (Net(pg.oneof([2, 1, 0])), Net(1)),
    (pg.manyof(2, [1, 0, 2]), pg.List([0, 1])),
]


@pytest.mark.parametrize(("space", "program"), PROGRAMS)
def test_a_program_is_not_read_as_decisions(space, program):
    for read in (pg.materialize, lambda s, p: pg.abstract_search_space(s).validate(p)):
        with pytest.raises(
            DecisionError, match=r"is a program, not decisions.*`pg.encode\(space, program\)`"
        ):
            read(space, program)
    assert pg.materialize(space, pg.encode(space, program)) == program
    assert pg.materialize(space, pg.encode(space, program).params) == program


def test_decisions_in_a_symbolic_container_are_read_after_conversion():
    space = pg.Dict(batch=pg.oneof([1, 2, 4]))
    for given in (pg.Dict(batch="1/3 (2)"), pg.List([1])):
        with pytest.raises(DecisionError, match=r"if it holds decisions, pass `(dict|list)\(...\)` of it"):
            pg.materialize(space, given)
        assert pg.materialize(space, (list if isinstance(given, list) else dict)(given)).batch == 2


Pairing = namedtuple("Pairing", "a b")


class Colour(str, enum.Enum):  # noqa: UP042 - StrEnum is another kind of class
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


EQUAL_VALUES = [
    [1, 1.0, True, np.float32(1), np.int64(1), np.float64(1), Decimal(1), Fraction(1), complex(1), Level.LOW],
    [0.0, -0.0, False, 0, Decimal("0.0"), Decimal("-0"), Decimal("0.00")],
    ["red", Colour.RED, b"red", np.str_("red")],
    [float("nan"), np.float32("nan")],
    [(1,), (1.0,), [1], [1.0], [True], Pairing(1, 1), (1, 1)],
    [{"a": 1}, {"a": 1.0}, {"a": {"b": 1}}, {"a": {"b": True}}],
    [frozenset({1}), frozenset({1.0}), {1}, {True}],
    [np.array([1, 2]), np.array([1.0, 2.0]), np.array([1, 2], "int8")],
    [Box(1), Box(1.0), Box([1]), Box([1.0])],
    [
        datetime(2024, 1, 1, 12, tzinfo=UTC),
        datetime(2024, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))),
    ],
]


@pytest.mark.parametrize("candidates", EQUAL_VALUES, ids=str)
def test_the_type_decides_between_equal_candidates(candidates):
    for order in (candidates, candidates[::-1]):
        space = pg.Dict(x=pg.oneof(order), y=pg.manyof(2, order, distinct=False))
        for index, value in enumerate(order):
            program = pg.Dict(x=value, y=[order[0], value])
            assert pg.encode(space, program).values == (index, 0, index)
        for index in range(len(order)):
            assert pg.encode(space, pg.materialize(space, [index, 0, index])).values == (index, 0, index)


@pytest.mark.parametrize(
    ("candidates", "value", "index"),
    [
        ([2, 4], 4.0, 1),
        ([2, 4], np.int8(4), 1),
        ([1, 1.0], np.int64(1), 0),
        ([1, 1.0], np.float32(1), 1),
        ([True, 1], np.True_, 0),
        ([1, True], np.int32(1), 0),
        ([0.5, "a"], Fraction(1, 2), 0),
        ([[1], [2]], (1,), None),
        ([1, 2], True, None),
        ([pg.intv(0, 3), 1.0], 1.0, 1),
        ([pg.floatv(0, 3), 1], 1, 1),
        ([pg.intv(0, 5), pg.intv(3, 8)], 4, 0),
        ([pg.floatv(0, 3), pg.intv(0, 3)], np.int64(2), 1),
        ([1, 1], 1, 0),
    ],
)
def test_a_candidate_of_the_kind_or_the_only_equal_one_is_found(candidates, value, index):
    space = pg.Dict(x=pg.oneof(candidates))
    if index is None:
        with pytest.raises(DecisionError, match="the candidates there are"):
            pg.encode(space, pg.Dict(x=value))
    else:
        assert pg.encode(space, pg.Dict(x=value)).values[0] == index


@pytest.mark.parametrize(
    ("candidates", "value", "meant"),
    [
        ([1, 1.0], Decimal(1), 1.0),
        ([np.float32(2), np.float64(2)], 2.0, np.float32(2)),
        ([pg.intv(0, 3), pg.floatv(0, 3)], Fraction(2), 2.0),
        ([[0.0], [0]], [False], [0]),
    ],
)
def test_a_value_that_equals_several_candidates_is_refused(candidates, value, meant):
    space = pg.Dict(x=pg.oneof(candidates))
    with pytest.raises(
        DecisionError, match=r"which equals several candidates .* Convert it to the type of the candidate"
    ):
        pg.encode(space, pg.Dict(x=value))
    found = pg.materialize(space, pg.encode(space, pg.Dict(x=meant)))
    assert pg.eq(found, pg.Dict(x=meant))
    assert type(found.x) is type(pg.Dict(x=meant).x)


def test_encode_realizes_no_object():
    def fail(self, width):
        raise AssertionError("realized")

    layer = pg.symbolize(type("Lazy", (), {"__init__": fail}))
    program = pg.Dict(
        a=pg.oneof([layer(1), layer(pg.oneof([2, 3])), 4]), b=layer(5), c=pg.manyof(1, [layer(6)])
    )
    for made in pg.iter(program):
        assert pg.eq(pg.materialize(program, pg.encode(program, made)), made)
