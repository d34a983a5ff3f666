"""DNA and genotypes: grammar, order, binding, dicts, counting; and the translation to the core's spaces and decisions."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.pyglove.geno import DNA, Space, constant, custom, floatv, manyof, oneof
from pliant.pyglove.geno.mapping import to_decisions, to_dna, to_space, to_spec
from pliant.space import choice, flatten, floating, integer
from pliant.values.errors import FieldTypeError, FieldValueError, PathError, SpaceError

CONV = Space(
    [
        oneof(
            [floatv(0.0, 1.0, location="rate"), constant()],
            location="drop",
            name="drop",
            literal_values=["on", "off"],
        ),
        manyof(2, [constant(), oneof([constant(), constant()], location="k"), constant()], location="ops"),
    ]
)


def spaces():
    """Small genotypes without numbers."""
    return st.recursive(
        st.builds(lambda n: [constant()] * n, st.integers(1, 3)),
        lambda inner: st.lists(inner, min_size=1, max_size=3).map(
            lambda found: [Space([oneof(c, location=f"p{i}")]) for i, c in enumerate(found)]
        ),
        max_leaves=4,
    ).flatmap(
        lambda candidates: st.tuples(st.integers(1, 2), st.booleans(), st.booleans()).map(
            lambda how: manyof(
                min(how[0], len(candidates)),
                [c.clone() for c in candidates],
                distinct=how[1],
                sorted=how[2],
                location="root",
            )
        )
    )


@pytest.mark.parametrize(
    ("written", "value", "children"),
    [
        (1, 1, []),
        ([1], 1, []),
        ([1, 2], None, [1, 2]),
        ((1, 2), 1, [2]),
        ((1, [2, 3]), 1, [2, 3]),
        ((1, 2, [3, 4]), 1, [(2, [3, 4])]),
        ((1, (2, 3)), 1, [(2, 3)]),
        ("abc", "abc", []),
        (None, None, []),
    ],
)
def test_the_compact_form(written, value, children):
    dna = DNA(written)
    assert dna.value == value
    assert dna.children == [DNA(child) for child in children]
    assert DNA(dna.to_numbers(flatten=False)) == dna or written is None


@given(spaces())
def test_every_dna_returns_from_each_of_its_forms(spec):
    for dna in itertools.islice(spec.iter_dna(), 20):
        assert DNA(dna.to_numbers(flatten=False)) == dna
        assert DNA.from_numbers(dna.to_numbers(), spec) == dna
        assert DNA.from_json(dna.to_json()) == dna
        assert DNA.from_dict(dna.to_dict(), spec) == dna
        assert (
            DNA.from_dict(dna.to_dict(multi_choice_key="parent", include_inactive_decisions=True), spec)
            == dna
        )
        spec.validate(dna)


@given(spaces())
def test_the_order_is_complete_and_counted(spec):
    if spec.space_size > 300:
        return
    found = list(spec.iter_dna())
    assert len(found) == len(set(found)) == spec.space_size
    assert found == sorted(found)


@given(spaces(), st.integers(0, 1000))
def test_random_dna_are_of_the_space(spec, seed):
    dna = spec.random_dna(random.Random(seed))
    spec.validate(dna)
    assert dna == spec.random_dna(random.Random(seed))


@given(spaces(), st.integers(0, 1000))
def test_dna_are_the_decisions_of_the_core(spec, seed):
    space = to_space(spec)
    dna = spec.random_dna(random.Random(seed))
    decisions = to_decisions(dna, space)
    assert to_dna(decisions, spec) == dna
    assert decisions.to_dict() == dna.to_dict()
    assert [str(point.path) for point in space.points] == [point.id.path for point in spec.decision_points]


def test_a_space_of_the_core_is_a_genotype():
    space = flatten(
        [
            choice(
                "op",
                [None, [integer("k", 1, 9, step=2), floating("x", 0.1, 1, scale="log")]],
                literals=["id", "conv"],
            ),
            choice("many", 3, picks=2, sorted=True, name="m"),
        ]
    )
    spec = to_spec(space)
    assert [point.id.path for point in spec.decision_points] == [point.path for point in space.points]
    for seed in range(20):
        decisions = space.sample(seed)
        assert to_decisions(to_dna(decisions, spec), space) == decisions
    assert spec["m"][0].literal_values == ["0", "1", "2"]


def test_ids_and_names():
    dna = DNA([(0, 0.5), [(1, 0), 2]], spec=CONV)
    assert [str(one) for one in dna.decision_ids] == [
        "drop", "drop[=0/2].rate", "ops", "ops[0][=1/3].k", "ops[1][=1/3].k",
    ]  # fmt: skip
    assert dna["drop"] == DNA((0, 0.5))
    assert dna["ops"] == [DNA((1, 0)), DNA(2)]
    assert dna["ops[0]"] is dna.children[1].children[0]
    assert dna["ops[1][=1/3].k"] is None
    assert dna.get("none", 3) == 3
    assert dna[0] is dna["drop"]
    assert dna.to_dict(value_type="choice_and_literal") == {
        "drop": "0/2 (on)", "drop[=0/2].rate": 0.5, "ops[0]": "1/3", "ops[0][=1/3].k": "0/2", "ops[1]": "2/3",
    }  # fmt: skip
    with pytest.raises(PathError, match="no decision with the name or id 'none'; there are drop, "):
        dna["none"]


def test_an_inactive_named_decision_is_none():
    spec = Space([oneof([floatv(0.0, 1.0, name="p"), constant()], location="a")])
    assert DNA(1, spec=spec)["p"] is None


def test_binding_is_all_or_nothing():
    dna = DNA([0, [0, 1]])
    with pytest.raises(FieldValueError, match="Encountered no value"):
        dna.use_spec(CONV)
    assert dna.spec is dna.children[1].spec is None
    assert DNA([1, [0, 2]], spec=CONV).children[0].spec is CONV.elements[0]


def test_different_shapes_are_unequal():
    assert DNA([0, 1]) != DNA([0, 1, 2])
    assert DNA(1) != DNA(1.0)
    assert DNA(None) < DNA(0) < DNA(1) < DNA("a")
    with pytest.raises(FieldValueError, match="different number of children"):
        DNA((0, 0)) < DNA(0)  # noqa: B015
    with pytest.raises(FieldTypeError, match="unorderable types"):
        DNA(0) < 1  # noqa: B015


@pytest.mark.parametrize("value", [True, object(), {"a": 1}])
def test_what_is_not_a_decision(value):
    with pytest.raises(FieldTypeError, match="Expect int, float, str or None but encountered"):
        DNA(value)


@pytest.mark.parametrize("dna", [DNA(-1), DNA(2)])
def test_an_index_outside(dna):
    spec = oneof([constant(), constant()])
    with pytest.raises(FieldValueError, match="out of range"):
        dna.use_spec(spec)
    with pytest.raises(FieldValueError, match="out of range"):
        spec.validate(dna)


def test_metadata_goes_with_copies_only_where_it_is_asked_for():
    dna = DNA(1).set_metadata("a", 1).set_metadata("b", 2, cloneable=True)
    assert dna.clone().metadata == {"b": 2}
    assert DNA.from_json(dna.to_json()).metadata == {"a": 1, "b": 2}
    dna.set_userdata("c", 3, cloneable=True)
    assert dna.clone().userdata.c == 3
    assert DNA.from_json(dna.to_json()).userdata == {}


def test_a_scale_is_used():
    point = floatv(1e-6, 1.0, "log")
    rng = random.Random(0)
    drawn = sorted(point.random_dna(rng).value for _ in range(999))
    assert 1e-4 < drawn[499] < 1e-2


def test_custom_decisions():
    spec = Space([custom("Word", location="w", random_dna_fn=lambda rng, old: DNA("x"))])
    assert spec.random_dna() == DNA("x")
    assert spec.space_size == -1
    with pytest.raises(NotImplementedError, match="`next_dna` is not supported on 'Word'"):
        spec.first_dna()
    with pytest.raises(SpaceError, match="is a custom decision point"):
        to_space(spec)


def test_counting_is_fast():
    assert manyof(30, [constant()] * 60, sorted=True).space_size == 118264581564861424


def test_names_tell_points_apart():
    with pytest.raises(FieldValueError, match="clash on name 'x'"):
        Space([oneof([constant()], name="x"), floatv(0.0, 1.0, name="x")])
    with pytest.raises(FieldValueError, match="clash between name 'x' and id 'x'"):
        Space([oneof([constant()], name="x"), oneof([constant()], location="x")])
